// The nets at the moments that their runs kept: a slider, and the first layer's filters forming.

import { largest, paintMap } from "./colours.js";
import { make } from "./dom.js";
import { counted, percent } from "./numbers.js";

/** Milliseconds that a moment is shown while time runs. */
const PACE_MS = 900;
/** Filters drawn at most, and CSS pixels of a filter's longer side, about. */
const FILTERS = { most: 32, side: 20 };

/**
 * @typedef {object} Moment
 * @property {number} step
 * @property {number} epochs passes over the training images
 * @property {number} accuracy 0–1, on that many validation images
 * @property {number} images
 */

/** One net's weights through time. The finished net's are single precision, all earlier ones half. */
export class History {
  /**
   * @param {import("./net.js").Net} net
   * @param {{moments: Moment[], total_steps: number} | null} record null for a run that kept nothing
   */
  constructor(net, record) {
    this.net = net;
    this.record = record;
    /** This net's earlier moments, one after the other, once they are unpacked. */
    this.halves = new Uint16Array(0);
    this.size = net.tensors.reduce((sum, tensor) => sum + tensor.length, 0);
    this.last = record ? record.moments.length - 1 : 0;
    this.at = this.last;
    const whole = new Float32Array(record ? this.size : 0);
    if (record) join(net.tensors, whole);
    this.finished = whole;
  }

  /** @param {number} at @returns {Float32Array} the weights of a moment */
  weights(at) {
    if (at >= this.last) return this.finished;
    return fromHalves(this.halves.subarray(at * this.size, (at + 1) * this.size));
  }

  /** Put the net at a moment. @param {number} at */
  show(at) {
    const wanted = Math.min(at, this.last);
    if (wanted === this.at) return;
    const weights = this.weights(wanted);
    let from = 0;
    for (const tensor of this.net.tensors) {
      tensor.set(weights.subarray(from, from + tensor.length));
      from += tensor.length;
    }
    this.at = wanted;
    this.net.rebuild();
  }

  /** Where the net stands, in a few words. */
  get short() {
    if (!this.record) return "the finished net alone";
    const { step, accuracy } = this.record.moments[this.at];
    return `step ${counted(step)} of ${counted(this.record.total_steps)}, ${percent(accuracy)} of validation`;
  }

  /** Where the net stands, in words. */
  get says() {
    if (!this.record) return "its run kept no earlier moments; this is the finished net";
    const { step, epochs, accuracy, images } = this.record.moments[this.at];
    const when = step === 0 ? "before training" : `after ${counted(step)} of ${counted(this.record.total_steps)} steps (${epochs < 10 ? epochs.toPrecision(2) : Math.round(epochs)} epochs)`;
    const which = this.at === this.last ? ", the best epoch’s net" : "";
    return `${when}${which}: ${percent(accuracy)} of ${counted(images)} validation images`;
  }
}

