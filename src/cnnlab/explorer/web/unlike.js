// Whether an image is like anything that a net was trained on, by three scores: features/unlike.py, value for value.

import { sizeOf } from "./numbers.js";

/** Features that are taken, evenly spaced where a layer has more. */
export const MOST_FEATURES = 1024;
/** Rates of false alarms that the reader may choose. */
export const RATES = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1];

/**
 * @typedef {object} Fitted what was fitted to a net and its data
 * @property {number[]} shape of an image: channels, rows, columns
 * @property {[number, number]} side rows and columns that images are shrunk to
 * @property {ArrayLike<number>} middle of each score
 * @property {ArrayLike<number>} spread of each score
 * @property {ArrayLike<number>} sums of the ranked validation images, in ascending order
 * @property {Float32Array} means of the classes' pixels, or of all in one
 * @property {Float32Array} components their principal components
 * @property {number} count of these for each mean
 * @property {Float32Array | null} neighbours training images' features; null for a net that shows none
 * @property {number} neighbour which one's distance counts
 * @property {string | null} features the linear layer whose input they are
 *
 * @typedef {object} Judgement
 * @property {number[]} scores
 * @property {number[]} above each score's distance above the middle, in spreads; 0 below it
 * @property {number} sum of their squares
 * @property {number} asStrange ranked validation images that are as strange or stranger
 * @property {number} pValue what share of them and the image itself is
 */

export class Unlike {
  /** @param {Fitted} fitted */
  constructor(fitted) {
    this.fitted = fitted;
  }

  /** The lowest rate of false alarms that so many validation images can hold. */
  get lowestRate() {
    return 1 / (this.fitted.sums.length + 1);
  }

  /** @param {number} rate @returns {number} the sum beyond which an image is called unlike at that rate */
  limit(rate) {
    const { sums } = this.fitted;
    return sums[sums.length - Math.floor(rate * (sums.length + 1) * (1 + Number.EPSILON))];
  }

  /** @param {import("./net.js").Net} net that has run @returns {Judgement} */
  judge(net) {
    const { features } = this.fitted;
    const shown = features === null ? null : featuresOf(net, features);
    return this.rank(this.scores(net.output.values, shown, net.pixels));
  }

  /**
   * @param {ArrayLike<number>} answers the net's
   * @param {ArrayLike<number> | null} features at most MOST_FEATURES
   * @param {ArrayLike<number>} pixels 0–255, a channel after the other
   * @returns {number[]} higher where the image is stranger
   */
  scores(answers, features, pixels) {
    const { neighbours, neighbour } = this.fitted;
    const found = [energy(answers), ...(neighbours && features ? [toNeighbour(features, neighbours, neighbour)] : []), this.leftOfPixels(pixels)];
    return found.map((score) => (Number.isNaN(score) ? Infinity : Math.fround(score)));
  }

  /** @param {number[]} scores @returns {Judgement} */
  rank(scores) {
    const { middle, spread, sums } = this.fitted;
    const above = scores.map((score, i) => Math.max(0, (score - middle[i]) / spread[i]));
    const sum = Math.fround(above.reduce((total, each) => total + each * each, 0)); // as Python keeps those of validation
    const asStrange = sums.length - firstNotBelow(sums, sum);
    return { scores, above, sum, asStrange, pValue: (asStrange + 1) / (sums.length + 1) };
  }

  /** The squared length of what the nearest class's components leave of an image. @param {ArrayLike<number>} pixels */
  leftOfPixels(pixels) {
    const { shape, side, means, components, count } = this.fitted;
    const image = shrunk(pixels, shape, side);
    const size = image.length;
    const rest = new Float64Array(size);
    let nearest = Infinity;
    for (let k = 0; k < means.length / size; k++) {
      let left = 0;
      for (let i = 0; i < size; i++) {
        rest[i] = image[i] - means[k * size + i];
        left += rest[i] * rest[i];
      }
      for (let r = 0, at = k * count * size; r < count; r++) {
        let along = 0;
        for (let i = 0; i < size; i++, at++) along += rest[i] * components[at];
        left -= along * along;
      }
      nearest = Math.min(nearest, left);
    }
    return nearest;
  }
}

/**
 * What the page brings along for one of its nets.
 * @param {any} planned the net's `unlike`
 * @param {number[]} shape of an image
 * @param {Float32Array} numbers the page's
 * @param {Int16Array} whole the page's whole numbers
 */
