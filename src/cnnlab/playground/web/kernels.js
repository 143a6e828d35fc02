// The arithmetic that both passes are made of, in WebAssembly or, the same, in plain JavaScript.
//
// The two matrix products read one of their matrices through a table of where its rows begin: a convolution's rows are the
// padded image, shifted by one of the kernel's offsets, so that no image is ever copied apart.

import { plainKernels } from "./kernels_plain.js";

/**
 * @typedef {Float32Array | Float64Array} Numbers
 * @typedef {{at: number, table: Int32Array}} Table where rows begin, counted in numbers
 *
 * @typedef {object} Kernels places (`…At`) and distances (`…Row`, `…Step`) are counted in numbers; `adds`: the result is
 *   added to what is there
 * @property {string} kind "simd+fma", "simd" or "plain"
 * @property {(count: number) => any} allocate numbers, zero, in the memory that all of this works on
 * @property {(starts: number[]) => Table} table
 * @property {(packed: Numbers, packedAt: number, a: Numbers, aAt: number, aRow: number, aStep: number, M: number, K: number) => void} pack
 *   a matrix as `rows` wants it, into `packedSize(M, K)` numbers
 * @property {(packed: Numbers, packedAt: number, b: Numbers, bAt: number, table: Table, c: Numbers, cAt: number, cRow: number, M: number, K: number, N: number, adds: boolean) => void} rows
 *   C[m][n] = Σ_k A[m][k] · B[table[k] + n]
 * @property {(a: Numbers, aAt: number, aRow: number, b: Numbers, bAt: number, table: Table, c: Numbers, cAt: number, cRow: number, M: number, N: number, K: number, adds: boolean) => void} dots
 *   C[m][n] = Σ_k A[m][k] · B[table[n] + k]
 * @property {(from: Numbers, fromAt: number, fromRow: number, to: Numbers, toAt: number, toRow: number, rows: number, columns: number, shift: number, adds: boolean) => void} copy
 *   rows from one distance to another, plus `shift`
 * @property {(a: Numbers, aAt: number, b: Numbers, bAt: number, count: number, aNear: number, bNear: number) => number[]} moments
 *   Σ x and Σ x · y, x = a − aNear, y = b − bNear
 * @property {(a: Numbers, aAt: number, b: Numbers, bAt: number, to: Numbers, toAt: number, count: number, s: number, t: number, shift: number, adds: boolean) => void} blend
 *   s · a + t · b + shift
 * @property {(from: Numbers, to: Numbers, count: number) => void} relu
 * @property {(values: Numbers, gradients: Numbers, to: Numbers, count: number, adds: boolean) => void} reluBack
 * @property {(from: Numbers, fromAt: number, columns: number, to: Numbers, toAt: number, down: number, across: number) => void} halve
 *   the largest of each window of 2×2, `down` × `across` of them
 * @property {(from: Numbers, fromAt: number, columns: number, values: Numbers, gradients: Numbers, at: number, to: Numbers, down: number, across: number, adds: boolean) => void} halveBack
 *   each window's gradient to the first of its values that is the largest
 */

/** Bytes: what is read past the last array, and the size of a page of WebAssembly's memory. */
const SPARE = 256;
const PAGE = 65536;

/** Numbers that a packed matrix takes: rows in fours, an even number of columns. @param {number} M @param {number} K */
export function packedSize(M, K) {
  return 4 * Math.ceil(M / 4) * (K + (K % 2));
}

/**
 * The quickest kernels that the browser allows.
 * @param {{kind: string, bytes: Uint8Array}[]} modules in the order in which they are tried
 * @param {number} bytes of all arrays and tables that will be asked for
 * @returns {Promise<{kernels: Kernels, note: string | null}>} note: why they are the slow ones
 */
export async function quickest(modules, bytes) {
  if (typeof WebAssembly === "undefined") return { kernels: plainKernels(Float32Array), note: "this browser has no WebAssembly" };
  let reason = "this browser's WebAssembly has no SIMD";
  for (const { kind, bytes: module } of modules) {
    try {
      if (!WebAssembly.validate(/** @type {any} */ (module))) continue;
      return { kernels: await compiled(module, bytes, kind), note: null };
    } catch (error) {
      reason = `WebAssembly was refused (${/** @type {Error} */ (error).message})`;
    }
  }
  return { kernels: plainKernels(Float32Array), note: reason };
}

