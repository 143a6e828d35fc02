// Max and average pooling, forwards and backwards. Which rows and columns a window takes comes with the operation.

import { poolDivisor } from "../../explorer/web/layers.js";

/** @typedef {import("./learner.js").Trained} Trained */

/** @param {Trained} layer @param {Trained[]} inputs */
export function pool(layer, [input]) {
  return layer.operation.by === "max" ? maxPool(layer, input) : averagePool(layer, input);
}

/** The gradient goes to the largest value of a window, and to the first of several, as PyTorch has it. */
function maxPool(layer, input) {
  const { rows, columns } = layer.operation;
  const [C, H, W] = input.shape;
  const isHalving = rows.every((window, o) => window.length === 2 && window[0] === 2 * o) && columns.every((window, o) => window.length === 2 && window[0] === 2 * o);
  /** Where each value came from, within the layer's input. */
  const origin = new Int32Array(layer.capacity * layer.size);

  const halve = (/** @type {number} */ count) => {
    const { values } = layer;
    const from = input.values;
    for (let map = 0, at = 0; map < count * C; map++) {
      for (let o = 0; o < rows.length; o++) {
        let first = map * H * W + 2 * o * W;
        for (let p = 0; p < columns.length; p++, at++, first += 2) {
          let best = first;
          let most = from[first];
          if (!(from[first + 1] <= most)) most = from[(best = first + 1)];
          if (!(from[first + W] <= most)) most = from[(best = first + W)];
          if (!(from[first + W + 1] <= most)) most = from[(best = first + W + 1)];
          values[at] = most;
          origin[at] = best;
        }
      }
    }
  };
  const any = (/** @type {number} */ count) => {
    const { values } = layer;
    const from = input.values;
    for (let map = 0, at = 0; map < count * C; map++) {
      for (const window of rows) {
        for (const across of columns) {
          let best = -1;
          for (const y of window) {
            for (const x of across) {
              const place = map * H * W + y * W + x;
              if (best < 0 || from[place] > from[best] || from[place] !== from[place]) best = place;
            }
          }
          values[at] = best < 0 ? -Infinity : from[best];
          origin[at++] = best;
        }
      }
    }
  };

  return {
    /** @param {import("./learner.js").Pass} pass */
    forward({ count }) {
      if (isHalving) halve(count);
      else any(count);
    },

    /** @param {import("./learner.js").Pass} pass */
    backward({ count }) {
      const to = input.gradients;
      if (!to) return;
      const { gradients } = layer;
      if (!layer.adds[0]) to.fill(0, 0, count * input.size);
      for (let i = 0, end = count * layer.size; i < end; i++) to[origin[i]] += gradients[i];
    },
  };
}

function averagePool(layer, input) {
  const { operation } = layer;
  const { rows, columns } = operation;
  const [C, H, W] = input.shape;
  const visit = (/** @type {number} */ count, /** @type {(at: number, place: number, divisor: number) => void} */ take) => {
    for (let map = 0, at = 0; map < count * C; map++) {
      for (let o = 0; o < rows.length; o++) {
        for (let p = 0; p < columns.length; p++, at++) {
          const divisor = poolDivisor(operation, o, p);
          for (const y of rows[o]) for (const x of columns[p]) take(at, map * H * W + y * W + x, divisor);
        }
      }
    }
  };

  return {
    /** @param {import("./learner.js").Pass} pass */
    forward({ count }) {
      const { values } = layer;
      values.fill(0, 0, count * layer.size);
      visit(count, (at, place, divisor) => (values[at] += input.values[place] / divisor));
    },

    /** @param {import("./learner.js").Pass} pass */
    backward({ count }) {
      const to = input.gradients;
      if (!to) return;
      if (!layer.adds[0]) to.fill(0, 0, count * input.size);
      visit(count, (at, place, divisor) => (to[place] += layer.gradients[at] / divisor));
    },
  };
}
