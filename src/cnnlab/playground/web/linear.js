// A dense layer, forwards and backwards: three matrix products over all images of a pass.

/** @typedef {import("./learner.js").Trained} Trained */

/**
 * @param {Trained} layer
 * @param {Trained[]} inputs
 * @param {import("./kernels.js").Kernels} kernels
 */
export function linear(layer, [input], kernels) {
  const { weight, bias } = layer.operation;
  const [O, I] = weight.shape;
  const rowsOf = (/** @type {number} */ rows, /** @type {number} */ row) => kernels.table(Array.from({ length: rows }, (_, i) => i * row));
  const weights = rowsOf(O, I);
  const images = rowsOf(layer.capacity, I);

  return {
    /** @param {import("./learner.js").Pass} pass */
    forward({ count }) {
      const { values } = layer;
      kernels.dots(input.values, 0, I, weight.values, 0, weights, values, 0, O, count, O, I, false);
      if (bias) for (let n = 0, at = 0; n < count; n++) for (let o = 0; o < O; o++) values[at++] += bias.values[o];
    },

    /** @param {import("./learner.js").Pass} pass */
    backward({ count }) {
      const { gradients } = layer;
      kernels.rows(gradients, 0, 1, O, input.values, 0, images, weight.gradients, 0, I, O, count, I, true);
      if (bias) for (let n = 0, at = 0; n < count; n++) for (let o = 0; o < O; o++) bias.gradients[o] += gradients[at++];
      if (input.gradients) kernels.rows(gradients, 0, O, 1, weight.values, 0, weights, input.gradients, 0, I, count, O, I, layer.adds[0]);
    },
  };
}
