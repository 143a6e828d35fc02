// A picture of any size becomes one of the net's size, with nothing sought in it; as cnnlab/prepare/fitting.py.

import { UserError } from "./errors.js";
import { toArray, toChannels } from "./prepare_modes.js";
import { BICUBIC, resize } from "./prepare_resampling.js";

/** @typedef {import("./prepare_resampling.js").Picture} Picture */

/**
 * The picture scaled, with antialiasing, and cut about its centre to fill the size; one that has it already keeps its
 * pixels as they are.
 * @param {Picture} picture RGB
 * @param {number} channels 1 (gray) or 3 (RGB)
 * @param {[number, number]} size height, width
 * @returns {Uint8Array} (C, H, W)
 */
export function fit(picture, channels, [height, width]) {
  const image = toChannels(picture, channels);
  if (image.width === width && image.height === height) return toArray(image);
  const aspect = width / height;
  let [across, down] = [image.width, image.height];
  if (across / down >= aspect) across = aspect * down;
  else down = across / aspect;
  const [left, top] = [(image.width - across) * 0.5, (image.height - down) * 0.5];
  return toArray(resize(image, [width, height], BICUBIC, [left, top, left + across, top + down]));
}

/**
 * The pixels of a picture that already has the size; only the channels are converted.
 * @param {Picture} picture RGB
 * @param {number} channels
 * @param {[number, number]} size height, width
 * @returns {Uint8Array} (C, H, W)
 * @throws {UserError} when it has another size
 */
export function asItIs(picture, channels, [height, width]) {
  if (picture.width !== width || picture.height !== height) {
    throw new UserError(
      `the image is ${picture.height}×${picture.width} (height×width); expected ${height}×${width} when ` +
        "preparation is none: resize it, or draw it here",
    );
  }
  return toArray(toChannels(picture, channels));
}
