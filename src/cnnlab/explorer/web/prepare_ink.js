// The ink of one character, found in a photo, a scan or a drawing; as cnnlab/prepare/ink.py.

import { UserError } from "./errors.js";
import { components, longestSide } from "./prepare_components.js";
import { gaussianBlur, largestAround } from "./prepare_filters.js";
import { toGray } from "./prepare_modes.js";
import { borderOf, contrasts, strongestChannel } from "./prepare_paper.js";
import { BILINEAR, crop, reduce, thumbnail } from "./prepare_resampling.js";
import { median, placeOfLargest, ranked, rounded, toBytes, toShares } from "./prepare_rounding.js";
import { sheet } from "./prepare_sheet.js";

/** @typedef {import("./prepare_components.js").Mask} Mask */
/** @typedef {import("./prepare_components.js").Part} Part */
/** @typedef {import("./prepare_paper.js").Contrast} Contrast */
/** @typedef {import("./prepare_resampling.js").Box} Box */
/** @typedef {import("./prepare_resampling.js").Picture} Picture */
/** @typedef {import("./prepare_resampling.js").Plane} Plane */

/** The longer side of the picture in which ink is sought, in pixels. */
const WORKING = 400;

/** A character smaller than this in the working picture is looked at again, closer, if the picture has more to show. */
const DETAILED = 120;

/** A frame's outer edge lies within this share of the picture from its border. */
const NEAR_BORDER = 0.05;

/** Ink stands out from its paper by at least this share of the full range. */
const FAINTEST = 0.08;

const { fround } = Math;

/**
 * The ink of the character in a picture, cropped to it: 0 paper to 1 full ink, soft edges.
 * @param {Picture} picture
 * @returns {Plane}
 * @throws {UserError} when there is none
 */
export function findInk(picture) {
  const found = search(picture);
  if (found) return found;
  throw new UserError(
    "no ink found in the image; expected one character that stands out from its background: " +
      "write it larger or darker, or crop the image to it",
  );
}

/**
 * @param {Picture} picture
 * @param {{sheets?: boolean, closer?: boolean}} how sheets: go into a sheet or a frame first; closer: look again where the character is small
 * @returns {Plane | null}
 */
function search(picture, { sheets = true, closer = true } = {}) {
  if (picture.width === 0 || picture.height === 0) return null;
  const small = scaledDown(picture);
  const gray = { width: small.width, height: small.height, data: toShares(toGray(small).data) };
  const scale = picture.width / small.width;
  if (sheets) {
    const cutSheet = sheet(gray);
    const inside = cutSheet ? cutSheet.from(picture, scale) : withinFrame(picture, gray, scale);
    const onSheet = inside && search(inside, { sheets: cutSheet !== null && !cutSheet.isCutOff });
    if (onSheet) return onSheet;
  }
  const ink = separate(strongestChannel(small));
  if (!ink) return null;
  const [left, top, right, bottom] = boundingBox(ink);
  const longest = Math.max(bottom - top, right - left);
  if (closer && scale > 1 && longest < DETAILED) {
    const margin = longest / 2;
    const around = scaledBox([left - margin, top - margin, right + margin, bottom + margin], scale, picture);
    const nearer = search(crop(picture, around), { sheets: false, closer: false });
    if (nearer) return nearer;
  }
  return cut(ink, [left, top, right, bottom]);
}

/** @param {Box} box @param {number} scale @param {Picture} within @returns {Box} */
function scaledBox(box, scale, { width, height }) {
  const [left, top, right, bottom] = box.map((edge) => rounded(edge * scale));
  return [Math.max(0, left), Math.max(0, top), Math.min(width, right), Math.min(height, bottom)];
}

/**
 * What lies within a frame that runs along the picture's border; null if there is no such thing. A frame is darker than
 * most that lies within it, or brighter.
 * @param {Picture} picture
 * @param {Plane} gray
 * @param {number} scale
 * @returns {Picture | null}
 */
