// What a unit depends on: in every layer before it, the channels, rows and columns that lie on its way.

import { asMaps } from "./numbers.js";

/** @typedef {{channels: [number, number], rows: [number, number], columns: [number, number]}} Box first and last */

/**
 * @param {import("./net.js").Net} net
 * @param {import("./net.js").Layer} layer
 * @param {[number, number, number]} unit channel, row, column
 * @returns {Map<string, Box>} by layer, the unit's own included; only layers that it depends on
 */
export function fieldsOf(net, layer, unit) {
  /** @type {Map<string, Box>} */
  const boxes = new Map([[layer.name, unitBox(unit)]]);
  for (const each of [...net.layers].reverse()) {
    const box = boxes.get(each.name);
    if (!box) continue;
    for (const [name, part] of reads(net, each, box)) {
      const before = boxes.get(name);
      boxes.set(name, before ? union(before, part) : part);
    }
  }
  return boxes;
}

/** @param {[number, number, number]} unit @returns {Box} */
function unitBox([c, y, x]) {
  return { channels: [c, c], rows: [y, y], columns: [x, x] };
}

/**
 * What a layer reads of its inputs for the units of a box.
 * @param {import("./net.js").Net} net
 * @param {import("./net.js").Layer} layer
 * @param {Box} box
 * @returns {[string, Box][]}
 */
function reads(net, layer, box) {
  const operation = layer.operation;
  const inputs = layer.inputs.map((name) => ({ name, shape: asMaps(/** @type {any} */ (net.byName.get(name)).shape) }));
  if (inputs.length === 0) return [];
  const [{ name, shape }] = inputs;
  switch (operation.kind) {
    case "conv": {
      const outputs = layer.shape[0] / operation.groups;
      const each = operation.weight.shape[1];
      const groups = box.channels.map((c) => Math.floor(c / outputs));
      const side = (range, i) => {
        const step = operation.stride[i];
        const first = range[0] * step - operation.padding[i];
        const last = range[1] * step - operation.padding[i] + operation.dilation[i] * (operation.weight.shape[2 + i] - 1);
        return within(first, last, shape[1 + i]);
      };
      return [[name, { channels: [groups[0] * each, (groups[1] + 1) * each - 1], rows: side(box.rows, 0), columns: side(box.columns, 1) }]];
    }
    case "pool": {
      const side = (windows, [from, to]) => {
        const read = windows.slice(from, to + 1).flat();
        return pair([Math.min(...read), Math.max(...read)]);
      };
      return [[name, { channels: box.channels, rows: side(operation.rows, box.rows), columns: side(operation.columns, box.columns) }]];
    }
    case "pad":
      return [[name, {
        channels: box.channels,
        rows: within(box.rows[0] - operation.padding[0], box.rows[1] - operation.padding[0], shape[1]),
        columns: within(box.columns[0] - operation.padding[1], box.columns[1] - operation.padding[1], shape[2]),
      }]];
    case "concat": {
      if (operation.axis !== 0) return inputs.map((input) => [input.name, whole(input.shape)]);
      /** @type {[string, Box][]} */
      const parts = [];
      let before = 0;
      for (const part of operation.parts) {
        const channels = asMaps(/** @type {any} */ (net.byName.get(part)).shape)[0];
        const from = Math.max(box.channels[0] - before, 0);
        const to = Math.min(box.channels[1] - before, channels - 1);
        if (from <= to) parts.push([part, { ...box, channels: [from, to] }]);
        before += channels;
      }
      return parts;
    }
    case "reshape":
      return [[name, reshaped(box, asMaps(layer.shape), shape)]];
    case "batch_norm":
    case "activation":
    case "prelu":
    case "same":
      return [[name, box]];
    case "combine":
      return inputs.map((input) => [input.name, clipped(box, input.shape, asMaps(layer.shape))]);
    default:
      return inputs.map((input) => [input.name, whole(input.shape)]);
  }
}

/** One value keeps its place in the order of all; several may lie anywhere. @returns {Box} */
function reshaped(box, [, height, width], shape) {
  const isOne = [box.channels, box.rows, box.columns].every(([from, to]) => from === to);
  if (!isOne) return whole(shape);
  return unitBox(placeToUnit((box.channels[0] * height + box.rows[0]) * width + box.columns[0], shape));
}

/** @param {number} place @param {number[]} shape @returns {[number, number, number]} channel, row, column */
export function placeToUnit(place, shape) {
  const [, height, width] = asMaps(shape);
  return [Math.floor(place / (height * width)), Math.floor(place / width) % height, place % width];
}

/** @param {[number, number, number]} unit @param {number[]} shape @returns {number} */
export function unitToPlace([c, y, x], shape) {
  const [, height, width] = asMaps(shape);
  return (c * height + y) * width + x;
}

/** A box in an operand that is broadcast: where it has one value, that one. @returns {Box} */
function clipped(box, shape, result) {
  const side = (range, size, of) => (size === of ? range : [0, size - 1]);
  return {
    channels: side(box.channels, shape[0], result[0]),
    rows: side(box.rows, shape[1], result[1]),
    columns: side(box.columns, shape[2], result[2]),
  };
}

/** @returns {Box} */
function whole([channels, rows, columns]) {
  return { channels: [0, channels - 1], rows: [0, rows - 1], columns: [0, columns - 1] };
}

function within(first, last, size) {
  return pair([Math.max(first, 0), Math.min(last, size - 1)]);
}

/** @returns {Box} */
function union(a, b) {
  const side = (p, q) => pair([Math.min(p[0], q[0]), Math.max(p[1], q[1])]);
  return { channels: side(a.channels, b.channels), rows: side(a.rows, b.rows), columns: side(a.columns, b.columns) };
}

/** @returns {[number, number]} */
function pair(range) {
  return [range[0], range[1]];
}
