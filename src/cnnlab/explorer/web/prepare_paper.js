// What lies behind the ink: its polarity, its uneven light, its noise; as cnnlab/prepare/paper.py.

import { largestAround } from "./prepare_filters.js";
import { toGray } from "./prepare_modes.js";
import { BILINEAR, resizePlane } from "./prepare_resampling.js";
import { quantile, ranked, rounded, toShares } from "./prepare_rounding.js";

/** @typedef {import("./prepare_resampling.js").Picture} Picture */
/** @typedef {import("./prepare_resampling.js").Plane} Plane */

/**
 * How far each pixel stands out from its paper: about 0 on paper, positive on ink, in shares of the full range of
 * brightness. Below the floor, a value may be noise.
 * @typedef {{values: Plane, floor: number}} Contrast
 */

/** The paper is estimated on a picture of at most this many pixels a side: it varies slowly. */
const COARSE = 64;

/** Strokes up to this share of the picture's longer side count as ink, wider patches as paper or shadow. */
const WIDEST_STROKE = 0.3;

/** Ink is sought in one colour where that shows it so many times as strong as gray does. */
const MORE_IN_A_COLOUR = 1.5;

/** Half of one of 256 levels of gray: less is no difference. */
const HALF_LEVEL = 0.5 / 255;

const { fround } = Math;

/**
 * The contrast of a gray picture with its paper taken away: by the polarity, dark ink or bright, that is the likelier,
 * then by the other.
 * @param {Plane} gray of 0–1
 * @returns {Contrast[]}
 */
export function contrasts(gray) {
  const { width, height } = gray;
  const small = resizePlane(gray, coarseSize(width, height), BILINEAR);
  const reach = reachIn(small);
  const withoutDark = mapped(closed(small, reach), (value) => Math.max(value, fround(0.05)));
  const withoutLight = mapped(closed(mapped(small, (value) => -value), reach), (value) => -value);
  const darker = withoutDark.data.map((value, i) => value - small.data[i]);
  const lighter = small.data.map((value, i) => value - withoutLight.data[i]);
  const darkFirst = inkIsDark(small, darker, lighter);
  return [darkFirst, !darkFirst].map((isDark) => {
    const paper = resizePlane(isDark ? withoutDark : withoutLight, [width, height], BILINEAR).data;
    return fromItsPaper(mapped(gray, isDark ? (value, i) => 1 - fround(value / paper[i]) : (value, i) => value - paper[i]));
  });
}

/**
 * A picture in gray, or in one of its colours where things stand out by far more: so yellow ink is seen in blue, and red
 * on green in red or green.
 * @param {Picture} picture
 * @returns {Plane}
 */
export function strongestChannel(picture) {
  const { width, height, bands, data } = picture;
  const gray = { width, height, data: toShares(toGray(picture).data) };
  if (bands === 1) return gray;
  let [best, least] = [gray, MORE_IN_A_COLOUR * narrowContrast(gray)];
  for (let channel = 0; channel < 3; channel++) {
    const colour = { width, height, data: toShares(data.filter((_, i) => i % 3 === channel)) };
    const found = narrowContrast(colour);
    if (found > least) [best, least] = [colour, found];
  }
  return best;
}

/** By how much narrow things stand out in a picture, darker or lighter. @param {Plane} gray */
function narrowContrast(gray) {
  const small = resizePlane(gray, coarseSize(gray.width, gray.height), BILINEAR);
  const reach = reachIn(small);
  const [dark, light] = [closed(small, reach).data, closed(mapped(small, (value) => -value), reach).data];
  return Math.max(strongest(small.data.map((value, i) => dark[i] - value)), strongest(small.data.map((value, i) => value + light[i])));
}

/** @param {Plane} small */
function reachIn(small) {
  return Math.max(1, rounded((WIDEST_STROKE * Math.max(small.width, small.height)) / 2));
}

/** The fourth largest of values, or the smallest of fewer. @param {Float32Array} values */
function strongest(values) {
  return ranked(values, Math.min(4, values.length));
}

/** @param {Plane} values @returns {Contrast} */
function fromItsPaper(values) {
  // Noise is read from two lower quantiles, which are paper even where ink covers half the picture; those of a normal
  // distribution lie 1.12 standard deviations apart.
  const { width, height, data } = values;
  const [down, across] = [1 + Math.floor(height / 200), 1 + Math.floor(width / 200)];
  const sample = [];
  for (let y = 0; y < height; y += down) for (let x = 0; x < width; x += across) sample.push(data[y * width + x]);
  const sorted = Float32Array.from(sample).sort();
  const [low, middle] = [quantile(sorted, 0.05), quantile(sorted, 0.3)];
  const noise = (middle - low) / 1.12;
  return { values: mapped(values, (value) => value - fround(middle)), floor: Math.max(5 * noise, HALF_LEVEL) };
}

/**
 * Whether the ink of a gray picture is darker than its paper.
 *
 * Where what is narrow stands out far more to one side, that is the ink: so it is with a small character. The gaps
 * within a large one stand out as it does; then paper is what prevails in the picture and along its border, taken
 * together, once a surface took the uneven light away.
 */
