// A file becomes decoded pixels, or one line that says why not; as cnnlab/prepare/reading.py.

import { UserError } from "./errors.js";

/**
 * The picture in a file: RGBA, upright by its EXIF orientation, its colours as they are stored; of an animation, frame one.
 * @param {Blob & {name?: string}} file
 * @returns {Promise<ImageData>}
 * @throws {UserError} when the browser cannot decode it
 */
export async function readImage(file) {
  try {
    const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", imageOrientation: "from-image" });
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return context.getImageData(0, 0, canvas.width, canvas.height);
  } catch {
    throw new UserError(`${file.name || "what was pasted"} is not a picture that this browser can read; expected PNG or JPEG`);
  }
}
