// Accuracy and loss over the epochs: as seen while training, measured again after the epoch, on the validation images.
// Both scales are fixed, so that nothing jumps while it trains.

import { draw, make } from "../../explorer/web/dom.js";
import { fixed, number } from "../../explorer/web/numbers.js";

/** CSS pixels of the drawing's own system, and the room for the scales' figures. */
const WIDTH = 340;
const LEFT = 34;
const RIGHT = 6;
const TOP = 6;
const BOTTOM = 17;
/** Points that a running curve is drawn by, at most. */
const POINTS = 170;
/** Where the epochs' axis may end. */
const ENDS = [1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500, 800, 1200, 2000, 5000, 10000];

/** Accuracy by its mistakes, a tenth of them a decade: 90 % and 99 % are as far apart as 99 % and 99.9 %. */
const accuracyAt = (/** @type {number} */ share) => Math.log10(1 / Math.max(1 - share, 5e-4)) / Math.log10(1 / 5e-4);
const ACCURACY = { name: "Accuracy", height: 136, at: accuracyAt, ticks: [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.998], says: (/** @type {number} */ share) => `${+(100 * share).toFixed(1)}` };
const [LOW, HIGH] = [0.003, 6];
const lossAt = (/** @type {number} */ loss) => Math.min(1, Math.max(0, Math.log(loss / LOW) / Math.log(HIGH / LOW)));
const LOSS = { name: "Loss", height: 116, at: lossAt, ticks: [0.01, 0.03, 0.1, 0.3, 1, 3], says: String };

/** The three figures, and how each is called. */
const SERIES = [
  { key: "seen", says: "seen while training" },
  { key: "remeasured", says: "measured again" },
  { key: "validation", says: "validation" },
];

/**
 * @typedef {object} Way what one training has come to
 * @property {string} name
 * @property {{steps: {epoch: number, loss: number, accuracy: number}[], epochs: any[]}} curves
 */

export class Curves {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.charts = [ACCURACY, LOSS].map((measure) => new Chart(measure));
    this.table = make("table.readings", {});
    place.append(...this.charts.map((chart) => chart.element), this.table);
    /** @type {Map<string, HTMLElement>} */
    this.cells = new Map();
    this.columns = "";
  }

  /** @param {Way[]} ways one training, or two side by side */
  show(ways) {
    const epochs = Math.max(...ways.map((way) => way.curves.steps.at(-1)?.epoch ?? 0));
    const end = ENDS.find((each) => each >= epochs) ?? epochs;
    for (const chart of this.charts) chart.show(ways, end);
    this.#write(ways);
  }

  /** The latest figures, in cells that stay where they are. @param {Way[]} ways */
  #write(ways) {
    const columns = ways.map((way) => way.name).join();
    if (columns !== this.columns) this.#lay(ways);
    this.columns = columns;
    ways.forEach((way, which) => {
      const epoch = way.curves.epochs.at(-1);
      const step = way.curves.steps.at(-1);
      const set = (/** @type {string} */ key, /** @type {string} */ text) => {
        const cell = this.cells.get(`${key}${which}`);
        if (cell && cell.textContent !== text) cell.textContent = text;
      };
      set("seen-accuracy", step ? share(step.accuracy) : "–");
      set("seen-loss", step ? loss(step.loss) : "–");
      for (const key of ["remeasured", "validation"]) {
        set(`${key}-accuracy`, epoch ? share(epoch[`${key}_accuracy`]) : "–");
        set(`${key}-loss`, epoch ? loss(epoch[`${key}_loss`]) : "–");
      }
      set("gap-accuracy", epoch ? points(epoch.remeasured_accuracy - epoch.validation_accuracy, ways.length === 1) : "–");
      set("gap-loss", epoch ? loss(epoch.validation_loss - epoch.remeasured_loss) : "–");
    });
  }

  /** @param {Way[]} ways */
  #lay(ways) {
    this.cells.clear();
    const cell = (/** @type {string} */ key) => {
      const made = make("td.number", { "data-reading": key }, "–");
      this.cells.set(key, made);
      return made;
    };
    const names = ways.map((way, which) => make("th", { scope: "col" }, ways.length > 1 ? [sample("validation", which), way.name] : "accuracy"));
    const row = (/** @type {string} */ key, /** @type {string} */ says) =>
      make("tr", {}, make("th", { scope: "row" }, key === "gap" ? make("i.gap-sample", { "aria-hidden": "true" }) : sample(key, 0), says),
        ways.map((_, which) => cell(`${key}-accuracy${which}`)), ways.length === 1 ? ways.map((_, which) => cell(`${key}-loss${which}`)) : null);
    this.table.classList.toggle("of-two", ways.length > 1);
    this.table.replaceChildren(
      make("caption.unseen", {}, "The latest figures"),
      make("thead", {}, make("tr", {}, make("td", {}), names, ways.length === 1 ? make("th", { scope: "col" }, "loss") : null)),
      make("tbody", {}, SERIES.map(({ key, says }) => row(key, says)), row("gap", "gap")),
    );
  }
}

