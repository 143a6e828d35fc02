// What tells images unlike those of the training, fitted to the net as it is: features/unlike.py's `fit`, in the page.

import { sizeOf } from "../../explorer/web/numbers.js";
import { Unlike } from "../../explorer/web/unlike.js";

/** Training images that may be taken and among which neighbours are sought; validation images that are measured. */
const [FITTED, AMONG, MEASURED] = [5000, 2000, 10_000];
/** Which share of the validation images measures the spread, and up to which share of them it reaches. */
const [SPREAD_BY, SPREAD_TO] = [5, 0.95];
/** Images that the workers are asked about at a time, so that a training that goes on does not wait long. */
const AT_ONCE = 500;
/** Milliseconds of scoring at a time: the page goes on in between. */
const A_TIME_MS = 12;

/**
 * @typedef {object} Shapes what the pixels of the training images are made of: fitted by Python, for every net
 * @property {[number, number]} side
 * @property {Float32Array} means
 * @property {Float32Array} components
 * @property {number} count of components for each mean
 * @property {number} neighbour
 *
 * @param {import("./trainer.js").Trainer} trainer
 * @param {import("./learning.js").Content} content
 * @param {Shapes} shapes
 * @param {() => boolean} isWanted asked now and then
 * @returns {Promise<Unlike | null>} null where it is wanted no more, where the net answers what is no number, and for
 *   fewer than two validation images
 */
export async function fit(trainer, content, shapes, isWanted) {
  const { shape, classes, train, validation } = content.record.data;
  const layer = featuresLayer(trainer.planned, classes.length);
  const size = sizeOf(shape);
  const learned = evenlySpaced(evenlySpaced(Uint32Array.from(new Set(trainer.training.images)), FITTED), AMONG);
  const measured = evenlySpaced(Uint32Array.from({ length: validation }, (_, i) => train + i), MEASURED);
  if (measured.length < 2) return null;
  const own = await passed(trainer, measured, layer, isWanted);
  const known = own && (layer === null ? own : await passed(trainer, learned, layer, isWanted));
  if (!own || !known || ![own.answers, own.features, known.features].every((values) => values.every(Number.isFinite))) return null;
  const unscaled = new Unlike({
    ...shapes, shape, features: layer, neighbours: layer === null ? null : known.features, middle: [], spread: [], sums: [],
  });
  const width = own.features.length / measured.length;
  /** @type {number[][]} */
  const scores = [];
  for (let started = performance.now(), i = 0; i < measured.length; i++) {
    const answers = own.answers.subarray(i * classes.length, (i + 1) * classes.length);
    const pixels = trainer.images.subarray(measured[i] * size, (measured[i] + 1) * size);
    scores.push(unscaled.scores(answers, layer === null ? null : own.features.subarray(i * width, (i + 1) * width), pixels));
    if (performance.now() - started < A_TIME_MS) continue;
    await new Promise((resolve) => setTimeout(resolve));
    if (!isWanted()) return null;
    started = performance.now();
  }
  return ranked(unscaled, scores);
}

/** The measure of each score by some of the validation images, and the sums of the others. @param {Unlike} unscaled @param {number[][]} scores */
function ranked({ fitted }, scores) {
  const measures = scores[0].map((_, which) => Float64Array.from(scores.filter((__, i) => i % SPREAD_BY === 0), (each) => each[which]).sort());
  const middle = measures.map((sorted) => quantile(sorted, 0.5));
  const least = 1e-6 * (1 + Math.max(...middle.map(Math.abs)));
  const spread = Float32Array.from(measures, (sorted, which) => Math.max(quantile(sorted, SPREAD_TO) - middle[which], least));
  const scaled = new Unlike({ ...fitted, middle: Float32Array.from(middle), spread });
  const sums = Float64Array.from(scores.filter((_, i) => i % SPREAD_BY !== 0), (each) => scaled.rank(each).sum).sort();
  return new Unlike({ ...scaled.fitted, sums });
}

/** @param {Float64Array} sorted @param {number} share 0–1 @returns {number} between two values as far as it lies between them */
function quantile(sorted, share) {
  const place = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return below + (above - below) * (place - Math.floor(place));
}

/**
 * The last dense layer that gives an answer to each class, whose input are the features.
 * @param {any} planned
 * @param {number} classes
 * @returns {string | null} null for a net without one
 */
export function featuresLayer({ layers }, classes) {
  const fitting = layers.filter((/** @type {any} */ { operation, shape }) => operation.kind === "linear" && shape.length === 1 && shape[0] === classes);
  return fitting.length ? fitting[fitting.length - 1].name : null;
}

/** @param {Uint32Array} places @param {number} most @returns {Uint32Array} at most so many of them, evenly spaced */
export function evenlySpaced(places, most) {
  if (places.length <= most) return places;
  return Uint32Array.from({ length: most }, (_, i) => places[Math.floor((i * places.length) / most)]);
}

/** Let images pass through the net, some at a time. */
async function passed(/** @type {import("./trainer.js").Trainer} */ trainer, /** @type {Uint32Array} */ images, /** @type {string | null} */ layer, /** @type {() => boolean} */ isWanted) {
  const parts = [];
  for (let from = 0; from < images.length; from += AT_ONCE) {
    parts.push(await trainer.features(images.subarray(from, from + AT_ONCE), layer));
    if (!isWanted()) return null;
  }
  const whole = (/** @type {"answers" | "features"} */ key) => {
    const values = new Float32Array(parts.reduce((sum, part) => sum + part[key].length, 0));
    let at = 0;
    for (const part of parts) {
      values.set(part[key], at);
      at += part[key].length;
    }
    return values;
  };
  return { answers: whole("answers"), features: whole("features") };
}
