// The step about to be taken, reproduced in double precision and taken apart: a weight's gradient as a sum of products
// over positions and images, the difference quotient beside it, the optimizer's step with it, and ∂L/∂activation.

import { UserError } from "../../explorer/web/errors.js";
import { stepsPerEpoch } from "./course.js";
import { plainKernels } from "./kernels_plain.js";
import { Learner } from "./learner.js";
import { opened } from "./optimizers.js";
import { Replica } from "./replica.js";
import { sizeOf } from "../../explorer/web/numbers.js";

/** By how much a weight is moved to either side for the difference quotient. */
const H = 1e-6;
/** Bytes of a step's values and gradients, at most: a phone has little more. */
const ROOM = 640e6;

/**
 * @typedef {import("./replica.js").State} State
 *
 * @typedef {object} Products of one image: what a weight reads times what its layer owes the loss, position by position
 * @property {number} rows
 * @property {number} columns
 * @property {Float64Array} delta ∂L/∂output of the layer, for this image's own loss
 * @property {Float64Array | null} read what the weight was multiplied by; null for a bias or β, which were added: 1
 * @property {Uint8Array | null} isPadding 1 where the weight lay on padding
 * @property {Float64Array} products
 * @property {number} sum
 *
 * @typedef {object} WeightAnswer
 * @property {number} step steps taken so far
 * @property {string} layer
 * @property {"weight" | "bias" | "gamma" | "beta"} field what the tensor is to its layer
 * @property {number[]} at the weight's place in its tensor, an index for each axis
 * @property {number} value
 * @property {boolean} isDecayed
 * @property {Float64Array} contributions of every image of the batch
 * @property {number} image the place within the batch of the one whose products follow
 * @property {Products} products
 * @property {number} sum of the contributions
 * @property {number} gradient the sum divided by the count of images: the loss is their mean
 * @property {number} loss
 * @property {import("./optimizers.js").Opened} opened
 * @property {import("./optimizers.js").Settings} settings
 * @property {{first: number, second: number}} before the optimizer's running numbers before the step
 *
 * @typedef {object} QuotientAnswer
 * @property {number} h
 * @property {number} above L(w + h)
 * @property {number} below L(w − h)
 * @property {number} quotient
 * @property {number} gradient
 * @property {{relu: number, pool: number}} crossed units whose ReLU switches, and windows whose largest value is
 *   another, between w − h and w + h
 *
 * @typedef {object} ActivationsAnswer
 * @property {number} loss
 * @property {Float64Array} probabilities
 * @property {Float64Array} answer ∂L/∂logits
 * @property {Record<string, Float64Array>} gradients ∂L/∂output of every layer, by its name
 */

export class Inspector {
  /** @param {import("./replica.js").Start} start as a replica is made; it is the only one, and its kernels are plain */
  constructor(start) {
    this.start = { ...start, which: 0, ports: [null] };
    this.planned = start.planned;
    /** @type {Map<string, any>} */
    this.layers = new Map(start.planned.layers.map((/** @type {any} */ layer) => [layer.name, layer]));
    /** @type {State} */
    this.state = start.state;
    this.settings = start.settings;
    /** One with room for the batch. @type {Replica | null} */
    this.replica = null;
    /** A learner with room for one image. @type {Learner | null} */
    this.single = null;
    /** The batch about to be taken: images are places among all. @type {any} */
    this.batch = null;
    /** The weight whose quotient was worked out last, and what it is, while the layers' values are those beside it. @type {{at: number, value: number, from: number} | null} */
    this.moved = null;
    this.loss = 0;
  }

  /** From now on all questions are about this step. @param {State} state @param {any} settings */
  take(state, settings) {
    this.state = state;
    this.settings = settings;
    this.batch = null;
    this.moved = null;
  }

  /**
   * @param {any} question {about: "batch"}; {about: "weight", tensor, place, image: place within the batch or null for
   *   the one that adds most}; {about: "quotient", tensor, place}; {about: "activations", input: one image as the net
   *   reads it, label}; {about: "norms"}
   * @returns {Promise<any>}
   */
  async answer(question) {
    if (question.about === "batch") return this.images();
    if (question.about === "weight") return this.weight(question.tensor, question.place, question.image ?? null);
    if (question.about === "quotient") return this.quotient(question.tensor, question.place);
    if (question.about === "activations") return this.activations(question.input, question.label);
    return this.norms();
  }

