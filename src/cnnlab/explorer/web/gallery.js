// The test images that the page brings along.

import { make } from "./dom.js";

/**
 * @typedef {object} Entry
 * @property {number} index in the test split
 * @property {number} label
 * @property {number[]} predicted a net's each
 */

export class Gallery {
  /**
   * @param {HTMLElement} place
   * @param {HTMLElement} says
   * @param {any} record the page's
   * @param {Uint8Array} images their pixels
   * @param {(image: number) => void} onChoose
   */
  constructor(place, says, record, images, onChoose) {
    /** @type {Entry[]} */
    this.entries = record.gallery;
    this.classes = record.classes;
    const [channels, height, width] = record.shape;
    const size = channels * height * width;
    this.buttons = this.entries.map((entry, i) => {
      const isWrong = entry.predicted[0] !== entry.label;
      const canvas = /** @type {HTMLCanvasElement} */ (make("canvas.pixels", { width, height }));
      paintImage(canvas, images.subarray(i * size, (i + 1) * size), channels);
      const label = this.classes[entry.label];
      const predicted = entry.predicted.map((each) => this.classes[each]).join(", ");
      return make(
        isWrong ? "button.wrong" : "button",
        { type: "button", "aria-label": `test image ${entry.index}: ${label}, called ${predicted}`, "aria-pressed": "false", onclick: () => onChoose(i) },
        canvas, make("span", {}, isWrong ? `${label} → ${this.classes[entry.predicted[0]]}` : label),
      );
    });
    place.append(...this.buttons);
    const wrong = this.entries.filter((entry) => entry.label !== entry.predicted[0]).length;
    const which = record.nets.length > 1 ? record.nets[0].net : "the net";
    says.textContent = wrong ? `first the ${wrong} that ${which} got wrong: class → its answer` : `${which} names all of these correctly`;
  }

  /** Mark the image that is shown. @param {number | null} image */
  mark(image) {
    this.buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === image)));
  }

  /** @param {number} image @returns {string} what it is, in words */
  name(image) {
    const { index, label } = this.entries[image];
    return `test image ${index}, of class ${this.classes[label]}`;
  }
}

/** Pixels uint8, a channel after the other, on a canvas of their size. */
export function paintImage(canvas, pixels, channels) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const plane = canvas.width * canvas.height;
  const image = context.createImageData(canvas.width, canvas.height);
  for (let p = 0; p < plane; p++) {
    for (let c = 0; c < 3; c++) image.data[4 * p + c] = pixels[(channels === 3 ? c * plane : 0) + p];
    image.data[4 * p + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
