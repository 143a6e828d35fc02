// What the reader can mend, as cnnlab/errors.py has it.

/** One line: what was got, what was expected, how to mend it. */
export class UserError extends Error {}
