// The open unit: its strip from the patch to the value, its map, and every product written out.

import { arithmetic } from "./arithmetic.js";
import { largest, paintMap } from "./colours.js";
import { make } from "./dom.js";
import { fieldSays } from "./fields.js";
import { asMaps, number } from "./numbers.js";
import { sameUnit, stripOf, strongest } from "./strip.js";
import { PICTURES, writeOut } from "./unit_arithmetic.js";

/** CSS pixels of the enlarged map's longer side, about. */
const MAP = 160;
/** Milliseconds that the filter takes for a whole map, about, and for one position at least and at most. */
const SLIDE = { whole: 20_000, least: 30, most: 220 };
/** Milliseconds that the unit stays the same before all its products are written out again. */
const WRITE_AFTER_MS = 60;

/**
 * @typedef {import("./net.js").Net} Net
 * @typedef {import("./net.js").Layer} Layer
 * @typedef {[number, number, number]} Unit channel, row, column
 */

export class UnitPanel {
  /**
   * @param {Net} net
   * @param {import("./blocks.js").Block} block
   * @param {Layer} layer of the block
   * @param {string[]} classes
   * @param {(layer: string, unit: Unit) => void} open
   * @param {(layer: Layer, unit: Unit) => number | null} framework PyTorch's value
   */
  constructor(net, block, layer, classes, open, framework) {
    this.net = net;
    this.block = block;
    this.layer = layer;
    this.classes = classes;
    this.open = open;
    this.framework = framework;
    /** @type {Unit} */
    this.unit = [0, 0, 0];
    /** @type {Map<string, import("./fields.js").Field>} */
    this.boxes = new Map();
    /** The input channel whose patch is written out: the strongest for the unit that opened, or the one that was chosen. @type {number | null} */
    this.channel = null;
    /** The map that the channel was taken for. @type {number | null} */
    this.shownMap = null;
    /** Positions of the map that are filled while the filter slides; null: all. @type {number | null} */
    this.filled = null;
    this.timer = 0;
    this.later = 0;
    this.isWritten = false;
    this.#build();
  }

  /** @param {Unit} unit @param {Map<string, import("./fields.js").Field>} boxes what it depends on */
  show(unit, boxes) {
    if (unit[0] !== this.unit[0]) this.stop();
    this.unit = unit;
    this.boxes = boxes;
    if (unit[0] !== this.shownMap) {
      const [first] = sameUnit(this.block, this.layer);
      this.shownMap = unit[0];
      const { patches } = arithmetic(this.net, first, unit);
      this.channel = patches ? strongest(patches).channel : null;
    }
    this.refresh();
  }

  /** Write the unit out again, after the values have changed. */
  refresh() {
    const { layer, unit, net } = this;
    const [, rows, columns] = asMaps(layer.shape);
    const { total } = arithmetic(net, layer, unit);
    const value = layer.values[(unit[0] * rows + unit[1]) * columns + unit[2]];
    const theirs = this.framework(layer, unit);
    const isOwn = layer === net.answer && layer !== net.output;
    this.facts.replaceChildren(
      make("div", {}, make("dt", {}, "worked out here"), make("dd", { id: "worked", "data-value": total }, number(total))),
      make("div", {}, make("dt", {}, "in the forward pass"), make("dd", { "data-value": value }, number(value))),
      make("div", {}, make("dt", {}, "by PyTorch"), make("dd", {}, theirs === null ? make("span.muted", {}, isOwn ? "not part of the net" : "not stored for this") : [number(theirs), make("small.muted", {}, ` differs by ${Math.abs(theirs - total).toExponential(0).replace("-", "−")}`)])),
      this.#fieldFact(),
    );
    const reader = { open: this.open, channel: this.channel, choose: (channel) => {
      this.channel = channel;
      this.refresh();
    } };
    this.strip.replaceChildren(...stripOf(net, this.block, layer, unit, reader), this.facts);
    if (rows * columns > 1) this.#paintMap();
    if (this.timer) return;
    clearTimeout(this.later);
    this.later = setTimeout(() => this.#writeOut(), this.isWritten ? WRITE_AFTER_MS : 0);
  }

  /** Let the filter slide by itself, from where it is; the map fills as it goes. */
  slide() {
    if (this.timer) return this.stop();
    const [, rows, columns] = asMaps(this.layer.shape);
    const count = rows * columns;
    const start = this.unit[1] * columns + this.unit[2];
    this.filled = start >= count - 1 ? 0 : start;
    this.playButton.textContent = "❚❚ Stop";
    this.timer = setInterval(() => {
      const at = /** @type {number} */ (this.filled);
      this.open(this.layer.name, [this.unit[0], Math.floor(at / columns), at % columns]);
      if (at >= count - 1) this.stop();
      else this.filled = at + 1;
    }, Math.min(SLIDE.most, Math.max(SLIDE.least, SLIDE.whole / count)));
  }

  /** End the sliding, and what was still to be written. */
  stop() {
    if (!this.timer) return;
    clearInterval(this.timer);
    this.timer = 0;
    this.filled = null;
    this.playButton.textContent = "▶ Slide the filter";
    this.refresh();
  }

  #build() {
    const { layer, block } = this;
    const [maps, rows, columns] = asMaps(layer.shape);
    const isMap = rows * columns > 1;
    this.facts = make("dl.unit-facts", {});
    this.strip = make("div.strip", {
      role: "group", "aria-label": "from the patch to the value",
      onpointerdown: (event) => this.#drag(event, true), onpointermove: (event) => this.#drag(event, false), onpointerup: () => (this.isDragging = false), onpointercancel: () => (this.isDragging = false),
    });
    this.arithmetic = make("div.arithmetic", {});
    this.products = make("div.arithmetic", {});
    const name = isMap ? "map" : "unit";
    const step = (by) => () => this.open(layer.name, [(this.unit[0] + by + maps) % maps, this.unit[1], this.unit[2]]);
    this.playButton = make("button", { type: "button", onclick: () => this.slide() }, "▶ Slide the filter");
    this.tools = make(
      "div.tools", { role: "toolbar", "aria-label": "Unit" },
      maps > 1 ? [make("button", { type: "button", onclick: step(-1), "aria-label": `previous ${name}` }, `‹ ${name}`), make("button", { type: "button", onclick: step(1), "aria-label": `next ${name}` }, `${name} ›`)] : null,
      isMap ? this.playButton : null,
    );
    let side = null;
    if (isMap) {
      this.zoom = MAP / Math.max(rows, columns);
      this.canvas = /** @type {HTMLCanvasElement} */ (make("canvas.pixels", { width: columns, height: rows }));
      this.cursor = /** @type {HTMLElement} */ (make("i.cursor", { "--zoom": `${this.zoom}px` }));
      this.map = make(
        "div.map", {
          tabindex: 0, role: "application", "aria-label": `the map, ${rows}×${columns}: arrow keys move the unit`,
          "--width": `${columns * this.zoom}px`, "--height": `${rows * this.zoom}px`,
          onpointerdown: (event) => this.#point(event), onpointermove: (event) => event.buttons === 1 && this.#point(event), onkeydown: (event) => this.#key(event),
        }, this.canvas, this.cursor,
      );
      this.mapScale = make("figcaption", {});
      side = make("figure.strip-figure", {}, this.map, this.mapScale);
    }
    this.top = make("div.unit-top", {}, this.strip, side);
    this.element = make(
      "div.unit-level", {}, this.top,
      make("details.written", { open: true }, make("summary", {}, "Every product"), block.layers[0].size_arithmetic.length ? make("p.muted.small", {}, `rows and columns: ${block.layers[0].size_arithmetic.join("; ")}`) : null, this.arithmetic, this.products),
    );
  }

