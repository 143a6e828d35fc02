// One unit taken apart: what it sums, worked out anew from the values before it and the layer's own numbers.

import { ACTIVATIONS } from "./activations.js";
import { placeToUnit, unitToPlace } from "./fields.js";
import { broadcast, COMBINE, normFigures, normScale, poolDivisor, reducedPlaces, takenPlaces } from "./layers.js";
import { number } from "./numbers.js";

/**
 * @typedef {[number, number, number]} Unit channel, row, column
 * @typedef {object} Patch the products of one input channel
 * @property {number} channel
 * @property {number[]} pixels
 * @property {number[]} kernel
 * @property {number[]} products
 * @property {boolean[]} isPadding
 * @property {number} sum
 */

/**
 * @param {import("./net.js").Net} net
 * @param {import("./net.js").Layer} layer
 * @param {Unit} unit
 * @returns {any} by kind; `total` is always the unit's value
 */
export function arithmetic(net, layer, unit) {
  const inputs = layer.inputs.map((name) => /** @type {import("./net.js").Layer} */ (net.byName.get(name)));
  return KINDS[layer.operation.kind]({ net, layer, unit, inputs, operation: layer.operation });
}

const KINDS = {
  image: ({ layer, unit }) => ({ total: layer.values[unitToPlace(unit, layer.shape)] }),

  conv({ layer, unit: [o, y, x], inputs: [input], operation }) {
    const [O, perGroup, KH, KW] = operation.weight.shape;
    const first = Math.floor(o / (O / operation.groups)) * perGroup;
    const patches = Array.from({ length: perGroup }, (_, c) =>
      patchOf(input, first + c, KH * KW, (k) => ({
        row: y * operation.stride[0] - operation.padding[0] + Math.floor(k / KW) * operation.dilation[0],
        column: x * operation.stride[1] - operation.padding[1] + (k % KW) * operation.dilation[1],
        weight: operation.weight.values[(o * perGroup + c) * KH * KW + k],
      })));
    return { input, patches, size: [KH, KW], layer, ...withBias(patches, operation, o) };
  },

  /** Patches as a convolution's; where no value of the input reaches the unit by a weight there is a gap. */
  transposed_conv({ layer, unit: [o, y, x], inputs: [input], operation }) {
    const [C] = input.shape;
    const [, perGroup, KH, KW] = operation.weight.shape;
    const { stride, padding, dilation, groups } = operation;
    const first = Math.floor(o / perGroup) * (C / groups);
    const patches = Array.from({ length: C / groups }, (_, c) =>
      patchOf(input, first + c, KH * KW, (k) => ({
        row: (y + padding[0] - Math.floor(k / KW) * dilation[0]) / stride[0],
        column: (x + padding[1] - (k % KW) * dilation[1]) / stride[1],
        weight: operation.weight.values[((first + c) * perGroup + (o % perGroup)) * KH * KW + k],
      })));
    return { input, patches, size: [KH, KW], layer, ...withBias(patches, operation, o) };
  },

  linear({ net, layer, unit, inputs: [input], operation }) {
    const [O, I] = operation.weight.shape;
    const place = unitToPlace(unit, layer.shape);
    const [o, before] = [place % O, Math.floor(place / O) * I];
    const origin = unflattened(net, input);
    const terms = Array.from({ length: I }, (_, i) => {
      const value = input.values[before + i];
      const weight = operation.weight.values[o * I + i];
      return { place: before + i, value, weight, product: value * weight };
    });
    const sum = terms.reduce((total, term) => total + term.product, 0);
    const bias = operation.bias ? operation.bias.values[o] : null;
    const bySize = [...terms].sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
    return { input, origin, terms, bySize, sum, bias, total: sum + (bias ?? 0) };
  },

  batch_norm({ layer, unit, inputs: [input], operation }) {
    const c = unit[0];
    const of = (name) => operation[name].values[c];
    const x = input.values[unitToPlace(unit, layer.shape)];
    const normalised = (x - of("mean")) / Math.sqrt(of("variance") + operation.epsilon);
    return {
      x, normalised, mean: of("mean"), variance: of("variance"), gamma: of("gamma"), beta: of("beta"),
      epsilon: operation.epsilon, total: normalised * of("gamma") + of("beta"),
    };
  },

  norm({ layer, unit, inputs: [input], operation }) {
    const place = unitToPlace(unit, layer.shape);
    const { together, epsilon, by, is_centred: isCentred } = operation;
    const { mean, variance } = normFigures(operation, input.values, place - (place % together));
    const { gamma, beta } = normScale(operation, place);
    const x = input.values[place];
    const normalised = (x - mean) / Math.sqrt(variance + epsilon);
    return { x, normalised, mean, variance, gamma, beta, epsilon, together, by, isCentred, total: normalised * gamma + beta };
  },

  activation({ layer, unit, inputs: [input], operation }) {
    const x = input.values[unitToPlace(unit, layer.shape)];
    const { of, written } = ACTIVATIONS[operation.function];
    return { x, written, total: of(x, operation) };
  },

  prelu({ layer, unit, inputs: [input], operation }) {
    const x = input.values[unitToPlace(unit, layer.shape)];
    const slope = operation.slope.values[operation.slope.values.length > 1 ? unit[0] : 0];
    return { x, written: `x, below 0 times ${number(slope)}`, total: x > 0 ? x : slope * x };
  },

  pool({ unit: [c, o, p], inputs: [input], operation }) {
    const [, H, W] = input.shape;
    const rows = operation.rows[o];
    const columns = operation.columns[p];
    const values = rows.flatMap((y) => columns.map((x) => input.values[(c * H + y) * W + x]));
    const isMax = operation.by === "max";
    const divisor = isMax ? null : poolDivisor(operation, o, p);
    const total = isMax ? Math.max(...values) : values.reduce((sum, value) => sum + value, 0) / divisor;
    const winners = isMax ? values.flatMap((value, i) => (Object.is(value, total) || value === total ? i : [])) : [];
    return { input, rows, columns, values, isMax, divisor, winners, total };
  },

  combine({ layer, unit, inputs, operation }) {
    const place = unitToPlace(unit, layer.shape);
    const named = new Map(inputs.map((input) => [input.name, input]));
    const operands = operation.operands.map((operand) => {
      const given = operand.value ?? named.get(operand.layer);
      const places = broadcast(given.shape, layer.shape);
      const at = places ? places[place] : place;
      return { name: operand.layer ?? null, value: given.values[at], unit: placeToUnit(at, given.shape) };
    });
    const sign = { add: "+", sub: "−", mul: "×", div: "÷" }[operation.by];
    return { operands, sign, total: COMBINE[operation.by](operands[0].value, operands[1].value) };
  },

  concat({ net, layer, unit, operation }) {
    const at = unit[operation.axis];
    let before = 0;
    for (const name of operation.parts) {
      const part = net.byName.get(name);
      const count = part.shape[operation.axis];
      if (at < before + count) {
        const from = /** @type {Unit} */ (unit.map((place, axis) => (axis === operation.axis ? place - before : place)));
        return { from: name, unit: from, total: part.values[unitToPlace(from, part.shape)] };
      }
      before += count;
    }
    throw new Error(`${layer.name} has no unit ${unit}`);
  },

  softmax({ layer, unit, inputs: [input], operation }) {
    const alike = Array.from({ length: layer.shape[operation.axis] }, (_, k) => {
      const other = /** @type {Unit} */ (unit.map((place, axis) => (axis === operation.axis ? k : place)));
      return input.values[unitToPlace(other, layer.shape)];
    });
    const largest = Math.max(...alike);
    const powers = alike.map((value) => Math.exp(value - largest));
    const sum = powers.reduce((total, power) => total + power, 0);
    const share = powers[unit[operation.axis]] / sum;
    return { values: alike, largest, powers, sum, at: unit[operation.axis], isLog: operation.log, total: operation.log ? Math.log(share) : share };
  },

  reduce({ layer, unit, inputs: [input], operation }) {
    const place = unitToPlace(unit, layer.shape);
    const places = reducedPlaces(input.shape, operation.axes);
    const values = [...input.values].filter((_, i) => places[i] === place);
    const sum = values.reduce((total, value) => total + value, 0);
    const isMean = operation.by === "mean";
    return { input, values, isMean, sum, total: isMean ? sum / values.length : sum };
  },

  pad({ unit: [c, y, x], inputs: [input], operation }) {
    const [, H, W] = input.shape;
    const [row, column] = [y - operation.padding[0], x - operation.padding[1]];
    const isPadding = row < 0 || column < 0 || row >= H || column >= W;
    if (isPadding) return { isPadding, total: 0 };
    return { isPadding, from: input.name, unit: [c, row, column], total: input.values[(c * H + row) * W + column] };
  },

  take({ layer, unit, inputs: [input], operation }) {
    const place = takenPlaces(operation)[unitToPlace(unit, layer.shape)];
    if (place < 0) return { isPadding: true, total: 0 };
    return { isPadding: false, from: input.name, unit: placeToUnit(place, input.shape), total: input.values[place] };
  },

  same(given) {
    const passed = passedOn(given, given.unit);
    const { mask } = given.operation;
    if (!mask) return { ...passed, x: passed.total };
    const isKept = mask.kept[unitToPlace(given.unit, given.layer.shape)] === 1;
    return { ...passed, x: passed.total, mask, isKept, total: isKept ? mask.scale * passed.total + mask.shift : mask.dropped };
  },
  reshape: (given) => passedOn(given, placeToUnit(unitToPlace(given.unit, given.layer.shape), given.inputs[0].shape)),
};

