// The open unit: its map enlarged, where it stands, and its arithmetic.

import { largest, paintMap } from "./colours.js";
import { make } from "./dom.js";
import { fieldSays } from "./fields.js";
import { shownName } from "./net.js";
import { asMaps, number } from "./numbers.js";
import { PICTURES, writeOut } from "./unit_arithmetic.js";

/** CSS pixels of the enlarged map's longer side, about. */
const MAP = 252;
/** Milliseconds a position while the filter slides. */
const PACE_MS = 140;

export class UnitPanel {
  /**
   * @param {HTMLElement} place
   * @param {string[]} classes
   * @param {(layer: string | null, unit: [number, number, number] | null) => void} open
   * @param {(layer: import("./net.js").Layer, unit: [number, number, number]) => number | null} framework PyTorch's value
   */
  constructor(place, classes, open, framework) {
    this.place = place;
    this.classes = classes;
    this.open = open;
    this.framework = framework;
    /** @type {import("./net.js").Layer | null} */
    this.layer = null;
    /** @type {[number, number, number]} */
    this.unit = [0, 0, 0];
    this.timer = 0;
    this.#empty();
  }

  /**
   * @param {import("./net.js").Net} net
   * @param {import("./net.js").Layer | null} layer
   * @param {[number, number, number]} unit
   * @param {Map<string, import("./fields.js").Box>} boxes what it depends on
   */
  show(net, layer, unit, boxes) {
    this.net = net;
    if (layer !== this.layer) this.stop();
    this.boxes = boxes;
    this.unit = unit;
    if (layer === null) {
      if (this.layer) this.#empty();
      this.layer = null;
      return;
    }
    if (layer !== this.layer) this.#frame(layer);
    this.layer = layer;
    this.refresh();
  }

  /** Write the open unit out again, after the values have changed. */
  refresh() {
    if (!this.layer) return;
    const { layer, unit, net } = this;
    const [, rows, columns] = asMaps(layer.shape);
    const isMap = rows * columns > 1;
    const isAnswer = layer.values.length === this.classes.length && layer.inputs.length === 1 && !isMap && (layer === net.output || layer === net.answer);
    this.where.replaceChildren(
      isMap ? `map ${unit[0]}, row ${unit[1]}, column ${unit[2]}` : isAnswer ? `class ${this.classes[unit[0]]}` : `unit ${unit[0]}`,
    );
    const { elements, products, total } = writeOut(net, layer, unit, (name, to) => this.open(name, to), this.classes);
    const place = (unit[0] * rows + unit[1]) * columns + unit[2];
    const value = layer.values[place];
    const theirs = this.framework(layer, unit);
    const isOwn = layer === net.answer && layer !== net.output;
    this.facts.replaceChildren(
      make("div", {}, make("dt", {}, "worked out here"), make("dd", { id: "worked", "data-value": total }, number(total))),
      make("div", {}, make("dt", {}, "in the forward pass"), make("dd", { "data-value": value }, number(value))),
      make("div", {}, make("dt", {}, "by PyTorch"), make("dd", {}, theirs === null ? make("span.muted", {}, isOwn ? "not part of the net" : "not stored for this") : [number(theirs), make("small.muted", {}, ` differs by ${Math.abs(theirs - total).toExponential(0).replace("-", "−")}`)])),
      this.#fieldFact(),
    );
    this.arithmetic.replaceChildren(...elements);
    this.products.replaceChildren(...(products ? [products] : []));
    for (const canvas of this.arithmetic.querySelectorAll("canvas.picture")) paintPicture(/** @type {HTMLCanvasElement} */ (canvas), PICTURES.get(canvas));
    if (isMap) this.#paintMap();
  }

