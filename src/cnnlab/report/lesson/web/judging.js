// Whether an answer is right, and what is off in a wrong one.

/**
 * @typedef {object} Question
 * @property {string} id
 * @property {string} text
 * @property {string} answer
 * @property {string} worked how the answer comes about
 * @property {string[]} choices none where a number is asked for
 * @property {Record<string, string>} slips wrong answer → what is off in it
 * @property {number} tolerance
 * @property {boolean} graded false where what was measured decides nothing
 */

/**
 * @param {Question} question
 * @param {string} given
 * @returns {{right: boolean | null, says: string} | null} null for what is no answer; right: null where none is
 */
export function judge(question, given) {
  if (question.choices.length > 0) {
    if (!question.choices.includes(given)) return null;
    if (!question.graded) return { right: null, says: "" };
    return { right: given === question.answer, says: question.slips[given] ?? "" };
  }
  const value = toNumber(given);
  if (value === null) return null;
  if (isNear(value, question.answer, question.tolerance)) return { right: true, says: "" };
  const slip = Object.keys(question.slips).find((wrong) => isNear(value, wrong, question.tolerance));
  return { right: false, says: slip === undefined ? "" : question.slips[slip] };
}

/**
 * `2,416`, `2 416`, `0.5`, `0,5` and `−3` as numbers: a comma before three digits groups, any other is a point.
 *
 * @param {string} text
 */
export function toNumber(text) {
  const plain = text
    .trim()
    .replace(/[\u2212\u2013]/g, "-")
    .replace(/[\s\u00a0\u202f']/g, "")
    .replace(/,(?=\d{3}(?:\D|$))/g, "")
    .replace(",", ".");
  return /^[-+]?(\d+\.?\d*|\.\d+)$/.test(plain) ? Number(plain) : null;
}

function isNear(value, wanted, tolerance) {
  return Math.abs(value - Number(wanted)) <= tolerance + 1e-9;
}
