// The page's record and the numbers that it brings along, deflated (RFC 1950), and how numbers are written.

/** @typedef {{at: number, shape: number[]}} Stored a tensor: its place in the page's numbers, and its shape */

/** The page's record. JSON has no infinite numbers and no NaN: they come by their names. @param {string} text */
export function parsed(text) {
  return JSON.parse(text, (_, value) => (typeof value?.number === "string" ? Number(value.number) : value));
}

/**
 * The bytes of one of the page's blocks.
 * @param {string} text deflated, in base64
 * @returns {Promise<Uint8Array>}
 */
export async function unpack(text) {
  const stream = new Blob([/** @type {any} */ (fromBase64(text))]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Numbers of two bytes, from all their lower bytes and then all their upper ones. @param {Uint8Array} planes */
export function fromPlanes(planes) {
  const count = planes.length / 2;
  return Uint16Array.from({ length: count }, (_, i) => planes[i] | (planes[count + i] << 8));
}

/**
 * Bytes from base64.
 * @param {string} text
 * @returns {Uint8Array}
 */
export function fromBase64(text) {
  const clean = text.trim();
  const quick = /** @type {any} */ (Uint8Array).fromBase64; // not in every browser yet
  if (quick) return quick.call(Uint8Array, clean);
  const characters = atob(clean);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/** @param {number[]} shape @returns {number} how many values a tensor of that shape has */
export function sizeOf(shape) {
  return shape.reduce((product, side) => product * side, 1);
}

/**
 * A shape as (channels, rows, columns); a vector is channels of one value.
 * @param {number[]} shape
 * @returns {[number, number, number]}
 */
export function asMaps(shape) {
  return [shape[0] ?? 1, shape[1] ?? 1, shape.slice(2).reduce((product, side) => product * side, 1)];
}

/** @param {number} value @param {number} decimals @returns {string} with a true minus, and no minus before zero */
export function fixed(value, decimals) {
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? (0).toFixed(decimals) : text.replace("-", "−");
}

/** @param {number} value @param {number} decimals @returns {string} 0.00012 → 1.2e−4 */
function exponential(value, decimals) {
  return value.toExponential(decimals).replace("+", "").replaceAll("-", "−");
}

/**
 * How numbers that stand side by side are written: all alike, and none in more than 8 characters.
 * @param {number} scale the largest size among them
 * @returns {(value: number) => string}
 */
export function alike(scale) {
  if (scale !== 0 && (scale < 0.01 || scale >= 1e5)) return (value) => (value && Number.isFinite(value) ? exponential(value, 1) : number(value).replace(/^0\.0*$/, "0"));
  const decimals = scale >= 1000 ? 0 : scale >= 100 ? 1 : scale >= 0.1 || scale === 0 ? 2 : 3;
  return (value) => (Number.isFinite(value) ? fixed(value, decimals) : number(value));
}

/** @param {number} value @returns {string} four significant digits, or four decimals below 1 */
export function number(value) {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value < 0 ? "−∞" : "∞";
  if (size !== 0 && size < 1e-3) return exponential(value, 1);
  if (size >= 1e7) return exponential(value, 3);
  return fixed(value, size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4);
}

/** @param {number} value @returns {string} with its sign, plus included */
export function signed(value) {
  return value < 0 ? number(value) : `+${number(value)}`;
}

/** @param {number} value @returns {string} in brackets where it is negative, as after × or + */
export function factor(value) {
  return value < 0 ? `(${number(value)})` : number(value);
}

/** @param {number} share 0–1 @returns {string} in percent; what is not quite 0 or 100 is not written as that */
export function percent(share) {
  const text = (100 * share).toFixed(1);
  if (share < 1 && text === "100.0") return "> 99.9 %";
  if (share > 0 && text === "0.0") return "< 0.1 %";
  return `${text} %`;
}

/** @param {number} count @returns {string} 60000 → 60,000 */
export function counted(count) {
  return count.toLocaleString("en-US");
}

/** @param {number} count @param {string} noun @returns {string} 1 value, 2 values */
export function plural(count, noun) {
  return `${counted(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/**
 * The place of the largest value, the first of several, as PyTorch takes it.
 * @param {ArrayLike<number>} values
 * @returns {number | null} null where one is no number
 */
export function best(values) {
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) return null;
    if (values[i] > values[at]) at = i;
  }
  return at;
}
