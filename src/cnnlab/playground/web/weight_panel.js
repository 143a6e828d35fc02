// One weight, opened: its gradient as products over positions and images, beside the difference quotient, and the step
// that the optimizer makes of it.

import { largest, paintMap } from "../../explorer/web/colours.js";
import { make } from "../../explorer/web/dom.js";
import { UserError } from "../../explorer/web/errors.js";
import { asMaps, counted, factor, number, plural, signed } from "../../explorer/web/numbers.js";
import { sign } from "../../explorer/web/unit_arithmetic.js";
import { precise, stepRows } from "./optimizer_step.js";
import { parametersOf, WeightPicker } from "./weight_picker.js";

/** Images of a batch that are drawn; of a larger one those that add most. */
const IMAGES = 96;
/** Milliseconds that the chosen weight stays the same before its quotient is asked for: that takes three passes. */
const QUOTIENT_AFTER_MS = 250;
/** From which relative difference on a quotient is said to differ, and below which gradient rounding hides it. */
const DIFFERS = 1e-4;
const ROUNDING = 1e-8;

/** @typedef {import("./inspector.js").WeightAnswer} WeightAnswer */

/** "open" and "close" tell that it was opened and closed. */
export class WeightPanel extends EventTarget {
  /**
   * @param {HTMLElement} place
   * @param {any} trainer
   * @param {import("../../explorer/web/net.js").Net} net with the trainer's weights as last seen
   * @param {any} planned the net's part of the record
   * @param {any} record of the page
   */
  constructor(place, trainer, net, planned, record) {
    super();
    this.place = place;
    this.trainer = trainer;
    this.net = net;
    this.data = record.data;
    this.planned = planned;
    this.held = parametersOf(net, planned);
    this.isOpen = false;
    /** The chosen weight, and the image of the batch that was chosen; null: the one that adds most. */
    this.tensor = this.held[0].name;
    this.at = 0;
    this.image = /** @type {number | null} */ (null);
    /** @type {WeightAnswer | null} */
    this.answer = null;
    /** The batch's images, and the step they are of. @type {any} */
    this.batch = null;
    this.isAsking = false;
    this.isStale = false;
    this.later = 0;
    this.picker = new WeightPicker(net, this.held, (tensor, at) => this.open(tensor, at));
    this.title = make("h2", {}, "A weight, opened");
    this.where = make("p.weight-where", { "aria-live": "polite" });
    this.notice = make("p.weight-notice.small", { role: "status" });
    this.images = make("div.weight-images", { role: "group", "aria-label": "images of the batch", onkeydown: (event) => this.#walk(event) });
    this.imagesSay = make("p.muted.small", {});
    this.products = make("div.strip.weight-products", {});
    this.productsTitle = make("span", {});
    this.sum = make("div.weight-sum", {});
    this.quotient = make("div.weight-quotient", { "aria-live": "polite" });
    this.step = make("table.weight-step", {});
    this.takeButton = make("button.take-step", { type: "button", onclick: () => this.#take() }, "Take this step");
    this.taken = make("p.weight-taken", { "aria-live": "polite" });
    this.element = make("div.weight-panel", {},
      make("div.heading", {}, make("div", {}, this.title, this.where), make("div.tools", {}, make("button", { type: "button", onclick: () => this.close() }, "Close"))),
      this.notice,
      make("div.weight-columns", {},
        this.picker.element,
        make("div.weight-work", {},
          part("1", "What each image adds", this.images, this.imagesSay),
          part("2", this.productsTitle, this.products),
          part("3", "The gradient: the mean over the batch, because the loss is a mean", make("div.weight-both", {}, this.sum, this.quotient)),
          part("4", "What the optimizer does with it", this.step, make("div.tools", {}, this.takeButton), this.taken))));
    trainer.addEventListener("paused", () => this.refresh());
    trainer.addEventListener("playing", () => this.#tell());
    trainer.addEventListener("ready", () => this.refresh());
  }

  /** @param {string | null} tensor PyTorch's name; null: the first @param {number} at flat place in it */
  open(tensor = null, at = 0) {
    if (tensor !== this.tensor || at !== this.at) this.taken.replaceChildren();
    this.tensor = tensor ?? this.tensor;
    this.at = at;
    this.picker.show(this.tensor, at);
    if (!this.isOpen) {
      this.isOpen = true;
      this.place.hidden = false;
      this.place.replaceChildren(this.element);
      if (this.trainer.isPlaying) this.trainer.pause();
      this.dispatchEvent(new CustomEvent("open"));
    }
    this.refresh();
  }

  close() {
    this.isOpen = false;
    this.place.hidden = true;
    this.place.replaceChildren();
    this.dispatchEvent(new CustomEvent("close"));
  }

  /**
   * Open the weight whose cell is clicked in the explorer's pictures of filters.
   * @param {HTMLElement} element that holds them
   * @param {AbortSignal} signal ends it
   */
  listen(element, signal) {
    element.addEventListener("click", (event) => {
      const canvas = /** @type {HTMLCanvasElement | null} */ (/** @type {Element} */ (event.target).closest(".filters canvas[data-channel]"));
      const held = canvas && this.held.find(({ layer, field }) => layer.name === canvas.dataset.layer && field === "weight");
      if (!canvas || !held) return;
      const { left, top, width, height } = canvas.getBoundingClientRect();
      const [, channels, rows, columns] = held.shape;
      const within = (/** @type {number} */ share, /** @type {number} */ size) => Math.min(size - 1, Math.max(0, Math.floor(share * size)));
      const [row, column] = [within((event.clientY - top) / height, rows), within((event.clientX - left) / width, columns)];
      this.open(held.name, ((Number(canvas.dataset.map) * channels + Number(canvas.dataset.channel)) * rows + row) * columns + column);
    }, { signal });
  }

  /** Ask anew about the step that comes next. */
  async refresh() {
    if (!this.isOpen) return;
    this.#tell();
    this.picker.paint();
    if (this.trainer.isPlaying) return;
    this.isStale = true;
    if (this.isAsking) return;
    this.isAsking = true;
    this.place.setAttribute("aria-busy", "true");
    try {
      while (this.isStale && this.isOpen) {
        this.isStale = false;
        await this.#ask();
      }
      this.notice.textContent = "";
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.notice.textContent = error.message;
    } finally {
      this.isAsking = false;
      this.place.removeAttribute("aria-busy");
    }
  }

  async #ask() {
    const { tensor, at } = this;
    const answer = await this.trainer.inspect({ about: "weight", tensor, place: at, image: this.image });
    if (this.batch?.step !== answer.step || this.batch.labels.length !== answer.contributions.length) {
      this.batch = await this.trainer.inspect({ about: "batch" });
      this.image = null;
    }
    this.answer = answer;
    this.#write(answer);
    clearTimeout(this.later);
    this.later = setTimeout(() => this.#askQuotient(tensor, at, answer.step), QUOTIENT_AFTER_MS);
  }

  async #askQuotient(tensor, at, step) {
    const isSame = () => this.isOpen && this.tensor === tensor && this.at === at && this.answer?.step === step && !this.trainer.isPlaying;
    if (!isSame()) return;
    try {
      const found = await this.trainer.inspect({ about: "quotient", tensor, place: at });
      if (isSame()) this.#writeQuotient(found);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      if (isSame()) this.notice.textContent = error.message;
    }
  }

  /** Say which step it is about, and whether that is still the next. */
  #tell() {
    const { isPlaying } = this.trainer;
    this.element.classList.toggle("is-past", isPlaying);
    /** @type {HTMLButtonElement} */ (this.takeButton).disabled = isPlaying;
    this.notice.textContent = isPlaying ? "Training is running: these are the numbers from before. Pause to open the next step." : "";
  }

  /** @param {WeightAnswer} answer */
  #write(answer) {
    const { title } = this.picker.chosen;
    this.picker.paint();
    this.title.textContent = title;
    this.where.replaceChildren(`${this.picker.words(this.at)}: w = `, make("b", { "data-weight": answer.value }, precise(answer.value)), make("span.muted", {}, ` · step ${counted(answer.step + 1)}, the next one`));
    this.#writeImages(answer);
    this.products.replaceChildren(...this.#productParts(answer));
    this.productsTitle.textContent = `This image: ${answer.products.read ? "value read × ∂L/∂output" : "∂L/∂output alone, because a bias has the factor 1"}${answer.products.products.length > 1 ? ", position by position" : ""}`;
    const { sum, gradient, contributions } = answer;
    this.sum.replaceChildren(
      line("Σ over ", plural(contributions.length, "image"), " = ", value(sum)),
      line("∂L/∂w = ", precise(sum), " / ", String(contributions.length), " = ", value(gradient, "gradient")));
    this.quotient.replaceChildren(make("p.muted.small", {}, "Working out the difference quotient …"));
    this.step.replaceChildren(make("tbody", {}, stepRows(answer).map(({ name, formula, result, written }) =>
      make("tr", {}, make("th", { scope: "row" }, name), make("td.formula-cell", {}, formula), make("td.number", { "data-step": name, "data-value": result }, written)))));
  }

  #writeImages({ contributions, image }) {
    const order = [...contributions.keys()];
    const shown = order.length > IMAGES ? order.sort((a, b) => Math.abs(contributions[b]) - Math.abs(contributions[a])).slice(0, IMAGES) : order;
    const most = largest(contributions) || 1;
    const hadFocus = this.images.contains(document.activeElement);
    this.images.replaceChildren(...shown.map((n) => {
      const adds = contributions[n];
      const name = this.data.classes[this.batch.labels[n]];
      return make(adds < 0 ? "button.negative" : "button", {
        type: "button", "aria-pressed": String(n === image), tabindex: n === image ? 0 : -1, "data-image": n,
        "aria-label": `image ${n}, ${name}: ${signed(adds)}`, title: `${name}: ${signed(adds)}`, "--share": `${(50 * Math.abs(adds)) / most}%`,
        onclick: () => this.#choose(n),
      }, this.#thumbnail(n), make("i", { "aria-hidden": "true" }));
    }));
    const chosen = /** @type {HTMLElement | null} */ (this.images.querySelector("[aria-pressed=true]"));
    if (hadFocus) chosen?.focus();
    const rest = order.slice(shown.length).length;
    const adding = contributions.filter((adds) => adds !== 0).length;
    this.imagesSay.replaceChildren(
      `${adding === order.length ? `All ${counted(adding)} images add` : `${counted(adding)} of ${plural(order.length, "image")} ${adding === 1 ? "adds" : "add"}`} something, up to ±${number(largest(contributions))}`,
      rest ? `; the ${counted(rest)} that add least are not drawn` : "",
      `. Chosen: ${this.data.classes[this.batch.labels[image]]}, which adds `, make("b", { "data-contribution": contributions[image] }, signed(contributions[image])), ".");
  }

  #thumbnail(n) {
    const [C, H, W] = this.data.shape;
    const canvas = /** @type {HTMLCanvasElement} */ (make("canvas.pixels", { width: W, height: H, "aria-hidden": "true" }));
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const image = context.createImageData(W, H);
    const { mean, std } = this.data;
    for (let i = 0; i < H * W; i++) {
      for (let c = 0; c < 3; c++) {
        const from = C === 3 ? c : 0;
        image.data[4 * i + c] = 255 * (this.batch.input[(n * C + from) * H * W + i] * std[from] + mean[from]);
      }
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }

  /** What was read × what is owed = products → their sum, for the chosen image. */
  #productParts({ products, field, contributions, image }) {
    const { rows, columns, delta, read, isPadding, sum } = products;
    const count = rows * columns;
    const [owed, was] = field === "gamma" ? ["δ = ∂L/∂output", "x̂, normalised"] : ["δ = ∂L/∂output", field === "weight" ? "x, the value read" : "1"];
    const total = make("p.product-at", {}, `Σ over ${counted(count)} positions = `, make("b", { "data-sum": contributions[image] }, number(sum)));
    if (count === 1) {
      const written = read ? `${number(read[0])} × ${factor(delta[0])} = ` : "1 × δ = ";
      return [make("p.strip-formula", {}, make("span.muted", {}, `${was} × ${owed}: `), written, make("b", { "data-sum": contributions[image] }, number(sum)))];
    }
    const says = make("p.product-at.muted.small", { "aria-live": "polite" });
    const cursors = [];
    const figure = (values, name, padding = null) => {
      const cursor = make("i.cursor", {});
      cursors.push(cursor);
      const zoom = 1 / Math.max(rows, columns);
      const most = largest(values);
      const map = make("div.map.product-map", {
        tabindex: 0, role: "application", "aria-label": `${name}, ${rows}×${columns}, to ±${number(most)}: arrow keys choose a position`,
        "--width": `calc(var(--side) * ${columns * zoom})`, "--height": `calc(var(--side) * ${rows * zoom})`, "--zoom": `calc(var(--side) * ${zoom})`,
        onpointermove: (event) => point(event), onpointerdown: (event) => point(event), onkeydown: (event) => key(event),
      }, picture(values, rows, columns, most, padding), cursor);
      return make("figure.strip-figure", {}, map, make("figcaption", {}, name, make("br"), `to ±${number(most)}`));
    };
    let at = [...products.products.keys()].reduce((best, i) => (Math.abs(products.products[i]) > Math.abs(products.products[best]) ? i : best), 0);
    const show = (/** @type {number} */ place) => {
      at = place;
      for (const cursor of cursors) {
        cursor.style.setProperty("--row", String(Math.floor(at / columns)));
        cursor.style.setProperty("--column", String(at % columns));
      }
      const left = isPadding?.[at] ? "0 (padding)" : read ? number(read[at]) : "1";
      says.textContent = `row ${Math.floor(at / columns)}, column ${at % columns}: ${left} × ${factor(delta[at])} = ${number(products.products[at])}`;
    };
    const point = (event) => {
      const frame = event.currentTarget.getBoundingClientRect();
      const within = (share, size) => Math.min(size - 1, Math.max(0, Math.floor(share * size)));
      show(within((event.clientY - frame.top) / frame.height, rows) * columns + within((event.clientX - frame.left) / frame.width, columns));
    };
    const key = (event) => {
      const by = { ArrowUp: -columns, ArrowDown: columns, ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      if (at + by >= 0 && at + by < count) show(at + by);
    };
    const parts = read
      ? [figure(read, was, isPadding), sign("×"), figure(delta, owed), sign("="), figure(products.products, "products")]
      : [figure(delta, owed)];
    show(at);
    return [...parts, total, says];
  }

  /** @param {import("./inspector.js").QuotientAnswer} found */
  #writeQuotient({ h, above, below, quotient, gradient, crossed }) {
    const off = Math.abs(quotient - gradient);
    const isFar = off > ROUNDING && off > DIFFERS * Math.max(Math.abs(gradient), Math.abs(quotient));
    const kinks = [crossed.relu ? `${plural(crossed.relu, "ReLU")} ${crossed.relu === 1 ? "switches" : "switch"}` : "", crossed.pool ? `${plural(crossed.pool, "max pool window")} ${crossed.pool === 1 ? "takes" : "take"} another value` : ""].filter(Boolean).join(" and ");
    this.quotient.replaceChildren(
      line("(L(w + h) − L(w − h)) / 2h, h = ", exponent(h)),
      line(make("span.long", {}, "L(w + h) = ", above.toFixed(12)), make("br"), make("span.long", {}, "L(w − h) = ", below.toFixed(12))),
      line("quotient ", value(quotient, "quotient"), ": differs from the gradient by ", make("b", { "data-off": off }, exponent(off))),
      isFar || kinks
        ? make(isFar ? "p.kink.small" : "p.muted.small", {}, kinks
          ? `Between w − h and w + h ${kinks}: the loss has a kink there. ${isFar ? "The quotient mixes both sides of the kink; the gradient belongs to the side that w is on." : "It is too small to show in the quotient."}`
          : "No ReLU and no max pool switches between w − h and w + h: the difference is more than rounding explains.")
        : "");
  }

  #choose(n) {
    this.image = n;
    this.refresh();
  }

  #walk(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const shown = [...this.images.children];
    const at = shown.findIndex((each) => each === document.activeElement);
    const next = by === undefined || at < 0 ? undefined : shown[at + by];
    if (!next) return;
    event.preventDefault();
    this.#choose(Number(/** @type {HTMLElement} */ (next).dataset.image));
  }

