// Dropout, forwards and backwards. A mask depends on the seed, the step and the value's place in the batch alone, so
// that replicas, a second look at a step, and PyTorch beside it drop the same units.

import { uniform } from "./random.js";

/** @typedef {import("./learner.js").Trained} Trained */

/** @param {Trained} layer @param {Trained[]} inputs */
export function dropout(layer, [input]) {
  const factors = new layer.values.constructor(layer.capacity * layer.size);
  let isOn = false;
  return {
    /** @param {import("./learner.js").Pass} pass */
    forward({ count, isTraining, dropout: share, seed, step, first }) {
      const { values } = layer;
      const end = count * layer.size;
      isOn = isTraining && share > 0 && layer.operation.dropout !== undefined; // nn.Identity has no share
      if (!isOn) {
        for (let i = 0; i < end; i++) values[i] = input.values[i];
        return;
      }
      const scale = share < 1 ? 1 / (1 - share) : 0;
      for (let i = 0; i < end; i++) {
        factors[i] = uniform(seed, 1 + layer.place, step, first * layer.size + i) >= share ? scale : 0;
        values[i] = input.values[i] * factors[i];
      }
    },

    /** @param {import("./learner.js").Pass} pass */
    backward({ count }) {
      const to = input.gradients;
      if (!to) return;
      const { gradients } = layer;
      for (let i = 0, end = count * layer.size; i < end; i++) {
        const value = isOn ? gradients[i] * factors[i] : gradients[i];
        to[i] = layer.adds[0] ? to[i] + value : value;
      }
    },
  };
}
