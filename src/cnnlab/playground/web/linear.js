// A dense layer, forwards and backwards: three matrix products over all images of a pass.

import { packedSize } from "./kernels.js";

/** @typedef {import("./learner.js").Trained} Trained */

/**
 * @param {Trained} layer
 * @param {Trained[]} inputs
 * @param {import("./kernels.js").Kernels} kernels
 */
export function linear(layer, [input], kernels) {
  const { weight, bias } = layer.operation;
  const { capacity } = layer;
  const [O, I] = weight.shape;
  const starts = (/** @type {number} */ rows) => Array.from({ length: rows }, (_, row) => row * I);
  const weights = kernels.table(starts(O));
  const images = kernels.table(starts(capacity + 1));
  const turned = kernels.allocate(packedSize(O, capacity + 1));
  const given = kernels.allocate(packedSize(capacity, O));

  return {
    /** @param {import("./learner.js").Pass} pass */
    forward({ count }) {
      const { values } = layer;
      kernels.dots(input.values, 0, I, weight.values, 0, weights, values, 0, O, count, O, I, false);
      if (bias) for (let n = 0; n < count; n++) kernels.copy(bias.values, 0, O, values, n * O, O, 1, O, 0, true);
    },

    /** @param {import("./learner.js").Pass} pass */
    backward({ count }) {
      const { gradients } = layer;
      kernels.pack(turned, 0, gradients, 0, 1, O, O, count);
      kernels.rows(turned, 0, input.values, 0, images, weight.gradients, 0, I, O, count, I, true);
      if (bias) for (let n = 0; n < count; n++) kernels.copy(gradients, n * O, O, bias.gradients, 0, O, 1, O, 0, true);
      if (!input.gradients) return;
      kernels.pack(given, 0, gradients, 0, O, 1, count, O);
      kernels.rows(given, 0, weight.values, 0, weights, input.gradients, 0, I, count, O, I, layer.adds[0]);
    },
  };
}
