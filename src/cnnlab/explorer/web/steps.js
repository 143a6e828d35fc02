// First contact: six steps, each a link to where it is done, each done by doing it.

import { blocksOf } from "./blocks.js";
import { make } from "./dom.js";
import { asMaps } from "./numbers.js";

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {string} says what to do, by mouse, finger or keyboard
 * @property {Partial<import("./state.js").Choice>} choice where it is done
 * @property {string} [link] the same as a link
 */

/**
 * The six first steps on a page.
 * @param {any} record the page's
 * @param {import("./net.js").Net} net the first one
 * @param {boolean} hasPast whether the page has earlier moments of the training
 * @returns {Step[]}
 */
export function firstSteps(record, net, hasPast) {
  const digit = isOfDigits(record) ? "a digit" : "something";
  const [conv] = blocksOf(net).filter((block) => block.layers[0].operation.kind === "conv");
  const { shown } = conv ?? blocksOf(net)[0];
  const [maps, rows, columns] = asMaps(shown.shape);
  const unit = /** @type {[number, number, number]} */ ([maps >> 1, rows >> 1, columns >> 1]);
  const closed = { layer: null, map: null, unit: null, panel: null, time: null };
  return [
    { name: "Draw", says: `Draw ${digit} on the sheet and watch the answer follow. By keyboard: Space sets the pen down, arrow keys move it.`, choice: closed },
    { name: "Point at a map", says: "Point at any map: the frames show which pixels it sees, the lines which maps feed it. By keyboard: Tab to a block, then arrow keys.", choice: closed },
    { name: "Open a unit", says: "Click a pixel of a map, or press Enter on it: its sum opens, product by product.", choice: closed },
    {
      name: "Slide the filter",
      says: conv ? "Drag the window over the image, or press Slide the filter: the map fills, a unit for each place." : "This net has no filter to slide: each of its units reads the whole image at once, with weights of its own.",
      choice: { ...closed, layer: shown.name, map: unit[0], unit },
    },
    { name: "Shift by a pixel", says: "Shift the image by one pixel with the arrow keys, or with Move: how much does the answer change?", choice: closed },
    {
      name: "Train",
      says: hasPast ? "Drag the slider Training from the first step to the last: the same image, the net as it was." : `This net’s run kept no earlier moments. One trained by cnnlab train ${record.nets[0].net} --data ${record.data} does: its page has a slider over the training.`,
      choice: hasPast ? { ...closed, time: 0 } : closed,
    },
  ];
}

/** @param {any} record the page's @returns {boolean} whether its images are handwritten digits, or of classes named so */
export function isOfDigits(record) {
  return record.classes.every((/** @type {string} */ name) => /^\d$/.test(name));
}

export class Steps {
  /**
   * @param {HTMLElement} place
   * @param {Step[]} steps
   * @param {(step: number | null) => void} onChoose called with a step, counted from 1; null when they are put away
   */
  constructor(place, steps, onChoose) {
    this.place = place;
    this.steps = steps;
    this.done = new Set();
    this.at = /** @type {number | null} */ (null);
    this.links = steps.map((step, i) =>
      make("a", { href: step.link ?? false, onclick: (event) => {
        event.preventDefault();
        onChoose(this.at === i + 1 ? null : i + 1);
      } }, make("span.step-number", { "aria-hidden": "true" }, String(i + 1)), step.name));
    this.says = make("p.step-says", { role: "status" });
    this.skip = make("button.link", { type: "button", onclick: () => onChoose(this.at && this.at < steps.length ? this.at + 1 : null) }, "Skip");
    this.close = make("button.link", { type: "button", onclick: () => onChoose(null) }, "Close");
    place.append(make("ol.step-links", {}, this.links.map((link) => make("li", {}, link))), make("div.step-now", {}, this.says, this.skip, this.close));
    this.show(null);
  }

  /** @param {number | null} at the step that is shown, counted from 1 */
  show(at) {
    this.at = at;
    this.links.forEach((link, i) => {
      link.classList.toggle("done", this.done.has(i + 1));
      if (i + 1 === at) link.setAttribute("aria-current", "step");
      else link.removeAttribute("aria-current");
    });
    /** @type {HTMLElement} */ (this.says.parentElement).hidden = at === null;
    if (at === null) return;
    const isDone = this.done.has(at);
    this.says.textContent = `${isDone ? "Done. " : ""}${this.steps[at - 1].says}`;
    this.skip.textContent = at === this.steps.length ? "Finish" : isDone ? `Next: ${this.steps[at].name.toLowerCase()}` : "Skip";
  }

  /** What the reader has just done. @param {number} step counted from 1 */
  did(step) {
    if (this.done.has(step)) return;
    this.done.add(step);
    this.show(this.at);
  }
}
