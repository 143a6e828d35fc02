// A light sheet on a dark ground: where it lies, and the picture of it alone, upright; as cnnlab/prepare/sheet.py.

import { components } from "./prepare_components.js";
import { largestAround } from "./prepare_filters.js";
import { borderOf } from "./prepare_paper.js";
import { crop, reduce, turned } from "./prepare_resampling.js";
import { median, placeOfLargest, ranked, rounded } from "./prepare_rounding.js";

/** @typedef {import("./prepare_components.js").Mask} Mask */
/** @typedef {import("./prepare_resampling.js").Picture} Picture */
/** @typedef {import("./prepare_resampling.js").Plane} Plane */

/** A connected part's first row, and its first and last column in each of its rows. @typedef {{top: number, first: number[], last: number[]}} Spans */

/**
 * A sheet: whether it goes on beyond the picture, and what gives it alone from the picture and its scale to that in which
 * the sheet was found.
 * @typedef {{isCutOff: boolean, from: (picture: Picture, scale: number) => Picture}} Sheet
 */

/** A sheet is cut out of a picture of at most about this many pixels a side where it is turned or cut off. */
const LARGEST = 800;

/** So many pixels along the edge of a sheet that is cut off are left out, of the picture in which it was found. */
const EDGE = 3;

/** A sheet whose edges go further in than this share of its length is seen in perspective, or has a corner folded. */
const SLANTING = 0.08;

/** A sheet that is tilted by fewer degrees is left as it lies. */
const LEAST_TILT = 3;

const { fround } = Math;

/**
 * The light sheet that lies on a dark ground; null if there is no such thing. Pictures under 120 pixels are no photos of
 * a desk: a bold digit is not a sheet.
 * @param {Plane} gray of 0–1
 * @returns {Sheet | null}
 */
export function sheet(gray) {
  const { width, height, data } = gray;
  if (Math.max(height, width) < 120) return null;
  const border = borderOf(gray);
  const ground = median(border);
  const brightest = data.reduce((a, b) => Math.max(a, b));
  // A sheet that is half in shadow is one sheet.
  const threshold = fround(ground + fround(fround(0.2) * fround(brightest - ground)));
  const lightOver = (level) => ({ width, height, data: Uint8Array.from(data, (value) => Number(value > level)) });
  if (border.filter((value) => value > threshold).length / border.length <= 0.05) return whole(lightOver(threshold));
  // The sheet prevails along the border: a desk is darker than any shadow that a lamp throws.
  return cutOff(lightOver(fround(fround(0.5) * ranked(data, Math.floor(data.length / 10)))));
}

