// A layer's values as tiles, a map each; a vector's as cells.

import { largest, paintMap } from "./colours.js";
import { make } from "./dom.js";
import { asMaps, counted, number } from "./numbers.js";
import { GAP, tiling } from "./tiling.js";

/** Maps that are shown of a layer that has more: the strongest for the image. */
export const STRONGEST = 8;
/** CSS pixels of a tile's and of a cell's longer side, at most. */
const TILE = 190;
const CELL = 32;

/** Faces made so far: their options' ids are the page's own, whatever the layers are called. */
let made = 0;

/** @typedef {[number, number, number]} Unit channel, row, column */

export class Face {
  /**
   * @param {import("./net.js").Layer} layer
   * @param {string} name what the layer is called on the stage
   * @param {(unit: Unit, tile: DOMRect) => void} onOpen
   * @param {(unit: Unit | null) => void} onHover null when the pointer or the focus leaves
   * @param {(layer: import("./net.js").Layer) => ArrayLike<number>} valuesOf what is shown of the layer
   */
  constructor(layer, name, onOpen, onHover, valuesOf) {
    this.layer = layer;
    this.valuesOf = valuesOf;
    this.shape = asMaps(layer.shape);
    const [maps, rows, columns] = this.shape;
    this.isVector = rows * columns === 1;
    this.onOpen = onOpen;
    this.onHover = onHover;
    this.showsAll = this.isVector || maps <= STRONGEST;
    this.id = `face-${made++}`;
    /** The maps that are shown, a slot each. @type {number[]} */
    this.maps = Array.from({ length: this.showsAll ? maps : STRONGEST }, (_, i) => i);
    this.slot = 0;
    const what = this.isVector ? `${counted(maps)} ${maps === 1 ? "value" : "values"}` : `${counted(maps)} maps of ${rows}×${columns}`;
    this.element = make("div.maps", {
      tabindex: 0, role: "listbox", "aria-label": `${name}: ${what}; arrow keys choose, Enter opens`, "data-layer": layer.name,
      onclick: (event) => this.#click(event),
      onkeydown: (event) => this.#key(event),
      onpointermove: (event) => event.pointerType !== "touch" && this.onHover(this.#at(event)),
      onpointerleave: () => this.onHover(null),
      onblur: () => this.onHover(null),
    });
    this.#fill();
  }

  /** Show all maps, or the strongest. @param {boolean} isAll */
  show(isAll) {
    this.showsAll = isAll;
    const [maps] = this.shape;
    this.maps = Array.from({ length: isAll ? maps : Math.min(maps, STRONGEST) }, (_, i) => i);
    if (!isAll) this.choose();
    this.#fill();
  }

  /** Take the maps that are strongest now; those that stay keep their places. */
  choose() {
    const [maps, rows, columns] = this.shape;
    if (this.showsAll) return;
    const values = this.valuesOf(this.layer);
    const plane = rows * columns;
    const strength = Array.from({ length: maps }, (_, map) => sizeOf(values, map * plane, (map + 1) * plane));
    const order = strength.map((_, map) => map).sort((a, b) => strength[b] - strength[a] || a - b).slice(0, STRONGEST);
    const coming = order.filter((map) => !this.maps.includes(map));
    this.maps = this.maps.map((map) => (order.includes(map) ? map : /** @type {number} */ (coming.shift())));
    this.#name();
  }

  /** Have a map among those that are shown. @param {number} map */
  include(map) {
    if (this.maps.includes(map)) return;
    this.maps[this.maps.length - 1] = map;
    this.#name();
  }

  /** Lay the tiles out in a room. @param {number} width @param {number} height CSS pixels */
  layout(width, height) {
    const [, rows, columns] = this.shape;
    const { across, zoom } = tiling(this.maps.length, [rows, columns], [width, height], this.isVector ? CELL : TILE, this.isVector ? 0 : GAP);
    this.across = across;
    this.zoom = zoom;
    if (this.isVector) {
      const down = Math.ceil(this.maps.length / across);
      this.#canvas(0, across, down);
      this.element.style.setProperty("--width", `${across * zoom}px`);
      this.element.style.setProperty("--height", `${down * zoom}px`);
    } else {
      const down = Math.ceil(this.maps.length / across);
      this.element.style.setProperty("--width", `${across * (columns * zoom + GAP) - GAP}px`);
      this.element.style.setProperty("--height", `${down * (rows * zoom + GAP) - GAP}px`);
      this.tiles.forEach((tile, slot) => {
        const { left, top } = this.#place(slot);
        tile.canvas.style.cssText = `left:${left}px;top:${top}px;width:${columns * zoom}px;height:${rows * zoom}px`;
      });
    }
  }

  /** @param {"layer" | "map"} scale */
  paint(scale) {
    const values = this.valuesOf(this.layer);
    const [, rows, columns] = this.shape;
    const plane = rows * columns;
    const most = largest(values);
    if (this.isVector) {
      const { canvas, context, image, words } = this.tiles[0];
      paintMap(words, canvas.width, 0, values, 0, canvas.height, canvas.width, most);
      words.fill(0, values.length);
      context.putImageData(image, 0, 0);
      return;
    }
    this.maps.forEach((map, slot) => {
      const { context, image, words } = this.tiles[slot];
      const full = scale === "map" ? largest(values, map * plane, (map + 1) * plane) : most;
      paintMap(words, columns, 0, values, map * plane, rows, columns, full);
      context.putImageData(image, 0, 0);
    });
  }

  /**
   * Where a map's pixels lie within the element: CSS pixels.
   * @param {number} map
   * @returns {{left: number, top: number, zoom: number} | null} null for a map that is not shown
   */
  place(map) {
    const slot = this.maps.indexOf(map);
    return slot < 0 ? null : { ...this.#place(slot), zoom: this.zoom ?? 1 };
  }

  #place(slot) {
    const [, rows, columns] = this.shape;
    const [across, zoom, gap] = [this.across ?? 1, this.zoom ?? 1, this.isVector ? 0 : GAP];
    return { left: (slot % across) * (columns * zoom + gap), top: Math.floor(slot / across) * (rows * zoom + gap) };
  }

  #fill() {
    const [, rows, columns] = this.shape;
    this.tiles = [];
    this.element.replaceChildren();
    if (this.isVector) {
      this.#canvas(0, 1, 1);
      this.option = make("span.unseen", { role: "option", id: this.id, "aria-selected": "false", "aria-label": "unit 0" });
      this.element.append(this.option);
    } else this.maps.forEach((_, slot) => this.#canvas(slot, columns, rows));
    this.#name();
  }

  #canvas(slot, width, height) {
    const before = this.tiles[slot]?.canvas;
    if (before?.width === width && before.height === height) return;
    const canvas = /** @type {HTMLCanvasElement} */ (
      make("canvas.pixels", this.isVector ? { width, height, "aria-hidden": "true" } : { width, height, role: "option", id: `${this.id}-${slot}`, "aria-selected": "false" })
    );
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const image = context.createImageData(width, height);
    this.tiles[slot] = { canvas, context, image, words: new Uint32Array(image.data.buffer) };
    if (before) before.replaceWith(canvas);
    else this.element.append(canvas);
  }

