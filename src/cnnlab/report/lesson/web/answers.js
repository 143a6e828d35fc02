// The reader's answers: kept in this browser where it keeps anything for a page, else as long as the page is open.

/**
 * @typedef {object} Answer
 * @property {string} given
 * @property {boolean | null} right null: nothing was decided
 * @property {string} when ISO 8601
 */

export class Answers {
  /** @param {string} lesson what tells one lesson's answers from another's */
  constructor(lesson) {
    this.key = `cnnlab-lesson-${lesson}`;
    /** @type {Record<string, Answer[]>} */
    this.own = {};
    this.isKept = canKeep(this.key);
  }

  /** @returns {Record<string, Answer[]>} question → its answers, the first one first */
  all() {
    if (!this.isKept) return this.own;
    try {
      return JSON.parse(localStorage.getItem(this.key) ?? "{}");
    } catch {
      return {};
    }
  }

  /** @param {string} question @returns {Answer[]} */
  of(question) {
    const found = this.all()[question];
    return Array.isArray(found) ? found : [];
  }

  /** @param {string} question @param {Answer} answer */
  add(question, answer) {
    const all = { ...this.all(), [question]: [...this.of(question), answer] };
    this.own = all;
    if (this.isKept) localStorage.setItem(this.key, JSON.stringify(all));
  }

  forget() {
    this.own = {};
    if (this.isKept) localStorage.removeItem(this.key);
  }
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