  /** @returns {Promise<{step: number, count: number, input: Float32Array, labels: Uint8Array}>} the batch, as the net reads it */
  async images() {
    await this.#run();
    const { values, size } = this.learner.input;
    return { step: this.state.step, count: this.count, input: Float32Array.from(values.subarray(0, this.count * size)), labels: this.batch.labels };
  }

  /**
   * @param {string} tensor
   * @param {number} place in it, flat
   * @param {number | null} image
   * @returns {Promise<WeightAnswer>}
   */
  async weight(tensor, place, image) {
    await this.#run();
    const { state, settings, count } = this;
    const found = this.#find(tensor);
    const each = Array.from({ length: count }, (_, n) => this.#products(found, place, n));
    const contributions = Float64Array.from(each, ({ sum }) => sum);
    const sum = contributions.reduce((total, contribution) => total + contribution, 0);
    const chosen = image ?? contributions.reduce((most, size, n) => (Math.abs(size) > Math.abs(contributions[most]) ? n : most), 0);
    const value = state.numbers[found.tensor.at + place];
    const before = { first: state.first?.[found.tensor.at + place] ?? 0, second: state.second?.[found.tensor.at + place] ?? 0 };
    const isDecayed = found.tensor.shape.length > 1;
    const gradient = sum / count;
    return {
      step: state.step, layer: found.layer.name, field: found.field, at: indexOf(place, found.tensor.shape), value, isDecayed,
      contributions, image: chosen, products: each[chosen], sum, gradient, loss: this.loss, before, settings,
      opened: opened(settings, state.step + 1, value, gradient, before.first, before.second, isDecayed),
    };
  }

  /** @param {string} tensor @param {number} place @returns {Promise<QuotientAnswer>} */
  async quotient(tensor, place) {
    await this.#run();
    const found = this.#find(tensor);
    const gradient = this.learner.gradients[found.tensor.at + place];
    const at = found.tensor.at + place;
    const value = this.state.numbers[at];
    const [low, high] = [value - H, value + H];
    const from = this.learner.layers.findIndex(({ name }) => name === found.layer.name);
    const below = await this.#forward(at, low, from);
    const before = this.#sides();
    const above = await this.#forward(at, high, from);
    const crossed = differing(before, this.#sides());
    this.moved = { at, value, from };
    return { h: H, above, below, quotient: (above - below) / (high - low), gradient, crossed };
  }

  /**
   * ∂L/∂output of every layer for one image, in eval mode.
   * @param {ArrayLike<number>} input
   * @param {number} label
   * @returns {Promise<ActivationsAnswer>}
   */
  async activations(input, label) {
    this.single ??= new Learner(this.planned, this.start.data.shape, { kernels: plainKernels(Float64Array), capacity: 1 });
    const { single } = this;
    single.numbers.set(this.state.numbers);
    single.input.values.set(input);
    await single.forward({ count: 1, batch: 1, first: 0, isTraining: false, dropout: 0, seed: 0, step: 0 });
    const logits = single.answer;
    const most = Math.max(...logits.values.subarray(0, logits.size));
    const powers = logits.values.slice(0, logits.size).map((/** @type {number} */ value) => Math.exp(value - most));
    const whole = powers.reduce((/** @type {number} */ sum, /** @type {number} */ power) => sum + power, 0);
    const { loss } = single.loss([label]);
    const answer = logits.gradients.slice(0, logits.size);
    await single.backward();
    const gradients = Object.fromEntries(single.layers.map(({ name, size, gradients: its }) => [name, its.slice(0, size)]));
    return { loss, probabilities: powers.map((/** @type {number} */ power) => power / whole), answer, gradients };
  }

  /** @returns {Promise<Record<string, number>>} the length of each tensor's gradient, √Σ g² */
  async norms() {
    await this.#run();
    return Object.fromEntries(
      this.planned.tensors
        .filter(({ role }) => role === "parameter")
        .map(({ name, at, shape }) => {
          let sum = 0;
          for (let i = at; i < at + sizeOf(shape); i++) sum += this.learner.gradients[i] ** 2;
          return [name, Math.sqrt(sum)];
        }),
    );
  }

  get count() {
    return this.batch.labels.length;
  }

  /** @returns {Learner} */
  get learner() {
    return /** @type {Replica} */ (this.replica).learner;
  }

  /** Forward and backward through the batch, once a step; after a quotient the values that belong to it come back. */
  async #run() {
    if (this.batch) {
      if (this.moved) await this.#forward(this.moved.at, this.moved.value, this.moved.from);
      this.moved = null;
      return;
    }
    const { start, state, settings } = this;
    const count = start.training.images.length;
    const capacity = Math.ceil(count / stepsPerEpoch(count, settings.batchSize));
    const bytes = 16 * capacity * this.planned.layers.reduce((/** @type {number} */ sum, /** @type {any} */ { shape }) => sum + sizeOf(shape), 0);
    if (bytes > ROOM) throw new UserError(`a step with ${capacity} images takes ${Math.round(bytes / 1e6)} MB in double precision; expected at most ${ROOM / 1e6}: choose a smaller batch`);
    this.replica ??= new Replica(start, plainKernels(Float64Array), null, capacity);
    this.replica.settings = settings;
    this.replica.restore(state);
    const { images, labels } = this.replica.batch();
    this.replica.load(images, 0);
    const pass = { count: images.length, batch: images.length, first: 0, isTraining: true, dropout: settings.dropout, seed: settings.seed >>> 0, step: state.step };
    this.batch = { images, labels, pass };
    const { values } = this.learner.input;
    for (let i = 0; i < values.length; i++) values[i] = Math.fround(values[i]); // the engine reads single precision
    this.loss = await this.#forward(0, state.numbers[0]);
    await this.learner.backward();
  }

  /** The batch's mean loss with one number of the net set to a value, which only the layers from a place on depend on. */
  async #forward(at, value, from = 0) {
    const { learner, batch } = this;
    learner.numbers.set(this.state.numbers);
    learner.numbers[at] = value;
    if (from === 0) await learner.forward(batch.pass);
    else for (const pass of learner.passes.slice(from)) await pass.forward(batch.pass);
    return learner.loss(batch.labels).loss / this.count;
  }

