// Pillow's filters of gray pictures (GaussianBlur, UnsharpMask, MaxFilter), with its rounding.

/** @typedef {import("./prepare_resampling.js").Picture} Picture */

/** The blurs by a box that together come near a Gaussian's. */
const PASSES = 3;

/** A gray picture blurred. @param {Picture} picture @param {number} radius standard deviation in pixels @returns {Picture} */
export function gaussianBlur(picture, radius) {
  const { width, height } = picture;
  const reach = boxRadius(radius);
  if (reach === 0) return picture;
  let data = picture.data;
  for (let pass = 0; pass < PASSES; pass++) data = boxBlurred(data, height, width, width, 1, reach);
  for (let pass = 0; pass < PASSES; pass++) data = boxBlurred(data, width, height, 1, width, reach);
  return { ...picture, data };
}

/** A gray picture, and once more what a blur takes from it. @param {Picture} picture @param {number} radius @returns {Picture} */
export function sharpened(picture, radius) {
  const blurred = gaussianBlur(picture, radius).data;
  return { ...picture, data: new Uint8Array(Uint8ClampedArray.from(picture.data, (value, i) => 2 * value - blurred[i]).buffer) };
}

/**
 * Each value becomes the largest within reach of it along both axes, that of a square.
 * @template {Uint8Array | Float32Array} Values
 * @param {Values} values of rows of that width
 * @param {number} width @param {number} height
 * @param {number} reach
 * @returns {Values}
 */
export function largestAround(values, width, height, reach) {
  const [across, both] = [values.slice(), values.slice()];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      for (let at = i - Math.min(reach, x); at <= i + Math.min(reach, width - 1 - x); at++) if (values[at] > across[i]) across[i] = values[at];
    }
  }
  both.set(across);
  for (let y = 0; y < height; y++) {
    for (let row = Math.max(0, y - reach); row <= Math.min(height - 1, y + reach); row++) {
      for (let x = 0; x < width; x++) if (across[row * width + x] > both[y * width + x]) both[y * width + x] = across[row * width + x];
    }
  }
  return /** @type {Values} */ (both);
}

/** How far a box reaches whose blur, repeated, is near a Gaussian's (Gwosdek et al. 2011), in numbers of 32 bits as Pillow's. */
function boxRadius(radius) {
  const { fround } = Math;
  const variance = fround(fround(fround(radius) * fround(radius)) / PASSES);
  const length = fround(Math.sqrt(12 * variance + 1));
  const whole = Math.floor((length - 1) / 2);
  const above = fround(fround(2 * whole + 1) * fround(fround(whole * (whole + 1)) - fround(3 * variance)));
  const below = fround(6 * fround(variance - fround((whole + 1) * (whole + 1))));
  return fround(whole + fround(above / below));
}

/** Blur lines of values that lie `step` apart; what lies outside is as the line's ends. */
function boxBlurred(data, lines, length, lineStep, step, reach) {
  const whole = Math.trunc(reach);
  const inner = Math.trunc(Math.fround(2 ** 24 / Math.fround(Math.fround(reach * 2) + 1)));
  const outer = Math.trunc((2 ** 24 - (2 * whole + 1) * inner) / 2);
  const blurred = new Uint8Array(data.length);
  const last = length - 1;
  for (let line = 0; line < lines; line++) {
    const start = line * lineStep;
    const at = (place) => data[start + Math.min(last, Math.max(0, place)) * step];
    let sum = 0;
    for (let place = -whole - 1; place < whole; place++) sum += at(place);
    for (let place = 0; place < length; place++) {
      sum += at(place + whole) - at(place - whole - 1);
      const bulk = sum * inner + (at(place - whole - 1) + at(place + whole + 1)) * outer;
      blurred[start + place * step] = (bulk + 2 ** 23) / 2 ** 24;
    }
  }
  return blurred;
}
