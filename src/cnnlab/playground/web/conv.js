// Convolution, forwards and backwards.
//
// A padded image lies in memory row after row, so that all of it, shifted by a kernel's offset, is the same numbers from
// another place on. Then a convolution is a product of the weights with rows that are the image, shifted: the kernels'
// table says where each begins. What comes out is as wide as the padded image; the columns past the output's are dropped.
// A stride of s keeps every s-th of the positions that a stride of 1 would have.

import { packedSize } from "./kernels.js";

/** @typedef {import("./learner.js").Trained} Trained */

/**
 * @param {Trained} layer
 * @param {Trained[]} inputs
 * @param {import("./kernels.js").Kernels} kernels
 */
export function conv(layer, [input], kernels) {
  const { weight, bias, stride, padding, dilation, groups } = layer.operation;
  const [C, H, W] = input.shape;
  const [O, height, width] = layer.shape;
  const [, perGroup, KH, KW] = weight.shape;
  const [top, left, bottom, right] = padding;
  const columns = W + left + right;
  /** A padded map, and zeros up to a whole number of eights. */
  const plane = 8 * Math.ceil(((H + top + bottom) * columns) / 8);
  const area = height * width;
  const outputs = O / groups;
  /** Positions of a stride of 1, from the first to the last that counts, rows as wide as the padded image's. */
  const [tall, wide] = [(height - 1) * stride[0] + 1, (width - 1) * stride[1] + 1];
  const positions = (tall - 1) * columns + wide;
  const back = (KH - 1) * dilation[0] * columns + (KW - 1) * dilation[1];

  const offsets = Array.from({ length: KH * KW }, (_, k) => Math.floor(k / KW) * dilation[0] * columns + (k % KW) * dilation[1]);
  const starts = (/** @type {number} */ maps, /** @type {number} */ sign) => Array.from({ length: maps }, (_, map) => offsets.map((offset) => map * plane + sign * offset)).flat();
  const taps = kernels.table(starts(perGroup, 1));
  const backTaps = kernels.table(starts(outputs, -1));
  /** Products of a forward position, and of a backward one. */
  const [T, U] = [perGroup * KH * KW, outputs * KH * KW];
  const [packedT, packedU] = [packedSize(outputs, T), packedSize(perGroup, U)];

  const padded = kernels.allocate(C * plane + back + 16);
  const across = kernels.allocate(O * positions);
  const forwards = kernels.allocate(groups * packedT);
  const backwards = kernels.allocate(groups * packedU);
  /** As wide as the padded image, with zeros before the first map and between maps. */
  const delta = kernels.allocate(back + O * plane + 16);
  const spread = kernels.allocate(C * plane);
  const turned = kernels.allocate(perGroup * U);
  /** Of the image within the padded one: its first number, and as many as reach to its last. */
  const inside = top * columns + left;
  const reach = (H - 1) * columns + W;

  const pad = (/** @type {number} */ n) => {
    for (let c = 0; c < C; c++) kernels.copy(input.values, n * input.size + c * H * W, W, padded, c * plane + inside, columns, H, W, 0, false);
  };
  /** The weights by input map: [input map][output map][kernel]. */
  const turn = (/** @type {number} */ group) => {
    for (let o = 0; o < outputs; o++) {
      for (let c = 0; c < perGroup; c++) {
        const from = ((group * outputs + o) * perGroup + c) * KH * KW;
        for (let k = 0; k < KH * KW; k++) turned[c * U + o * KH * KW + k] = weight.values[from + k];
      }
    }
  };

  return {
    /** @param {import("./learner.js").Pass} pass */
    forward({ count }) {
      const { values } = layer;
      for (let g = 0; g < groups; g++) kernels.pack(forwards, g * packedT, weight.values, g * outputs * T, T, 1, outputs, T);
      for (let n = 0; n < count; n++) {
        pad(n);
        for (let g = 0; g < groups; g++) {
          kernels.rows(forwards, g * packedT, padded, g * perGroup * plane, taps, across, g * outputs * positions, positions, outputs, T, positions, false);
        }
        for (let o = 0; o < O; o++) {
          const [from, to, shift] = [o * positions, n * layer.size + o * area, bias ? bias.values[o] : 0];
          if (stride[1] === 1) kernels.copy(across, from, stride[0] * columns, values, to, width, height, width, shift, false);
          else {
            for (let y = 0, at = to; y < height; y++) {
              for (let x = 0; x < width; x++) values[at++] = across[from + y * stride[0] * columns + x * stride[1]] + shift;
            }
          }
        }
      }
    },

    /** @param {import("./learner.js").Pass} pass */
    backward({ count }) {
      const { gradients } = layer;
      if (input.gradients) {
        for (let g = 0; g < groups; g++) {
          turn(g);
          kernels.pack(backwards, g * packedU, turned, 0, U, 1, perGroup, U);
        }
      }
      for (let n = 0; n < count; n++) {
        pad(n);
        for (let o = 0; o < O; o++) {
          const [from, to] = [n * layer.size + o * area, back + o * plane];
          if (bias) bias.gradients[o] += kernels.moments(gradients, from, gradients, from, area, 0, 0)[0];
          if (stride[1] === 1) kernels.copy(gradients, from, width, delta, to, stride[0] * columns, height, width, 0, false);
          else {
            for (let y = 0, at = from; y < height; y++) {
              for (let x = 0; x < width; x++) delta[to + y * stride[0] * columns + x * stride[1]] = gradients[at++];
            }
          }
        }
        for (let g = 0; g < groups; g++) {
          const from = g * outputs * plane;
          kernels.dots(delta, back + from, plane, padded, g * perGroup * plane, taps, weight.gradients, g * outputs * T, T, outputs, T, positions, true);
          if (input.gradients) kernels.rows(backwards, g * packedU, delta, back + from + inside, backTaps, spread, g * perGroup * plane, plane, perGroup, U, reach, false);
        }
        if (!input.gradients) continue;
        for (let c = 0; c < C; c++) {
          kernels.copy(spread, c * plane, columns, input.gradients, n * input.size + c * H * W, W, H, W, 0, layer.adds[0]);
        }
      }
    },
  };
}