/** A sheet that lies whole in a picture, tilted or not. @param {Mask} light @returns {Sheet | null} */
function whole(light) {
  const { width, height } = light;
  const { labels, parts } = components(light);
  if (parts.length === 0) return null;
  const largest = placeOfLargest(parts.map((part) => part.area));
  const spans = spansOf(labels, width, height, largest + 1);
  let [degrees, smallest] = [0, Infinity];
  for (let step = 0; step <= 90; step++) {
    const tried = step % 2 ? -(step + 1) / 2 : step / 2; // 0, -1, 1, -2, 2 … -45
    if (tried > 44) continue;
    const { along, down } = extent(spans, tried);
    const area = (along[1] - along[0]) * (down[1] - down[0]);
    if (area < 0.999 * smallest) [degrees, smallest] = [tried, area];
  }
  if (Math.abs(degrees) < LEAST_TILT) degrees = 0;
  const { along, down } = extent(spans, degrees);
  const [left, right, top, bottom] = [Math.floor(along[0]), Math.ceil(along[1]), Math.floor(down[0]), Math.ceil(down[1])];
  const [tall, wide] = [bottom - top, right - left];
  if (tall < 0.3 * height || wide < 0.3 * width || parts[largest].area < 0.7 * tall * wide) return null;
  const { cos, sin } = direction(degrees);
  const [rows, columns, upright] = [new Array(tall).fill(0), new Array(wide).fill(0), new Uint8Array(tall * wide)];
  for (let y = 0; y < tall; y++) {
    for (let x = 0; x < wide; x++) {
      const [across, downwards] = [left + x + 0.5, top + y + 0.5];
      const [column, row] = [Math.floor(across * cos - downwards * sin), Math.floor(across * sin + downwards * cos)];
      if (row < 0 || row >= height || column < 0 || column >= width || !light.data[row * width + column]) continue;
      rows[y] += 1;
      columns[x] += 1;
      upright[y * wide + x] = 1;
    }
  }
  const [byRow, byColumn] = [rows.map((count) => count / wide), columns.map((count) => count / tall)];
  const sides = [byColumn, byRow, byColumn.toReversed(), byRow.toReversed()].map(clear);
  if (Math.max(...sides) > SLANTING) {
    const within = inner({ width: wide, height: tall, data: upright }, { isGroundBeyond: true });
    const box = [left, top, right, bottom];
    if (within) return { isCutOff: false, from: (picture, scale) => cutUpright(picture, degrees, box, { scale, within }) };
  }
  const insets = sides.map((side) => Math.min(side, 0.2) + 0.02);
  const box = [left + insets[0] * wide, top + insets[1] * tall, right - insets[2] * wide, bottom - insets[3] * tall];
  return { isCutOff: false, from: (picture, scale) => cutUpright(picture, degrees, box, { scale, within: null }) };
}

/**
 * @param {Picture} picture
 * @param {number} degrees
 * @param {number[]} box of the sheet, left, top, right, bottom, once turned back
 * @param {{scale: number, within: Spans | null}} how within: where in the box it lies, if it does not fill it
 * @returns {Picture}
 */
function cutUpright(picture, degrees, box, { scale, within }) {
  const edges = box.map((edge) => edge * scale);
  if (degrees === 0) {
    const [left, top, right, bottom] = edges.map(rounded);
    const cut = crop(picture, [Math.max(0, left), Math.max(0, top), Math.min(picture.width, right), Math.min(picture.height, bottom)]);
    return within ? goneOn(cut, scale, within) : cut;
  }
  const [image, factor] = atMost(picture, Math.max(edges[2] - edges[0], edges[3] - edges[1]));
  const [left, top, right, bottom] = edges.map((edge) => edge / factor);
  const { cos, sin } = direction(degrees);
  const size = /** @type {[number, number]} */ ([Math.max(1, rounded(right - left)), Math.max(1, rounded(bottom - top))]);
  const cut = turned(image, size, [cos, -sin, left * cos - top * sin, sin, cos, left * sin + top * cos]);
  return within ? goneOn(cut, scale / factor, within) : cut;
}

/** A sheet that goes on beyond the picture. @param {Mask} light @returns {Sheet | null} */
function cutOff(light) {
  const { width, height, data } = light;
  if (data.reduce((sum, value) => sum + value, 0) / data.length < 0.1) return null;
  const within = inner(light, { isGroundBeyond: false });
  if (!within) return null;
  const { top, first, last } = within;
  const wide = last.reduce((a, b) => Math.max(a, b)) - first.reduce((a, b) => Math.min(a, b)) + 1;
  if (first.length < 0.3 * height || wide < 0.3 * width) return null;
  let [beside, lightBeside] = [0, 0];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (y >= top && y < top + first.length && x >= first[y - top] && x <= last[y - top]) continue;
      beside += 1;
      lightBeside += data[i];
    }
  }
  // What lies outside must be a desk: not a corner, and dark but for the sheet's own edge.
  if (beside / data.length < 0.05 || lightBeside / beside > 0.3) return null;
  const from = (picture, scale) => {
    const [image, factor] = atMost(picture, Math.max(picture.width, picture.height));
    return goneOn(image, scale / factor, within);
  };
  return { isCutOff: true, from };
}

