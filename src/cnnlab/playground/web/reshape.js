// What only names its input's values in another shape: they are the same numbers in the same order, in both passes.

/** @typedef {import("./learner.js").Trained} Trained */

/** @param {Trained} layer @param {Trained[]} inputs */
export function reshape(layer, [input]) {
  return {
    /** @param {import("./learner.js").Pass} pass */
    forward({ count }) {
      layer.values.set(input.values.subarray(0, count * layer.size));
    },

    /** @param {import("./learner.js").Pass} pass */
    backward({ count }) {
      const to = input.gradients;
      if (!to) return;
      const end = count * layer.size;
      if (layer.adds[0]) for (let i = 0; i < end; i++) to[i] += layer.gradients[i];
      else to.set(layer.gradients.subarray(0, end));
    },
  };
}
