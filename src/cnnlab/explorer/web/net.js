// The net of the page: its layers in order, each with the values of the last forward pass.

import { LAYERS } from "./layers.js";
import { sizeOf } from "./numbers.js";

/**
 * @typedef {object} Layer
 * @property {string} name
 * @property {string} type
 * @property {string[]} inputs names of the layers it reads; "input" is the image
 * @property {number[]} shape
 * @property {Float32Array} values of the last forward pass
 * @property {any} operation
 * @property {boolean} is_field_exact whether each unit depends on all pixels between its field's first and last
 * @property {number} parameters
 * @property {string[]} size_arithmetic
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
      name: "input", type: "image", inputs: [], shape: record.shape, values: new Float32Array(size),
      operation: { kind: "image" }, parameters: 0, size_arithmetic: [], is_field_exact: true, run() {}, rebuild() {},
    });
    this.byName.set("input", this.input);
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

  /** @returns {number} the class with the highest probability */
  get prediction() {
    return this.probabilities.indexOf(Math.max(...this.probabilities));
  }

  #add(planned, numbers) {
    const layer = { ...planned, values: new Float32Array(sizeOf(planned.shape)) };
    layer.operation = withTensors(planned.operation, numbers, this.tensors);
    const names =
      layer.operation.kind === "combine"
        ? layer.operation.operands.flatMap((/** @type {any} */ operand) => operand.layer ?? [])
        : (layer.operation.parts ?? layer.inputs);
    const inputs = names.map((/** @type {string} */ name) => this.byName.get(name));
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
        name: "softmax", type: "by this page", inputs: [name], shape, parameters: 0, size_arithmetic: [],
        is_field_exact: this.output.is_field_exact, operation: { kind: "softmax", axis: 0, log: false },
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
