// The forward pass, a layer at a time. Each maker gets a layer's operation and arrays that stay the same ones, and gives
// back a function that fills the layer's array from those of its inputs. Sums are kept in double precision.

import { ACTIVATIONS } from "./activations.js";
import { asMaps, sizeOf } from "./numbers.js";

/** Output channels that a convolution sums side by side, for two neighbouring positions: eight sums in registers. */
const SIDE_BY_SIDE = 4;

/**
 * @typedef {object} Values
 * @property {Float32Array} values
 * @property {number[]} shape
 */

/** @type {Record<string, (operation: any, inputs: Values[], out: Values) => () => void>} */
export const LAYERS = {
  conv(operation, [input], out) {
    const [C, H, W] = input.shape;
    const [O, height, width] = out.shape;
    const [, perGroup, KH, KW] = operation.weight.shape;
    const [top, left, bottom, right] = operation.padding;
    const [strideY, strideX] = operation.stride;
    const [stepY, stepX] = operation.dilation;
    const groups = operation.groups;
    const rows = H + top + bottom;
    const columns = W + left + right;
    const plane = rows * columns;
    const padded = new Float64Array(C * plane);
    const taps = new Int32Array(perGroup * KH * KW);
    for (let c = 0, t = 0; c < perGroup; c++) {
      for (let y = 0; y < KH; y++) for (let x = 0; x < KW; x++) taps[t++] = c * plane + y * stepY * columns + x * stepX;
    }
    const T = taps.length;
    const outputs = O / groups;
    const block = outputs > 1 ? SIDE_BY_SIDE : 1;
    const blocks = Math.ceil(outputs / block);
    const weights = new Float64Array(groups * blocks * T * block);
    const biases = new Float64Array(groups * blocks * block);
    for (let o = 0; o < O; o++) {
      const slot = Math.floor(o / outputs) * blocks + Math.floor((o % outputs) / block);
      const lane = (o % outputs) % block;
      for (let t = 0; t < T; t++) weights[(slot * T + t) * block + lane] = operation.weight.values[o * T + t];
      if (operation.bias) biases[slot * block + lane] = operation.bias.values[o];
    }
    const area = height * width;
    const from = input.values;
    const to = out.values;

    const copy = () => {
      for (let c = 0; c < C; c++) {
        for (let y = 0; y < H; y++) {
          const target = c * plane + (y + top) * columns + left;
          const source = (c * H + y) * W;
          for (let x = 0; x < W; x++) padded[target + x] = from[source + x];
        }
      }
    };
    const one = (slot, origin, o) => {
      const first = slot * T;
      for (let y = 0, at = o * area; y < height; y++) {
        for (let x = 0; x < width; x++, at++) {
          const base = origin + y * strideY * columns + x * strideX;
          let sum = biases[slot];
          for (let t = 0; t < T; t++) sum += weights[first + t] * padded[base + taps[t]];
          to[at] = sum;
        }
      }
    };
    const four = (slot, origin, o, count) => {
      const first = slot * T * 4;
      const b = slot * 4;
      const [b0, b1, b2, b3] = [biases[b], biases[b + 1], biases[b + 2], biases[b + 3]];
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x += 2) {
          const left = origin + y * strideY * columns + x * strideX;
          const right = x + 1 < width ? left + strideX : left;
          let l0 = b0, l1 = b1, l2 = b2, l3 = b3;
          let r0 = b0, r1 = b1, r2 = b2, r3 = b3;
          for (let t = 0, w = first; t < T; t++, w += 4) {
            const tap = taps[t];
            const p = padded[left + tap], q = padded[right + tap];
            const w0 = weights[w], w1 = weights[w + 1], w2 = weights[w + 2], w3 = weights[w + 3];
            l0 += w0 * p; r0 += w0 * q;
            l1 += w1 * p; r1 += w1 * q;
            l2 += w2 * p; r2 += w2 * q;
            l3 += w3 * p; r3 += w3 * q;
          }
          let at = o * area + y * width + x;
          const next = x + 1 < width ? 1 : 0;
          to[at] = l0; to[at + next] = next ? r0 : l0;
          if (count > 1) { at += area; to[at] = l1; to[at + next] = next ? r1 : l1; }
          if (count > 2) { at += area; to[at] = l2; to[at + next] = next ? r2 : l2; }
          if (count > 3) { at += area; to[at] = l3; to[at + next] = next ? r3 : l3; }
        }
      }
    };
    return () => {
      copy();
      for (let g = 0; g < groups; g++) {
        for (let k = 0; k < blocks; k++) {
          const o = g * outputs + k * block;
          const slot = g * blocks + k;
          if (block === 1) one(slot, g * perGroup * plane, o);
          else four(slot, g * perGroup * plane, o, Math.min(block, outputs - k * block));
        }
      }
    };
  },

  /** A convolution run backwards: every value of the input adds the kernel, times itself, to the places round it. */
  transposed_conv(operation, [input], out) {
    const [C, H, W] = input.shape;
    const [O, height, width] = out.shape;
    const [, perGroup, KH, KW] = operation.weight.shape;
    const { stride, padding, dilation, groups } = operation;
    const sums = new Float64Array(out.values.length);
    const weight = operation.weight.values;
    return () => {
      for (let o = 0; o < O; o++) sums.fill(operation.bias ? operation.bias.values[o] : 0, o * height * width, (o + 1) * height * width);
      for (let c = 0; c < C; c++) {
        const first = Math.floor(c / (C / groups)) * perGroup;
        for (let y = 0, at = c * H * W; y < H; y++) {
          for (let x = 0; x < W; x++, at++) {
            const value = input.values[at];
            for (let ky = 0; ky < KH; ky++) {
              const row = y * stride[0] - padding[0] + ky * dilation[0];
              if (row < 0 || row >= height) continue;
              for (let kx = 0; kx < KW; kx++) {
                const column = x * stride[1] - padding[1] + kx * dilation[1];
                if (column < 0 || column >= width) continue;
                for (let o = 0; o < perGroup; o++) {
                  sums[((first + o) * height + row) * width + column] += value * weight[((c * perGroup + o) * KH + ky) * KW + kx];
                }
              }
            }
          }
        }
      }
      out.values.set(sums);
    };
  },

  /** Along the last axis: once for a vector, for every line of values where there are more axes. */
  linear(operation, [input], out) {
    const [O, I] = operation.weight.shape;
    const weight = operation.weight.values;
    const given = new Float64Array(I);
    const line = (/** @type {number} */ which) => {
      given.set(input.values.subarray(which * I, (which + 1) * I));
      for (let o = 0; o < O; o++) {
        const row = o * I;
        let a = operation.bias ? operation.bias.values[o] : 0;
        let b = 0, c = 0, d = 0;
        let i = 0;
        for (; i + 3 < I; i += 4) {
          a += weight[row + i] * given[i];
          b += weight[row + i + 1] * given[i + 1];
          c += weight[row + i + 2] * given[i + 2];
          d += weight[row + i + 3] * given[i + 3];
        }
        for (; i < I; i++) a += weight[row + i] * given[i];
        out.values[which * O + o] = a + b + (c + d);
      }
    };
    return () => {
      for (let which = 0; which < input.values.length / I; which++) line(which);
    };
  },

  batch_norm(operation, [input], out) {
    const [C, H, W] = asMaps(out.shape);
    return () => {
      for (let c = 0, at = 0; c < C; c++) {
        const scale = operation.gamma.values[c] / Math.sqrt(operation.variance.values[c] + operation.epsilon);
        const shift = operation.beta.values[c] - operation.mean.values[c] * scale;
        for (const end = at + H * W; at < end; at++) out.values[at] = input.values[at] * scale + shift;
      }
    };
  },

  norm(operation, [input], out) {
    const { together } = operation;
    return () => {
      for (let first = 0; first < out.values.length; first += together) {
        const { mean, variance } = normFigures(operation, input.values, first);
        const scale = 1 / Math.sqrt(variance + operation.epsilon);
        for (let i = first; i < first + together; i++) {
          const { gamma, beta } = normScale(operation, i);
          out.values[i] = (input.values[i] - mean) * scale * gamma + beta;
        }
      }
    };
  },

  activation(operation, [input], out) {
    const from = input.values;
    const to = out.values;
    if (operation.function === "relu") {
      return () => {
        for (let i = 0; i < to.length; i++) to[i] = from[i] <= 0 ? 0 : from[i]; // NaN stays NaN
      };
    }
    const { of } = ACTIVATIONS[operation.function];
    return () => {
      for (let i = 0; i < to.length; i++) to[i] = of(from[i], operation);
    };
  },

  prelu(operation, [input], out) {
    const slopes = operation.slope.values;
    const each = slopes.length > 1 ? out.values.length / slopes.length : out.values.length;
    return () => {
      for (let i = 0; i < out.values.length; i++) {
        const x = input.values[i];
        out.values[i] = x > 0 ? x : slopes[Math.floor(i / each)] * x;
      }
    };
  },

  pool(operation, [input], out) {
    const [C, H, W] = input.shape;
    const { rows, columns } = operation;
    const isMax = operation.by === "max";
    const from = input.values;
    const to = out.values;
    return () => {
      for (let c = 0, at = 0; c < C; c++) {
        const plane = c * H * W;
        for (let o = 0; o < rows.length; o++) {
          const window = rows[o];
          for (let p = 0; p < columns.length; p++) {
            const across = columns[p];
            if (operation.takesFirst) {
              to[at++] = from[plane + window[0] * W + across[0]];
              continue;
            }
            let result = isMax ? -Infinity : 0;
            for (let y = 0; y < window.length; y++) {
              const row = plane + window[y] * W;
              for (let x = 0; x < across.length; x++) {
                const value = from[row + across[x]];
                if (!isMax) result += value;
                else if (value > result || value !== value) result = value; // NaN is the largest, and stays it
              }
            }
            to[at++] = isMax ? result : result / poolDivisor(operation, o, p);
          }
        }
      }
    };
  },

  combine(operation, inputs, out) {
    let layer = 0;
    const sides = operation.operands.map((operand) => {
      const given = operand.value ?? inputs[layer++];
      return { values: given.values, places: broadcast(given.shape, out.shape) };
    });
    const [a, b] = sides;
    const combine = COMBINE[operation.by];
    return () => {
      for (let i = 0; i < out.values.length; i++) {
        out.values[i] = combine(a.values[a.places ? a.places[i] : i], b.values[b.places ? b.places[i] : i]);
      }
    };
  },

  concat(operation, inputs, out) {
    const inner = sizeOf(out.shape.slice(operation.axis + 1));
    const outer = sizeOf(out.shape.slice(0, operation.axis));
    return () => {
      let before = 0;
      for (const input of inputs) {
        const run = input.shape[operation.axis] * inner;
        for (let o = 0; o < outer; o++) {
          const target = o * out.shape[operation.axis] * inner + before;
          out.values.set(input.values.subarray(o * run, (o + 1) * run), target);
        }
        before += run;
      }
    };
  },

  softmax(operation, [input], out) {
    const n = out.shape[operation.axis];
    const inner = sizeOf(out.shape.slice(operation.axis + 1));
    return () => {
      for (let first = 0; first < out.values.length; first++) {
        if (Math.floor(first / inner) % n) continue; // not the first along the axis
        let largest = -Infinity;
        for (let k = 0; k < n; k++) largest = Math.max(largest, input.values[first + k * inner]);
        let sum = 0;
        for (let k = 0; k < n; k++) sum += Math.exp(input.values[first + k * inner] - largest);
        for (let k = 0; k < n; k++) {
          const at = first + k * inner;
          const difference = input.values[at] - largest;
          out.values[at] = operation.log ? difference - Math.log(sum) : Math.exp(difference) / sum;
        }
      }
    };
  },

  reduce(operation, [input], out) {
    const places = reducedPlaces(input.shape, operation.axes);
    const sums = new Float64Array(out.values.length);
    const share = operation.by === "mean" ? out.values.length / input.values.length : 1;
    return () => {
      sums.fill(0);
      for (let i = 0; i < places.length; i++) sums[places[i]] += input.values[i];
      for (let o = 0; o < sums.length; o++) out.values[o] = sums[o] * share;
    };
  },

  pad(operation, [input], out) {
    const [C, H, W] = input.shape;
    const [, rows, columns] = out.shape;
    const [top, left] = operation.padding;
    return () => {
      for (let c = 0; c < C; c++) {
        for (let y = 0; y < H; y++) {
          const row = input.values.subarray((c * H + y) * W, (c * H + y + 1) * W);
          out.values.set(row, (c * rows + y + top) * columns + left);
        }
      }
    };
  },

  take(operation, [input], out) {
    const places = takenPlaces(operation);
    return () => {
      for (let i = 0; i < places.length; i++) out.values[i] = places[i] < 0 ? 0 : input.values[places[i]];
    };
  },

  /** A dropout's mask: which values are kept, what becomes of those, and what stands for the others. */
  same(operation, [input], out) {
    return () => {
      out.values.set(input.values);
      if (!operation.mask) return;
      const { kept, scale, shift, dropped } = operation.mask;
      for (let i = 0; i < out.values.length; i++) out.values[i] = kept[i] ? scale * input.values[i] + shift : dropped;
    };
  },

  reshape: (_operation, [input], out) => () => out.values.set(input.values),
};

