// The reader's id, name, answers and texts, kept for each id apart; and taken along by links between pages that may keep
// theirs apart.

import { Kept } from "./keeping.js";

/**
 * @typedef {object} Answer
 * @property {string} given empty: what is held back was shown without an answer
 * @property {boolean | null} right null: nothing was decided
 * @property {string} when ISO 8601
 */

/**
 * @typedef {object} Text
 * @property {string} text
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

/**
 * First answers count as such; what was right at the second try, before the working was shown, counts as right later.
 *
 * @param {{id: string}[]} questions @param {Answers} answers
 */
export function score(questions, answers) {
  const stands = questions.map((question) => standing(answers.of(question.id)));
  const count = (/** @type {string} */ wanted) => stands.filter((one) => one === wanted).length;
  return {
    asked: stands.length,
    answered: stands.length - count("open") - count("shown without an answer"),
    right_first: count("right at the first try"),
    right_later: count("right later"),
  };
}

export class Answers {
  /** @param {string} lesson what tells one lesson's answers from another's @param {import("./variants.js").Numbers} numbers */
  constructor(lesson, numbers) {
    this.start = `cnnlab-lesson-${lesson}`;
    this.numbers = numbers;
    this.kept = new Kept(this.start);
  }

  get isKept() {
    return this.kept.isKept;
  }

  /** The reader's, as it was written; empty for none. */
  get id() {
    return this.kept.read(`${this.start}-id`) ?? "";
  }

  /** From now on answers are this id's. One that has none yet takes on what was answered before any id was given. */
  set id(id) {
    const [before, after] = [this.whose, this.numbers.whose(id)];
    this.kept.write(`${this.start}-id`, id.trim());
    if (before === "" && after !== "") this.#takeOn();
  }