/**
 * The products of one channel; a place between the input's values or outside of them is padding, which counts as 0.
 * @param {import("./net.js").Layer} input
 * @param {number} channel
 * @param {number} count of weights
 * @param {(k: number) => {row: number, column: number, weight: number}} at
 * @returns {Patch}
 */
function patchOf(input, channel, count, at) {
  const [, H, W] = input.shape;
  const patch = /** @type {Patch} */ ({ channel, pixels: [], kernel: [], products: [], isPadding: [], sum: 0 });
  for (let k = 0; k < count; k++) {
    const { row, column, weight } = at(k);
    const isValue = Number.isInteger(row) && Number.isInteger(column) && row >= 0 && column >= 0 && row < H && column < W;
    const pixel = isValue ? input.values[(channel * H + row) * W + column] : 0;
    patch.pixels.push(pixel);
    patch.kernel.push(weight);
    patch.products.push(pixel * weight);
    patch.isPadding.push(!isValue);
    patch.sum += pixel * weight;
  }
  return patch;
}

/** The sum of all patches and, with the bias of an output channel, the unit's value. */
function withBias(patches, operation, o) {
  const bias = operation.bias ? operation.bias.values[o] : null;
  const sum = patches.reduce((total, patch) => total + patch.sum, 0);
  return { sum, bias, total: sum + (bias ?? 0) };
}

