// An image of the set as a small picture.

import { make } from "../../explorer/web/dom.js";

/**
 * @param {ArrayLike<number>} pixels 0–255, a channel after the other
 * @param {number[]} shape (C, H, W)
 * @returns {HTMLCanvasElement}
 */
export function picture(pixels, [channels, height, width]) {
  const canvas = /** @type {HTMLCanvasElement} */ (make("canvas.pixels", { width, height, "aria-hidden": "true" }));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const plane = height * width;
  const image = context.createImageData(width, height);
  for (let p = 0; p < plane; p++) {
    for (let c = 0; c < 3; c++) image.data[4 * p + c] = pixels[(channels === 3 ? c * plane : 0) + p];
    image.data[4 * p + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