function withinFrame(picture, { width, height, data }, scale) {
  if (Math.min(width, height) < 12) return null;
  const middle = fround(fround(data.reduce((a, b) => Math.min(a, b)) + data.reduce((a, b) => Math.max(a, b))) / 2);
  for (const isLine of [(value) => value < middle, (value) => value > middle]) {
    const [columns, rows] = [new Array(width).fill(0), new Array(height).fill(0)];
    data.forEach((value, i) => {
      if (!isLine(value)) return;
      columns[i % width] += 1;
      rows[Math.floor(i / width)] += 1;
    });
    const across = columns.map((count) => count / height);
    const down = rows.map((count) => count / width);
    const clear = [across, across.toReversed(), down, down.toReversed()].map(pastFrame);
    if (clear.includes(0)) continue;
    const [left, right, top, bottom] = clear;
    let inside = 0;
    for (let y = top; y < height - bottom; y++) {
      for (let x = left; x < width - right; x++) inside += Number(isLine(data[y * width + x]));
    }
    if (inside / ((height - bottom - top) * (width - right - left)) > 0.5) continue;
    return crop(picture, scaledBox([left, top, width - right, height - bottom], scale, picture));
  }
  return null;
}

/** How many lines a frame takes, of which a share is its colour, from the border inwards; 0 if it is none. @param {number[]} share */
function pastFrame(share) {
  const first = share.slice(0, Math.max(1, rounded(NEAR_BORDER * share.length))).findIndex((each) => each >= 0.9);
  if (first < 0) return 0;
  const inward = share.slice(first, Math.max(2, rounded(0.12 * share.length))).findIndex((each) => each <= 0.3);
  return inward < 0 ? 0 : first + inward + 1;
}

/** @param {Picture} picture @returns {Picture} */
function scaledDown(picture) {
  const factor = Math.max(picture.width, picture.height) / WORKING;
  if (factor <= 1) return picture;
  const reduced = factor >= 2 ? reduce(picture, [Math.trunc(factor), Math.trunc(factor)]) : picture;
  return thumbnail(reduced, WORKING, BILINEAR);
}

/**
 * The ink of a gray picture of 0–1: its darkness from 0 (paper) to 1; null if there is none.
 *
 * Otsu's threshold finds the strokes; within a pixel or two of a stroke that is kept, gray levels stay, so that edges
 * remain soft and a picture that is already clean remains as it is.
 * @param {Plane} gray
 * @returns {Plane | null}
 */
function separate(gray) {
  const longest = Math.max(gray.width, gray.height);
  if (Math.min(gray.width, gray.height) < 3) return null;
  const smooth = longest >= 120 ? smoothed(gray, longest / 400) : gray;
  for (const seen of contrasts(smooth)) {
    const ink = standingOut(seen);
    if (ink) return ink;
  }
  return null;
}

/** @param {Contrast} seen @returns {Plane | null} */
function standingOut({ values, floor }) {
  const { width, height, data } = values;
  const threshold = fround(otsu(data, floor));
  const mask = { width, height, data: Uint8Array.from(data, (value) => Number(value > threshold)) };
  if (!mask.data.includes(1)) return null;
  const { labels, parts } = components(mask);
  const isKept = character(labels, parts, width, height);
  const kept = Uint8Array.from(labels, (label) => Number(label > 0 && isKept[label - 1]));
  if (!kept.includes(1)) return null;
  const level = median(data.filter((_, i) => kept[i]));
  if (level < Math.max(FAINTEST, 1.2 * floor)) return null;
  const edge = largestAround(kept, width, height, Math.max(width, height) < 120 ? 1 : 2);
  const soft = (value) => Math.min(1, Math.max(0, fround(value - fround(floor)) / fround(level - floor)));
  return { width, height, data: data.map((value, i) => (edge[i] ? soft(value) : 0)) };
}

