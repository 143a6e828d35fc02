// A replica: the net in a worker, with its part of every batch. All replicas hold all weights; each takes the optimizer's
// step for a part of them, and they share what comes of it.

import { batchOf, stepsPerEpoch } from "./course.js";
import { counting, quickest } from "./kernels.js";
import { crossEntropy } from "./cross_entropy.js";
import { Exchange } from "./exchange.js";
import { Learner } from "./learner.js";
import { STATES, update } from "./optimizers.js";
import { derivedSeed, permutation, uniform } from "./random.js";
import { sizeOf } from "../../explorer/web/numbers.js";
import { atMost, MOST_FEATURES } from "../../explorer/web/unlike.js";

/** The purpose that shifts are drawn for. */
const SHIFT = 1001;

/**
 * @typedef {object} Start what a replica is made of
 * @property {any} planned the net's part of the page's record
 * @property {{shape: number[], mean: number[], std: number[], fill: number}} data
 * @property {any} settings
 * @property {Uint8Array} pixels of all images, one after the other
 * @property {Labelled} training what is trained on; an image may come more than once
 * @property {State} state
 * @property {{step: number, epoch: number}} origin the step from which its epochs are counted, and the epoch of that step
 * @property {number} which of the replicas
 * @property {(MessagePort | null)[]} ports to the others
 * @property {{kind: string, bytes: Uint8Array}[]} modules
 *
 * @typedef {object} Labelled
 * @property {Uint32Array} images places among all images
 * @property {Uint8Array} labels
 *
 * @typedef {object} State
 * @property {number} step steps taken
 * @property {Float32Array} numbers
 * @property {Float32Array | null} first momentum's buffer or Adam's m; null before the first step
 * @property {Float32Array | null} second Adam's v
 */

export class Replica {
  /** @param {Start} start @returns {Promise<Replica>} */
  static async make(start) {
    const { planned, data, settings, training, ports } = start;
    const images = training.images.length;
    const most = Math.ceil(images / stepsPerEpoch(images, settings.batchSize));
    const capacity = Math.max(1, Math.ceil(most / ports.length));
    const count = counting();
    new Learner(planned, data.shape, { kernels: count.kernels, capacity });
    const { kernels, note } = await quickest(start.modules, count.bytes);
    return new Replica(start, kernels, note, capacity);
  }

  /** @param {Start} start @param {import("./kernels.js").Kernels} kernels @param {string | null} note @param {number} capacity */
  constructor(start, kernels, note, capacity) {
    this.kind = kernels.kind;
    this.note = note;
    this.settings = start.settings;
    this.data = start.data;
    this.pixels = start.pixels;
    this.training = start.training;
    this.origin = start.origin;
    this.exchange = new Exchange(start.which, start.ports);
    this.learner = new Learner(start.planned, start.data.shape, { kernels, capacity, exchange: this.exchange });
    this.perEpoch = stepsPerEpoch(this.training.images.length, this.settings.batchSize);
    this.isDecayed = start.planned.tensors.map(({ shape, role }) => role === "parameter" && shape.length > 1);
    this.restore(start.state);
  }

  /** @param {State} state */
  restore({ step, numbers, first, second }) {
    this.learner.numbers.set(numbers);
    const states = STATES[this.settings.optimizer];
    const kept = (/** @type {Float32Array | null} */ given, /** @type {number} */ least) => (states < least ? null : given ? Float32Array.from(given) : new Float32Array(numbers.length));
    this.first = kept(first, 1);
    this.second = kept(second, 2);
    this.step = step;
    this.epoch = -1;
  }

  /** Its part of the state: the weights are whole in every replica, the optimizer's numbers only where it stepped. @returns {State} */
  state() {
    return {
      step: this.step,
      numbers: Float32Array.from(this.learner.numbers),
      first: this.first && Float32Array.from(this.first),
      second: this.second && Float32Array.from(this.second),
    };
  }

  /**
   * Take steps. Sums are of this replica's part of the batches; lastLoss is its part of the last batch's mean; spent:
   * milliseconds.
   * @param {number} steps
   */
  async train(steps) {
    const { learner, exchange } = this;
    const started = performance.now();
    let [loss, correct, seen, lastLoss] = [0, 0, 0, 0];
    /** @type {number[]} */
    let squares = [];
    for (let i = 0; i < steps; i++) {
      const { images, labels } = this.batch();
      const [first, last] = exchange.part(images.length);
      this.load(images.subarray(first, last), first);
      await learner.forward({ count: last - first, batch: images.length, first, isTraining: true, dropout: this.settings.dropout, seed: this.settings.seed >>> 0, step: this.step });
      const figures = learner.loss(labels.subarray(first, last));
      loss += figures.loss;
      correct += figures.correct;
      seen += last - first;
      lastLoss = figures.loss / images.length;
      await learner.backward();
      await exchange.gather(learner.gradients);
      if (i === steps - 1) squares = this.#squares();
      this.#update();
      await exchange.share(learner.numbers);
      this.step++;
    }
    return { step: this.step, loss, correct, seen, lastLoss, squares, spent: performance.now() - started };
  }

  /** The whole batch of the step that comes next. @returns {Labelled} */
  batch() {
    const { images, labels } = this.training;
    const step = this.step - this.origin.step;
    const epoch = this.origin.epoch + Math.floor(step / this.perEpoch);
    if (epoch !== this.epoch) {
      this.order = permutation(derivedSeed(this.settings.seed, "order", epoch), images.length);
      this.epoch = epoch;
    }
    const order = /** @type {Uint32Array} */ (this.order).subarray(...batchOf(step % this.perEpoch, images.length, this.perEpoch));
    return { images: order.map((place) => images[place]), labels: Uint8Array.from(order, (place) => labels[place]) };
  }

