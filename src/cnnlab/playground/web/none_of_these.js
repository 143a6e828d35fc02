// None of these: whether an image excites the net as little as hardly any of the images that it is to know.

import { make } from "../../explorer/web/dom.js";
import { alike, counted, number, percent, plural, sizeOf } from "../../explorer/web/numbers.js";
import { answerOf, answersNow } from "./net_now.js";
import { hash } from "./random.js";

/** Shares of the validation images that may raise the alarm, by the slider's place. */
const RATES = [0.005, 0.01, 0.02, 0.03, 0.05];
const USUAL = 1;
/** Images of each kind that the net never saw. */
const TRIED = 40;
/** Milliseconds after a pause, so that stepping does not measure each time. */
const REST_MS = 300;

/**
 * The score below which an image is called none of these.
 * @param {ArrayLike<number>} scores of images that it is to know
 * @param {number} rate share of them that may be called so by mistake
 * @returns {{threshold: number, alarms: number}} alarms: how many of them are
 */
export function calibrated(scores, rate) {
  const sorted = Float64Array.from(scores).sort();
  const alarms = Math.floor(rate * sorted.length);
  const threshold = sorted[alarms];
  return { threshold, alarms: sorted.findIndex((score) => score >= threshold) };
}

export class NoneOfThese {
  /** Of the validation images, since training stopped. @type {any} */
  #measured = null;
  #timer = 0;

