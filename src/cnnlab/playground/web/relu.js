// ReLU, forwards and backwards. At 0 its slope is 0, as PyTorch has it.

/** @typedef {import("./learner.js").Trained} Trained */

/** @param {Trained} layer @param {Trained[]} inputs @param {import("./kernels.js").Kernels} kernels */
export function relu(layer, [input], kernels) {
  return {
    /** @param {import("./learner.js").Pass} pass */
    forward({ count }) {
      kernels.relu(input.values, layer.values, count * layer.size);
    },

    /** @param {import("./learner.js").Pass} pass */
    backward({ count }) {
      if (input.gradients) kernels.reluBack(layer.values, layer.gradients, input.gradients, count * layer.size, layer.adds[0]);
    },
  };
}
