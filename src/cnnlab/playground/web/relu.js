// ReLU, forwards and backwards. At 0 its slope is 0, as PyTorch has it.

/** @typedef {import("./learner.js").Trained} Trained */

/** @param {Trained} layer @param {Trained[]} inputs */
export function relu(layer, [input]) {
  return {
    /** @param {import("./learner.js").Pass} pass */
    forward({ count }) {
      const { values } = layer;
      const from = input.values;
      for (let i = 0, end = count * layer.size; i < end; i++) values[i] = from[i] <= 0 ? 0 : from[i]; // NaN stays NaN
    },

    /** @param {import("./learner.js").Pass} pass */
    backward({ count }) {
      const to = input.gradients;
      if (!to) return;
      const { values, gradients } = layer;
      const end = count * layer.size;
      if (layer.adds[0]) for (let i = 0; i < end; i++) to[i] += values[i] > 0 ? gradients[i] : 0;
      else for (let i = 0; i < end; i++) to[i] = values[i] > 0 ? gradients[i] : 0;
    },
  };
}
