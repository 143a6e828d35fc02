// A net in training: its layers with their values and gradients for all images of a pass, and both passes through them.

import { UserError } from "../../explorer/web/errors.js";
import { IMAGE } from "../../explorer/web/net.js";
import { sizeOf } from "../../explorer/web/numbers.js";
import { add } from "./add.js";
import { batchNorm } from "./batch_norm.js";
import { conv } from "./conv.js";
import { crossEntropy } from "./cross_entropy.js";
import { dropout } from "./dropout.js";
import { linear } from "./linear.js";
import { pool } from "./pool.js";
import { relu } from "./relu.js";
import { reshape } from "./reshape.js";

/**
 * @typedef {import("./kernels.js").Kernels} Kernels
 * @typedef {import("./kernels.js").Numbers} Numbers
 *
 * @typedef {object} Trained a layer of a net in training
 * @property {string} name
 * @property {string} kind
 * @property {number} place among the net's layers, from 0; −1 for the images
 * @property {number[]} shape of one image's values
 * @property {number} size
 * @property {number} capacity images that it has room for
 * @property {any} values of all images of the pass, (capacity, …shape)
 * @property {any} gradients ∂loss/∂values; null for the images
 * @property {any} operation with its tensors as {shape, values, gradients}
 * @property {Trained[]} reads
 * @property {boolean[]} adds whether its gradient is added to that of each layer it reads: another reader's is there
 *
 * @typedef {object} Pass
 * @property {number} count images of the pass
 * @property {number} batch images of the whole batch, of which replicas have a part each
 * @property {number} first place of the pass's first image in the batch
 * @property {boolean} isTraining
 * @property {number} dropout share of units turned off
 * @property {number} seed of dropout's masks: 0 … 2³² − 1
 * @property {number} step from 0
 *
 * @typedef {object} Exchange between replicas that have a part of the batch each
 * @property {(sums: Float64Array) => Promise<void> | void} sum over all replicas, in place
 */

/** One replica: nobody to exchange with. @type {Exchange} */
export const ALONE = { sum() {} };

/** @type {Record<string, (layer: Trained, inputs: Trained[], kernels: Kernels, exchange: Exchange) => any>} */
const LAYERS = { conv, linear, batch_norm: batchNorm, activation: relu, pool, same: dropout, reshape, combine: add };

/** Whether the page can train such a layer. @param {any} operation */
export function isTrainable({ kind, ...operation }) {
  if (kind === "activation") return operation.function === "relu";
  if (kind === "combine") return operation.by === "add" && operation.operands.every((/** @type {any} */ operand) => operand.layer);
  return kind in LAYERS;
}

export class Learner {
  /**
   * @param {any} planned the net's part of the page's record
   * @param {number[]} shape of an image: (C, H, W)
   * @param {object} options
   * @param {Kernels} options.kernels
   * @param {number} options.capacity most images of a pass
   * @param {Exchange} [options.exchange]
   */
  constructor(planned, shape, { kernels, capacity, exchange = ALONE }) {
    this.capacity = capacity;
    this.tensors = planned.tensors;
    const size = Math.max(0, ...planned.tensors.map((/** @type {any} */ { at, shape }) => at + sizeOf(shape)));
    /** All weights and buffers, at their places in the page's block. */
    this.numbers = kernels.allocate(size).subarray(0, size); // kernels may have taken some more
    /** Their gradients; 0 at the buffers. */
    this.gradients = kernels.allocate(size).subarray(0, size);
    /** @type {Trained} */
    this.input = /** @type {any} */ ({ name: IMAGE, kind: "image", place: -1, shape, size: sizeOf(shape), capacity, values: kernels.allocate(capacity * sizeOf(shape)), gradients: null, reads: [], adds: [] });
    /** @type {Trained[]} */
    this.layers = [];
    /** @type {Map<string, Trained>} */
    this.byName = new Map([[IMAGE, this.input]]);
    const taken = new Set();
    for (const [place, layer] of planned.layers.entries()) this.#add(layer, place, kernels);
    for (let place = this.layers.length - 1; place >= 0; place--) {
      const layer = this.layers[place]; // in the order of the backward pass: the first reader sets, others add
      layer.adds = layer.reads.map((read) => taken.size === taken.add(read).size);
    }
    this.answer = /** @type {Trained} */ (this.byName.get(planned.output));
    this.passes = this.layers.map((layer) => LAYERS[layer.kind](layer, layer.reads, kernels, exchange));
    /** @type {Pass} */
    this.pass = /** @type {any} */ (null);
  }

  /** @param {Pass} pass what `input.values` hold */
  async forward(pass) {
    this.pass = pass;
    for (const layer of this.passes) {
      const waiting = layer.forward(pass);
      if (waiting) await waiting;
    }
  }

  /** The loss of the last forward pass; the answer's gradients are set. @param {ArrayLike<number>} labels */
  loss(labels) {
    return crossEntropy(this.answer, labels, this.pass.count, this.pass.batch);
  }

  /** From the answer's gradients to those of all layers and weights. */
  async backward() {
    this.gradients.fill(0);
    for (let place = this.passes.length - 1; place >= 0; place--) {
      const waiting = this.passes[place].backward(this.pass);
      if (waiting) await waiting;
    }
  }

  #add(planned, place, kernels) {
    const { operation, name, shape } = planned;
    if (!isTrainable(operation)) {
      throw new UserError(`layer ${name} (${planned.type}) cannot be trained in the page; expected convolution, linear, batch norm, ReLU, max or average pool, dropout, flatten or +`);
    }
    const names = operation.kind === "combine" ? operation.operands.map((/** @type {any} */ { layer }) => layer) : planned.inputs;
    const size = sizeOf(shape);
    this.layers.push(/** @type {any} */ ({
      name, kind: operation.kind, place, shape, size, capacity: this.capacity,
      values: kernels.allocate(this.capacity * size), gradients: kernels.allocate(this.capacity * size),
      operation: this.#withTensors(operation), reads: names.map((/** @type {string} */ read) => this.byName.get(read)), adds: [],
    }));
    this.byName.set(name, this.layers[place]);
  }

  #withTensors(operation) {
    const filled = (/** @type {[string, any]} */ [key, value]) => {
      if (value === null || typeof value !== "object" || Array.isArray(value) || !("at" in value)) return [key, value];
      const [from, end] = [value.at, value.at + sizeOf(value.shape)];
      return [key, { shape: value.shape, values: this.numbers.subarray(from, end), gradients: this.gradients.subarray(from, end) }];
    };
    return Object.fromEntries(Object.entries(operation).map(filled));
  }
}
