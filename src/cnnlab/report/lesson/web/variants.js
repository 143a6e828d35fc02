// Whose numbers a question has: worked out from the class's key and the reader's id, as `cnnlab class` does it.

import { sha256 } from "../../../explorer/web/sha256.js";
import { whole } from "../../../explorer/web/whole_text.js";

/** What Python or JavaScript takes for white space; the two differ. */
const BLANKS = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+/g;

/**
 * @typedef {object} Class
 * @property {string} name
 * @property {string} made tells one class from another
 * @property {string} key decides about numbers
 * @property {string | null} due ISO 8601
 * @property {string} due_text the same in words; empty where there is none
 */

/** An id as it counts: in one form of Unicode, small letters, one blank between words and none around them. @param {string} id */
export function plainId(id) {
  return whole(id).normalize("NFKC").toLowerCase().replace(BLANKS, " ").replace(/^ | $/g, "");
}

/**
 * Which of a question's numbers an id has: 0 for the plain ones, which no id has, too.
 *
 * @param {string} key @param {string} id as it was written @param {string} question its id @param {number} count of numbers
 */
export function variantOf(key, id, question, count) {
  const plain = plainId(id);
  if (plain === "") return 0;
  return new DataView(sha256(`${key}\n${plain}\n${question}`).buffer).getUint32(0) % count;
}

/** The numbers of a lesson's questions, for each id of a class; without one, the plain numbers for everybody. */
export class Numbers {
  /** @param {Class | null} ofClass @param {{id: string, variants: number}[]} questions all of the lesson's */
  constructor(ofClass, questions) {
    this.ofClass = ofClass;
    this.counts = new Map(questions.map((one) => [one.id, one.variants]));
  }

  /** What tells readers apart whose numbers may differ. @param {string} id */
  whose(id) {
    return this.ofClass === null ? "" : plainId(id);
  }

  /** @param {string} id @param {string} question its id */
  of(id, question) {
    return this.ofClass === null ? 0 : variantOf(this.ofClass.key, id, question, this.counts.get(question) ?? 1);
  }
}