class Chart {
  /** @param {typeof ACCURACY} measure */
  constructor(measure) {
    this.measure = measure;
    const { height, name, at, ticks, says } = measure;
    const y = (/** @type {number} */ value) => this.y(at(value));
    this.axis = draw("g", { class: "axis" });
    this.gap = draw("path", { class: "gap" });
    this.lines = draw("g", { class: "lines" });
    this.svg = draw(
      "svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": name },
      ...ticks.flatMap((tick) => [
        draw("line", { class: "grid-line", x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick) }),
        draw("text", { x: LEFT - 6, y: y(tick) + 3.5, "text-anchor": "end" }, says(tick)),
      ]),
      this.axis, this.gap, this.lines,
    );
    this.element = make("figure.curve", {}, make("figcaption", {}, make("h2", {}, name), make("span.muted.small", {}, name === "Loss" ? "cross-entropy, log scale" : "%, stretched towards 100")), this.svg);
    /** @type {Map<string, SVGElement>} */
    this.paths = new Map();
    this.end = 0;
  }

  /** @param {number} share 0–1 of the height */
  y(share) {
    return TOP + (1 - share) * (this.measure.height - TOP - BOTTOM);
  }

  /** @param {Way[]} ways @param {number} end epochs */
  show(ways, end) {
    const { at, name, height } = this.measure;
    const key = name.toLowerCase();
    const x = (/** @type {number} */ epoch) => LEFT + (epoch / end) * (WIDTH - LEFT - RIGHT);
    const line = (/** @type {[number, number][]} */ places) => places.map(([epoch, value], i) => `${i ? "L" : "M"}${x(epoch).toFixed(1)} ${this.y(at(value)).toFixed(1)}`).join("");
    if (end !== this.end) {
      this.end = end;
      this.axis.replaceChildren(
        ...marks(end).map((epoch) => draw("text", { x: x(epoch), y: height - 3, "text-anchor": epoch === end ? "end" : epoch ? "middle" : "start" }, epoch === end ? `${epoch} ${epoch === 1 ? "epoch" : "epochs"}` : String(epoch))),
      );
    }
    ways.forEach((way, which) => {
      const isOther = which > 0 ? " other" : "";
      const { epochs } = way.curves;
      this.#path(`seen${which}`, `seen${isOther}`, line(running(way, key, end)));
      for (const series of ["remeasured", "validation"]) {
        const places = /** @type {[number, number][]} */ (epochs.map((each) => [each.epoch, each[`${series}_${key}`]]));
        this.#path(`${series}${which}`, `${series}${isOther}`, line(places) + (places.length === 1 ? "h.01m-2 0h4" : ""));
      }
    });
    for (const [id, path] of this.paths) if (!ways[Number(id.at(-1))]) path.setAttribute("d", "");
    const [way] = ways;
    const along = (/** @type {string} */ series) => way.curves.epochs.map((each) => /** @type {[number, number]} */ ([each.epoch, each[`${series}_${key}`]]));
    const isShown = ways.length === 1 && way.curves.epochs.length > 1;
    this.gap.setAttribute("d", isShown ? `${line(along("remeasured"))}${line(along("validation").reverse()).replace("M", "L")}Z` : "");
    const last = way.curves.epochs.at(-1);
    const said = (/** @type {number} */ value) => (key === "accuracy" ? share(value) : loss(value));
    const spoken = ways
      .map((each) => ({ each, epoch: each.curves.epochs.at(-1) }))
      .filter(({ epoch }) => epoch)
      .map(({ each, epoch }) => `${ways.length > 1 ? `${each.name}: ` : ""}${said(epoch[`remeasured_${key}`])} on the training images measured again, ${said(epoch[`validation_${key}`])} on the validation images`);
    const label = last ? `${name} after ${last.epoch} ${last.epoch === 1 ? "epoch" : "epochs"}: ${spoken.join("; ")}` : `${name}: no epoch yet`;
    if (this.svg.getAttribute("aria-label") !== label) this.svg.setAttribute("aria-label", label);
  }

  /** @param {string} id @param {string} className @param {string} d */
  #path(id, className, d) {
    let path = this.paths.get(id);
    if (!path) {
      path = /** @type {SVGElement} */ (draw("path", { class: `way ${className}` }));
      this.paths.set(id, path);
      this.lines.append(path);
    }
    if (path.getAttribute("d") !== d) path.setAttribute("d", d);
  }
}

/** A training's running figures, averaged to few enough points. @returns {[number, number][]} epoch, value */
function running(way, key, end) {
  const bins = new Map();
  for (const each of way.curves.steps) {
    const bin = Math.floor((each.epoch / end) * POINTS);
    const sum = bins.get(bin) ?? { epoch: 0, value: 0, count: 0 };
    bins.set(bin, { epoch: sum.epoch + each.epoch, value: sum.value + each[key], count: sum.count + 1 });
  }
  return [...bins.values()].map(({ epoch, value, count }) => [epoch / count, value / count]);
}

/** Epochs that are written below the curves. @param {number} end */
function marks(end) {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000].find((each) => end / each <= 5) ?? end;
  const between = Array.from({ length: Math.ceil(end / step) }, (_, i) => i * step).filter((epoch) => epoch / end < 0.8);
  return [...between, end];
}

/** A piece of the line, for the key. */
function sample(series, which) {
  const other = which > 0 ? " other" : "";
  return draw("svg", { class: "sample", viewBox: "0 0 22 8", "aria-hidden": "true" }, draw("path", { class: `way ${series}${other}`, d: "M1 4H21" }));
}

const share = (/** @type {number} */ value) => `${(100 * value).toFixed(1)} %`;

/** @param {number} value @returns {string} with three decimals, or its power of ten where it is out of hand */
export function loss(value) {
  if (!Number.isFinite(value)) return number(value);
  return Math.abs(value) < 1000 ? fixed(value, 3) : value.toExponential(1).replace("+", "").replace("-", "−");
}

const points = (/** @type {number} */ value, /** @type {boolean} */ isNamed) => `${(100 * value).toFixed(1).replace("-", "−")}${isNamed ? " points" : ""}`;
