// The marks of a class: what the page came with, and over that what was changed in this browser and what of it is saved.

/** @typedef {{points: number | null, remark: string}} Mark */
/** @typedef {Mark & {was: Mark, saved: boolean, of: string}} Draft `was`: what the page came with when this was written; `of`: the sum of the text that it is about */

export class Marks {
  /** @param {string} made tells this class from another */
  constructor(made) {
    this.key = `cnnlab-marks-${made}`;
    this.made = made;
    /** @type {Map<string, Mark>} */
    this.came = new Map();
    /** Sums of texts: as they are on the page, and of those that the marks which the page came with are about. @type {Map<string, {now: string, marked: string}>} */
    this.sums = new Map();
    /** @type {Record<string, Draft>} */
    this.drafts = this.#kept();
    this.isKept = this.#keep();
  }

  /**
   * A text that the page came with.
   * @param {string} student @param {string} text @param {Mark} mark @param {{now: string, marked: string}} sums
   */
  add(student, text, mark, sums) {
    const place = placeOf(student, text);
    this.came.set(place, mark);
    this.sums.set(place, sums);
    const draft = this.drafts[place];
    // The page has learned another mark since this one was saved: from the file, or from somebody else's.
    if (draft?.saved && !isSame(draft.was, mark)) delete this.drafts[place];
  }

  /** @param {string} student @param {string} text @returns {Mark} */
  of(student, text) {
    const place = placeOf(student, text);
    const { points, remark } = this.drafts[place] ?? this.came.get(place) ?? { points: null, remark: "" };
    return { points, remark };
  }

  /** @param {string} student @param {string} text @param {Mark} mark */
  change(student, text, mark) {
    const place = placeOf(student, text);
    const was = this.came.get(place) ?? { points: null, remark: "" };
    if (isSame(was, mark) && !this.drafts[place]?.saved) delete this.drafts[place];
    else this.drafts[place] = { ...mark, was, saved: false, of: this.sums.get(place)?.now ?? "" };
    this.isKept = this.#keep();
  }

  /** @param {string} student @param {string} text whether a change of this one is in no file yet */
  isUnsaved(student, text) {
    return this.drafts[placeOf(student, text)]?.saved === false;
  }

  /** How many changes are in no file yet. */
  get unsaved() {
    return [...this.came.keys()].filter((place) => this.drafts[place]?.saved === false).length;
  }

  /** All marks of the page as the record that `cnnlab class collect` reads; they count as saved from now on. */
  save() {
    /** @type {Record<string, Record<string, Mark & {of: string}>>} */
    const marks = {};
    for (const [place, came] of this.came) {
      const [student, text] = JSON.parse(place);
      const mark = this.of(student, text);
      // One that was taken back is named, too: it takes back what an earlier file says.
      if (isSame(mark, { points: null, remark: "" }) && isSame(came, mark) && !this.drafts[place]) continue;
      const { now = "", marked = "" } = this.sums.get(place) ?? {};
      (marks[student] ??= {})[text] = { ...mark, of: this.drafts[place]?.of || marked || now };
      if (this.drafts[place]) this.drafts[place].saved = true;
    }
    this.isKept = this.#keep();
    return { kind: "cnnlab marks", format: 1, class: this.made, marks };
  }

  /** @returns {Record<string, Draft>} */
  #kept() {
    try {
      const found = JSON.parse(localStorage.getItem(this.key) ?? "{}");
      return Object.fromEntries(Object.entries(found ?? {}).filter(([, one]) => isDraft(one)));
    } catch {
      return {};
    }
  }

  #keep() {
    try {
      localStorage.setItem(this.key, JSON.stringify(this.drafts));
      return true;
    } catch {
      return false; // refused, or full
    }
  }
}

/** @param {Mark} one @param {Mark} other */
function isSame(one, other) {
  return one.points === other.points && one.remark === other.remark;
}

/** @param {string} student @param {string} text */
function placeOf(student, text) {
  return JSON.stringify([student, text]);
}

/** @param {any} one */
function isMark(one) {
  return (one?.points === null || typeof one?.points === "number") && typeof one?.remark === "string";
}

/** @param {any} one */
function isDraft(one) {
  return isMark(one) && isMark(one.was) && typeof one.saved === "boolean";
}
