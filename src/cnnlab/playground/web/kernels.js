// The two matrix products that forward and backward passes are made of, in WebAssembly or in plain JavaScript.
//
// Both read one of their matrices through a table of where its rows begin: a convolution's rows are the padded image,
// shifted by one of the kernel's offsets, so that no image is ever copied apart.

/**
 * @typedef {Float32Array | Float64Array} Numbers
 * @typedef {{at: number, table: Int32Array}} Table where rows begin, counted in numbers
 * @typedef {object} Kernels
 * @property {string} kind "simd+fma", "simd" or "plain"
 * @property {(count: number) => any} allocate numbers, zero, in the memory that the products work on
 * @property {(starts: number[] | Int32Array) => Table} table
 * @property {Rows} rows
 * @property {Dots} dots
 */

/**
 * C[m][n] (+)= Σ_k A[m][k] · B[table[k] + n]. Places are indices into their arrays; A's numbers lie `aRow` and `aStep`
 * apart. What comes to C is added where `adds`.
 * @typedef {(a: Numbers, aAt: number, aRow: number, aStep: number, b: Numbers, bAt: number, table: Table,
 *   c: Numbers, cAt: number, cRow: number, M: number, K: number, N: number, adds: boolean) => void} Rows
 */

/**
 * C[m][n] (+)= Σ_k A[m][k] · B[table[n] + k].
 * @typedef {(a: Numbers, aAt: number, aRow: number, b: Numbers, bAt: number, table: Table,
 *   c: Numbers, cAt: number, cRow: number, M: number, N: number, K: number, adds: boolean) => void} Dots
 */

/** Bytes: what the kernels may read past the last array, and the size of a page of WebAssembly's memory. */
const SPARE = 64;
const PAGE = 65536;

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
  const memory = new WebAssembly.Memory({ initial: Math.ceil((bytes + SPARE + 16) / PAGE) });
  const made = /** @type {any} */ (await WebAssembly.instantiate(/** @type {any} */ (module), { page: { memory } }));
  const { rows, dots } = made.instance.exports;
  let used = 16;
  const take = (/** @type {number} */ size) => {
    const at = used;
    used += Math.ceil(size / 16) * 16;
    if (used + SPARE > memory.buffer.byteLength) throw new Error(`the kernels' memory holds ${memory.buffer.byteLength} bytes; ${used + SPARE} were asked for`);
    return at;
  };
  return {
    kind,
    allocate: (count) => new Float32Array(memory.buffer, take(4 * count), count),
    table(starts) {
      const at = take(4 * starts.length);
      const table = new Int32Array(memory.buffer, at, starts.length);
      for (let i = 0; i < starts.length; i++) table[i] = 4 * starts[i];
      return { at, table };
    },
    rows: (a, aAt, aRow, aStep, b, bAt, table, c, cAt, cRow, M, K, N, adds) =>
      rows(a.byteOffset + 4 * aAt, 4 * aRow, 4 * aStep, b.byteOffset + 4 * bAt, table.at, c.byteOffset + 4 * cAt, 4 * cRow, M, K, N, adds),
    dots: (a, aAt, aRow, b, bAt, table, c, cAt, cRow, M, N, K, adds) =>
      dots(a.byteOffset + 4 * aAt, 4 * aRow, b.byteOffset + 4 * bAt, table.at, c.byteOffset + 4 * cAt, 4 * cRow, M, N, K, adds),
  };
}

/**
 * The same in plain JavaScript, in single precision or, for comparison, in double.
 * @param {Float32ArrayConstructor | Float64ArrayConstructor} type
 * @returns {Kernels}
 */
export function plainKernels(type) {
  return {
    kind: "plain",
    allocate: (count) => new type(count),
    table: (starts) => ({ at: 0, table: Int32Array.from(starts) }),
    rows(a, aAt, aRow, aStep, b, bAt, { table }, c, cAt, cRow, M, K, N, adds) {
      const sums = new Float64Array(N);
      for (let m = 0; m < M; m++) {
        sums.fill(0);
        for (let k = 0; k < K; k++) {
          const factor = a[aAt + m * aRow + k * aStep];
          const from = bAt + table[k];
          if (factor === 0) continue;
          for (let n = 0; n < N; n++) sums[n] += factor * b[from + n];
        }
        const to = cAt + m * cRow;
        if (adds) for (let n = 0; n < N; n++) c[to + n] += sums[n];
        else for (let n = 0; n < N; n++) c[to + n] = sums[n];
      }
    },
    dots(a, aAt, aRow, b, bAt, { table }, c, cAt, cRow, M, N, K, adds) {
      for (let m = 0; m < M; m++) {
        const row = aAt + m * aRow;
        for (let n = 0; n < N; n++) {
          const from = bAt + table[n];
          let sum = 0;
          for (let k = 0; k < K; k++) sum += a[row + k] * b[from + k];
          if (adds) c[cAt + m * cRow + n] += sum;
          else c[cAt + m * cRow + n] = sum;
        }
      }
    },
  };
}

/** Kernels that only count the bytes that a net will ask for. */
export function counting() {
  let bytes = 0;
  const count = (/** @type {number} */ n) => (bytes += Math.ceil((4 * n) / 16) * 16);
  return {
    kernels: /** @type {Kernels} */ (/** @type {any} */ ({
      kind: "counting",
      allocate(n) {
        count(n);
        return new Float32Array(0);
      },
      table(starts) {
        count(starts.length);
        return { at: 0, table: new Int32Array(0) };
      },
    })),
    get bytes() {
      return bytes;
    },
  };
}