/** @type {Record<string, (a: number, b: number) => number>} */
export const COMBINE = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
};

/**
 * Mean and variance of the values that a norm takes together, from `first` on; a norm that is not centred takes their
 * mean square for the variance.
 * @param {any} operation
 * @param {Float32Array} values
 * @param {number} first
 * @returns {{mean: number, variance: number}}
 */
export function normFigures({ together, is_centred: isCentred }, values, first) {
  let mean = 0;
  for (let i = first; isCentred && i < first + together; i++) mean += values[i] / together;
  let variance = 0;
  for (let i = first; i < first + together; i++) variance += (values[i] - mean) ** 2 / together;
  return { mean, variance };
}

/** The γ and β of a norm for the value at a place. @param {any} operation @param {number} place */
export function normScale({ gamma, beta, each }, place) {
  const of = (/** @type {any} */ tensor, /** @type {number} */ none) => (tensor ? tensor.values[Math.floor(place / each) % tensor.values.length] : none);
  return { gamma: of(gamma, 1), beta: of(beta, 0) };
}

/** @type {WeakMap<number[], Int32Array>} */
const unrolled = new WeakMap();

/** Which place of the input each value is taken from; -1 for a 0 that is added. @param {any} operation @returns {Int32Array} */
export function takenPlaces({ runs }) {
  const before = unrolled.get(runs);
  if (before) return before;
  const places = [];
  for (let run = 0; run < runs.length; run += 3) {
    for (let i = 0; i < runs[run + 2]; i++) places.push(runs[run] + i * runs[run + 1]);
  }
  const made = Int32Array.from(places);
  unrolled.set(runs, made);
  return made;
}