function inkIsDark(gray, darker, lighter) {
  const [dark, light] = [strongest(darker), strongest(lighter)];
  if (Math.max(dark, light) > 2 * Math.min(dark, light)) return dark > light;
  const surface = quadratic(gray);
  const residual = mapped(gray, (value, i) => value - surface[i]);
  const middle = fround(fround(residual.data.reduce((a, b) => Math.min(a, b)) + residual.data.reduce((a, b) => Math.max(a, b))) / 2);
  const isAbove = (value) => value > middle;
  return share(residual.data, isAbove) + share(borderOf(residual), isAbove) > 1;
}

/** The values along the four sides; corners are in two of them. @param {{width: number, height: number, data: ArrayLike<number>}} plane */
export function borderOf({ width, height, data }) {
  const border = [];
  for (const y of [0, height - 1]) for (let x = 0; x < width; x++) border.push(data[y * width + x]);
  for (const x of [0, width - 1]) for (let y = 0; y < height; y++) border.push(data[y * width + x]);
  return border;
}

/** @param {ArrayLike<number>} values @param {(value: number) => boolean} isOne @returns {number} 0–1 */
function share(values, isOne) {
  let count = 0;
  for (let i = 0; i < values.length; i++) if (isOne(values[i])) count += 1;
  return count / values.length;
}

/** @param {Plane} plane @param {(value: number, i: number) => number} change @returns {Plane} */
function mapped(plane, change) {
  return { ...plane, data: plane.data.map(change) };
}

/** @returns {[number, number]} */
function coarseSize(width, height) {
  const scale = Math.min(1, COARSE / Math.max(height, width));
  return [Math.max(1, rounded(width * scale)), Math.max(1, rounded(height * scale))];
}

/** The quadratic surface through the paper of a gray picture. @param {Plane} gray @returns {Float32Array} */
function quadratic({ width, height, data }) {
  const along = (length) => (i) => (length > 1 ? -1 + (2 * i) / (length - 1) : -1);
  const [across, down] = [along(width), along(height)];
  const terms = Array.from(data, (_, i) => {
    const [x, y] = [across(i % width), down(Math.floor(i / width))];
    return [1, x, y, x * x, x * y, y * y];
  });
  const isBorder = terms.map(([, x, y]) => Math.max(Math.abs(x), Math.abs(y)) > 1 - 2 / 14);
  const onBorder = data.filter((_, i) => isBorder[i]).sort();
  const level = (onBorder[(onBorder.length - 1) >> 1] + onBorder[onBorder.length >> 1]) / 2;
  let distance = Array.from(data, (value) => Math.abs(value - level));
  /** @type {number[]} */
  let surface = [];
  for (let step = 0; step < 12; step++) {
    // Geman and McClure's weights, from step 6 on, let go of the ink altogether, so that a clean picture's paper is met
    // exactly.
    const weights = distance.map((d, i) => (step < 6 ? (0.5 + Number(isBorder[i])) / (d + 0.01) : 1 / (1 + (d / 0.05) ** 2) ** 2));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const system = Array.from({ length: 6 }, () => new Array(7).fill(0));
    terms.forEach((term, i) => {
      for (let row = 0; row < 6; row++) {
        const weighted = term[row] * weights[i];
        for (let column = 0; column < 6; column++) system[row][column] += weighted * term[column];
        system[row][6] += weighted * data[i];
      }
    });
    // The ridge keeps the surface flat where little paper is seen.
    for (let row = 1; row < 6; row++) system[row][row] += 1e-4 * total;
    const coefficients = solved(system);
    surface = terms.map((term) => term.reduce((sum, part, k) => sum + part * coefficients[k], 0));
    distance = surface.map((value, i) => Math.abs(data[i] - value));
  }
  return Float32Array.from(surface);
}

/** Gaussian elimination of rows that end with the right side. @param {number[][]} rows @returns {number[]} */
function solved(rows) {
  const count = rows.length;
  for (let k = 0; k < count; k++) {
    let pivot = k;
    for (let row = k + 1; row < count; row++) if (Math.abs(rows[row][k]) > Math.abs(rows[pivot][k])) pivot = row;
    [rows[k], rows[pivot]] = [rows[pivot], rows[k]];
    for (let row = 0; row < count; row++) {
      if (row === k) continue;
      const factor = rows[row][k] / rows[k][k];
      for (let column = k; column <= count; column++) rows[row][column] -= factor * rows[k][column];
    }
  }
  return rows.map((row, k) => row[count] / row[k]);
}

/**
 * The morphological closing by a square of 2·reach + 1 pixels: narrower dark things vanish. The picture goes on beyond
 * its border as it ends there.
 * @param {Plane} plane
 * @param {number} reach
 * @returns {Plane}
 */
function closed(plane, reach) {
  const margin = 2 * reach;
  const [width, height] = [plane.width + 2 * margin, plane.height + 2 * margin];
  const within = (place, length) => Math.min(length - 1, Math.max(0, place - margin));
  const extended = Float32Array.from(
    { length: width * height },
    (_, i) => plane.data[within(Math.floor(i / width), plane.height) * plane.width + within(i % width, plane.width)],
  );
  const dilated = largestAround(extended, width, height, reach).map((value) => -value);
  const eroded = largestAround(dilated, width, height, reach);
  return mapped(plane, (_, i) => -eroded[(Math.floor(i / plane.width) + margin) * width + (i % plane.width) + margin]);
}
