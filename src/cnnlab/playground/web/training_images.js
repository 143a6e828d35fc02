// What is trained on: the page's training images or the first of them in an even order, some with a wrong label, and
// what the reader has taught.

import { uniform } from "./random.js";

/** The purpose that wrong labels are drawn for. */
const WRONG = 2001;

/**
 * @param {object} options
 * @param {Uint8Array} options.labels of the page's images, the training ones first
 * @param {number} options.training training images in the page
 * @param {Uint32Array} options.order of them, one of which every beginning holds the classes evenly
 * @param {number} options.classes
 * @param {{images: number, wrongLabels: number, seed: number}} options.settings
 * @param {{images: Uint32Array, labels: Uint8Array, repeats: number}[]} options.taught places among all images
 * @returns {{images: Uint32Array, labels: Uint8Array}}
 */
export function trainingImages({ labels, training, order, classes, settings, taught }) {
  const { images: count, wrongLabels, seed } = settings;
  const images = count < training ? [...order.subarray(0, count)] : Array.from({ length: training }, (_, i) => i);
  const given = images.map((image, i) => {
    const draw = (/** @type {number} */ which) => uniform(seed >>> 0, WRONG, i, which);
    return draw(0) < wrongLabels ? (labels[image] + 1 + Math.floor(draw(1) * (classes - 1))) % classes : labels[image];
  });
  for (const each of taught) {
    for (let again = 0; again < each.repeats; again++) {
      images.push(...each.images);
      given.push(...each.labels);
    }
  }
  return { images: Uint32Array.from(images), labels: Uint8Array.from(given) };
}