export function unlikeOf(planned, shape, numbers, whole) {
  const stored = (/** @type {import("./numbers.js").Stored} */ { at, shape }) => numbers.subarray(at, at + sizeOf(shape));
  return new Unlike({
    shape, side: planned.side, neighbour: planned.neighbour, features: planned.features, count: planned.components.shape[1],
    middle: stored(planned.middle), spread: stored(planned.spread), sums: stored(planned.sums),
    means: unrounded(planned.means, whole), components: unrounded(planned.components, whole),
    neighbours: planned.neighbours && unrounded(planned.neighbours, whole),
  });
}

/**
 * Numbers that came as whole ones.
 * @param {{from: number, shape: number[], step: number}} stored where they are among them, and what a step of one is
 * @param {Int16Array} whole
 */
export function unrounded({ from, shape, step }, whole) {
  return Float32Array.from(whole.subarray(from, from + sizeOf(shape)), (value) => value * step);
}

/** What a linear layer got, as far as it is taken. @param {import("./net.js").Net} net @param {string} layer its name */
export function featuresOf(net, layer) {
  const { values } = /** @type {import("./net.js").Layer} */ (net.byName.get(layer)).reads[0];
  return atMost(values);
}

/** The features that are taken of all of an image's. @param {Float32Array} features */
export function atMost(features) {
  if (features.length <= MOST_FEATURES) return features;
  return Float32Array.from({ length: MOST_FEATURES }, (_, i) => features[Math.floor((i * features.length) / MOST_FEATURES)]);
}

/** −ln Σ exp(answer): high where no class answers. @param {ArrayLike<number>} answers */
export function energy(answers) {
  let largest = -Infinity;
  for (let k = 0; k < answers.length; k++) {
    if (Number.isNaN(answers[k])) return NaN;
    largest = Math.max(largest, answers[k]);
  }
  if (!Number.isFinite(largest)) return -largest;
  let sum = 0;
  for (let k = 0; k < answers.length; k++) sum += Math.exp(answers[k] - largest);
  return -largest - Math.log(sum);
}

/**
 * The distance to the so-many-th nearest, or to the farthest of fewer.
 * @param {ArrayLike<number>} features
 * @param {Float32Array} neighbours one after the other
 * @param {number} which 1 for the nearest
 */
export function toNeighbour(features, neighbours, which) {
  const width = features.length;
  const count = neighbours.length / width;
  const nearest = new Float64Array(Math.min(which, count)).fill(Infinity); // ascending
  for (let n = 0, at = 0; n < count; n++) {
    let square = 0;
    for (let i = 0; i < width; i++, at++) {
      const apart = features[i] - neighbours[at];
      square += apart * apart;
    }
    if (Number.isNaN(square)) return NaN;
    let place = nearest.length - 1;
    if (square >= nearest[place]) continue;
    for (; place > 0 && nearest[place - 1] > square; place--) nearest[place] = nearest[place - 1];
    nearest[place] = square;
  }
  return Math.sqrt(nearest[nearest.length - 1]);
}

/**
 * An image on a scale of 0–1, each pixel the mean of those that it stands for.
 * @param {ArrayLike<number>} pixels 0–255, a channel after the other
 * @param {number[]} shape channels, rows, columns
 * @param {[number, number]} side
 */
export function shrunk(pixels, [channels, height, width], [rows, columns]) {
  const found = new Float64Array(channels * rows * columns);
  const from = (/** @type {number} */ at, /** @type {number} */ all, /** @type {number} */ to) => Math.floor((at * all) / to);
  for (let c = 0, at = 0; c < channels; c++) {
    for (let r = 0; r < rows; r++) {
      const [top, bottom] = [from(r, height, rows), -from(-r - 1, height, rows)];
      for (let k = 0; k < columns; k++, at++) {
        const [left, right] = [from(k, width, columns), -from(-k - 1, width, columns)];
        let sum = 0;
        for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) sum += pixels[(c * height + y) * width + x];
        found[at] = Math.fround(sum / (255 * (bottom - top) * (right - left)));
      }
    }
  }
  return found;
}

/** The place of the first value that is not below another, among values in ascending order. */
function firstNotBelow(/** @type {ArrayLike<number>} */ sorted, /** @type {number} */ value) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
