// A net that learns by the page's settings: its plan, its weights as last seen, its trainer. What listens here hears every
// trainer that the settings bring, one after the other.

import { designed } from "./designing.js";
import { initialWeights } from "./initial.js";
import { Trainer } from "./trainer.js";

/** What a trainer tells, and what is told here in its name. */
const EVENTS = ["ready", "step", "epoch", "playing", "pausing", "paused", "diverged", "restarted", "stopped", "proof"];
/** Settings that work from the next step on; all others need a new start. */
export const AT_ONCE = ["learningRate", "weightDecay", "dropout", "shift"];

/**
 * @typedef {object} Settings
 * @property {string} net
 * @property {"sgd" | "momentum" | "adam" | "adamw"} optimizer
 * @property {number} learningRate
 * @property {number} batchSize
 * @property {number} dropout 0–1
 * @property {number} weightDecay
 * @property {number} shift pixels
 * @property {number} images of the training images, how many are used
 * @property {number} wrongLabels 0–1
 * @property {number} seed
 * @property {any} design of a net of one's own; null for the others
 *
 * @typedef {object} Content what the page brings along
 * @property {any} record
 * @property {Uint8Array} images training, validation, test
 * @property {Uint8Array} labels
 * @property {Int16Array} whole numbers of the record's tensors that came as such
 * @property {Uint32Array} order of the training images: every beginning of it holds the classes evenly
 * @property {Float32Array | null} weights of a finished run, to train on
 * @property {string} workerSource
 * @property {{kind: string, bytes: Uint8Array}[]} modules the kernels
 */

/** "renewed" tells of a new trainer; the trainer's own events follow. */
export class Learning extends EventTarget {
  /** @param {Content} content @param {number | null} workers null leaves it to the trainer */
  constructor(content, workers = null) {
    super();
    this.content = content;
    this.workers = workers;
    /** @type {any} */
    this.trainer = null;
  }

  /**
   * Begin anew. The old trainer stays where the settings cannot be met.
   * @param {Settings} settings
   * @throws {import("../../explorer/web/errors.js").UserError} for a design that has no size
   */
  start(settings) {
    const { record, images, labels, order, weights, workerSource, modules } = this.content;
    const planned = plan(record, settings);
    const numbers = planned.weights && weights ? weights.slice() : initialWeights(planned, settings.seed);
    this.trainer?.dispose();
    this.settings = { ...settings };
    this.planned = planned;
    /** The block as the page shows it: the trainer's own is elsewhere, and comes by snapshots. */
    this.numbers = new Float32Array(numbers);
    const trainer = new Trainer({ record, planned, numbers, settings: { ...settings }, images, labels, order, workerSource, modules, workers: this.workers });
    this.trainer = trainer;
    for (const event of EVENTS) {
      trainer.addEventListener(event, (/** @type {any} */ told) => {
        if (trainer === this.trainer) this.dispatchEvent(new CustomEvent(event, { detail: told.detail }));
      });
    }
    this.dispatchEvent(new CustomEvent("renewed"));
  }

  /** @param {Settings} settings of which those that work at once are taken over */
  change(settings) {
    const changed = Object.fromEntries(AT_ONCE.filter((key) => this.settings?.[key] !== settings[key]).map((key) => [key, settings[key]]));
    if (!Object.keys(changed).length) return;
    Object.assign(/** @type {Settings} */ (this.settings), changed);
    this.trainer.setSettings(changed);
  }

  end() {
    this.trainer?.dispose();
    this.trainer = null;
  }
}

/**
 * The net that the settings ask for.
 * @param {any} record
 * @param {Settings} settings
 * @throws {import("../../explorer/web/errors.js").UserError} for a design that leaves nothing of an image
 */
export function plan(record, settings) {
  const { shape, classes } = record.data;
  const found = record.nets.find((/** @type {any} */ each) => each.net === settings.net);
  const isOwn = settings.net === "conv-net" && !(found && areAlike(found.design, settings.design));
  return isOwn ? designed(settings.design, settings.dropout, shape, classes.length) : found;
}

/** What a net brings along as settings of its own. @param {any} record @param {string} name @returns {{dropout: number, design: any}} */
export function ofNet(record, name) {
  const { dropout, design } = record.nets.find((/** @type {any} */ each) => each.net === name);
  return { dropout, design };
}

/** @param {any} one @param {any} other designs @returns {boolean} */
export function areAlike(one, other) {
  if (!one || !other) return one === other;
  return Object.keys(one).every((key) => String(one[key]) === String(other[key]));
}

/** @param {any} planned @returns {boolean} whether the net has a layer that drops units */
export function drops(planned) {
  return planned.layers.some((/** @type {any} */ layer) => layer.operation.kind === "same" && "dropout" in layer.operation);
}
