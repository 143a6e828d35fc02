// A sum of two layers, forwards and backwards: both get the sum's gradient.

/** @typedef {import("./learner.js").Trained} Trained */

/** @param {Trained} layer @param {Trained[]} inputs */
export function add(layer, inputs) {
  const [a, b] = inputs;
  return {
    /** @param {import("./learner.js").Pass} pass */
    forward({ count }) {
      const { values } = layer;
      for (let i = 0, end = count * layer.size; i < end; i++) values[i] = a.values[i] + b.values[i];
    },

    /** @param {import("./learner.js").Pass} pass */
    backward({ count }) {
      const { gradients } = layer;
      const end = count * layer.size;
      inputs.forEach((input, which) => {
        const to = input.gradients;
        if (!to) return;
        if (layer.adds[which]) for (let i = 0; i < end; i++) to[i] += gradients[i];
        else for (let i = 0; i < end; i++) to[i] = gradients[i];
      });
    },
  };
}