/** @param {Uint8Array} module @param {number} bytes @param {string} kind @returns {Promise<Kernels>} */
async function compiled(module, bytes, kind) {
  const memory = new WebAssembly.Memory({ initial: Math.ceil((bytes + SPARE) / PAGE) });
  const made = /** @type {any} */ (await WebAssembly.instantiate(/** @type {any} */ (module), { page: { memory } }));
  const wasm = made.instance.exports;
  let used = 16;
  const take = (/** @type {number} */ size) => {
    const at = used;
    used += rounded(size);
    if (used + SPARE / 2 > memory.buffer.byteLength) throw new Error(`the kernels' memory holds ${memory.buffer.byteLength} bytes; ${used} were asked for`);
    return at;
  };
  const place = (/** @type {Numbers} */ numbers, /** @type {number} */ at) => numbers.byteOffset + 4 * at;
  return {
    kind,
    allocate: (count) => new Float32Array(memory.buffer, take(4 * count), count),
    table(starts) {
      const even = evened(starts);
      const at = take(4 * even.length);
      const table = new Int32Array(memory.buffer, at, even.length);
      table.set(even.map((start) => 4 * start));
      return { at, table };
    },
    pack,
    rows: (packed, packedAt, b, bAt, table, c, cAt, cRow, M, K, N, adds) =>
      wasm.rows(place(packed, packedAt), place(b, bAt), table.at, place(c, cAt), 4 * cRow, M, K + (K % 2), N, adds),
    dots: (a, aAt, aRow, b, bAt, table, c, cAt, cRow, M, N, K, adds) =>
      wasm.dots(place(a, aAt), 4 * aRow, place(b, bAt), table.at, place(c, cAt), 4 * cRow, M, N, K, adds),
    copy: (from, fromAt, fromRow, to, toAt, toRow, rows, columns, shift, adds) =>
      wasm.copy(place(from, fromAt), 4 * fromRow, place(to, toAt), 4 * toRow, rows, columns, shift, adds),
    moments: (a, aAt, b, bAt, count, aNear, bNear) => wasm.moments(place(a, aAt), place(b, bAt), count, aNear, bNear),
    blend: (a, aAt, b, bAt, to, toAt, count, s, t, shift, adds) => wasm.blend(place(a, aAt), place(b, bAt), place(to, toAt), count, s, t, shift, adds),
    relu: (from, to, count) => wasm.relu(from.byteOffset, to.byteOffset, count),
    reluBack: (values, gradients, to, count, adds) => wasm.relu_back(values.byteOffset, gradients.byteOffset, to.byteOffset, count, adds),
    halve: (from, fromAt, columns, to, toAt, down, across) => wasm.halve(place(from, fromAt), columns, place(to, toAt), down, across),
    halveBack: (from, fromAt, columns, values, gradients, at, to, down, across, adds) =>
      wasm.halve_back(place(from, fromAt), columns, place(values, at), place(gradients, at), place(to, fromAt), down, across, adds),
  };
}

/** A matrix in fours of rows, [m / 4][k][m mod 4], with zeros past its last row and up to an even number of columns. */
export function pack(packed, packedAt, a, aAt, aRow, aStep, M, K) {
  const even = K + (K % 2);
  let to = packedAt;
  for (let m = 0; m < M; m += 4) {
    const rows = Math.min(4, M - m);
    for (let k = 0; k < even; k++, to += 4) {
      for (let i = 0; i < 4; i++) packed[to + i] = i < rows && k < K ? a[aAt + (m + i) * aRow + k * aStep] : 0;
    }
  }
}

/** A table of an even number of rows: the last one again, for the zeros that a packed matrix ends with. @param {number[]} starts */
export function evened(starts) {
  return starts.length % 2 ? [...starts, starts[starts.length - 1]] : starts;
}

/** Kernels that only count the bytes that a net will ask for. */
export function counting() {
  let bytes = 0;
  return {
    kernels: /** @type {Kernels} */ (/** @type {any} */ ({
      kind: "counting",
      allocate(/** @type {number} */ count) {
        bytes += rounded(4 * count);
        return new Float32Array(0);
      },
      table(/** @type {number[]} */ starts) {
        bytes += rounded(4 * evened(starts).length);
        return { at: 0, table: new Int32Array(0) };
      },
    })),
    get bytes() {
      return bytes;
    },
  };
}

/** Bytes that an array takes: whole vectors, and one that may be read or touched past its end. */
function rounded(size) {
  return 16 * Math.ceil(size / 16) + 16;
}