  /**
   * Put images into the net's input, shifted as the step will have it.
   * @param {Uint32Array} images places among all
   * @param {number | null} first place of the first within the batch; null for images as they are
   */
  load(images, first) {
    const [C, H, W] = this.data.shape;
    const { mean, std, fill } = this.data;
    const { shift, seed } = this.settings;
    const size = sizeOf(this.data.shape);
    const values = this.learner.input.values;
    for (let n = 0, at = 0; n < images.length; n++) {
      const draw = (/** @type {number} */ axis) =>
        first === null || !shift ? 0 : Math.floor(uniform(seed >>> 0, SHIFT, this.step, 2 * (first + n) + axis) * (2 * shift + 1)) - shift;
      const [down, right] = [draw(0), draw(1)];
      for (let c = 0; c < C; c++) {
        const scale = Math.fround(1 / (255 * std[c]));
        const offset = Math.fround(-mean[c] / std[c]);
        const plane = images[n] * size + c * H * W;
        for (let y = 0; y < H; y++) {
          const row = y - down;
          for (let x = 0; x < W; x++, at++) {
            const column = x - right;
            const isInside = row >= 0 && row < H && column >= 0 && column < W;
            values[at] = (isInside ? this.pixels[plane + row * W + column] : fill) * scale + offset;
          }
        }
      }
    }
  }

  /**
   * Measure images as they are, in eval mode.
   * @param {Labelled} measured
   * @param {() => void} [lives] called now and then
   * @returns {Promise<{loss: number, correct: number, answers: Uint8Array, alive: Record<string, Uint8Array>}>}
   *   sums over them; answers: their classes; alive: for each ReLU, which of its maps
   *   or units any of them turned on
   */
  async evaluate({ images, labels }, lives = () => {}) {
    const { learner } = this;
    const { capacity, answer } = learner;
    let [loss, correct] = [0, 0];
    const answers = new Uint8Array(images.length);
    const relus = learner.layers.filter(({ kind }) => kind === "activation");
    const alive = Object.fromEntries(relus.map(({ name, shape }) => [name, new Uint8Array(shape[0])]));
    for (let from = 0; from < images.length; from += capacity) {
      const part = images.subarray(from, from + capacity);
      this.load(part, null);
      await learner.forward({ count: part.length, batch: part.length, first: 0, isTraining: false, dropout: 0, seed: 0, step: 0 });
      const figures = crossEntropy(answer, labels.subarray(from, from + capacity), part.length, part.length);
      loss += figures.loss;
      correct += figures.correct;
      for (let n = 0; n < part.length; n++) {
        const logits = answer.values.subarray(n * answer.size, (n + 1) * answer.size);
        answers[from + n] = logits.indexOf(Math.max(...logits));
      }
      for (const layer of relus) turnedOn(layer, part.length, alive[layer.name]);
      lives();
    }
    return { loss, correct, answers, alive };
  }

  /**
   * What the net answers to images, and what one of its layers reads.
   * @param {Uint32Array} images places among all images
   * @param {string | null} layer its name; null for the answers alone
   * @param {() => void} [lives] called after each pass
   * @returns {Promise<{answers: Float32Array, features: Float32Array}>} one image's after the other's; of more features
   *   than are kept, every so many-th
   */
  async features(images, layer, lives = () => {}) {
    const { learner } = this;
    const { capacity, answer } = learner;
    const read = layer === null ? null : /** @type {import("./learner.js").Trained} */ (learner.byName.get(layer)).reads[0];
    const width = read ? Math.min(read.size, MOST_FEATURES) : 0;
    const answers = new Float32Array(images.length * answer.size);
    const features = new Float32Array(images.length * width);
    for (let from = 0; from < images.length; from += capacity) {
      const part = images.subarray(from, from + capacity);
      this.load(part, null);
      await learner.forward({ count: part.length, batch: part.length, first: 0, isTraining: false, dropout: 0, seed: 0, step: 0 });
      answers.set(answer.values.subarray(0, part.length * answer.size), from * answer.size);
      for (let n = 0; read && n < part.length; n++) {
        features.set(atMost(Float32Array.from(read.values.subarray(n * read.size, (n + 1) * read.size))), (from + n) * width);
      }
      lives();
    }
    return { answers, features };
  }

  #update() {
    const { learner, exchange } = this;
    const [from, end] = exchange.part(learner.numbers.length);
    for (const [i, { at, shape, role }] of learner.tensors.entries()) {
      const [first, last] = [Math.max(at, from), Math.min(at + sizeOf(shape), end)];
      if (role !== "parameter" || first >= last) continue;
      update(this.settings, this.step + 1, learner.numbers, learner.gradients, this.first, this.second, first, last, this.isDecayed[i]);
    }
  }

  /** The sum of squares of each tensor's gradient, over this replica's part. */
  #squares() {
    const { learner, exchange } = this;
    const [from, end] = exchange.part(learner.numbers.length);
    return learner.tensors.map(({ at, shape }) => {
      let sum = 0;
      for (let i = Math.max(at, from), last = Math.min(at + sizeOf(shape), end); i < last; i++) sum += learner.gradients[i] ** 2;
      return sum;
    });
  }
}

/** Mark the maps or units of a layer that are above 0 anywhere. */
function turnedOn({ values, size, shape }, count, alive) {
  const plane = size / shape[0];
  for (let c = 0; c < shape[0]; c++) {
    for (let n = 0; n < count && !alive[c]; n++) {
      const from = n * size + c * plane;
      for (let i = from; i < from + plane; i++) {
        if (!(values[i] > 0)) continue;
        alive[c] = 1;
        break;
      }
    }
  }
}
