// Batch norm, forwards and backwards (Ioffe and Szegedy 2015, algorithm 1). Training takes the statistics of the whole
// batch: replicas that have a part of it each sum theirs first, so that a batch is normalised as one.

/** @typedef {import("./learner.js").Trained} Trained */

/** Share of the newest batch in the running averages: PyTorch's default. */
const MOMENTUM = 0.1;

/**
 * @param {Trained} layer
 * @param {Trained[]} inputs
 * @param {import("./kernels.js").Kernels} kernels
 * @param {import("./learner.js").Exchange} exchange
 */
export function batchNorm(layer, [input], kernels, exchange) {
  const { mean, variance, gamma, beta, epsilon } = layer.operation;
  const C = layer.shape[0];
  const plane = layer.size / C;
  const sums = new Float64Array(2 * C);
  const centre = new Float64Array(C);
  const inverse = new Float64Array(C);

  return {
    /** @param {import("./learner.js").Pass} pass */
    async forward({ count, batch, isTraining }) {
      const { values } = layer;
      const from = input.values;
      if (isTraining) {
        // The variance around a mean near the batch's own, so that no digits cancel: the running one.
        sums.fill(0);
        for (let n = 0, at = 0; n < count; n++) {
          for (let c = 0; c < C; c++, at += plane) {
            const [sum, squares] = kernels.moments(from, at, from, at, plane, mean.values[c], mean.values[c]);
            sums[c] += sum;
            sums[C + c] += squares;
          }
        }
        await exchange.sum(sums);
        const m = batch * plane;
        for (let c = 0; c < C; c++) {
          const shift = sums[c] / m;
          const spread = Math.max(0, sums[C + c] / m - shift * shift);
          centre[c] = mean.values[c] + shift;
          inverse[c] = 1 / Math.sqrt(spread + epsilon);
          mean.values[c] += MOMENTUM * shift;
          variance.values[c] += MOMENTUM * ((spread * m) / Math.max(1, m - 1) - variance.values[c]); // unbiased, as PyTorch keeps it
        }
      } else {
        for (let c = 0; c < C; c++) {
          centre[c] = mean.values[c];
          inverse[c] = 1 / Math.sqrt(variance.values[c] + epsilon);
        }
      }
      for (let n = 0, at = 0; n < count; n++) {
        for (let c = 0; c < C; c++, at += plane) {
          const scale = gamma.values[c] * inverse[c];
          kernels.blend(from, at, from, at, values, at, plane, scale, 0, beta.values[c] - centre[c] * scale, false);
        }
      }
    },

    /** @param {import("./learner.js").Pass} pass */
    async backward({ count, batch, isTraining }) {
      const { gradients } = layer;
      const from = input.values;
      sums.fill(0);
      for (let n = 0, at = 0; n < count; n++) {
        for (let c = 0; c < C; c++, at += plane) {
          const [sum, products] = kernels.moments(gradients, at, from, at, plane, 0, centre[c]);
          sums[c] += sum;
          sums[C + c] += products * inverse[c];
        }
      }
      for (let c = 0; c < C; c++) {
        beta.gradients[c] += sums[c];
        gamma.gradients[c] += sums[C + c];
      }
      if (isTraining) await exchange.sum(sums);
      if (!input.gradients) return;
      const to = input.gradients;
      const m = batch * plane;
      for (let n = 0, at = 0; n < count; n++) {
        for (let c = 0; c < C; c++, at += plane) {
          // γ/σ · (δ − mean of δ − x̂ · mean of δ·x̂); by running averages, which are constants, γ/σ · δ
          const scale = gamma.values[c] * inverse[c];
          const slope = isTraining ? (-scale * sums[C + c] * inverse[c]) / m : 0;
          const shift = isTraining ? (-scale * sums[c]) / m - slope * centre[c] : 0;
          kernels.blend(gradients, at, from, at, to, at, plane, scale, slope, shift, layer.adds[0]);
        }
      }
    },
  };
}
