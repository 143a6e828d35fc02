// A conv-net as the reader designs it: nets/convnet.py and what explorer/translation.py makes of it, in the page.

import { UserError } from "../../explorer/web/errors.js";
import { sizeOf } from "../../explorer/web/numbers.js";

/**
 * @typedef {object} Design
 * @property {number[]} widths channels of each block
 * @property {number} kernelSize
 * @property {number} convsPerBlock
 * @property {boolean} batchNorm after each convolution
 * @property {number} hidden units of the hidden dense layer; 0 leaves it out
 * @property {"max" | "average" | "stride" | "none"} pool how a block halves the image
 */

/** Batch norm as PyTorch has it by default: what is added to the variance, and the running averages' share of new ones. */
const EPSILON = 1e-5;
const MOMENTUM = 0.1;
/** PyTorch's default gain for weights, kaiming_uniform_ with a = √5. */
const GAIN = Math.sqrt(2 / (1 + Math.sqrt(5) ** 2));
const POOLS = ["max", "average", "stride", "none"];

/**
 * The net's part of the page's record, as Python writes it for such a net: layers, tensors, initial weights.
 * @param {Design} design
 * @param {number} dropout share of units turned off before the answer
 * @param {number[]} imageShape (C, H, W)
 * @param {number} classes
 * @throws {UserError} where it is no net, or nothing of an image would be left
 */
export function designed(design, dropout, imageShape, classes) {
  requireDesign(design);
  const { widths, kernelSize, convsPerBlock, batchNorm, hidden, pool } = design;
  const net = new Plan(imageShape);
  const padding = Math.floor((kernelSize - 1) / 2);
  widths.forEach((width, block) => {
    for (let conv = 1; conv <= convsPerBlock; conv++) {
      const stride = pool === "stride" && conv === convsPerBlock ? 2 : 1;
      net.conv(width, kernelSize, stride, padding, `convolution ${conv} of block ${block + 1}`);
      if (batchNorm) net.batchNorm();
      net.relu();
    }
    if (pool === "max" || pool === "average") net.pool(pool, `the pool of block ${block + 1}`);
  });
  net.flatten();
  if (hidden) {
    net.linear(hidden);
    net.relu();
  }
  net.dropout(dropout);
  net.linear(classes);
  return {
    net: "conv-net",
    title: "ConvNet",
    options: { widths, kernel_size: kernelSize, convs_per_block: convsPerBlock, batch_norm: batchNorm, dropout, hidden, pool },
    dropout,
    design: { widths, kernelSize, convsPerBlock, batchNorm, hidden, pool },
    parameters: net.layers.reduce((sum, layer) => sum + layer.parameters, 0),
    layers: net.layers,
    output: net.layers[net.layers.length - 1].name,
    tensors: net.tensors,
    counters: net.layers.filter(({ type }) => type === "BatchNorm2d").map(({ name }) => `${name}.num_batches_tracked`),
    weights: null,
    run: null,
    proof: null,
  };
}

/** @param {Design} design */
function requireDesign({ widths, kernelSize, convsPerBlock, hidden, pool }) {
  const isCount = (/** @type {number} */ value, least = 1) => Number.isInteger(value) && value >= least;
  if (!widths.length || !widths.every((width) => isCount(width)) || !isCount(kernelSize) || !isCount(convsPerBlock) || !isCount(hidden, 0)) {
    const listed = `(${widths.join(", ")}${widths.length === 1 ? "," : ""})`;
    throw new UserError(
      `conv-net: got widths ${listed}, kernel_size ${kernelSize}, convs_per_block ${convsPerBlock}, hidden ${hidden}; ` +
        "expected at least one block and whole numbers of at least 1 (hidden: 0)",
    );
  }
  if (!POOLS.includes(pool)) throw new UserError(`conv-net: got pool '${pool}'; expected max, average, stride or none`);
}

/** Layers, one after the other, and where the net's block of numbers holds their tensors. */
class Plan {
  /** @type {any[]} */
  layers = [];
  /** @type {any[]} */
  tensors = [];
  #part = "features";
  #position = 0;
  #length = 0;
  /** Of the image, then of what the last layer gives. @type {number[]} */
  #shape;
  /** The pixels that a unit sees, alike for rows and columns. */
  #window = { start: 0, jump: 1, size: 1 };
  #image;

  /** @param {number[]} imageShape */
  constructor(imageShape) {
    this.#shape = imageShape;
    this.#image = imageShape.slice(1);
  }

  /** @param {number} width @param {number} kernelSize @param {number} stride @param {number} padding @param {string} place */
  conv(width, kernelSize, stride, padding, place) {
    const [channels] = this.#shape;
    const name = this.#nextName();
    const fanIn = channels * kernelSize ** 2;
    const weight = this.#uniform(name, "weight", [width, channels, kernelSize, kernelSize], fanIn);
    const bias = this.#uniform(name, "bias", [width], fanIn);
    const { out, written } = this.#slide(kernelSize, stride, padding, place);
    const operation = {
      kind: "conv", weight, bias, stride: [stride, stride], padding: [padding, padding, padding, padding], dilation: [1, 1], groups: 1,
    };
    this.#add(name, "Conv2d", [width, ...out], operation, written);
  }

