// Numbers as Python and NumPy round and rank them, so that a picture becomes the same pixels here and there.

/** @param {number} value @returns {number} the nearest whole number; of two, the even one */
export function rounded(value) {
  const nearest = Math.round(value);
  return value - Math.floor(value) === 0.5 && nearest % 2 ? nearest - 1 : nearest;
}

/** The bytes of shares of 255. @param {Float32Array} shares */
export function toBytes(shares) {
  return Uint8Array.from(shares, (share) => rounded(Math.fround(255 * share)));
}

/** Shares of 255. @param {Uint8Array} bytes */
export function toShares(bytes) {
  return Float32Array.from(bytes, (byte) => byte / 255);
}

/** @param {ArrayLike<number>} values of 32 bits @returns {number} */
export function median(values) {
  const sorted = Float32Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : Math.fround(Math.fround(sorted[middle - 1] + sorted[middle]) / 2);
}

/** @param {Float32Array} sorted @param {number} share 0–1 @returns {number} between the two neighbours, linearly */
export function quantile(sorted, share) {
  const at = (sorted.length - 1) * share;
  const before = Math.floor(at);
  const [low, high] = [sorted[before], sorted[Math.min(before + 1, sorted.length - 1)]];
  const step = Math.fround(high - low);
  return at - before < 0.5 ? low + step * (at - before) : high - step * (1 - (at - before));
}

/** @param {Float32Array} values @param {number} rank @returns {number} the rank-th largest, from 1 */
export function ranked(values, rank) {
  return values.slice().sort()[values.length - rank];
}

/** @param {ArrayLike<number>} values @returns {number} the place of the largest, the first of equals */
export function placeOfLargest(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}
