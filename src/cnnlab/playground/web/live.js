// What the page shows of a net that learns elsewhere: a snapshot at a time, the next one only after the last was painted.

/** Milliseconds between two paintings, at least; where the reader wants little motion. */
const EVERY_MS = 40;
const EVERY_MS_STILL = 1000;
/** Of the main thread's time, at most this share goes into painting: the processor is there for the training. */
const SHARE = 0.2;

const isStill = matchMedia("(prefers-reduced-motion: reduce)");

export class Live {
  /**
   * @param {import("./learning.js").Learning} learning
   * @param {((snapshot: any) => void)[]} parts what is painted of a snapshot, a frame each
   */
  constructor(learning, parts) {
    this.learning = learning;
    this.parts = parts;
    this.isBusy = false;
    this.isWanted = false;
    this.generation = 0;
    /** Milliseconds that the longest part of the last painting took. */
    this.longestMs = 0;
    /** Paintings so far. */
    this.painted = 0;
    learning.addEventListener("renewed", () => {
      this.generation++;
      this.isBusy = this.isWanted = false;
    });
    for (const event of ["step", "paused", "ready"]) learning.addEventListener(event, () => this.wake());
  }

  /** Something has changed: show it as soon as the last painting is done. */
  async wake() {
    this.isWanted = true;
    if (this.isBusy) return;
    this.isBusy = true;
    const { generation } = this;
    while (this.isWanted && generation === this.generation) {
      this.isWanted = false;
      const snapshot = await this.learning.trainer.glance().catch(() => null); // a trainer that was disposed gives none
      if (!snapshot || generation !== this.generation) break;
      let [sum, longest] = [0, 0];
      for (const part of this.parts) {
        const started = await frame();
        if (generation !== this.generation) return;
        part(snapshot);
        const took = performance.now() - started;
        sum += took;
        longest = Math.max(longest, took);
      }
      this.longestMs = longest;
      this.painted++;
      await new Promise((resolve) => setTimeout(resolve, isStill.matches ? EVERY_MS_STILL : Math.max(EVERY_MS, sum / SHARE - sum)));
    }
    if (generation === this.generation) this.isBusy = false;
  }
}

/** The next frame: none comes while the page is hidden, so that painting rests. @returns {Promise<number>} when it began */
function frame() {
  return new Promise((resolve) => requestAnimationFrame(() => resolve(performance.now())));
}