  #name() {
    if (!this.isVector) this.maps.forEach((map, slot) => this.tiles[slot]?.canvas.setAttribute("aria-label", `map ${map}`));
  }

  /** @returns {Unit | null} what lies under the pointer */
  #at(event) {
    const frame = this.element.getBoundingClientRect();
    const [, rows, columns] = this.shape;
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    const [across, zoom, gap] = [this.across ?? 1, this.zoom ?? 1, this.isVector ? 0 : GAP];
    const [column, row] = [Math.floor(x / (columns * zoom + gap)), Math.floor(y / (rows * zoom + gap))];
    const slot = row * across + column;
    if (x < 0 || y < 0 || column < 0 || column >= across || slot >= this.maps.length) return null;
    const { left, top } = this.#place(slot);
    return [this.maps[slot], Math.min(rows - 1, Math.floor((y - top) / zoom)), Math.min(columns - 1, Math.floor((x - left) / zoom))];
  }

  #tile(map) {
    const frame = this.element.getBoundingClientRect();
    const [, rows, columns] = this.shape;
    const { left, top, zoom } = /** @type {any} */ (this.place(map));
    return new DOMRect(frame.left + left, frame.top + top, columns * zoom, rows * zoom);
  }

  #click(event) {
    const unit = this.#at(event);
    if (unit) this.onOpen(unit, this.#tile(unit[0]));
  }

  #key(event) {
    const across = this.across ?? 1;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[event.key];
    const [, rows, columns] = this.shape;
    const isOpening = event.key === "Enter" || event.key === " ";
    if (step === undefined && !isOpening) return;
    event.preventDefault();
    this.slot = Math.min(this.maps.length - 1, Math.max(0, this.slot + (step ?? 0)));
    const map = this.maps[this.slot];
    const unit = /** @type {Unit} */ ([map, rows >> 1, columns >> 1]);
    if (isOpening) this.onOpen(unit, this.#tile(map));
    else {
      const values = this.valuesOf(this.layer);
      const most = largest(values, map * rows * columns, (map + 1) * rows * columns);
      if (this.option) this.option.setAttribute("aria-label", `unit ${map}: ${number(values[map])}`);
      else this.tiles[this.slot].canvas.setAttribute("aria-label", `map ${map}, up to ±${number(most)}`);
      this.element.setAttribute("aria-activedescendant", this.option ? this.option.id : `${this.id}-${this.slot}`);
      this.onHover(unit);
    }
  }
}

/** The sum of the sizes of some values. */
function sizeOf(values, from, to) {
  let sum = 0;
  for (let i = from; i < to; i++) sum += values[i] < 0 ? -values[i] : values[i];
  return sum;
}