export class Timeline {
  /**
   * @param {HTMLElement} place of the slider
   * @param {HTMLElement} filmPlace of the filters
   * @param {History[]} histories a net's each
   * @param {(at: number) => void} onChoose called when the reader chooses a moment
   */
  constructor(place, filmPlace, histories, onChoose) {
    this.histories = histories;
    this.filmPlace = filmPlace;
    this.onChoose = onChoose;
    this.last = Math.max(...histories.map((history) => history.last));
    this.timer = 0;
    this.films = [];
    place.hidden = this.last === 0;
    filmPlace.hidden = true;
    if (this.last === 0) return;
    this.input = /** @type {HTMLInputElement} */ (
      make("input", { type: "range", min: 0, max: this.last, step: 1, value: this.last, "aria-label": "moment of training", disabled: true, oninput: () => this.#choose(Number(this.input.value)) })
    );
    this.play = /** @type {HTMLButtonElement} */ (make("button", { type: "button", "aria-label": "run through the training", disabled: true, onclick: () => this.#play() }, "▶"));
    this.says = make("div.time-says.small.muted", { "aria-live": "polite" });
    place.append(make("label", {}, make("span", {}, "Training"), this.input), this.play, this.says);
    filmPlace.addEventListener("toggle", () => this.#film());
  }

  /** The earlier moments are there now. */
  open() {
    if (this.last === 0) return;
    this.filmPlace.hidden = false;
    this.input.disabled = this.play.disabled = false;
  }

  /** Put all nets at a moment, and say where they are. @param {number} at */
  show(at) {
    for (const history of this.histories) history.show(at);
    if (this.last === 0) return;
    this.input.value = String(at);
    const isAlone = this.histories.length === 1;
    this.says.replaceChildren(...this.histories.map((history) => make("p", {}, isAlone ? history.says : `${history.net.name}: ${history.short}`)));
    this.input.setAttribute("aria-valuetext", this.says.textContent ?? "");
    for (const { rows } of this.films) rows.forEach((row, i) => row.setAttribute("aria-pressed", String(i === at)));
  }

  #choose(at) {
    this.#stop();
    this.onChoose(at);
  }

  #play() {
    if (this.timer) return this.#stop();
    let at = Number(this.input.value);
    if (at >= this.last) this.onChoose((at = 0));
    this.play.textContent = "❚❚";
    this.timer = setInterval(() => {
      this.onChoose(++at);
      if (at >= this.last) this.#stop();
    }, PACE_MS);
  }

  #stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.play.textContent = "▶";
  }

  /** Draw every net's first filters, a row a moment; once. */
  #film() {
    if (!(/** @type {HTMLDetailsElement} */ (this.filmPlace).open) || this.films.length) return;
    for (const history of this.histories) {
      const film = filmOf(history);
      if (!film) continue;
      const { layer, place, shown, rows: height, columns: width, filters, inputs } = film;
      const zoom = Math.max(1, Math.round(FILTERS.side / Math.max(height, width)));
      const what = layer.operation.kind === "conv" ? "filters" : "units’ weights";
      const rows = history.record.moments.map((moment, at) => {
        const canvas = /** @type {HTMLCanvasElement} */ (make("canvas.pixels", { width: shown * (width + 1) - 1, height, "--width": `${(shown * (width + 1) - 1) * zoom}px` }));
        paintFilters(canvas, history.weights(at).subarray(place, place + layer.operation.weight.values.length), film);
        return make(
          "button.film-row",
          { type: "button", "aria-pressed": String(at === history.at), onclick: () => this.#choose(at) },
          make("span.number", {}, at === history.last ? "finished" : `step ${counted(moment.step)}`), make("span.number", {}, percent(moment.accuracy)), canvas,
        );
      });
      this.films.push({ rows });
      const left = shown < filters ? `the first ${shown} of ${filters}` : `all ${filters}`;
      this.filmPlace.append(
        this.histories.length > 1 ? make("h3.net-name", {}, history.net.name) : "",
        make("p.muted.small", {}, `${layer.name}, ${left} ${what}${inputs > 1 ? ", of the first colour channel" : ""}; each row has its own colour scale, and validation accuracy before it. Click a row to set the nets to that moment.`),
        make("div.film", {}, rows),
      );
    }
  }
}

/** The first layer whose weights lie over the image, and where its weights begin among all. */
function filmOf(history) {
  const { net } = history;
  const [channels, height, width] = net.input.shape;
  if (!history.record) return null;
  for (const layer of net.layers) {
    const { kind, weight } = layer.operation;
    if (kind !== "conv" && kind !== "linear") continue;
    const [filters, inputs] = weight.shape;
    const isOverImage = kind === "conv" ? inputs <= channels : inputs === channels * height * width;
    if (!isOverImage) return null;
    const [rows, columns] = kind === "conv" ? weight.shape.slice(2) : [height, width];
    let place = 0;
    for (const tensor of net.tensors) {
      if (tensor === weight.values) break;
      place += tensor.length;
    }
    return { layer, place, filters, shown: Math.min(filters, FILTERS.most), rows, columns, inputs: kind === "conv" ? inputs : channels };
  }
  return null;
}

function paintFilters(canvas, weights, { filters, shown, rows, columns }) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(canvas.width, canvas.height);
  const words = new Uint32Array(image.data.buffer);
  const each = weights.length / filters;
  const most = largest(weights);
  for (let k = 0; k < shown; k++) paintMap(words, canvas.width, k * (columns + 1), weights, k * each, rows, columns, most);
  context.putImageData(image, 0, 0);
}

function join(tensors, whole) {
  let at = 0;
  for (const tensor of tensors) {
    whole.set(tensor, at);
    at += tensor.length;
  }
}

/** Half precision (IEEE 754: a sign, 5 bits of exponent, 10 of fraction) to single. @param {Uint16Array} halves */
export function fromHalves(halves) {
  const result = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const exponent = (halves[i] >> 10) & 31;
    const fraction = halves[i] & 1023;
    const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
    result[i] = halves[i] & 0x8000 ? -size : size;
  }
  return result;
}
