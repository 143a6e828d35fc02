// Batch norm by the batch or by the running averages, on the gallery as the batch.

import { draw, make } from "./dom.js";
import { asMaps, counted, number } from "./numbers.js";

const BINS = 40;
const CHART = { width: 340, height: 130, left: 8, right: 8, top: 8, bottom: 22 };

export class Norming {
  /**
   * @param {HTMLElement} place
   * @param {import("./net.js").Net} net
   * @param {Uint8Array} images the gallery's pixels
   * @param {number} count images in the gallery
   * @param {boolean} isOneOfTwo whether its name has to be shown
   */
  constructor(place, net, images, count, isOneOfTwo) {
    this.place = place;
    this.net = net;
    this.images = images;
    this.count = count;
    this.layers = net.layers.filter((layer) => layer.operation.kind === "batch_norm");
    this.layer = this.layers[0];
    this.channel = 0;
    /** What the histograms show: name, values, kind. @type {[string, Float64Array, string][]} */
    this.parts = [];
    /** Those of all nets of the page, this one included. @type {Norming[]} */
    this.together = [this];
    const select = /** @type {HTMLSelectElement} */ (
      make("select", { "aria-label": "layer", onchange: () => this.#choose(select.selectedIndex) }, this.layers.map((layer) => make("option", {}, layer.name)))
    );
    this.input = /** @type {HTMLInputElement} */ (make("input", { type: "range", min: 0, value: 0, oninput: () => this.#setChannel(Number(this.input.value)) }));
    this.value = make("output", {}, "0");
    this.table = make("div", {});
    this.charts = make("div.charts", {});
    place.append(
      isOneOfTwo ? make("h3.net-name", {}, net.name) : "",
      make("p.muted", {}, `In training batch norm takes mean and variance of the batch at hand, in use the running averages kept from training. Here, for ${net.name}, the ${count} gallery images are the batch.`),
      make("div.sliders", {}, make("label", {}, make("span", {}, "Layer"), select), make("label", {}, make("span", {}, "Channel"), this.input, this.value)),
      this.table, this.charts,
    );
  }

  /** Collect anew what the net has changed, and show it. */
  renew() {
    this.collected = null;
    this.show();
  }

  /** Collect the layer's input over the gallery, and show the channel before and after. */
  show() {
    if (!(/** @type {HTMLDetailsElement} */ (this.place).open)) return;
    if (this.collected !== this.layer) this.#collect();
    const { operation } = this.layer;
    const c = this.channel;
    const before = this.values.map((image) => image.subarray(c * this.plane, (c + 1) * this.plane));
    const all = Float64Array.from(before.flatMap((part) => [...part]));
    const mean = all.reduce((sum, x) => sum + x, 0) / all.length;
    const variance = all.reduce((sum, x) => sum + (x - mean) ** 2, 0) / all.length;
    const [gamma, beta] = [operation.gamma.values[c], operation.beta.values[c]];
    const running = { mean: operation.mean.values[c], variance: operation.variance.values[c] };
    const by = (s) => all.map((x) => ((x - s.mean) / Math.sqrt(s.variance + operation.epsilon)) * gamma + beta);
    this.parts = [
      ["before", all, ""],
      ["after, by running averages", by(running), "running"],
      ["after, by this batch", by({ mean, variance }), "batch"],
    ];
    this.table.replaceChildren(
      make("table.contributions", {},
        make("thead", {}, make("tr", {}, make("td", {}), ["mean", "variance"].map((head) => make("th.number", { scope: "col" }, head)))),
        make("tbody", {}, [["running averages", running.mean, running.variance], [`this batch (${counted(all.length)} values)`, mean, variance]].map(([name, m, v]) =>
          make("tr", {}, make("th", { scope: "row" }, name), make("td.number", {}, number(m)), make("td.number", {}, number(v))))),
      ),
      make("p.muted.small", {}, `then × γ ${number(gamma)} + β ${number(beta)}. By this batch the mean becomes β exactly; by running averages about that, as far as these images are like the training images.`),
    );
    for (const one of this.together) one.chart();
  }

  /** Draw the histograms: those that are compared, before and after, of one net or of two, on one axis. */
  chart() {
    const all = this.together.flatMap((one) => one.parts);
    const axis = (/** @type {boolean} */ isBefore) => rangeOf(all.filter(([, , kind]) => (kind === "") === isBefore).map(([, values]) => values));
    this.charts.replaceChildren(...this.parts.map(([name, values, kind]) => make("figure", {}, histogram(values, kind, axis(kind === "")), make("figcaption.muted.small", {}, name))));
  }

  #choose(index) {
    this.layer = this.layers[index];
    this.#setChannel(0);
  }

  #setChannel(channel) {
    this.channel = channel;
    this.input.value = String(channel);
    this.value.textContent = String(channel);
    this.show();
  }

  #collect() {
    const { net, images, count } = this;
    const masks = net.layers.map((layer) => layer.operation.mask);
    for (const layer of net.layers) layer.operation.mask = null;
    const shown = net.pixels.slice();
    const size = shown.length;
    const source = /** @type {import("./net.js").Layer} */ (net.byName.get(this.layer.inputs[0]));
    this.values = [];
    for (let i = 0; i < count; i++) {
      net.pixels.set(images.subarray(i * size, (i + 1) * size));
      net.run();
      this.values.push(source.values.slice());
    }
    net.pixels.set(shown);
    net.layers.forEach((layer, i) => (layer.operation.mask = masks[i]));
    net.run();
    const [channels, rows, columns] = asMaps(source.shape);
    this.plane = rows * columns;
    this.input.max = String(channels - 1);
    this.collected = this.layer;
  }
}

/** The smallest and the largest of all finite values; 0 and 0 where there is none. @returns {[number, number]} */
function rangeOf(all) {
  const values = all.flatMap((/** @type {Float64Array} */ each) => [...each.filter(Number.isFinite)]);
  return values.length ? [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))] : [0, 0];
}

/** @param {Float64Array} all @param {string} kind @param {[number, number]} axis its first and last value */
function histogram(all, kind, [low, high]) {
  const { width, height, left, right, top, bottom } = CHART;
  const values = all.filter(Number.isFinite);
  if (!values.length) return make("p", {}, "no finite value");
  const span = high - low || 1;
  const counts = new Array(BINS).fill(0);
  for (const value of values) counts[Math.min(BINS - 1, Math.floor(((value - low) / span) * BINS))]++;
  const most = Math.max(...counts);
  const across = (width - left - right) / BINS;
  const y = (count) => top + (1 - count / most) * (height - top - bottom);
  return draw(
    "svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `values from ${number(low)} to ${number(high)}` },
    ...counts.map((count, i) => draw("rect", { class: `count ${kind}`, x: (left + i * across).toFixed(1), y: y(count).toFixed(1), width: (across - 1).toFixed(1), height: (height - bottom - y(count)).toFixed(1) })),
    draw("line", { class: "grid-line", x1: left, x2: width - right, y1: height - bottom, y2: height - bottom }),
    draw("text", { x: left, y: height - 5 }, number(low)),
    draw("text", { x: width - right, y: height - 5, "text-anchor": "end" }, number(high)),
    ...(low < 0 && high > 0 ? [draw("text", { x: left + (-low / span) * (width - left - right), y: height - 5, "text-anchor": "middle" }, "0")] : []),
  );
}
