// The kernels in plain JavaScript, in single precision for browsers without WebAssembly, or in double to compare with.

/** @typedef {import("./kernels.js").Numbers} Numbers */

/**
 * @param {Float32ArrayConstructor | Float64ArrayConstructor} type
 * @returns {import("./kernels.js").Kernels}
 */
export function plainKernels(type) {
  return {
    kind: "plain",
    allocate: (count) => new type(count + 4),
    table: (starts) => ({ at: 0, table: Int32Array.from(starts) }),

    pack(packed, packedAt, a, aAt, aRow, aStep, M, K) {
      for (let m = 0, to = packedAt; m < M; m++) for (let k = 0; k < K; k++) packed[to++] = a[aAt + m * aRow + k * aStep];
    },

    rows(packed, packedAt, b, bAt, { table }, c, cAt, cRow, M, K, N, adds) {
      const sums = new Float64Array(N);
      for (let m = 0; m < M; m++) {
        sums.fill(0);
        for (let k = 0; k < K; k++) {
          const factor = packed[packedAt + m * K + k];
          const from = bAt + table[k];
          for (let n = 0; n < N; n++) sums[n] += factor * b[from + n];
        }
        const to = cAt + m * cRow;
        for (let n = 0; n < N; n++) c[to + n] = adds ? c[to + n] + sums[n] : sums[n];
      }
    },

    dots(a, aAt, aRow, b, bAt, { table }, c, cAt, cRow, M, N, K, adds) {
      for (let m = 0; m < M; m++) {
        const row = aAt + m * aRow;
        for (let n = 0; n < N; n++) {
          const from = bAt + table[n];
          let sum = 0;
          for (let k = 0; k < K; k++) sum += a[row + k] * b[from + k];
          const to = cAt + m * cRow + n;
          c[to] = adds ? c[to] + sum : sum;
        }
      }
    },

    copy(from, fromAt, fromRow, to, toAt, toRow, rows, columns, shift, adds) {
      for (let y = 0; y < rows; y++) {
        const [source, target] = [fromAt + y * fromRow, toAt + y * toRow];
        if (adds) for (let x = 0; x < columns; x++) to[target + x] += from[source + x] + shift;
        else for (let x = 0; x < columns; x++) to[target + x] = from[source + x] + shift;
      }
    },

    moments(a, aAt, b, bAt, count, aNear, bNear) {
      let [sum, products] = [0, 0];
      for (let i = 0; i < count; i++) {
        const x = a[aAt + i] - aNear;
        sum += x;
        products += x * (b[bAt + i] - bNear);
      }
      return [sum, products];
    },

    blend(a, aAt, b, bAt, to, toAt, count, s, t, shift, adds) {
      for (let i = 0; i < count; i++) {
        const value = s * a[aAt + i] + t * b[bAt + i] + shift;
        to[toAt + i] = adds ? to[toAt + i] + value : value;
      }
    },

    relu(from, to, count) {
      for (let i = 0; i < count; i++) to[i] = from[i] <= 0 ? 0 : from[i]; // NaN stays NaN
    },

    reluBack(values, gradients, to, count, adds) {
      for (let i = 0; i < count; i++) {
        const value = values[i] > 0 ? gradients[i] : 0;
        to[i] = adds ? to[i] + value : value;
      }
    },

    halve(from, fromAt, columns, to, toAt, down, across) {
      for (let y = 0, at = toAt; y < down; y++) {
        for (let x = 0; x < across; x++) {
          const first = fromAt + 2 * y * columns + 2 * x;
          to[at++] = Math.max(from[first], from[first + 1], from[first + columns], from[first + columns + 1]);
        }
      }
    },

    halveBack(from, fromAt, columns, values, gradients, at, to, down, across, adds) {
      for (let y = 0, window = at; y < down; y++) {
        for (let x = 0; x < across; x++, window++) {
          const first = fromAt + 2 * y * columns + 2 * x;
          const four = [first, first + 1, first + columns, first + columns + 1];
          if (!adds) for (const place of four) to[place] = 0;
          const best = four.find((place) => from[place] === values[window]) ?? four[3];
          to[best] += gradients[window];
        }
      }
    },
  };
}