  /** The tensor, and the layer and the part of its operation that it is. */
  #find(name) {
    const tensor = this.planned.tensors.find((each) => each.name === name);
    for (const layer of this.planned.layers) {
      const field = Object.keys(FACTORS[layer.operation.kind] ?? {}).find((key) => layer.operation[key]?.at === tensor?.at);
      if (tensor && field) return { tensor, layer, field: /** @type {WeightAnswer["field"]} */ (field) };
    }
    throw new Error(`${name} is no weight of a layer; expected one of ${this.planned.tensors.map((each) => each.name).join(", ")}`);
  }

  /** @returns {Products} */
  #products({ tensor, layer, field }, place, n) {
    const own = /** @type {import("./learner.js").Trained} */ (this.learner.byName.get(layer.name));
    const given = {
      operation: layer.operation, shape: layer.shape, index: indexOf(place, tensor.shape), n, count: this.count,
      gradients: own.gradients.subarray(n * own.size, (n + 1) * own.size), from: own.reads[0],
    };
    const { delta, read, isPadding, rows, columns } = FACTORS[layer.operation.kind][field](given);
    const products = delta.map((owed, i) => owed * (read ? read[i] : 1));
    return { rows, columns, delta, read, isPadding, products, sum: products.reduce((sum, product) => sum + product, 0) };
  }

  /** On which side of its kink each ReLU is, and which value each max pool takes. */
  #sides() {
    const sides = { relu: [], pool: [] };
    for (const { kind, operation, reads: [from] } of this.learner.layers) {
      if (kind === "activation") sides.relu.push(Uint8Array.from({ length: from.size * this.count }, (_, i) => Number(from.values[i] > 0)));
      if (kind === "pool" && operation.by === "max") sides.pool.push(winners(operation, from, this.count));
    }
    return sides;
  }
}