/**
 * Where the largest light part lies, its edge left out; null if it is all edge.
 * @param {Mask} light
 * @param {{isGroundBeyond: boolean}} how isGroundBeyond: beyond the picture lies ground, not more of the same
 * @returns {Spans | null}
 */
function inner({ width, height, data }, { isGroundBeyond }) {
  const dark = largestAround(data.map((value) => 1 - value), width, height, EDGE);
  const isEdge = (i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return Math.min(x, y, width - 1 - x, height - 1 - y) < EDGE;
  };
  const kept = dark.map((value, i) => (isGroundBeyond && isEdge(i) ? 0 : 1 - value));
  const { labels, parts } = components({ width, height, data: kept });
  if (parts.length === 0) return null;
  return spansOf(labels, width, height, placeOfLargest(parts.map((part) => part.area)) + 1);
}

/** The picture whose sheet goes on, as it ends, to the picture's borders. @param {Picture} image @param {number} scale @param {Spans} spans @returns {Picture} */
function goneOn(image, scale, { top, first, last }) {
  const { width, height, bands } = image;
  const between = (value, low, high) => Math.min(high, Math.max(low, value));
  const data = new Uint8Array(image.data.length);
  for (let y = 0, to = 0; y < height; y++) {
    const row = between(y, Math.ceil(top * scale), Math.floor((top + first.length) * scale) - 1);
    const at = between(Math.trunc(row / scale) - top, 0, first.length - 1);
    const [low, high] = [Math.ceil(first[at] * scale), Math.floor((last[at] + 1) * scale) - 1];
    for (let x = 0; x < width; x++, to += bands) {
      const from = (between(row, 0, height - 1) * width + between(between(x, low, high), 0, width - 1)) * bands;
      for (let band = 0; band < bands; band++) data[to + band] = image.data[from + band];
    }
  }
  return { width, height, bands, data };
}

/** @param {Int32Array} labels @param {number} width @param {number} height @param {number} label @returns {Spans} */
function spansOf(labels, width, height, label) {
  /** @type {Spans} */
  const spans = { top: -1, first: [], last: [] };
  for (let y = 0; y < height; y++) {
    const row = labels.subarray(y * width, (y + 1) * width);
    const first = row.indexOf(label);
    if (first < 0) continue;
    if (spans.top < 0) spans.top = y;
    spans.first.push(first);
    spans.last.push(row.lastIndexOf(label));
  }
  return spans;
}

/** From where to where a part goes along a direction and across it. @param {Spans} spans @param {number} degrees */
function extent({ top, first, last }, degrees) {
  const { cos, sin } = direction(degrees);
  const [along, down] = [[Infinity, -Infinity], [Infinity, -Infinity]];
  const take = (range, value) => {
    range[0] = Math.min(range[0], value);
    range[1] = Math.max(range[1], value);
  };
  first.forEach((left, i) => {
    const y = top + i + 0.5;
    for (const x of [left, last[i] + 1]) {
      take(along, x * cos + y * sin);
      take(down, y * cos - x * sin);
    }
  });
  return { along, down };
}

/** @param {number} degrees */
function direction(degrees) {
  const angle = degrees * (Math.PI / 180);
  return { cos: Math.cos(angle), sin: Math.sin(angle) };
}

/**
 * How far in from the first of many lines all ground beside a sheet is left behind, as a share of them.
 * @param {number[]} share of light pixels in each line
 */
function clear(share) {
  return Math.max(0, share.findIndex((each) => each > 0.95)) / share.length;
}

/** The picture reduced until what has that length is not much longer than LARGEST; and by what number. @param {Picture} picture @param {number} longest @returns {[Picture, number]} */
function atMost(picture, longest) {
  const factor = Math.max(1, Math.trunc(longest / LARGEST + 0.5));
  return [factor > 1 ? reduce(picture, [factor, factor]) : picture, factor];
}
