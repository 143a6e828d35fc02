// The net of the page: its layers in order, each with the values of the last forward pass.

import { LAYERS } from "./layers.js";
import { best, sizeOf } from "./numbers.js";

/** The names of what this page adds to a net. A path of PyTorch's begins with no dot, so that no layer has them. */
export const IMAGE = ".image";
const SOFTMAX = ".softmax";

/** @param {string} name of a layer @returns {string} as the reader is told */
export function shownName(name) {
  return name === IMAGE ? "the image" : name === SOFTMAX ? "softmax" : name;
}

/**
 * @typedef {object} Layer
 * @property {string} name
 * @property {string} type
 * @property {string[]} inputs names of the layers it reads
 * @property {number[]} shape
 * @property {Float32Array} values of the last forward pass
 * @property {any} operation
 * @property {{start: number[], jump: number[], size: number[]} | null} window where the units' fields lie, the image's border left out of account
 * @property {number} parameters
 * @property {string[]} size_arithmetic
 * @property {Layer[]} reads the layers that its operation reads, in the operation's order
 * @property {() => void} run
 * @property {() => void} rebuild makes `run` anew from the operation
 */

export class Net {
  /**
   * @param {any} record of the page
   * @param {any} planned the net's part of it
   * @param {Float32Array} numbers all tensors, one after the other
   * @param {Uint8ClampedArray} pixels of the image; nets on one input share them
   */
  constructor(record, planned, numbers, pixels) {
    this.name = planned.net;
    this.mean = record.mean;
    this.std = record.std;
    this.isNormalised = true;
    /** @type {Layer[]} */
    this.layers = [];
    /** All tensors of the operations, in their order: what changes while the net is trained. @type {Float32Array[]} */
    this.tensors = [];
    /** @type {Map<string, Layer>} */
    this.byName = new Map();
    const size = sizeOf(record.shape);
    this.pixels = pixels;
    this.input = /** @type {any} */ ({
      name: IMAGE, type: "image", inputs: [], shape: record.shape, values: new Float32Array(size),
      operation: { kind: "image" }, parameters: 0, size_arithmetic: [], window: null, reads: [], run() {}, rebuild() {},
    });
    this.byName.set(IMAGE, this.input);
    for (const layer of planned.layers) this.#add(layer, numbers);
    this.output = /** @type {Layer} */ (this.byName.get(planned.output));
    this.answer = this.#probabilities();
    this.probabilities = this.answer.values;
  }

  /** Run the net on `pixels`, and fill every layer's values. */
  run() {
    const plane = this.pixels.length / this.mean.length;
    for (let i = 0; i < this.pixels.length; i++) {
      const c = Math.floor(i / plane);
      this.input.values[i] = this.isNormalised
        ? this.pixels[i] * Math.fround(1 / (255 * this.std[c])) + Math.fround(-this.mean[c] / this.std[c])
        : this.pixels[i] / 255;
    }
    for (const layer of this.layers) layer.run();
  }

  /** Take over weights that were changed: convolutions keep theirs in an order of their own. */
  rebuild() {
    for (const layer of this.layers) layer.rebuild();
  }

  /** @returns {number | null} the class with the highest probability; null where the answer is no number */
  get prediction() {
    return best(this.probabilities);
  }

  #add(planned, numbers) {
    const layer = { ...planned, values: new Float32Array(sizeOf(planned.shape)) };
    layer.operation = withTensors(planned.operation, numbers, this.tensors);
    const names =
      layer.operation.kind === "combine"
        ? layer.operation.operands.flatMap((/** @type {any} */ operand) => operand.layer ?? [])
        : (layer.operation.parts ?? layer.inputs);
    const inputs = names.map((/** @type {string} */ name) => this.byName.get(name));
    layer.reads = inputs;
    layer.rebuild = () => {
      layer.run = LAYERS[layer.operation.kind](layer.operation, inputs, layer);
    };
    layer.rebuild();
    this.layers.push(layer);
    this.byName.set(layer.name, layer);
  }

  /** The layer of class probabilities: the net's own softmax, or one after its logits. */
  #probabilities() {
    const { operation, shape, name } = this.output;
    if (operation.kind === "softmax" && !operation.log) return this.output;
    this.#add(
      {
        name: SOFTMAX, type: "by this page", inputs: [name], shape, parameters: 0, size_arithmetic: [],
        window: null, operation: { kind: "softmax", axis: 0, log: false },
      },
      new Float32Array(0),
    );
    return /** @type {Layer} */ (this.layers.at(-1));
  }
}

/** An operation with the values of its tensors in place of where they are stored; the tensors are added to `all`. */
function withTensors(operation, numbers, all) {
  const filled = (value) => {
    if (Array.isArray(value)) return value.map(filled);
    if (value === null || typeof value !== "object") return value;
    if ("at" in value) {
      const values = numbers.subarray(value.at, value.at + sizeOf(value.shape));
      all.push(values);
      return { shape: value.shape, values };
    }
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, filled(inner)]));
  };
  return filled(operation);
}
