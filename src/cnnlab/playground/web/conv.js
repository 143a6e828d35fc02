// Convolution, forwards and backwards.
//
// A padded image lies in memory row after row, so that all of it, shifted by a kernel's offset, is the same numbers from
// another place on. Then a convolution is a product of the weights with rows that are the image, shifted: the kernels'
// table says where each begins. What comes out is as wide as the padded image; the columns past the output's are dropped.
// A stride of s keeps every s-th of the positions that a stride of 1 would have.

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
  const [rows, columns] = [H + top + bottom, W + left + right];
  const plane = rows * columns;
  const area = height * width;
  const outputs = O / groups;
  /** Positions of a stride of 1, from the first to the last that counts, rows as wide as the padded image's. */
  const [tall, wide] = [(height - 1) * stride[0] + 1, (width - 1) * stride[1] + 1];
  const positions = (tall - 1) * columns + wide;
  const [reachY, reachX] = [(KH - 1) * dilation[0], (KW - 1) * dilation[1]];
  const back = reachY * columns + reachX;

  const offsets = Array.from({ length: KH * KW }, (_, k) => Math.floor(k / KW) * dilation[0] * columns + (k % KW) * dilation[1]);
  const each = (/** @type {number} */ maps, /** @type {(map: number, offset: number) => number} */ start) =>
    Array.from({ length: maps }, (_, map) => offsets.map((offset) => start(map, offset))).flat();
  const taps = kernels.table(each(perGroup, (map, offset) => map * plane + offset));
  const backTaps = kernels.table(each(outputs, (map, offset) => map * plane - offset));
  const T = perGroup * KH * KW;

  const padded = kernels.allocate(C * plane + back + 16);
  const across = kernels.allocate(O * positions);
  const delta = kernels.allocate(back + O * plane + 16); // as wide as the padded image; zeros before it and between
  const turned = kernels.allocate(C * outputs * KH * KW);
  const spread = kernels.allocate(C * plane);
  /** Of the image within the padded one: its first number, and as many as reach to its last. */
  const inside = top * columns + left;
  const reach = (H - 1) * columns + W;

  const pad = (/** @type {number} */ n) => {
    const from = n * input.size;
    for (let c = 0; c < C; c++) {
      for (let y = 0; y < H; y++) {
        const source = from + (c * H + y) * W;
        const target = c * plane + (y + top) * columns + left;
        for (let x = 0; x < W; x++) padded[target + x] = input.values[source + x];
      }
    }
  };

  return {
    /** @param {import("./learner.js").Pass} pass */
    forward({ count }) {
      const { values } = layer;
      for (let n = 0; n < count; n++) {
        pad(n);
        for (let g = 0; g < groups; g++) {
          kernels.rows(weight.values, g * outputs * T, T, 1, padded, g * perGroup * plane, taps, across, g * outputs * positions, positions, outputs, T, positions, false);
        }
        for (let o = 0, at = n * layer.size; o < O; o++) {
          const shift = bias ? bias.values[o] : 0;
          for (let y = 0; y < height; y++) {
            const row = o * positions + y * stride[0] * columns;
            if (stride[1] === 1) for (let x = 0; x < width; x++) values[at++] = across[row + x] + shift;
            else for (let x = 0; x < width; x++) values[at++] = across[row + x * stride[1]] + shift;
          }
        }
      }
    },

    /** @param {import("./learner.js").Pass} pass */
    backward({ count }) {
      const { gradients } = layer;
      if (input.gradients) {
        // The weights as [input map][output map][kernel], for each group.
        for (let o = 0; o < O; o++) {
          const first = Math.floor(o / outputs) * perGroup;
          for (let c = 0; c < perGroup; c++) {
            const to = ((first + c) * outputs + (o % outputs)) * KH * KW;
            for (let k = 0; k < KH * KW; k++) turned[to + k] = weight.values[(o * perGroup + c) * KH * KW + k];
          }
        }
      }
      for (let n = 0; n < count; n++) {
        pad(n);
        for (let o = 0, at = n * layer.size; o < O; o++) {
          let sum = 0;
          for (let y = 0; y < height; y++) {
            const row = back + o * plane + y * stride[0] * columns;
            for (let x = 0; x < width; x++) {
              const value = gradients[at++];
              delta[row + x * stride[1]] = value;
              sum += value;
            }
          }
          if (bias) bias.gradients[o] += sum;
        }
        for (let g = 0; g < groups; g++) {
          kernels.dots(delta, back + g * outputs * plane, plane, padded, g * perGroup * plane, taps, weight.gradients, g * outputs * T, T, outputs, T, positions, true);
        }
        if (!input.gradients) continue;
        const K = outputs * KH * KW;
        for (let g = 0; g < groups; g++) {
          kernels.rows(turned, g * perGroup * K, K, 1, delta, back + g * outputs * plane + inside, backTaps, spread, g * perGroup * plane, plane, perGroup, K, reach, false);
        }
        for (let c = 0, at = n * input.size; c < C; c++) {
          for (let y = 0; y < H; y++) {
            const row = c * plane + y * columns;
            if (layer.adds[0]) for (let x = 0; x < W; x++) input.gradients[at++] += spread[row + x];
            else for (let x = 0; x < W; x++) input.gradients[at++] = spread[row + x];
          }
        }
      }
    },
  };
}