/**
 * Otsu's threshold (1979) between paper and ink.
 *
 * Deviations: paper is counted at most as often as what stands out, since with a small character on a large sheet the
 * plain criterion would rather split the paper's noise; and what is faint against the strongest ink, as a dent of shadow
 * is, stays paper.
 * @param {Float32Array} values
 * @param {number} floor
 * @returns {number}
 */
function otsu(values, floor) {
  const BINS = 256;
  const strongest = ranked(values, Math.max(3, Math.floor(values.length / 2000)));
  const highest = values.reduce((a, b) => Math.max(a, b));
  if (highest <= floor) return highest;
  const edges = Float32Array.from({ length: BINS + 1 }, (_, i) => (i === BINS ? highest : (highest / BINS) * i));
  const counts = new Float64Array(BINS);
  for (const value of values) {
    if (value < 0) continue;
    let bin = Math.min(BINS - 1, Math.trunc(fround(fround(value / highest) * BINS)));
    if (value < edges[bin]) bin -= 1;
    else if (bin < BINS - 1 && value >= edges[bin + 1]) bin += 1;
    counts[bin] += 1;
  }
  const centres = Float32Array.from(counts, (_, i) => fround(edges[i] + edges[i + 1]) / 2);
  const isPaper = (_, i) => centres[i] <= fround(Math.max(floor, centres[0]));
  const paper = sumOf(counts.filter(isPaper));
  const weight = Math.min(1, (sumOf(counts) - paper) / Math.max(paper, 1));
  const weighed = counts.map((count, i) => (isPaper(count, i) ? count * weight : count));
  const [total, totalMass] = [sumOf(weighed), sumOf(weighed.map((count, i) => count * centres[i]))];
  let [below, mass] = [0, 0];
  const between = weighed.map((count, i) => {
    below += count;
    mass += count * centres[i];
    const apart = (totalMass * below - mass * total) ** 2 / (below * (total - below));
    return Number.isFinite(apart) ? apart : 0;
  });
  return Math.max(edges[placeOfLargest(between) + 1], floor, 0.3 * strongest);
}

/**
 * Which connected parts belong to the character, rather than to specks, lines or shadows.
 *
 * Thin lines across the picture (ruled paper) never do, nor does what runs round another part (a box, a circle, the cell
 * of a table), nor a line below the character that it does not touch. The largest part is the character's body; parts at
 * the border are only considered where nothing else could be it. Near the body (within a quarter of its length) stay the parts with
 * at least 3 % of its area, unless they come in from the border and run along or down it (a frame, a shadow, a finger),
 * or are small beside the body.
 * @param {Int32Array} labels
 * @param {Part[]} parts
 * @param {number} width @param {number} height
 * @returns {boolean[]}
 */
function character(labels, parts, width, height) {
  const size = Math.max(height, width);
  const tall = (part) => part.bottom - part.top + 1;
  const wide = (part) => part.right - part.left + 1;
  const isFrame = frames(labels, parts, width, height);
  const large = parts.map(
    (part, i) => longestSide(part) >= Math.max(3, 0.01 * size) && !(wide(part) >= 0.9 * width && tall(part) < 0.1 * height) && !isFrame[i],
  );
  if (!large.includes(true)) return large;
  const atBorder = parts.map((part) => part.top === 0 || part.left === 0 || part.bottom === height - 1 || part.right === width - 1);
  const isFlat = (part) => wide(part) >= 4 * tall(part);
  let candidate = parts.map((part, i) => large[i] && !atBorder[i] && longestSide(part) >= size / 8);
  if (parts.some((part, i) => candidate[i] && !isFlat(part))) candidate = candidate.map((is, i) => is && !isFlat(parts[i]));
  const inside = candidate.includes(true);
  const body = parts[placeOfLargest(parts.map((part, i) => ((inside ? candidate : large)[i] ? part.area : 0)))];
  const contact = new Array(parts.length + 1).fill(0);
  for (const label of borderOf({ width, height, data: labels })) contact[label] += 1;
  return parts.map((part, i) => {
    const gapY = Math.max(part.top - body.bottom, body.top - part.bottom);
    const gapX = Math.max(part.left - body.right, body.left - part.right);
    const isNear = Math.max(gapY, gapX) <= 0.25 * longestSide(body);
    if (!large[i] || !isNear || part.area < 0.03 * body.area) return false;
    const isBelow = part.top - body.bottom > 0.04 * longestSide(body);
    if (isFlat(part) && isBelow && wide(part) >= 0.5 * wide(body)) return false;
    const isUprightLine = tall(part) >= 0.9 * height && wide(part) < 0.1 * width;
    const isSmall = part.area < 0.25 * body.area;
    return !(inside && atBorder[i] && (contact[i + 1] > 0.5 * longestSide(part) || isUprightLine || isSmall));
  });
}

