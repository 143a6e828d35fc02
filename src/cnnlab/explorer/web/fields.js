// What a unit depends on: the values of every layer before it that lie on its way, marked one by one.

import { broadcast, reducedPlaces, takenPlaces } from "./layers.js";
import { asMaps, counted, plural, sizeOf } from "./numbers.js";
import { IMAGE } from "./net.js";

/**
 * @typedef {object} Box the smallest that holds all that a unit depends on in a layer: first and last of each
 * @property {[number, number]} channels
 * @property {[number, number]} rows
 * @property {[number, number]} columns
 *
 * @typedef {Box & {places: number}} Field places: of its rows × columns that the unit depends on, in any channel
 *
 * @typedef {{shape: number[], marks: Uint8Array}} Marked a layer's shape, and 1 where the unit depends on a value
 */

/**
 * @param {import("./net.js").Net} net
 * @param {import("./net.js").Layer} layer
 * @param {[number, number, number]} unit channel, row, column
 * @returns {Map<string, Field>} by layer, the unit's own included; only layers that it depends on
 */
export function fieldsOf(net, layer, unit) {
  /** @type {Map<string, Marked>} */
  const marked = new Map();
  const of = (/** @type {import("./net.js").Layer} */ each) => {
    const found = marked.get(each.name) ?? { shape: each.shape, marks: new Uint8Array(each.values.length) };
    marked.set(each.name, found);
    return found;
  };
  of(layer).marks[unitToPlace(unit, layer.shape)] = 1;
  for (const each of [...net.layers].reverse()) {
    const out = marked.get(each.name);
    if (out) READS[each.operation.kind](each.operation, each.reads.map(of), out);
  }
  /** @type {Map<string, Field>} */
  const boxes = new Map();
  for (const [name, { shape, marks }] of marked) {
    const box = boxOf(marks, shape);
    if (box) boxes.set(name, box);
  }
  return boxes;
}

/**
 * Mark what a layer reads of its inputs for those of its values that are marked.
 * @type {Record<string, (operation: any, inputs: Marked[], out: Marked) => void>}
 */
const READS = {
  conv(operation, [input], out) {
    const [C, H, W] = input.shape;
    const [O, height, width] = out.shape;
    const [, perGroup, KH, KW] = operation.weight.shape;
    const { groups, stride, padding, dilation } = operation;
    for (let g = 0; g < groups; g++) {
      const asked = anyChannel(out.marks, (g * O) / groups, ((g + 1) * O) / groups, height * width);
      const read = new Uint8Array(H * W);
      for (let at = 0; at < asked.length; at++) {
        if (!asked[at]) continue;
        const top = Math.floor(at / width) * stride[0] - padding[0];
        const left = (at % width) * stride[1] - padding[1];
        for (let k = 0; k < KH * KW; k++) {
          const row = top + Math.floor(k / KW) * dilation[0];
          const column = left + (k % KW) * dilation[1];
          if (row >= 0 && column >= 0 && row < H && column < W) read[row * W + column] = 1;
        }
      }
      for (let c = g * perGroup; c < Math.min(C, (g + 1) * perGroup); c++) mark(input.marks, read, c * H * W);
    }
  },

  transposed_conv(operation, [input], out) {
    const [C, H, W] = input.shape;
    const [O, height, width] = out.shape;
    const { groups, stride, padding, dilation } = operation;
    const [, , KH, KW] = operation.weight.shape;
    for (let g = 0; g < groups; g++) {
      const asked = anyChannel(out.marks, (g * O) / groups, ((g + 1) * O) / groups, height * width);
      const read = new Uint8Array(H * W);
      for (let at = 0; at < read.length; at++) {
        const top = Math.floor(at / W) * stride[0] - padding[0];
        const left = (at % W) * stride[1] - padding[1];
        for (let k = 0; k < KH * KW; k++) {
          const row = top + Math.floor(k / KW) * dilation[0];
          const column = left + (k % KW) * dilation[1];
          if (row >= 0 && column >= 0 && row < height && column < width) read[at] |= asked[row * width + column];
        }
      }
      for (let c = (g * C) / groups; c < ((g + 1) * C) / groups; c++) mark(input.marks, read, c * H * W);
    }
  },

  linear({ weight }, [input], out) {
    const [O, I] = weight.shape;
    for (let line = 0; line < input.marks.length / I; line++) {
      if (out.marks.subarray(line * O, (line + 1) * O).includes(1)) input.marks.fill(1, line * I, (line + 1) * I);
    }
  },

  norm({ together }, [input], out) {
    for (let first = 0; first < out.marks.length; first += together) {
      if (out.marks.subarray(first, first + together).includes(1)) input.marks.fill(1, first, first + together);
    }
  },

  take(operation, [input], out) {
    takenPlaces(operation).forEach((place, i) => {
      if (place >= 0) input.marks[place] |= out.marks[i];
    });
  },

  pool({ rows, columns }, [input], out) {
    const [C, H, W] = input.shape;
    for (let c = 0, at = 0; c < C; c++) {
      for (const window of rows) {
        for (const across of columns) {
          if (out.marks[at++]) for (const y of window) for (const x of across) input.marks[(c * H + y) * W + x] = 1;
        }
      }
    }
  },

  pad({ padding: [top, left] }, [input], out) {
    const [C, H, W] = input.shape;
    const [, rows, columns] = out.shape;
    for (let c = 0, at = 0; c < C; c++) {
      for (let y = 0; y < H; y++) {
        for (let x = 0; x < W; x++, at++) input.marks[at] |= out.marks[(c * rows + y + top) * columns + x + left];
      }
    }
  },

  concat({ axis }, inputs, out) {
    const inner = sizeOf(out.shape.slice(axis + 1));
    let before = 0;
    for (const input of inputs) {
      const run = input.shape[axis] * inner;
      for (let i = 0; i < input.marks.length; i++) {
        input.marks[i] |= out.marks[Math.floor(i / run) * out.shape[axis] * inner + before + (i % run)];
      }
      before += run;
    }
  },

  combine({ operands }, inputs, out) {
    let layer = 0;
    for (const operand of operands) {
      if (operand.value) continue;
      const input = inputs[layer++];
      const places = broadcast(input.shape, out.shape);
      for (let i = 0; i < out.marks.length; i++) input.marks[places ? places[i] : i] |= out.marks[i];
    }
  },

  softmax({ axis }, [input], out) {
    const lines = reducedPlaces(out.shape, [axis]);
    const isAsked = new Uint8Array(lines.length);
    lines.forEach((line, i) => (isAsked[line] |= out.marks[i]));
    lines.forEach((line, i) => (input.marks[i] |= isAsked[line]));
  },

  reduce({ axes }, [input], out) {
    reducedPlaces(input.shape, axes).forEach((place, i) => (input.marks[i] |= out.marks[place]));
  },

  batch_norm: inPlace,
  activation: inPlace,
  prelu: inPlace,
  same: inPlace,
  reshape: inPlace,
};

