// The net as blocks: a layer that computes something, with what only follows it value by value, under the name by which
// a class speaks of it.

import { asMaps, counted } from "./numbers.js";

/**
 * @typedef {import("./net.js").Layer} Layer
 * @typedef {object} Block
 * @property {string} name "Conv 1"
 * @property {string} detail "3×3 · 32 maps"
 * @property {Layer[]} layers the one that computes, then what follows it value by value
 * @property {Layer} shown the last of them with maps, or values, of its own: what the block hands on
 * @property {Block[]} reads the blocks before it; none for one that reads the image
 * @property {number} rank the longest way from the image, in blocks
 */

/** Kinds that work value by value, and so belong to the block before them. */
const FOLLOWS = new Set(["batch_norm", "norm", "activation", "prelu", "same", "reshape"]);

/** @type {Record<string, string>} what a layer is called that stands alone, or heads a block */
const NAMES = { conv: "Conv", transposed_conv: "Transposed conv", norm: "Norm", linear: "Dense", pool: "Pool", concat: "Join", softmax: "Softmax", pad: "Pad", batch_norm: "Norm", prelu: "PReLU", same: "Dropout" };
/** @type {Record<string, string>} a layer that takes values from the one before, by PyTorch's function */
const TAKEN = {
  getitem: "Cut", narrow: "Cut", select: "Cut", pad: "Pad", permute: "Permute", transpose: "Permute", movedim: "Permute", flip: "Flip", roll: "Roll",
  pixel_shuffle: "Pixel shuffle", pixel_unshuffle: "Pixel unshuffle", channel_shuffle: "Channel shuffle", interpolate: "Enlarge", upsample: "Enlarge", repeat_interleave: "Repeat",
};
/** @type {Record<string, string>} */
const NORMS = { group_norm: "group norm", layer_norm: "layer norm", instance_norm: "instance norm", rms_norm: "RMS norm" };
const COMBINED = { add: "Add", sub: "Subtract", mul: "Multiply", div: "Divide" };

/** @type {WeakMap<import("./net.js").Net, {blocks: Block[], within: Map<Layer, Block>}>} */
const known = new WeakMap();

/**
 * @param {import("./net.js").Net} net
 * @returns {Block[]} in an order in which each reads only earlier ones; the answer's softmax is none of them
 */
export function blocksOf(net) {
  return grouped(net).blocks;
}

/**
 * The block whose values a layer hands on; one of its own for a layer that lies in none, as the answer's softmax.
 * @param {import("./net.js").Net} net
 * @param {Layer} layer
 * @returns {Block}
 */
export function blockOf(net, layer) {
  return grouped(net).within.get(layer) ?? { name: layer === net.answer ? "Answer" : kindName(layer), detail: detail(layer), layers: [layer], shown: layer, reads: [], rank: 0 };
}

/** @param {import("./net.js").Net} net */
function grouped(net) {
  const before = known.get(net);
  if (before) return before;
  /** @type {Map<Layer, Block>} the block that a layer lies in */
  const within = new Map();
  /** @type {Block[]} */
  const blocks = [];
  const inputs = (/** @type {Layer} */ layer) => layer.inputs.map((name) => /** @type {Layer} */ (net.byName.get(name)));
  for (const layer of net.layers) {
    if (layer === net.answer) continue;
    const [from, ...others] = inputs(layer);
    const block = from && within.get(from);
    const isAlone = net.layers.filter((each) => each.inputs.includes(layer.inputs[0])).length === 1;
    if (FOLLOWS.has(layer.operation.kind) && block && !others.length && isAlone && block.layers.at(-1) === from) {
      block.layers.push(layer);
      within.set(layer, block);
    } else if (passesOn(layer)) {
      if (block) within.set(layer, block);
    } else {
      const made = /** @type {Block} */ ({ name: "", detail: detail(layer), layers: [layer], shown: layer, reads: [], rank: 0 });
      within.set(layer, made);
      blocks.push(made);
    }
  }
  for (const block of blocks) {
    const shape = block.layers[0].shape;
    block.shown = /** @type {Layer} */ (block.layers.findLast((layer) => layer.operation.kind !== "reshape" && layer.shape.length === shape.length) ?? block.layers[0]);
    block.reads = [...new Set(inputs(block.layers[0]).map((layer) => within.get(layer)).filter((each) => each !== undefined))];
    block.rank = Math.max(-1, ...block.reads.map((each) => each.rank)) + 1;
  }
  const made = { blocks: named(blocks), within };
  known.set(net, made);
  return made;
}

/** A layer that hands on the very values that it gets. @param {Layer} layer */
function passesOn({ operation }) {
  return operation.kind === "reshape" || (operation.kind === "same" && !("dropout" in operation));
}

/** What follows the head of a block, in a few words; empty for nothing. @param {Block} block */
export function follows({ layers }) {
  return layers.slice(1).map((layer) => word(layer)).join(", ");
}

/** @param {Pick<Layer, "operation" | "type">} layer @returns {string} "batch norm" */
export function word({ operation, type }) {
  if (operation.kind === "batch_norm") return "batch norm";
  if (operation.kind === "norm") return NORMS[operation.by];
  if (operation.kind === "take") return TAKEN[operation.by].toLowerCase();
  if (operation.kind === "same") return "dropout" in operation ? "dropout" : "identity";
  if (operation.kind === "reshape") return "flatten";
  if (operation.kind === "activation" && operation.function === "relu") return "ReLU";
  return type.replace(/\(.*/, "");
}

/** Number the blocks of a kind, where there are several. */
function named(blocks) {
  const kinds = blocks.map((block) => kindName(block.layers[0]));
  blocks.forEach((block, i) => {
    const isOnly = kinds.filter((kind) => kind === kinds[i]).length === 1 && !["Conv", "Dense"].includes(kinds[i]);
    const place = kinds.slice(0, i + 1).filter((kind) => kind === kinds[i]).length;
    block.name = isOnly ? kinds[i] : `${kinds[i]} ${place}`;
  });
  return blocks;
}

/** @param {Pick<Layer, "operation" | "type">} layer */
function kindName({ operation, type }) {
  if (operation.kind === "combine") return COMBINED[operation.by];
  if (operation.kind === "take") return TAKEN[operation.by];
  if (operation.kind === "reduce") return operation.by === "mean" ? "Mean" : "Sum";
  return NAMES[operation.kind] ?? word({ operation, type });
}

/** The head's own numbers. @param {Layer} layer */
function detail({ operation, shape }) {
  const [maps, rows, columns] = asMaps(shape);
  const many = rows * columns > 1 ? `${counted(maps)} ${maps === 1 ? "map" : "maps"}` : `${counted(maps)} ${maps === 1 ? "unit" : "units"}`;
  if (operation.kind === "conv" || operation.kind === "transposed_conv") {
    const [, , height, width] = operation.weight.shape;
    const stride = Math.max(...operation.stride);
    return [`${height}×${width}`, stride > 1 ? `stride ${stride}` : "", operation.groups > 1 ? `${operation.groups} groups` : "", many].filter(Boolean).join(" · ");
  }
  if (operation.kind === "pool") {
    const size = (windows) => Math.max(...windows.map((window) => window.length));
    const by = operation.by === "max" ? "max" : "mean";
    return rows * columns === 1 ? `${by} of each map` : `${by} ${size(operation.rows)}×${size(operation.columns)}`;
  }
  return many;
}
