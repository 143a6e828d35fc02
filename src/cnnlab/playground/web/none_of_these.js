// None of these: whether an image is like nothing that the net was trained on, by three scores of it.

import { make } from "../../explorer/web/dom.js";
import { Likeness } from "../../explorer/web/likeness.js";
import { counted, percent, plural, sizeOf } from "../../explorer/web/numbers.js";
import { featuresOf, unrounded } from "../../explorer/web/unlike.js";
import { answersNow } from "./net_now.js";
import { hash } from "./random.js";
import { fit } from "./unlike_fit.js";

/** Images of each kind that the net never saw. */
const TRIED = 40;
/** Milliseconds after a pause, so that stepping does not measure each time. */
const REST_MS = 300;

export class NoneOfThese {
  /** The net of the page that was last judged. @type {import("../../explorer/web/net.js").Net | null} */
  #net = null;
  /** What is fitted to the net as it is. @type {import("../../explorer/web/unlike.js").Unlike | null} */
  #unlike = null;
  /** Of every net. @type {import("./unlike_fit.js").Shapes | null} */
  #shapes = null;
  #timer = 0;
  #isFitting = false;
  /** Counts what makes a fit worthless. */
  #life = 0;
  /** The reader's choice. @type {number | null} */
  #rate = null;

  /**
   * @param {HTMLDetailsElement} place
   * @param {HTMLElement} badge beside the answer to the drawn image
   * @param {import("./learning.js").Learning} learning
   * @param {() => void} onFitted called when the badge may have to change: call `show`
   */
  constructor(place, badge, learning, onFitted) {
    this.place = place;
    this.badge = badge;
    this.learning = learning;
    this.onFitted = onFitted;
    const rate = make("span.small", { hidden: true });
    this.likeness = new Likeness(rate, (chosen) => {
      this.#rate = chosen;
      this.tried.replaceChildren();
      this.onFitted();
    });
    this.says = make("p.small", { role: "status" });
    this.tryButton = /** @type {HTMLButtonElement} */ (make("button", { type: "button", disabled: true, onclick: () => this.tryIt() }, "Try it on what it never saw"));
    this.drawn = make("div", {});
    this.tried = make("div", {});
    place.append(
      make("p", {}, "Softmax always shares out 100 %, even for a picture of a shoe. Three scores tell how strange an image is: how little any class responds, how far it is from the training images in what the last dense layer reads, and what the usual shapes of its nearest class leave of its pixels. What each has above the middle of the validation images is squared, and the squares are added. An image whose sum hardly any validation image reaches is like nothing the net was trained on."),
      make("div.tools", {}, rate, this.tryButton),
      this.says, this.drawn, this.tried,
      make("p.muted.small", {}, "What it misses: a letter that could be a digit in some hand, on some nets an empty sheet, and an image of a class that the net takes for another. Of images like the validation images no more are called so than you allow as false alarms."),
    );
    for (const event of ["renewed", "playing", "step", "diverged"]) learning.addEventListener(event, () => this.#forget());
    learning.addEventListener("paused", () => this.#later());
    place.addEventListener("toggle", () => this.#later());
    this.#forget();
  }

  /**
   * Judge the image that a net has just run on.
   * @param {import("../../explorer/web/net.js").Net} net
   * @param {boolean} isOwn whether it is an image of the reader's own
   */
  show(net, isOwn) {
    const isNew = this.#net !== net;
    this.#net = net;
    this.isOwn = isOwn;
    if (!this.#unlike) return this.#later();
    if (isNew) this.#tell();
    this.likeness.show(this.#rate);
    const isUnlike = this.likeness.isUnlike(net);
    this.badge.hidden = !this.drawn.firstChild; // too few validation images for any rate
    this.badge.classList.toggle("alarm", isUnlike);
    this.badge.textContent = isUnlike ? "None of these" : "Like its images";
    this.badge.title = this.drawn.querySelector("p")?.textContent ?? "";
  }

  /** Whether the image on the sheet was called like nothing the net was trained on. */
  get isUnlike() {
    return this.#net !== null && this.likeness.isUnlike(this.#net);
  }

  /** Fit it to the net as it is, and to what it was trained on. */
  async fit() {
    const { trainer, content } = this.learning;
    const life = this.#life;
    const isWanted = () => life === this.#life && trainer === this.learning.trainer && !trainer.isPlaying;
    this.#isFitting = true;
    this.says.textContent = "Measuring the net on images that it was trained on, and on validation images …";
    try {
      this.#shapes ??= shapesOf(content);
      const unlike = await fit(trainer, content, this.#shapes, isWanted);
      if (!isWanted()) return;
      this.#unlike = unlike;
    } finally {
      if (life === this.#life) this.#isFitting = false;
    }
    this.#tell();
    this.onFitted();
  }

  /** How many images of kinds that the net was never taught are called so. */
  async tryIt() {
    const [unlike, life, rate] = [this.#unlike, this.#life, this.likeness.rate(this.#rate)];
    if (!unlike) return;
    this.tryButton.disabled = true;
    const rows = [];
    for (const [name, images] of Object.entries(strangers(this.learning.content))) {
      const p = await answersNow(this.learning, images, (net) => unlike.judge(net).pValue);
      if (life !== this.#life) return;
      const alarms = p.filter((each) => each <= rate).length;
      rows.push(make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, `${alarms} of ${images.length}`), make("td", {}, percent(alarms / images.length))));
    }
    this.tryButton.disabled = false;
    this.tried.replaceChildren(make("table.by-class", {}, make("thead", {}, make("tr", {}, ["never seen", "called none of these", "share"].map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, rows)));
  }

  /** Fit it soon, if somebody wants to know and the net rests. */
  #later() {
    clearTimeout(this.#timer);
    const { trainer, planned } = this.learning;
    const isWanted = this.place.open || this.isOwn;
    if (!isWanted || this.#unlike || this.#isFitting || !trainer || trainer.isPlaying || !(trainer.steps || planned.weights)) return;
    this.#timer = setTimeout(() => this.fit(), REST_MS);
  }

  #forget() {
    clearTimeout(this.#timer);
    this.#life++;
    this.#isFitting = false;
    this.tryButton.disabled = true;
    this.badge.hidden = true;
    if (this.#unlike === null && this.says.textContent === REST) return;
    this.#unlike = null;
    this.likeness.forget();
    this.tried.replaceChildren();
    this.says.textContent = REST;
  }

  /** Say what it was fitted to, and judge the page's net by it from now on. */
  #tell() {
    const unlike = this.#unlike;
    this.likeness.forget();
    if (!unlike || !this.#net) {
      this.says.textContent = "It cannot be told of this net: it answers with what is no number, or there are too few validation images.";
      return;
    }
    const { sums, neighbours, features } = unlike.fitted;
    const { data } = this.learning.content.record;
    this.likeness.add(this.#net, unlike, { scores: ["answer", ...(features === null ? [] : ["features"]), "pixels"], rate: data.unlike.rate }, this.drawn);
    const details = this.drawn.querySelector("details");
    if (details) details.open = true;
    this.tryButton.disabled = !details;
    const among = neighbours && features !== null ? `neighbours are sought among ${counted(neighbours.length / this.#width(features))} training images, ` : "";
    this.says.textContent = details
      ? `Fitted to the net as it is: ${among}and the image is ranked among ${plural(sums.length, "validation image")}.`
      : `${plural(sums.length, "validation image")} are too few: they hold no rate of false alarms.`;
  }

  /** Features that are taken of what a layer reads. @param {string} layer */
  #width(layer) {
    return featuresOf(/** @type {import("../../explorer/web/net.js").Net} */ (this.#net), layer).length;
  }
}

/** What is said while nothing is fitted. */
const REST = "It is measured when training is paused: train, then pause.";

/** What Python fitted to the pixels of the training images. @param {import("./learning.js").Content} content @returns {import("./unlike_fit.js").Shapes} */
function shapesOf({ record, whole }) {
  const { side, neighbour, means, components } = record.data.unlike;
  return { side, neighbour, means: unrounded(means, whole), components: unrounded(components, whole), count: components.shape[1] };
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