function passedOn({ inputs: [input] }, unit) {
  return { from: input.name, unit, total: input.values[unitToPlace(unit, input.shape)] };
}

/**
 * The layer of maps that a vector, only reshaped or passed on, comes from.
 * @param {import("./net.js").Net} net
 * @param {import("./net.js").Layer} layer
 * @returns {import("./net.js").Layer}
 */
export function unflattened(net, layer) {
  let at = layer;
  while (["reshape", "same"].includes(at.operation.kind)) at = /** @type {any} */ (net.byName.get(at.inputs[0]));
  return at.values.length === layer.values.length ? at : layer;
}

/**
 * The layers that read this one and no other, as long as each works value by value or by windows of a pool.
 * @param {import("./net.js").Net} net
 * @param {import("./net.js").Layer} layer
 * @param {Unit} unit
 * @returns {{layer: import("./net.js").Layer, unit: Unit}[]}
 */
export function onwards(net, layer, unit) {
  const steps = [];
  for (let at = layer, place = unit; ; ) {
    const readers = net.layers.filter((each) => each.inputs.includes(at.name));
    if (readers.length !== 1) return steps;
    const [next] = readers;
    const { kind } = next.operation;
    if (kind === "pool") {
      const row = next.operation.rows.findIndex((window) => window.includes(place[1]));
      const column = next.operation.columns.findIndex((window) => window.includes(place[2]));
      if (row < 0 || column < 0 || next.operation.by !== "max") return steps;
      place = [place[0], row, column];
    } else if (!["batch_norm", "norm", "activation", "prelu"].includes(kind)) return steps;
    steps.push({ layer: next, unit: place });
    if (kind === "pool") return steps;
    at = next;
  }
}
