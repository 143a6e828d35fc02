// The reader's answers and name: kept in this browser where it keeps anything for a page, else as long as the page is
// open; and taken along by links between pages that may keep theirs apart.

/**
 * @typedef {object} Answer
 * @property {string} given empty: what is held back was shown without an answer
 * @property {boolean | null} right null: nothing was decided
 * @property {string} when ISO 8601
 */

/** Whether the working has been shown: after a right answer, two wrong ones, or none. @param {Answer[]} given */
export function isTold(given) {
  return given.length > 1 || given.some((one) => one.right !== false);
}

/**
 * How a question was answered. What comes after its working was shown does not count.
 *
 * @param {Answer[]} given
 * @returns {"open" | "right at the first try" | "right later" | "not right" | "not decided" | "shown without an answer"}
 */
export function standing(given) {
  const [first, second] = given;
  if (first === undefined) return "open";
  if (first.given === "") return "shown without an answer";
  if (first.right === null) return "not decided";
  if (first.right) return "right at the first try";
  if (second?.given === "") return "shown without an answer";
  return second?.right ? "right later" : "not right";
}

export class Answers {
  /** @param {string} lesson what tells one lesson's answers from another's */
  constructor(lesson) {
    this.key = `cnnlab-lesson-${lesson}`;
    /** @type {Record<string, Answer[]>} */
    this.own = {};
    this.ownName = "";
    this.isKept = canKeep(this.key);
  }

  /** @returns {Record<string, Answer[]>} question → its answers, the first one first */
  all() {
    if (!this.isKept) return this.own;
    try {
      return asAnswers(JSON.parse(localStorage.getItem(this.key) ?? "{}"));
    } catch {
      return {};
    }
  }

  /** @param {string} question @returns {Answer[]} */
  of(question) {
    return this.all()[question] ?? [];
  }

  /** @param {string} question @param {Answer} answer */
  add(question, answer) {
    this.#keep({ ...this.all(), [question]: [...this.of(question), answer] });
  }

  /** The reader's. */
  get name() {
    return this.isKept ? (localStorage.getItem(`${this.key}-name`) ?? "") : this.ownName;
  }

  set name(name) {
    this.ownName = name;
    if (this.isKept) localStorage.setItem(`${this.key}-name`, name);
  }

  forget() {
    this.#keep({});
    this.name = "";
  }

  /** What a link takes along. */
  packed() {
    return JSON.stringify({ name: this.name, answers: this.all() });
  }

  /** Add what a link brought: of a question the answers that go further. @param {string} packed */
  unpack(packed) {
    try {
      const { name, answers } = JSON.parse(packed);
      const all = { ...this.all() };
      for (const [question, given] of Object.entries(asAnswers(answers))) {
        if (given.length > (all[question]?.length ?? 0)) all[question] = given;
      }
      this.#keep(all);
      if (!this.name && typeof name === "string") this.name = name;
    } catch {
      // An address that was cut short: the page has what it had.
    }
  }

  /** @param {Record<string, Answer[]>} all */
  #keep(all) {
    this.own = all;
    if (!this.isKept) return;
    try {
      localStorage.setItem(this.key, JSON.stringify(all));
    } catch {
      this.isKept = false; // full, or refused since
    }
  }
}

/** @param {unknown} found @returns {Record<string, Answer[]>} what is a list of answers */
function asAnswers(found) {
  return Object.fromEntries(
    Object.entries(found ?? {}).filter(
      ([, given]) => Array.isArray(given) && given.every((one) => typeof one?.given === "string"),
    ),
  );
}

function canKeep(key) {
  try {
    localStorage.setItem(`${key}-try`, "1");
    localStorage.removeItem(`${key}-try`);
    return true;
  } catch {
    return false;
  }
}
