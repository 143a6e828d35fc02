// Whether an answer is right, and what is off in a wrong one.

import { toNumber } from "./arithmetic.js";

/**
 * @typedef {object} Question
 * @property {string} id
 * @property {string} text
 * @property {string} answer
 * @property {string} worked how the answer comes about
 * @property {string[]} choices none where a number is asked for
 * @property {Record<string, string>} slips wrong answer → what is off in it
 * @property {string} unit
 * @property {number} tolerance
 * @property {boolean} graded false where what was measured decides nothing
 */

/**
 * @typedef {object} Judged
 * @property {boolean | null} right null where no answer is
 * @property {string} says what is off in a wrong answer
 * @property {number} [value] what a typed answer comes to
 */

/**
 * @param {Question} question
 * @param {string} given
 * @returns {Judged | null} null for what is no answer
 */
export function judge(question, given) {
  if (question.choices.length > 0) {
    if (!question.choices.includes(given)) return null;
    if (!question.graded) return { right: null, says: "" };
    return { right: given === question.answer, says: question.slips[given] ?? "" };
  }
  const value = toNumber(given, question.unit);
  if (value === null) return null;
  if (isNear(value, question.answer, question.tolerance)) return { right: true, says: "", value };
  const slip = Object.keys(question.slips).find((wrong) => isNear(value, wrong, question.tolerance));
  const way = value > Number(question.answer) ? "Too large." : "Too small.";
  return { right: false, says: slip === undefined ? way : question.slips[slip], value };
}

function isNear(value, wanted, tolerance) {
  return Math.abs(value - Number(wanted)) <= tolerance + 1e-9;
}
