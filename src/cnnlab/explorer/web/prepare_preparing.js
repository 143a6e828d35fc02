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
 * @param {[number, number] | null} [unpadded] (H, W) that it is prepared for, before zeros are laid round it
 * @returns {Uint8Array} (C, H, W)
 * @throws {UserError} when `digit` finds no ink or `garment` no object, and when `none` meets a picture of another size
 */
export function prepare(decoded, preparation, [channels, height, width], unpadded = null) {
  if (unpadded && !(preparation === "none" && decoded.height === height && decoded.width === width)) {
    return padded(prepare(decoded, preparation, [channels, ...unpadded]), [channels, ...unpadded], [height, width]);
  }
  const picture = flat(decoded);
  if (preparation === "none") return asItIs(picture, channels, [height, width]);
  if (preparation === "resize") return fit(picture, channels, [height, width]);
  const gray = (preparation === "garment" ? garment : digit)(picture, [height, width]);
  return Uint8Array.from({ length: channels * gray.length }, (_, i) => gray[i % gray.length]);
}

/** Images (C, H, W) in the middle of zeros. */
function padded(values, [channels, height, width], [rows, columns]) {
  const [top, left] = [Math.floor((rows - height) / 2), Math.floor((columns - width) / 2)];
  const result = new Uint8Array(channels * rows * columns);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      const row = values.subarray((c * height + y) * width, (c * height + y + 1) * width);
      result.set(row, (c * rows + y + top) * columns + left);
    }
  }
  return result;
}