/**
 * For each tensor of an operation: what a weight of it was multiplied by, and what its layer's outputs owe the loss. The
 * learner's gradients are of the mean loss; times the count they are those of the image's own.
 */
const FACTORS = {
  conv: {
    weight({ operation, shape: [O, rows, columns], index: [o, c, i, j], gradients, n, count, from }) {
      const [, height, width] = from.shape;
      const [top, left] = operation.padding;
      const channel = Math.floor(o / (O / operation.groups)) * operation.weight.shape[1] + c;
      const plane = n * from.size + channel * height * width;
      const read = new Float64Array(rows * columns);
      const isPadding = new Uint8Array(rows * columns);
      for (let y = 0, at = 0; y < rows; y++) {
        const row = y * operation.stride[0] - top + i * operation.dilation[0];
        for (let x = 0; x < columns; x++, at++) {
          const column = x * operation.stride[1] - left + j * operation.dilation[1];
          if (row < 0 || column < 0 || row >= height || column >= width) isPadding[at] = 1;
          else read[at] = from.values[plane + row * width + column];
        }
      }
      return { rows, columns, delta: planeOf(gradients, o, rows * columns, count), read, isPadding };
    },
    bias: added,
  },
  linear: {
    weight({ index: [o, i], gradients, n, count, from }) {
      return { rows: 1, columns: 1, delta: planeOf(gradients, o, 1, count), read: Float64Array.of(from.values[n * from.size + i]), isPadding: null };
    },
    bias: added,
  },
  batch_norm: {
    gamma(given) {
      const { operation, index: [c], n, count, from } = given;
      const whole = added(given);
      const area = whole.rows * whole.columns;
      let mean = 0;
      for (let m = 0; m < count; m++) for (let i = 0; i < area; i++) mean += from.values[m * from.size + c * area + i];
      mean /= count * area;
      let variance = 0;
      for (let m = 0; m < count; m++) for (let i = 0; i < area; i++) variance += (from.values[m * from.size + c * area + i] - mean) ** 2;
      const deviation = Math.sqrt(variance / (count * area) + operation.epsilon);
      const read = Float64Array.from({ length: area }, (_, i) => (from.values[n * from.size + c * area + i] - mean) / deviation);
      return { ...whole, read };
    },
    beta: added,
  },
};

/** What is added to every position of a map: its factor is 1. */
function added({ shape, index: [o], gradients, count }) {
  const [, rows = 1, columns = 1] = shape;
  return { rows, columns, delta: planeOf(gradients, o, rows * columns, count), read: null, isPadding: null };
}

function planeOf(gradients, o, area, count) {
  return Float64Array.from(gradients.subarray(o * area, (o + 1) * area), (value) => value * count);
}

/** The index along each axis of a place in a tensor. */
function indexOf(place, shape) {
  const index = [];
  for (let axis = shape.length - 1, rest = place; axis >= 0; axis--) {
    index.unshift(rest % shape[axis]);
    rest = Math.floor(rest / shape[axis]);
  }
  return index;
}

/** Within each window of a max pool, the place of the value it takes. */
function winners({ rows, columns }, { values, size, shape }, count) {
  const [C, height, width] = shape;
  const taken = new Int32Array(count * C * rows.length * columns.length);
  let at = 0;
  for (let plane = 0; plane < count * C; plane++) {
    const first = Math.floor(plane / C) * size + (plane % C) * height * width;
    for (const window of rows) {
      for (const across of columns) {
        let best = first + window[0] * width + across[0];
        for (const y of window) for (const x of across) if (values[first + y * width + x] > values[best]) best = first + y * width + x;
        taken[at++] = best;
      }
    }
  }
  return taken;
}

/** How many sides differ between two runs. */
function differing(a, b) {
  const count = (kind) => a[kind].reduce((sum, layer, l) => sum + layer.reduce((found, side, i) => found + Number(side !== b[kind][l][i]), 0), 0);
  return { relu: count("relu"), pool: count("pool") };
}
