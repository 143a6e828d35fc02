// What was tried on this page, run by run: settings and changes on the way, curves, what was taught, test openings.

/**
 * @typedef {import("./learning.js").Learning} Learning
 *
 * @typedef {object} RunLog
 * @property {string} began ISO 8601
 * @property {string} net
 * @property {number} parameters
 * @property {any} settings with which it began
 * @property {{step: number, changes: any}[]} changes of settings on the way
 * @property {number} steps
 * @property {number} passes over the training images; part of one counts as that
 * @property {any[]} epochs
 * @property {{label: string, count: number}[]} taught the reader's own images, by class
 * @property {import("./weights_file.js").TestOpening[]} test_openings
 * @property {number | null} diverged the step at which its loss became no number
 *
 * @typedef {object} Weights of a run at a moment
 * @property {Float32Array} numbers the net's block
 * @property {number} step
 * @property {number} passes over the training images so far
 * @property {import("./learning.js").Settings} settings as they were then
 * @property {RunLog["taught"]} taught until then
 */

/** Runs that are over of which the weights are kept, at most. */
const KEPT = 4;

/** "change" tells of a run that went on. */
export class Logbook extends EventTarget {
  /** Those that took a step or opened the test images, in the order in which they began. @type {RunLog[]} */
  get runs() {
    return this.#all.filter(({ steps, test_openings }) => steps > 0 || test_openings.length > 0);
  }

  /** @type {RunLog[]} */
  #all = [];
  /** @type {Map<Learning, RunLog>} */
  #current = new Map();
  /** @type {WeakMap<RunLog, any>} */
  #planned = new WeakMap();
  /** As they were after the last whole epoch. @type {Map<RunLog, Weights>} */
  #weights = new Map();

  /** Write down all runs of a learning from now on. @param {Learning} learning */
  follow(learning) {
    learning.addEventListener("renewed", () => this.#begin(learning));
    learning.addEventListener("step", (event) => {
      const run = this.of(learning);
      const { step, epoch } = /** @type {CustomEvent} */ (event).detail;
      this.#noteChanges(run, learning.settings, step);
      // from weights that were gone back to, epochs come again
      while (run.epochs.length && run.epochs[run.epochs.length - 1].epoch >= epoch) run.epochs.pop();
      Object.assign(run, { steps: step, passes: epoch });
    });
    learning.addEventListener("epoch", (event) => {
      const run = this.of(learning);
      run.epochs.push(/** @type {CustomEvent} */ (event).detail);
      const { numbers, step } = learning.trainer.kept;
      this.#weights.set(run, { numbers, step, passes: run.passes, settings: { .../** @type {any} */ (learning.settings) }, taught: structuredClone(run.taught) });
      this.#tell();
    });
    learning.addEventListener("diverged", (event) => {
      const { step, kept } = /** @type {CustomEvent} */ (event).detail;
      Object.assign(this.of(learning), { diverged: step, steps: kept });
      this.#tell();
    });
    if (learning.trainer) this.#begin(learning);
  }

  /** The run that a learning is at. @param {Learning} learning @returns {RunLog} */
  of(learning) {
    return /** @type {RunLog} */ (this.#current.get(learning));
  }

  /** The net of a run, as the page's record has it. @param {RunLog} run */
  planned(run) {
    return this.#planned.get(run);
  }

  /** The weights of a run after its last whole epoch, where they are kept. @param {RunLog} run */
  weights(run) {
    return this.#weights.get(run);
  }

  /** @param {Learning} learning @param {import("./weights_file.js").TestOpening} opening of the test images */
  opened(learning, opening) {
    this.of(learning).test_openings.push(opening);
    this.#tell();
  }

  /** @param {Learning} learning @param {string[]} labels of images that it is trained on from now on */
  taught(learning, labels) {
    const { taught } = this.of(learning);
    for (const label of labels) {
      const found = taught.find((each) => each.label === label);
      if (found) found.count++;
      else taught.push({ label, count: 1 });
    }
    this.#tell();
  }

  #begin(learning) {
    const { planned, settings } = learning;
    /** @type {RunLog} */
    const run = {
      began: new Date().toISOString(), net: planned.net, parameters: planned.parameters, settings: { ...settings },
      changes: [], steps: 0, passes: 0, epochs: [], taught: [], test_openings: [], diverged: null,
    };
    this.#all.push(run);
    this.#current.set(learning, run);
    this.#planned.set(run, planned);
    this.#forget();
    this.#tell();
  }

  /** Of runs that are over keep the weights of the best alone: each takes some megabytes. */
  #forget() {
    const atWork = [...this.#current.values()];
    const over = byValidation([...this.#weights.keys()].filter((run) => !atWork.includes(run)));
    for (const run of over.slice(KEPT)) this.#weights.delete(run);
  }

  /** @param {RunLog} run @param {any} settings as they are @param {number} step after which */
  #noteChanges(run, settings, step) {
    const last = run.changes.reduce((all, { changes }) => ({ ...all, ...changes }), run.settings);
    const changed = Object.entries(settings).filter(([key, value]) => key !== "design" && last[key] !== value);
    if (changed.length) run.changes.push({ step, changes: Object.fromEntries(changed) });
  }

  #tell() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}

/** The best first, by the validation accuracy of their last epoch; of equal ones the later. @param {RunLog[]} runs in the order in which they began */
export function byValidation(runs) {
  const of = (/** @type {RunLog} */ { epochs }) => epochs[epochs.length - 1]?.validation_accuracy ?? 0;
  return runs.toReversed().sort((one, other) => of(other) - of(one));
}