  batchNorm() {
    const name = this.#nextName();
    const channels = [this.#shape[0]];
    const gamma = this.#constant(name, "weight", channels, 1, "parameter");
    const beta = this.#constant(name, "bias", channels, 0, "parameter");
    const mean = this.#constant(name, "running_mean", channels, 0, "buffer");
    const variance = this.#constant(name, "running_var", channels, 1, "buffer");
    this.#add(name, "BatchNorm2d", this.#shape, { kind: "batch_norm", mean, variance, gamma, beta, epsilon: EPSILON, momentum: MOMENTUM });
  }

  relu() {
    this.#add(this.#nextName(), "ReLU", this.#shape, { kind: "activation", function: "relu" });
  }

  /** @param {"max" | "average"} by @param {string} place */
  pool(by, place) {
    const [channels] = this.#shape;
    const { out, written } = this.#slide(2, 2, 0, place);
    const [rows, columns] = out.map((count) => Array.from({ length: count }, (_, i) => [2 * i, 2 * i + 1]));
    const counts = { row_counts: rows.map(() => 2), column_counts: columns.map(() => 2), divisor: null };
    const operation = { kind: "pool", by: by === "max" ? "max" : "mean", rows, columns, ...(by === "max" ? {} : counts) };
    this.#add(this.#nextName(), by === "max" ? "MaxPool2d" : "AvgPool2d", [channels, ...out], operation, written);
  }

  flatten() {
    this.#part = "classifier";
    this.#position = 0;
    this.#add(this.#nextName(), "Flatten", [sizeOf(this.#shape)], { kind: "reshape" });
  }

  /** @param {number} units */
  linear(units) {
    const name = this.#nextName();
    const [inputs] = this.#shape;
    const weight = this.#uniform(name, "weight", [units, inputs], inputs);
    const bias = this.#uniform(name, "bias", [units], inputs);
    this.#add(name, "Linear", [units], { kind: "linear", weight, bias });
  }

  /** @param {number} share */
  dropout(share) {
    this.#add(this.#nextName(), "Dropout", this.#shape, { kind: "same", dropout: share, together: 1, is_alpha: false });
  }

  /** The sides after a window slid over them, ⌊(H+2p−K)/s⌋+1, in numbers and written out. */
  #slide(kernelSize, stride, padding, place) {
    const sides = this.#shape.slice(1);
    const out = sides.map((side) => Math.floor((side + 2 * padding - kernelSize) / stride) + 1);
    if (Math.min(...out) < 1) {
      throw new UserError(
        `conv-net: images of ${this.#image.join("×")} leave ${out.join("×")} after ${place}; ` +
          "expected at least 1×1: use larger images or a net with fewer or smaller layers",
      );
    }
    const { start, jump, size } = this.#window;
    this.#window = { start: start - padding * jump, jump: stride * jump, size: size + (kernelSize - 1) * jump };
    const written = sides.map((side, i) => `⌊(${side}+2·${padding}−${kernelSize})/${stride}⌋+1 = ${out[i]}`);
    return { out, written: [...new Set(written)] };
  }

  #nextName() {
    return `${this.#part}.${this.#position++}`;
  }

  #add(name, type, shape, operation, written = /** @type {string[]} */ ([])) {
    const inputs = [this.layers.length ? this.layers[this.layers.length - 1].name : ".image"];
    const own = this.tensors.filter((tensor) => tensor.role === "parameter" && tensor.name.startsWith(`${name}.`));
    const { start, jump, size } = this.#window;
    this.layers.push({
      name,
      type,
      inputs,
      shape,
      parameters: own.reduce((sum, tensor) => sum + sizeOf(tensor.shape), 0),
      size_arithmetic: written,
      window: shape.length === 3 ? { start: [start, start], jump: [jump, jump], size: [size, size] } : null,
      operation,
    });
    this.#shape = shape;
  }

  /** A tensor that PyTorch draws from U(−1/√fan-in, 1/√fan-in), rounded as it comes to it. */
  #uniform(layer, name, shape, fanIn) {
    const bound = name === "weight" ? Math.sqrt(3) * (GAIN / Math.sqrt(fanIn)) : 1 / Math.sqrt(fanIn);
    return this.#tensor(`${layer}.${name}`, shape, "parameter", { kind: "uniform", bound });
  }

  #constant(layer, name, shape, value, role) {
    return this.#tensor(`${layer}.${name}`, shape, role, { kind: "constant", value });
  }

  #tensor(name, shape, role, initial) {
    const at = this.#length;
    this.tensors.push({ name, at, shape, role, initial });
    this.#length += sizeOf(shape);
    return { at, shape };
  }
}
