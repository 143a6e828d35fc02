// How far the page's values are from PyTorch's, on the gallery.

import { Net } from "./net.js";
import { counted, sizeOf } from "./numbers.js";

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
    worst = Math.max(worst, difference(layer.values[place], reference.samples[image * reference.positions.length + i]));
  });
  const size = layer.values.length;
  for (let i = 0; (image + 1) * size <= reference.whole.length && i < size; i++) {
    worst = Math.max(worst, difference(layer.values[i], reference.whole[image * size + i]));
  }
  return worst / (reference.largest[image] || 1);
}

/** Two infinite values, or two that are no numbers, agree; one of them alone is infinitely far off. */
function difference(a, b) {
  if (Object.is(a, b)) return 0;
  return Number.isFinite(a) && Number.isFinite(b) ? Math.abs(a - b) : Infinity;
}

/**
 * Compare every layer of the finished nets with PyTorch's values, an image at a time. That is done on nets of its own:
 * whatever becomes of those shown meanwhile, their masks, moments or pixels, makes no difference.
 * @param {any} record of the page
 * @param {Float32Array} numbers all tensors of the nets shown
 * @param {Uint8Array} images the gallery's pixels
 * @param {import("./timeline.js").History[]} histories of the nets shown
 * @param {(done: number) => void} onImage called after each image
 * @returns {Promise<{deviation: number, layer: string}>} the worst of all layers
 */
export async function compareWithPyTorch(record, numbers, images, histories, onImage) {
  const own = numbers.slice();
  const pixels = new Uint8ClampedArray(sizeOf(record.shape));
  const nets = record.nets.map((/** @type {any} */ planned) => new Net(record, planned, own, pixels));
  const pytorch = record.nets.map((/** @type {any} */ planned) => references(planned, own));
  histories.forEach((history, which) => {
    if (history.at === history.last) return;
    let from = 0;
    for (const tensor of nets[which].tensors) tensor.set(history.finished.subarray(from, (from += tensor.length)));
    nets[which].rebuild();
  });
  let worst = { deviation: 0, layer: "" };
  for (let i = 0; i < record.gallery.length; i++) {
    pixels.set(images.subarray(i * pixels.length, (i + 1) * pixels.length));
    nets.forEach((/** @type {Net} */ net, /** @type {number} */ which) => {
      net.run();
      for (const [name, reference] of pytorch[which]) {
        const deviation = layerDeviation(/** @type {any} */ (net.byName.get(name)), reference, i);
        if (deviation > worst.deviation) worst = { deviation, layer: name };
      }
    });
    onImage(i + 1);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return worst;
}

/**
 * Layers whose weights are not all finite, as a net has them whose training went astray.
 * @param {import("./net.js").Net} net
 * @returns {string} a sentence; "" where all are
 */
export function notFiniteSays(net) {
  const found = net.layers.flatMap(({ name, operation }) => {
    const tensors = [...Object.values(operation), ...(operation.operands ?? []).map((/** @type {any} */ operand) => operand.value)];
    const values = tensors.flatMap((tensor) => (tensor?.values instanceof Float32Array ? [tensor.values] : []));
    const count = values.reduce((sum, each) => sum + each.filter((value) => !Number.isFinite(value)).length, 0);
    return count ? `${name} (${counted(count)})` : [];
  });
  return found.length ? `${net.name} holds weights that are infinite or no numbers (NaN): ${found.join(", ")}.` : "";
}
