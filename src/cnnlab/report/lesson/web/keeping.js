// What the lesson's pages keep in this browser, where it keeps anything for a page; else as long as the page is open.

export class Kept {
  /** @param {string} start that all its places begin with */
  constructor(start) {
    this.start = start;
    /** What this page has read and written, with which it goes on alone. @type {Record<string, string | null>} */
    this.own = {};
    this.isKept = canKeep(start);
  }

  /** @param {string} place @returns {string | null} */
  read(place) {
    if (this.isKept) {
      try {
        return (this.own[place] = localStorage.getItem(place));
      } catch {
        this.#goOnAlone(); // refused since
      }
    }
    return this.own[place] ?? null;
  }

  /** @param {string} place @param {string} text */
  write(place, text) {
    if (this.isKept) {
      try {
        localStorage.setItem(place, text);
      } catch {
        this.#goOnAlone(); // full, or refused since
      }
    }
    this.own[place] = text;
  }

  #goOnAlone() {
    this.isKept = false;
    try {
      const places = Object.keys(localStorage).filter((place) => place.startsWith(this.start));
      for (const place of places) this.own[place] = localStorage.getItem(place);
    } catch {
      // refused to read, too
    }
  }
}

/** @param {string} start */
function canKeep(start) {
  try {
    localStorage.setItem(`${start}-try`, "1");
    localStorage.removeItem(`${start}-try`);
    return true;
  } catch {
    return false;
  }
}