function inPlace(_operation, [input], out) {
  mark(input.marks, out.marks, 0);
}

function mark(marks, more, first) {
  for (let i = 0; i < more.length; i++) marks[first + i] |= more[i];
}

/** Which places of a map are marked in some channel from `from` up to `to`. */
function anyChannel(marks, from, to, plane) {
  const any = new Uint8Array(plane);
  for (let c = from; c < to; c++) mark(any, marks.subarray(c * plane, (c + 1) * plane), 0);
  return any;
}

/** @returns {Field | null} null where nothing is marked */
function boxOf(marks, shape) {
  const [channels, rows, columns] = asMaps(shape);
  const plane = rows * columns;
  const any = anyChannel(marks, 0, channels, plane);
  const first = marks.indexOf(1);
  if (first < 0) return null;
  return {
    channels: [Math.floor(first / plane), Math.floor(marks.lastIndexOf(1) / plane)],
    rows: extent(rows, (y) => any.subarray(y * columns, (y + 1) * columns).includes(1)),
    columns: extent(columns, (x) => any.some((is, at) => is && at % columns === x)),
    places: any.reduce((sum, is) => sum + is, 0),
  };
}

/** @returns {[number, number]} the first and the last of the places that are of a kind */
function extent(size, isOf) {
  let first = 0;
  while (!isOf(first)) first++;
  let last = size - 1;
  while (!isOf(last)) last--;
  return [first, last];
}

/**
 * How much of the image a unit sees, and where that lies.
 * @param {Map<string, Field>} boxes what it depends on
 * @param {import("./net.js").Net} net
 * @param {import("./net.js").Layer} layer
 * @param {[number, number, number]} unit
 * @returns {{size: string, where: string}}
 */
export function fieldSays(boxes, net, layer, unit) {
  const box = boxes.get(IMAGE);
  if (!box) return { size: "nothing", where: "it reads padding only" };
  const size = ([first, last]) => last - first + 1;
  const [rows, columns] = [size(box.rows), size(box.columns)];
  const isWhole = box.places === rows * columns;
  const range = (noun, [first, last]) => (first === last ? `${noun} ${first}` : `${noun}s ${first}–${last}`);
  const outside = outsideSays(net, layer, unit);
  return {
    size: `${isWhole ? "" : "at most "}${rows}×${columns}`,
    where:
      `${isWhole ? plural(box.places, "pixel") : `${counted(box.places)} of these ${counted(rows * columns)} pixels`}: ` +
      `${range("row", box.rows)}, ${range("column", box.columns)}${outside ? `; and padding, ${outside}` : ""}`,
  };
}

/** How far a unit's field reaches beyond the image, "" where it does not. */
function outsideSays(net, { window }, [, ...place]) {
  if (!window) return "";
  const beyond = [0, 1].flatMap((axis) => {
    const first = window.start[axis] + place[axis] * window.jump[axis];
    const past = first + window.size[axis] - net.input.shape[1 + axis];
    const noun = ["row", "column"][axis];
    return [
      first < 0 ? `${plural(-first, noun)} ${["above", "to the left"][axis]}` : [],
      past > 0 ? `${plural(past, noun)} ${["below", "to the right"][axis]}` : [],
    ].flat();
  });
  return beyond.join(", ").replace(/, ([^,]*)$/, " and $1");
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