  /** The reader's. */
  get name() {
    return this.kept.read(this.#place("name")) ?? "";
  }

  set name(name) {
    this.kept.write(this.#place("name"), name);
  }

  /** Whose answers these are: the id as it counts, where numbers follow from it. */
  get whose() {
    return this.numbers.whose(this.id);
  }

  /** @returns {Record<string, Answer[]>} question → its answers, the first one first */
  all() {
    return this.#answers(this.whose);
  }

  /** @param {string} question @returns {Answer[]} */
  of(question) {
    return this.all()[question] ?? [];
  }

  /** @param {string} question @param {Answer} answer */
  add(question, answer) {
    this.#keep("answers", { ...this.all(), [question]: [...this.of(question), answer] });
  }

  /** @returns {Record<string, Text>} id of what is asked → the reader's words */
  texts() {
    return this.#texts(this.whose);
  }

  /** @param {string} id @param {string} text */
  write(id, text) {
    this.#keep("texts", { ...this.texts(), [id]: { text, when: new Date().toISOString() } });
  }

  /** All of this reader's; pages that keep theirs apart forget it when a link comes there from here. */
  forget() {
    this.#forgetUntil(this.whose, new Date().toISOString());
  }

  /** What a link takes along. */
  packed() {
    return JSON.stringify({ id: this.id, name: this.name, answers: this.all(), texts: this.texts(), forgotten: this.#forgotten });
  }

  /**
   * Add what a link brought: of a question the answers that go further, of texts the later; and forget what it says was
   * forgotten.
   *
   * @param {string} packed @param {boolean} mayForget no where somebody else may have made the link
   */
  unpack(packed, mayForget) {
    try {
      const { id = "", name, answers, texts, forgotten } = JSON.parse(packed);
      for (const [whose, when] of Object.entries((mayForget && forgotten) || {})) if (when > (this.#forgotten[whose] ?? "")) this.#forgetUntil(whose, String(when));
      const whose = this.numbers.whose(String(id));
      if (id && String(id) !== this.id) this.id = String(id);
      const since = this.#forgotten[whose] ?? "";
      const all = this.#answers(whose);
      for (const [question, given] of Object.entries(after(since, asAnswers(answers)))) {
        if (given.length > (all[question]?.length ?? 0)) all[question] = given;
      }
      this.#keep("answers", all, whose);
      const words = this.#texts(whose);
      for (const [asked, text] of Object.entries(asTexts(texts))) {
        if (text.when > since && text.when > (words[asked]?.when ?? "")) words[asked] = text;
      }
      this.#keep("texts", words, whose);
      if (whose === this.whose && !this.name && typeof name === "string") this.name = name;
    } catch {
      // An address that was cut short: the page has what it had.
    }
  }

  /** Whose was forgotten, and until when: ISO 8601. @returns {Record<string, string>} */
  get #forgotten() {
    try {
      return JSON.parse(this.kept.read(`${this.start}-forgotten`) ?? "{}") ?? {};
    } catch {
      return {};
    }
  }

  /** @param {string} whose @param {string} when ISO 8601 */
  #forgetUntil(whose, when) {
    this.kept.write(`${this.start}-forgotten`, JSON.stringify({ ...this.#forgotten, [whose]: when }));
    this.#keep("answers", after(when, this.#answers(whose)), whose);
    this.#keep("texts", Object.fromEntries(Object.entries(this.#texts(whose)).filter(([, text]) => text.when > when)), whose);
    this.kept.write(this.#place("name", whose), "");
    if (this.whose === whose) this.id = "";
  }

  #takeOn() {
    if (Object.keys(this.all()).length > 0 || Object.keys(this.texts()).length > 0) return;
    const before = this.#answers("");
    const isSame = (/** @type {string} */ question) => this.numbers.of(this.id, question) === 0;
    const part = (/** @type {boolean} */ wanted) => Object.fromEntries(Object.entries(before).filter(([question]) => isSame(question) === wanted));
    this.#keep("answers", part(true));
    this.#keep("texts", this.#texts(""));
    if (!this.name) this.name = this.kept.read(this.#place("name", "")) ?? "";
    this.#keep("answers", part(false), "");
    this.#keep("texts", {}, "");
    this.kept.write(this.#place("name", ""), "");
  }

  /** @param {"answers" | "texts" | "name"} kind @param {string} [whose] */
  #place(kind, whose = this.whose) {
    if (whose !== "") return `${this.start}/${this.numbers.ofClass?.made}/${encodeURIComponent(whose)}/${kind}`;
    return kind === "answers" ? this.start : `${this.start}-${kind}`;
  }

  /** @param {string} whose */
  #answers(whose) {
    return asAnswers(this.#parsed("answers", whose));
  }

  /** @param {string} whose */
  #texts(whose) {
    return asTexts(this.#parsed("texts", whose));
  }

  /** @param {"answers" | "texts"} kind @param {string} whose */
  #parsed(kind, whose) {
    try {
      return JSON.parse(this.kept.read(this.#place(kind, whose)) ?? "{}");
    } catch {
      return {};
    }
  }

  /** @param {"answers" | "texts"} kind @param {object} all @param {string} [whose] */
  #keep(kind, all, whose = this.whose) {
    this.kept.write(this.#place(kind, whose), JSON.stringify(all));
  }
}

/** @param {string} when ISO 8601 @param {Record<string, Answer[]>} answers @returns {Record<string, Answer[]>} those that were given later */
function after(when, answers) {
  const later = Object.entries(answers).map(([question, given]) => /** @type {[string, Answer[]]} */ ([question, given.filter((one) => when === "" || one.when > when)]));
  return Object.fromEntries(later.filter(([, given]) => given.length > 0));
}

/** @param {unknown} found @returns {Record<string, Answer[]>} what is a list of answers */
function asAnswers(found) {
  return Object.fromEntries(
    Object.entries(found ?? {}).filter(
      ([, given]) => Array.isArray(given) && given.every((one) => typeof one?.given === "string"),
    ),
  );
}

/** @param {unknown} found @returns {Record<string, Text>} what is a text */
function asTexts(found) {
  return Object.fromEntries(
    Object.entries(found ?? {}).filter(([, one]) => typeof one?.text === "string" && typeof one.when === "string"),
  );
}
