// Max and average pooling, forwards and backwards. Which rows and columns a window takes comes with the operation.

import { poolDivisor } from "../../explorer/web/layers.js";

/** @typedef {import("./learner.js").Trained} Trained */

/** @param {Trained} layer @param {Trained[]} inputs @param {import("./kernels.js").Kernels} kernels */
export function pool(layer, [input], kernels) {
  const { by, rows, columns } = layer.operation;
  if (by !== "max") return averagePool(layer, input);
  const isHalving = [rows, columns].every((windows) => windows.every((/** @type {number[]} */ window, /** @type {number} */ o) => window.join() === `${2 * o},${2 * o + 1}`));
  return isHalving ? halving(layer, input, kernels) : maxPool(layer, input);
}

/** Windows of 2×2 side by side, which is what most nets have. */
function halving(layer, input, kernels) {
  const [C, H, W] = input.shape;
  const [, down, across] = layer.shape;
  /** Maps of an even height lie one after the other as one tall map would. */
  const isTall = H === 2 * down;
  const each = (/** @type {number} */ count, /** @type {(from: number, to: number, down: number) => void} */ take) => {
    if (isTall) take(0, 0, count * C * down);
    else for (let map = 0; map < count * C; map++) take(map * H * W, map * down * across, down);
  };
  return {
    /** @param {import("./learner.js").Pass} pass */
    forward({ count }) {
      each(count, (from, to, rows) => kernels.halve(input.values, from, W, layer.values, to, rows, across));
    },

    /** @param {import("./learner.js").Pass} pass */
    backward({ count }) {
      if (!input.gradients) return;
      if (!layer.adds[0] && (H % 2 || W % 2)) input.gradients.fill(0, 0, count * input.size); // the last row or column is in no window
      each(count, (from, to, rows) => kernels.halveBack(input.values, from, W, layer.values, layer.gradients, to, input.gradients, rows, across, layer.adds[0]));
    },
  };
}

/** The gradient goes to the largest value of a window, and to the first of several, as PyTorch has it. */
function maxPool(layer, input) {
  const { rows, columns } = layer.operation;
  const [C, H, W] = input.shape;
  /** Where each value came from, within the layer's input. */
  const origin = new Int32Array(layer.capacity * layer.size);
  return {
    /** @param {import("./learner.js").Pass} pass */
    forward({ count }) {
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