  /**
   * @param {HTMLDetailsElement} place
   * @param {HTMLElement} badge beside the answer to the drawn image
   * @param {import("./learning.js").Learning} learning
   * @param {() => void} onCalibrated called when the badge may have to change: call `show`
   */
  constructor(place, badge, learning, onCalibrated) {
    this.place = place;
    this.badge = badge;
    this.learning = learning;
    this.onCalibrated = onCalibrated;
    /** @type {number | null} */
    this.threshold = null;
    this.value = make("output.number", {});
    this.slider = /** @type {HTMLInputElement} */ (make("input", { type: "range", min: 0, max: RATES.length - 1, value: USUAL, "aria-label": "share of validation images that raise the alarm", oninput: () => this.#set() }));
    this.says = make("p.small", { role: "status" });
    this.tryButton = /** @type {HTMLButtonElement} */ (make("button", { type: "button", disabled: true, onclick: () => this.tryIt() }, "Try it on what it never saw"));
    this.drawn = make("p.small", {});
    this.tried = make("div", {});
    place.append(
      make("p", {}, "Softmax always shares out 100 %, even for a picture of a shoe. The largest logit, before softmax, tells how strongly any class responded. Below a threshold the answer is: none of these."),
      make("div.tools", {}, make("label.small", {}, "false alarms on validation images ", this.slider, " ", this.value), this.tryButton),
      this.says, this.drawn, this.tried,
      make("p.muted.small", {}, "What it misses: anything that excites a class as strongly as a real image does, such as a letter with similar strokes. It does not know what belongs to a class; it only notices an unusually weak response."),
    );
    for (const event of ["renewed", "playing", "step"]) learning.addEventListener(event, () => this.#forget());
    learning.addEventListener("paused", () => this.#later());
    place.addEventListener("toggle", () => this.#later());
    this.#forget();
  }

  /** Judge the image that a net has just run on. @param {import("../../explorer/web/net.js").Net} net */
  show(net) {
    const { badge, threshold } = this;
    const { surest } = answerOf(net);
    badge.hidden = threshold === null || !Number.isFinite(surest);
    if (threshold === null || badge.hidden) return;
    const isNone = surest < threshold;
    const written = alike(Math.max(Math.abs(surest), Math.abs(threshold)));
    badge.classList.toggle("alarm", isNone);
    badge.textContent = isNone ? "None of these" : "Known enough";
    badge.title = this.drawn.textContent = `The image on the sheet: largest logit ${written(surest)}, ${isNone ? "below" : "above"} the threshold ${written(threshold)}.`;
  }

  /** Measure the validation images' scores, and set the threshold. */
  async calibrate() {
    const { trainer } = this.learning;
    const { steps } = trainer;
    const measured = await trainer.evaluate("validation");
    if (trainer !== this.learning.trainer || trainer.isPlaying || trainer.steps !== steps) return;
    this.#measured = measured;
    this.#set();
  }

  /** The share of alarms on images of kinds that the net was never taught. */
  async tryIt() {
    const threshold = /** @type {number} */ (this.threshold);
    this.tryButton.disabled = true;
    const rows = [];
    for (const [name, images] of Object.entries(strangers(this.learning.content))) {
      const answers = await answersNow(this.learning, images);
      if (threshold !== this.threshold) return;
      const alarms = answers.filter(({ surest }) => !(surest >= threshold)).length;
      rows.push(make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, `${alarms} of ${images.length}`), make("td", {}, percent(alarms / images.length))));
    }
    this.tryButton.disabled = false;
    this.tried.replaceChildren(make("table.by-class", {}, make("thead", {}, make("tr", {}, ["never seen", "called none of these", "share"].map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, rows)));
  }

  #later() {
    clearTimeout(this.#timer);
    const { trainer } = this.learning;
    if (!this.place.open || this.#measured || !trainer || trainer.isPlaying || !trainer.steps) return;
    this.#timer = setTimeout(() => this.calibrate(), REST_MS);
  }

  #forget() {
    if (this.threshold === null && this.says.textContent) return;
    clearTimeout(this.#timer);
    this.#measured = null;
    this.threshold = null;
    this.tryButton.disabled = true;
    this.tried.replaceChildren();
    this.drawn.textContent = "";
    this.value.textContent = percent(RATES[Number(this.slider.value)]);
    this.says.textContent = "The threshold is set when training is paused: train, then pause.";
    this.badge.hidden = true;
  }

  #set() {
    const rate = RATES[Number(this.slider.value)];
    this.value.textContent = percent(rate);
    if (!this.#measured) return;
    const { surest, answers, images } = this.#measured;
    const { threshold, alarms } = calibrated(surest, rate);
    const { record, labels } = this.learning.content;
    const wrong = answers.filter((/** @type {number} */ answer, /** @type {number} */ i) => surest[i] < threshold && answer !== labels[record.data.train + i]).length;
    this.threshold = threshold;
    this.tryButton.disabled = false;
    this.tried.replaceChildren();
    this.says.textContent =
      `Threshold ${number(threshold)}: ${counted(alarms)} of ${plural(images, "validation image")} (${percent(alarms / images)}) lie below it: false alarms, ` +
      `${counted(wrong)} of them on images the net gets wrong anyway.`;
    this.onCalibrated();
  }
}

/**
 * Images that are no image of the set, made from the validation images.
 * @param {import("./learning.js").Content} content
 * @returns {Record<string, Uint8Array[]>}
 */
function strangers({ record, images }) {
  const { shape, train, validation } = record.data;
  const [, height, width] = shape;
  const size = sizeOf(shape);
  const plane = height * width;
  const some = Array.from({ length: Math.min(TRIED, validation) }, (_, i) => {
    const place = train + Math.floor((i * validation) / Math.min(TRIED, validation));
    return images.subarray(place * size, (place + 1) * size);
  });
  const turned = (/** @type {Uint8Array} */ pixels) =>
    Uint8Array.from(pixels, (_, i) => pixels[i - (i % plane) + (width - 1 - Math.floor((i % plane) / width)) + width * (i % width)]);
  return {
    "random pixels": some.map((_, n) => Uint8Array.from({ length: size }, (__, i) => hash(0, 1, n, i) & 255)),
    "an empty sheet": [new Uint8Array(size)],
    "light and dark swapped": some.map((pixels) => pixels.map((pixel) => 255 - pixel)),
    ...(height === width ? { "turned by 90°": some.map(turned) } : {}),
    "two images on top of each other": some.map((pixels, n) => pixels.map((pixel, i) => Math.max(pixel, some[(n + 7) % some.length][i]))),
  };
}
