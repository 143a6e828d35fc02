// Decoded pixels become gray or RGB, with what is transparent laid over white or black; as cnnlab/prepare/modes.py.

import { UserError } from "./errors.js";

/** @typedef {import("./prepare_resampling.js").Picture} Picture */

/** A picture with 1 band (gray) or 3 (RGB). @param {Picture} picture RGB @param {number} channels @returns {Picture} */
export function toChannels(picture, channels) {
  if (channels !== 1 && channels !== 3) {
    throw new UserError(`the net takes ${channels} channels; expected 1 (gray) or 3 (RGB) for image files: draw on the sheet, or take a test image`);
  }
  return channels === 1 ? toGray(picture) : picture;
}

/** What is this light, of 255, on the mean cannot be told from white. */
const LIGHT_INK = 204;

/**
 * RGB, what is transparent over white, or over black where most of the picture is transparent and what is not is light.
 * {{width: number, height: number, data: Uint8ClampedArray}} decoded RGBA
 * @returns {Picture}
 */
export function flat({ width, height, data: rgba }) {
  const ground = groundOf(rgba);
  const data = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    const alpha = rgba[from + 3];
    if (alpha === 255) {
      data[to] = rgba[from];
      data[to + 1] = rgba[from + 1];
      data[to + 2] = rgba[from + 2];
    } else {
      for (let band = 0; band < 3; band++) data[to + band] = Math.round((rgba[from + band] * alpha + ground * (255 - alpha)) / 255);
    }
  }
  return { width, height, bands: 3, data };
}

/** The level that lies below what is transparent. @param {Uint8ClampedArray} rgba @returns {number} 0 or 255 */
function groundOf(rgba) {
  let [opaque, lightness] = [0, 0];
  for (let i = 0; i < rgba.length; i += 4) {
    opaque += rgba[i + 3];
    lightness += rgba[i + 3] * grayOf(rgba[i], rgba[i + 1], rgba[i + 2]);
  }
  return lightness > LIGHT_INK * opaque && opaque < (255 / 2) * (rgba.length / 4) ? 0 : 255;
}

/** @param {number} red @param {number} green @param {number} blue */
function grayOf(red, green, blue) {
  return (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16;
}

/** Gray, 0.299 R + 0.587 G + 0.114 B. @param {Picture} picture @returns {Picture} */
export function toGray(picture) {
  if (picture.bands === 1) return picture;
  const { width, height, data: rgb } = picture;
  const data = new Uint8Array(width * height);
  for (let i = 0, from = 0; i < data.length; i++, from += 3) {
    data[i] = grayOf(rgb[from], rgb[from + 1], rgb[from + 2]);
  }
  return { width, height, bands: 1, data };
}

/** The bands one after the other, as a net takes them. @param {Picture} picture @returns {Uint8Array} (C, H, W) */
export function toArray({ width, height, bands, data }) {
  const plane = width * height;
  return Uint8Array.from(data, (_, i) => data[(i % plane) * bands + Math.floor(i / plane)]);
}
