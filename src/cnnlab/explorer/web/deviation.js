// How far the page's values are from PyTorch's, on the gallery.

import { sizeOf } from "./numbers.js";

/**
 * @typedef {object} Reference PyTorch's values of one layer
 * @property {number[]} positions places within the layer
 * @property {Float32Array} samples (images, positions)
 * @property {Float32Array} largest (images), the largest size of a value in the whole layer
 * @property {Float32Array} whole (first images, values)
 */

/**
 * @param {any} planned a net's part of the page's record
 * @param {Float32Array} numbers
 * @returns {Map<string, Reference>} by layer
 */
export function references(planned, numbers) {
  const stored = (/** @type {any} */ tensor) => numbers.subarray(tensor.at, tensor.at + sizeOf(tensor.shape));
  const found = new Map();
  planned.reference.layers.forEach((/** @type {any} */ layer, /** @type {number} */ i) => {
    if (layer === null) return;
    found.set(planned.layers[i].name, {
      positions: layer.positions,
      samples: stored(layer.samples),
      largest: stored(layer.largest),
      whole: stored(layer.whole),
    });
  });
  return found;
}

/**
 * PyTorch's value of one unit for a gallery image, where the page has it.
 * @param {Reference | undefined} reference
 * @param {number | null} image its place in the gallery
 * @param {number} place of the unit within the layer
 * @param {number} size values of the layer
 * @returns {number | null}
 */
export function frameworkValue(reference, image, place, size) {
  if (!reference || image === null) return null;
  if ((image + 1) * size <= reference.whole.length) return reference.whole[image * size + place];
  const at = reference.positions.indexOf(place);
  return at < 0 ? null : reference.samples[image * reference.positions.length + at];
}

/**
 * The largest difference of a layer's values now from PyTorch's, as a share of the layer's largest value.
 * @param {import("./net.js").Layer} layer
 * @param {Reference} reference
 * @param {number} image
 */
export function layerDeviation(layer, reference, image) {
  let worst = 0;
  reference.positions.forEach((place, i) => {
    worst = Math.max(worst, Math.abs(layer.values[place] - reference.samples[image * reference.positions.length + i]));
  });
  const size = layer.values.length;
  for (let i = 0; (image + 1) * size <= reference.whole.length && i < size; i++) {
    worst = Math.max(worst, Math.abs(layer.values[i] - reference.whole[image * size + i]));
  }
  return worst / (reference.largest[image] || 1);
}
