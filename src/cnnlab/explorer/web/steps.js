// First contact: six steps, each a link to where it is done, each done by doing it.

import { make } from "./dom.js";

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {string} says what to do, by mouse, finger or keyboard
 * @property {Partial<import("./state.js").Choice>} choice where it is done
 * @property {string} [link] the same as a link
 */

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