  /** The block's first layer in full, and what becomes of it. */
  #writeOut() {
    this.isWritten = true;
    const [first] = sameUnit(this.block, this.layer);
    const { elements, products } = writeOut(this.net, first, this.unit, this.open, this.classes);
    this.arithmetic.replaceChildren(...elements);
    this.products.replaceChildren(...(products ? [products] : []));
    for (const canvas of this.arithmetic.querySelectorAll("canvas.picture")) paintPicture(/** @type {HTMLCanvasElement} */ (canvas), PICTURES.get(canvas));
  }

  #fieldFact() {
    const { size, where } = fieldSays(this.boxes, this.net, this.layer, this.unit);
    return make("div", {}, make("dt", {}, "sees of the image"), make("dd", { id: "field" }, size, make("small.muted", {}, ` ${where}`)));
  }

  #paintMap() {
    const { layer, unit } = this;
    const [, rows, columns] = asMaps(layer.shape);
    const context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    const image = context.createImageData(columns, rows);
    const words = new Uint32Array(image.data.buffer);
    const first = unit[0] * rows * columns;
    const most = largest(layer.values, first, first + rows * columns);
    paintMap(words, columns, 0, layer.values, first, rows, columns, most);
    if (this.filled !== null) words.fill(0, this.filled + 1);
    context.putImageData(image, 0, 0);
    this.cursor.style.setProperty("--row", String(unit[1]));
    this.cursor.style.setProperty("--column", String(unit[2]));
    this.mapScale.textContent = `map ${unit[0]}, to ±${number(most)}`;
  }

  #point(event) {
    const frame = this.canvas.getBoundingClientRect();
    this.#to((event.clientY - frame.top) / frame.height, (event.clientX - frame.left) / frame.width);
  }

  /** The window on the map that is read: dragging it moves the unit. */
  #drag(event, isDown) {
    const map = this.strip.querySelector(".read-map");
    if (isDown) {
      this.isDragging = Boolean(/** @type {Element} */ (event.target).closest(".read-map"));
      if (this.isDragging) this.strip.setPointerCapture(event.pointerId);
    }
    if (!this.isDragging || !map) return;
    const frame = map.getBoundingClientRect();
    this.#to((event.clientY - frame.top) / frame.height, (event.clientX - frame.left) / frame.width);
  }

  /** The unit at a share of the map's height and width. */
  #to(down, across) {
    const [, rows, columns] = asMaps(this.layer.shape);
    const within = (share, size) => Math.min(size - 1, Math.max(0, Math.floor(share * size)));
    this.#move(within(down, rows), within(across, columns));
  }

  #key(event) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const [, rows, columns] = asMaps(this.layer.shape);
    const within = (at, size) => Math.min(size - 1, Math.max(0, at));
    this.#move(within(this.unit[1] + step[0], rows), within(this.unit[2] + step[1], columns));
  }

  #move(row, column) {
    if (this.timer) this.stop();
    if (row !== this.unit[1] || column !== this.unit[2]) this.open(this.layer.name, [this.unit[0], row, column]);
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