/**
 * Which parts run round another one that is at least a quarter as long, on all four sides.
 * @param {Int32Array} labels
 * @param {Part[]} parts
 * @param {number} width @param {number} height
 * @returns {boolean[]}
 */
function frames(labels, parts, width, height) {
  return parts.map((frame, i) => {
    const length = longestSide(frame);
    const boxArea = (frame.bottom - frame.top + 1) * (frame.right - frame.left + 1);
    if (length < 0.3 * Math.max(width, height) || frame.area > 0.5 * boxArea) return false;
    const inside = parts.filter(
      (part) =>
        part.top > frame.top && part.bottom < frame.bottom && part.left > frame.left && part.right < frame.right && longestSide(part) >= 0.25 * length,
    );
    if (inside.length === 0) return false;
    const least = (side) => inside.reduce((found, part) => Math.min(found, part[side]), Infinity);
    const most = (side) => inside.reduce((found, part) => Math.max(found, part[side]), -Infinity);
    const [top, bottom, left, right] = [least("top"), most("bottom"), least("left"), most("right")];
    const isOfFrame = (y, x) => labels[y * width + x] === i + 1;
    const range = (from, to) => Array.from({ length: to - from }, (_, k) => from + k);
    const [rows, columns] = [range(top, bottom + 1), range(left, right + 1)];
    const sides = [
      rows.map((y) => range(0, left).some((x) => isOfFrame(y, x))),
      rows.map((y) => range(right + 1, width).some((x) => isOfFrame(y, x))),
      columns.map((x) => range(0, top).some((y) => isOfFrame(y, x))),
      columns.map((x) => range(bottom + 1, height).some((y) => isOfFrame(y, x))),
    ];
    return sides.every((side) => side.filter(Boolean).length / side.length >= 0.8);
  });
}

/** @param {Plane} gray @param {number} radius @returns {Plane} */
function smoothed({ width, height, data }, radius) {
  const blurred = gaussianBlur({ width, height, bands: 1, data: toBytes(data) }, radius);
  return { width, height, data: toShares(blurred.data) };
}

/** @param {Plane} ink @returns {Box} */
function boundingBox({ width, height, data }) {
  let [left, top, right, bottom] = [width, height, 0, 0];
  data.forEach((value, i) => {
    if (value === 0) return;
    const [y, x] = [Math.floor(i / width), i % width];
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x + 1), Math.max(bottom, y + 1)];
  });
  return [left, top, right, bottom];
}

/** @param {Plane} plane @param {Box} box @returns {Plane} */
function cut(plane, [left, top, right, bottom]) {
  const [width, height] = [right - left, bottom - top];
  const at = (i) => (top + Math.floor(i / width)) * plane.width + left + (i % width);
  return { width, height, data: Float32Array.from({ length: width * height }, (_, i) => plane.data[at(i)]) };
}

/** @param {ArrayLike<number>} values */
function sumOf(values) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}
