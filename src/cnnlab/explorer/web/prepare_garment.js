// A photograph of a garment becomes an image as Fashion-MNIST's were made; as cnnlab/prepare/garment.py.

import { UserError } from "./errors.js";
import { components } from "./prepare_components.js";
import { sharpened } from "./prepare_filters.js";
import { toGray } from "./prepare_modes.js";
import { BICUBIC, BOX, crop, reduce, resize, thumbnail } from "./prepare_resampling.js";
import { median, rounded } from "./prepare_rounding.js";

/** @typedef {import("./prepare_resampling.js").Picture} Picture */
/** @typedef {import("./prepare_resampling.js").Box} Box */

/** The longer side of the picture in which the garment is sought, in pixels. */
const WORKING = 400;

/** Colours nearer to the corners' than this share of the full range are background. */
const CLOSE = 0.05;

const { fround } = Math;

/**
 * One garment, bright on black, in its own gray levels.
 *
 * As in Xiao, Rasul and Vollgraf 2017 (Fashion-MNIST), §2: edges near the corners' colour are trimmed, the longer side is
 * made as long as the image, sharpened, extended to the image's shape about the centre, negated, made gray. Deviations:
 * those of cnnlab/prepare/garment.py.
 * @param {Picture} picture RGB
 * @param {[number, number]} size height, width
 * @returns {Uint8Array} (H, W)
 * @throws {UserError} when nothing stands out from the background
 */
export function garment(picture, [height, width]) {
  const longest = Math.max(picture.width, picture.height);
  const block = Math.floor(longest / (2 * WORKING));
  const image = longest > 4 * WORKING ? reduce(picture, [block, block]) : picture;
  const { box, background } = trim(image);
  let gray = crop(toGray(image), box);
  const factor = Math.min(height / gray.height, width / gray.width);
  if (factor !== 1) {
    gray = resize(gray, [Math.max(1, rounded(gray.width * factor)), Math.max(1, rounded(gray.height * factor))], BICUBIC);
  }
  if (factor < 1) gray = sharpened(gray, 1);
  const canvas = new Uint8Array(height * width);
  const [top, left] = [Math.floor((height - gray.height + 1) / 2), Math.floor((width - gray.width + 1) / 2)];
  gray.data.forEach((byte, i) => {
    const value = background > 127 ? fround(background - byte) / background : fround(byte - background) / fround(255 - background);
    const place = (top + Math.floor(i / gray.width)) * width + left + (i % gray.width);
    canvas[place] = rounded(fround(fround(Math.min(1, Math.max(0, value))) * 255));
  });
  return canvas;
}

/** The object in a picture, and its background's gray level. @param {Picture} picture @returns {{box: Box, background: number}} */
function trim(picture) {
  const small = thumbnail(picture, WORKING, BOX);
  const { width, height, data } = small;
  const reach = Math.max(1, Math.floor(Math.max(width, height) / 28));
  /** @type {number[][]} */
  const corners = [[], [], []];
  for (const rows of ends(height, reach)) {
    for (const columns of ends(width, reach)) {
      for (const y of rows) for (const x of columns) for (let band = 0; band < 3; band++) corners[band].push(data[3 * (y * width + x) + band]);
    }
  }
  const ground = corners.map(median);
  const noise = 1.48 * median(corners.flatMap((values, band) => values.map((value) => Math.abs(value - ground[band]))));
  const threshold = fround(Math.max(255 * CLOSE, 5 * noise));
  const stands = (i) => Math.max(...ground.map((value, band) => Math.abs(data[3 * i + band] - value))) > threshold;
  const { parts } = components({ width, height, data: Uint8Array.from({ length: width * height }, (_, i) => Number(stands(i))) });
  const largest = parts.reduce((area, part) => Math.max(area, part.area), 0);
  const kept = parts.filter((part) => part.area >= Math.max(4, 0.03 * largest));
  if (!kept.length) {
    throw new UserError(
      "no object found in the image; expected one garment against a plain background: " +
        "photograph it on a sheet of another colour, or crop the image to it",
    );
  }
  const [scaleX, scaleY] = [picture.width / width, picture.height / height];
  const [red, green, blue] = ground.map((value, band) => fround(fround([0.299, 0.587, 0.114][band]) * value));
  return {
    box: [
      Math.trunc(Math.min(...kept.map((part) => part.left)) * scaleX),
      Math.trunc(Math.min(...kept.map((part) => part.top)) * scaleY),
      Math.min(picture.width, rounded((Math.max(...kept.map((part) => part.right)) + 1) * scaleX)),
      Math.min(picture.height, rounded((Math.max(...kept.map((part) => part.bottom)) + 1) * scaleY)),
    ],
    background: fround(fround(red + green) + blue),
  };
}

/** The first and the last places of a line, which may overlap. @returns {[number[], number[]]} */
function ends(length, reach) {
  const first = Array.from({ length: Math.min(reach, length) }, (_, i) => i);
  return [first, first.map((i) => length - 1 - i)];
}