/** By what an average pool divides the sum of the window at row o, column p: pixels of padding may count. */
export function poolDivisor(operation, o, p) {
  return operation.divisor ?? operation.row_counts[o] * operation.column_counts[p];
}

/**
 * For each value of a result, the place of the operand's value that goes into it; null where the places are the same.
 * @param {number[]} shape the operand's, aligned with the result's from the right
 * @param {number[]} result
 * @returns {Int32Array | null}
 */
export function broadcast(shape, result) {
  if (shape.length === result.length && shape.every((side, i) => side === result[i])) return null;
  const aligned = [...Array(result.length - shape.length).fill(1), ...shape];
  const places = new Int32Array(sizeOf(result));
  for (let i = 0; i < places.length; i++) {
    let rest = i;
    let place = 0;
    let stride = 1;
    for (let axis = result.length - 1; axis >= 0; axis--) {
      const at = rest % result[axis];
      rest = (rest - at) / result[axis];
      if (aligned[axis] > 1) place += at * stride;
      stride *= aligned[axis];
    }
    places[i] = place;
  }
  return places;
}

/**
 * For each value of a tensor, the place of the result that it is summed into.
 * @param {number[]} shape
 * @param {number[]} axes those that are summed over
 * @returns {Int32Array}
 */
export function reducedPlaces(shape, axes) {
  const kept = shape.map((side, axis) => (axes.includes(axis) ? 1 : side));
  return broadcast(kept, shape) ?? Int32Array.from({ length: sizeOf(shape) }, (_, i) => i);
}
