// Some validation images, their class, and what the net answers: renewed a few at a time while it learns.

import { paintImage } from "../../explorer/web/gallery.js";
import { make } from "../../explorer/web/dom.js";
import { Net } from "../../explorer/web/net.js";
import { sizeOf } from "../../explorer/web/numbers.js";

/** Images that are shown. */
const SHOWN = 30;
/** Classes that get a column each, at most. */
const A_ROW = 10;
/** Milliseconds of answering at a time, and of rest between: the processor is there for the training. */
const A_TIME_MS = 5;
const REST_MS = 30;

export class ValidationImages {
  /**
   * @param {HTMLElement} place
   * @param {HTMLElement} says
   * @param {import("./learning.js").Content} content
   * @param {(image: number) => void} onChoose
   */
  constructor(place, says, { record, images, labels }, onChoose) {
    const { classes, shape, train, validation } = record.data;
    this.classes = classes;
    this.says = says;
    this.record = record;
    const size = sizeOf(shape);
    const [channels, height, width] = shape;
    this.pixels = new Uint8ClampedArray(size);
    this.next = 0;
    this.left = 0;
    this.isAnswering = false;
    this.entries = inTurn(labels.subarray(train, train + validation), classes.length, SHOWN).map((index, i) => {
      const pixels = images.subarray((train + index) * size, (train + index + 1) * size);
      const label = labels[train + index];
      const answer = make("span.says", {});
      const canvas = /** @type {HTMLCanvasElement} */ (make("canvas.pixels", { width, height, "aria-hidden": "true" }));
      paintImage(canvas, pixels, channels);
      const button = make("button", { type: "button", "aria-pressed": "false", onclick: () => onChoose(i) }, canvas, make("span", {}, classes[label], answer));
      return { index, pixels, label, answer, button, said: /** @type {number | null | undefined} */ (undefined) };
    });
    place.append(...this.entries.map((entry) => entry.button));
    place.classList.toggle("in-classes", classes.length <= A_ROW);
    place.style.setProperty("--classes", String(classes.length));
  }

  /** @param {any} planned @param {Float32Array} numbers */
  renew(planned, numbers) {
    this.net = new Net(this.record.data, planned, numbers, this.pixels);
    this.#answerAll();
  }

  /** The net's weights have changed. */
  rebuild() {
    this.net?.rebuild();
    this.#answerAll();
  }

  #answerAll() {
    this.left = this.entries.length;
    if (this.isAnswering) return;
    this.isAnswering = true;
    const some = () => {
      this.#answerSome();
      if (this.left) setTimeout(() => requestAnimationFrame(some), REST_MS);
      else this.isAnswering = false;
    };
    requestAnimationFrame(some);
  }

  /** Let the net answer as many as there is time for, from where it left off. */
  #answerSome() {
    const net = /** @type {Net} */ (this.net);
    const started = performance.now();
    do {
      const entry = this.entries[this.next];
      this.pixels.set(entry.pixels);
      net.run();
      this.#name(entry, net.prediction);
      this.next = (this.next + 1) % this.entries.length;
      this.left--;
    } while (this.left > 0 && performance.now() - started < A_TIME_MS);
    const right = this.entries.filter((entry) => entry.said === entry.label).length;
    const text = `${right} of ${this.entries.length} right`;
    if (this.says.textContent !== text) this.says.textContent = text;
  }

  #name(entry, said) {
    if (entry.said === said) return;
    entry.said = said;
    const isWrong = said !== entry.label;
    const name = said === null ? "NaN" : this.classes[said];
    entry.answer.textContent = isWrong ? `→${name}` : "";
    entry.button.classList.toggle("wrong", isWrong);
    entry.button.setAttribute("aria-label", `validation image ${entry.index}: ${this.classes[entry.label]}, the net says ${name}`);
  }

  /** @param {number | null} image */
  mark(image) {
    this.entries.forEach((entry, i) => entry.button.setAttribute("aria-pressed", String(i === image)));
  }

  /** @param {number} image @returns {string} */
  name(image) {
    const { index, label } = this.entries[image];
    return `validation image ${index}: a ${this.classes[label]}`;
  }
}

/** Places of images, a class after the other in turn. @param {Uint8Array} labels @param {number} classes @param {number} count */
function inTurn(labels, classes, count) {
  const of = Array.from({ length: classes }, () => /** @type {number[]} */ ([]));
  labels.forEach((label, index) => of[label].push(index));
  const found = [];
  for (let round = 0; found.length < Math.min(count, labels.length); round++) {
    for (const places of of) if (round < places.length && found.length < count) found.push(places[round]);
  }
  return found;
}