  /** Let the engine take the step, and compare what it made of the weight with what was worked out. */
  async #take() {
    const answer = this.answer;
    if (!answer || this.trainer.isPlaying) return;
    const { tensor, at } = this;
    const place = this.planned.tensors.find((/** @type {any} */ { name }) => name === tensor).at + at;
    /** @type {HTMLButtonElement} */ (this.takeButton).disabled = true;
    await this.trainer.step(1);
    const { numbers, step } = await this.trainer.snapshot();
    const [made, expected] = [numbers[place], answer.opened.weight];
    this.taken.replaceChildren(
      `Step ${counted(step)} taken. The engine, in single precision, got w = `, make("b", { "data-made": made }, digits(made)), "; worked out here: ", make("b", {}, digits(expected)), "; they differ by ", make("b", { "data-off": Math.abs(made - expected) }, exponent(Math.abs(made - expected))), ".");
    this.dispatchEvent(new CustomEvent("taken", { detail: { step, numbers } }));
    this.refresh();
  }
}

function part(count, title, ...children) {
  return make("section.weight-part", {}, make("h3", {}, make("span.step-number", { "aria-hidden": "true" }, count), " ", title), children);
}

function line(...children) {
  return make("p.weight-line", {}, children);
}

function value(of, name = "sum") {
  return make("b", { [`data-${name}`]: of }, precise(of));
}

/** @param {number} of @returns {string} 2.1e−10 */
function exponent(of) {
  return of === 0 ? "0" : of.toExponential(of === 1e-6 ? 0 : 1).replace("-", "−").replace("e+", "e");
}

/** Eight significant digits: as many as single precision has. @param {number} of */
function digits(of) {
  return of.toPrecision(8).replaceAll("-", "−");
}

function picture(values, rows, columns, most, padding) {
  const canvas = /** @type {HTMLCanvasElement} */ (make("canvas.pixels", { width: columns, height: rows, "aria-hidden": "true" }));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(columns, rows);
  const words = new Uint32Array(image.data.buffer);
  paintMap(words, columns, 0, values, 0, rows, columns, most);
  if (padding) padding.forEach((is, i) => is && (words[i] = 0));
  context.putImageData(image, 0, 0);
  return canvas;
}