  /**
   * Let the enlarged map grow out of its tile, and bring the unit into view with the net still above it.
   * @param {DOMRect | null} tile where it lies on the screen
   */
  growFrom(tile) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const { top } = this.place.getBoundingClientRect();
    if (top > innerHeight * 0.6) scrollBy({ top: top - innerHeight * 0.42, behavior: calm ? "auto" : "smooth" });
    if (!tile || !this.map?.isConnected || calm) return;
    const map = this.map.getBoundingClientRect();
    const start = `translate(${tile.left - map.left}px, ${tile.top - map.top}px) scale(${tile.width / map.width})`;
    this.map.animate([{ transform: start, transformOrigin: "0 0" }, { transform: "none", transformOrigin: "0 0" }], {
      duration: 320,
      easing: "cubic-bezier(.2, .8, .2, 1)",
    });
  }

  /** End the sliding. */
  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    if (this.playButton) this.playButton.textContent = "▶ Slide the filter";
  }

  #empty() {
    this.place.replaceChildren(
      make("h2", { id: "unit-title" }, "One unit"),
      make("p.muted", {}, "Click a pixel of any map, or any cell, to see what it sums: every product of value and weight. With the keyboard: Tab to a layer, arrow keys to a map, Enter."),
    );
  }

  #frame(layer) {
    const [maps, rows, columns] = asMaps(layer.shape);
    const isMap = rows * columns > 1;
    this.where = make("span.where", { "aria-live": "polite" });
    this.facts = make("dl.unit-facts", {});
    this.arithmetic = make("div.arithmetic", {});
    this.products = make("div.arithmetic", {});
    const step = (by) => () => this.open(layer.name, [(this.unit[0] + by + maps) % maps, this.unit[1], this.unit[2]]);
    this.playButton = make("button", { type: "button", onclick: () => this.#play() }, "▶ Slide the filter");
    const name = isMap ? "map" : "unit";
    const tools = make(
      "div.tools", { role: "toolbar", "aria-label": "Unit" },
      maps > 1 ? [make("button", { type: "button", onclick: step(-1), "aria-label": `previous ${name}` }, `‹ ${name}`), make("button", { type: "button", onclick: step(1), "aria-label": `next ${name}` }, `${name} ›`)] : null,
      isMap ? this.playButton : null,
      make("button", { type: "button", onclick: () => this.open(null, null) }, "Close"),
    );
    let side = null;
    if (isMap) {
      this.zoom = Math.max(1, Math.floor(MAP / Math.max(rows, columns)));
      this.canvas = /** @type {HTMLCanvasElement} */ (make("canvas.pixels", { width: columns, height: rows }));
      this.marks = /** @type {HTMLElement} */ (make("i.cursor", { "--zoom": `${this.zoom}px` }));
      this.map = make(
        "div.map", {
          tabindex: 0, role: "application", "aria-label": `the map, ${rows}×${columns}: arrow keys move the unit`,
          "--width": `${columns * this.zoom}px`, "--height": `${rows * this.zoom}px`,
          onpointerdown: (event) => this.#point(event, true), onpointermove: (event) => this.#point(event, event.buttons === 1),
          onkeydown: (event) => this.#key(event),
        }, this.canvas, this.marks,
      );
      this.mapScale = make("p.scale", {});
      side = make("div.side", {}, this.map, this.mapScale);
    }
    this.place.replaceChildren(
      make("div.heading", {}, make("h2", { id: "unit-title" }, shownName(layer.name), " ", make("span.type", {}, layer.type), " ", this.where), tools),
      make(
        isMap ? "div.unit-body" : "div.unit-body.no-map", {}, side,
        make("div", {}, this.facts, layer.size_arithmetic.length ? make("p.muted.small", {}, `rows and columns: ${layer.size_arithmetic.join("; ")}`) : null, this.arithmetic),
      ),
      this.products,
    );
  }

  #fieldFact() {
    const { size, where } = fieldSays(/** @type {any} */ (this.boxes), /** @type {any} */ (this.net), /** @type {any} */ (this.layer), this.unit);
    return make("div", {}, make("dt", {}, "sees of the image"), make("dd", { id: "field" }, size, make("small.muted", {}, ` ${where}`)));
  }

  #paintMap() {
    const layer = /** @type {import("./net.js").Layer} */ (this.layer);
    const [, rows, columns] = asMaps(layer.shape);
    const context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    const image = context.createImageData(columns, rows);
    const first = this.unit[0] * rows * columns;
    const most = largest(layer.values, first, first + rows * columns);
    paintMap(new Uint32Array(image.data.buffer), columns, 0, layer.values, first, rows, columns, most);
    context.putImageData(image, 0, 0);
    this.marks.style.setProperty("--row", String(this.unit[1]));
    this.marks.style.setProperty("--column", String(this.unit[2]));
    this.mapScale.textContent = `this map, ±${number(most)}`;
  }

  #point(event, isDown) {
    if (!isDown) return;
    const layer = /** @type {import("./net.js").Layer} */ (this.layer);
    const [, rows, columns] = asMaps(layer.shape);
    const frame = this.canvas.getBoundingClientRect();
    const clamp = (at, size) => Math.min(size - 1, Math.max(0, Math.floor(at / this.zoom)));
    this.#move(clamp(event.clientY - frame.top, rows), clamp(event.clientX - frame.left, columns));
  }

  #key(event) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const [, rows, columns] = asMaps(/** @type {any} */ (this.layer).shape);
    const within = (at, size) => Math.min(size - 1, Math.max(0, at));
    this.#move(within(this.unit[1] + step[0], rows), within(this.unit[2] + step[1], columns));
  }

  #move(row, column) {
    if (row === this.unit[1] && column === this.unit[2]) return;
    this.open(/** @type {any} */ (this.layer).name, [this.unit[0], row, column]);
  }

  #play() {
    if (this.timer) {
      this.stop();
      return;
    }
    const [, rows, columns] = asMaps(/** @type {any} */ (this.layer).shape);
    const last = rows * columns - 1;
    if (this.unit[1] * columns + this.unit[2] === last) this.#move(0, 0);
    this.playButton.textContent = "❚❚ Stop";
    this.timer = setInterval(() => {
      const at = this.unit[1] * columns + this.unit[2];
      if (at >= last) this.stop();
      else this.#move(Math.floor((at + 1) / columns), (at + 1) % columns);
    }, PACE_MS);
  }
}

/** Maps side by side, on one scale. */
function paintPicture(canvas, { values, maps, rows, columns }) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(canvas.width, canvas.height);
  const words = new Uint32Array(image.data.buffer);
  const most = largest(values);
  for (let map = 0; map < maps; map++) {
    paintMap(words, canvas.width, map * (columns + 1), values, map * rows * columns, rows, columns, most);
  }
  context.putImageData(image, 0, 0);
}
