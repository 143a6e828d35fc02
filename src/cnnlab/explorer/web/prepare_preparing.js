// One entry for all preparations; as cnnlab/prepare/preparing.py, to the same pixels.

import { digit } from "./prepare_digit.js";
import { asItIs, fit } from "./prepare_fitting.js";
import { garment } from "./prepare_garment.js";
import { flat } from "./prepare_modes.js";

/**
 * Make a decoded picture into a net's input: bytes, not normalised.
 * @param {{width: number, height: number, data: Uint8ClampedArray}} decoded RGBA
 * @param {string} preparation of the data set: digit, garment, resize or none
 * @param {[number, number, number]} shape (C, H, W)
 * @returns {Uint8Array} (C, H, W)
 * @throws {UserError} when `digit` finds no ink or `garment` no object, and when `none` meets a picture of another size
 */
export function prepare(decoded, preparation, [channels, height, width]) {
  const picture = flat(decoded);
  if (preparation === "none") return asItIs(picture, channels, [height, width]);
  if (preparation === "resize") return fit(picture, channels, [height, width]);
  const gray = (preparation === "garment" ? garment : digit)(picture, [height, width]);
  return Uint8Array.from({ length: channels * gray.length }, (_, i) => gray[i % gray.length]);
}
