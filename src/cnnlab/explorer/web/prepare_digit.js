// A handwritten character becomes an image as MNIST's were made; as cnnlab/prepare/digit.py.

import { largestAround } from "./prepare_filters.js";
import { findInk } from "./prepare_ink.js";
import { BICUBIC, BOX, resizePlane } from "./prepare_resampling.js";
import { rounded, toBytes, toShares } from "./prepare_rounding.js";

/** @typedef {import("./prepare_resampling.js").Picture} Picture */
/** @typedef {import("./prepare_resampling.js").Plane} Plane */

/** MNIST's characters lie in a box of 20 of the 28 pixels. */
const BOX_SHARE = 20 / 28;

/** The thinnest stroke that is left as it is, in pixels of the result (MNIST's are about 2–3 wide). */
const THINNEST = 1.6;

/**
 * One character, ink bright on black, its brightest pixel 255.
 *
 * As in LeCun, Bottou, Bengio and Haffner 1998, §III.A: scaled with antialiasing, keeping its aspect ratio, so that it
 * fits a box of 20/28 of the image, and placed with its centre of mass at the centre, by whole pixels. Deviation: strokes
 * of a thin pen are widened first.
 * @param {Picture} picture
 * @param {[number, number]} size height, width
 * @returns {Uint8Array} (H, W)
 */
export function digit(picture, size) {
  const box = Math.max(1, rounded(Math.min(...size) * BOX_SHARE));
  return centred(scaled(widened(findInk(picture), box), box), size);
}

/** Ink whose strokes are at least THINNEST pixels wide once its longer side is box pixels. @param {Plane} ink @param {number} box @returns {Plane} */
function widened(ink, box) {
  const { width, height, data } = ink;
  const shrink = Math.max(width, height) / box;
  if (shrink <= 2) return ink;
  let [solid, outline] = [0, 0];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (!(data[i] > 0.5)) continue;
      solid += 1;
      const isInside = x > 0 && y > 0 && x < width - 1 && y < height - 1 && [i - width, i + width, i - 1, i + 1].every((at) => data[at] > 0.5);
      outline += Number(!isInside);
    }
  }
  const stroke = (2 * solid) / Math.max(outline, 1);
  const missing = rounded((THINNEST * shrink - stroke) / 2);
  if (missing <= 0) return ink;
  const [newWidth, newHeight] = [width + 2 * missing, height + 2 * missing];
  const padded = new Uint8Array(newWidth * newHeight);
  const bytes = toBytes(data);
  for (let y = 0; y < height; y++) padded.set(bytes.subarray(y * width, (y + 1) * width), (y + missing) * newWidth + missing);
  return { width: newWidth, height: newHeight, data: toShares(largestAround(padded, newWidth, newHeight, missing)) };
}

/** Ink with its longer side made box pixels long, antialiased. @param {Plane} ink @param {number} box @returns {Plane} */
function scaled(ink, box) {
  const factor = box / Math.max(ink.width, ink.height);
  if (factor === 1) return ink;
  const size = /** @type {[number, number]} */ ([ink.width, ink.height].map((length) => Math.max(1, rounded(length * factor))));
  const resized = resizePlane(ink, size, factor < 0.5 ? BOX : BICUBIC);
  return { ...resized, data: resized.data.map((value) => Math.min(1, Math.max(0, value))) };
}

/**
 * Ink moved by whole pixels to the centre of mass of an image of size (H, W), stretched to 255.
 * @param {Plane} ink
 * @param {[number, number]} size
 * @returns {Uint8Array}
 */
function centred(ink, [height, width]) {
  let [mass, downwards, across] = [0, 0, 0];
  ink.data.forEach((value, i) => {
    mass += value;
    downwards += value * Math.floor(i / ink.width);
    across += value * (i % ink.width);
  });
  // MNIST's centres of mass lie within half a pixel of index 14 of 28.
  const corner = (room, length, centre) => Math.min(Math.max(0, rounded(room / 2 - centre)), room - length);
  const [top, left] = [corner(height, ink.height, downwards / mass), corner(width, ink.width, across / mass)];
  const stretch = Math.fround(255 / ink.data.reduce((a, b) => Math.max(a, b)));
  const canvas = new Uint8Array(height * width);
  ink.data.forEach((value, i) => {
    canvas[(top + Math.floor(i / ink.width)) * width + left + (i % ink.width)] = rounded(Math.fround(value * stretch));
  });
  return canvas;
}
