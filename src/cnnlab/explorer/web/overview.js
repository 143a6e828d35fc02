// The net as columns, a layer each, every map a tile.

import { largest, paintMap } from "./colours.js";
import { make } from "./dom.js";
import { IMAGE, shownName } from "./net.js";
import { asMaps, counted, number } from "./numbers.js";

/** CSS pixels: a column's height, the sides of a tile of a map and of a single value. */
const HEIGHT = 424;
const TILE = { least: 28, most: 64 };
const CELL = { least: 10, most: 16 };

/**
 * How a layer's maps are laid out.
 * @param {[number, number, number]} shape
 * @returns {{across: number, down: number, zoom: number, gap: number}} tiles across and down, CSS pixels a value
 */
export function tiling([maps, rows, columns]) {
  const isMap = rows * columns > 1;
  const gap = isMap ? 1 : 0;
  const longest = Math.max(rows, columns);
  const { least, most } = isMap ? TILE : CELL;
  for (let across = 1; across <= maps; across++) {
    const down = Math.ceil(maps / across);
    const zoom = Math.floor(Math.min(HEIGHT / (down * (rows + gap)), most / longest));
    if (zoom >= 1 && zoom * longest >= least) return { across, down, zoom, gap };
  }
  const across = Math.ceil(Math.sqrt(maps));
  return { across, down: Math.ceil(maps / across), zoom: Math.max(1, Math.floor(most / longest)), gap };
}

/** Layers whose values are those of the layer before: a line says so, no tiles. */
function passesOn({ kind, dropout }) {
  return kind === "reshape" || (kind === "same" && dropout === undefined);
}

export class Overview {
  /**
   * @param {HTMLElement} place
   * @param {import("./net.js").Net} net
   * @param {(layer: string, unit: [number, number, number], tile: DOMRect) => void} onOpen tile: where the map lies
   */
  constructor(place, net, onOpen) {
    this.columns = net.layers.map((layer, i) => {
      const before = i ? net.layers[i - 1].name : IMAGE;
      return passesOn(layer.operation) ? passing(layer, before) : new Column(layer, before, onOpen);
    });
    place.replaceChildren(...this.columns.map((column) => column.element));
    /** @type {Column[]} */
    this.drawn = /** @type {any} */ (this.columns.filter((column) => column instanceof Column));
  }

  /** @param {"layer" | "map"} scale */
  paint(scale) {
    for (const column of this.drawn) column.paint(scale);
  }

  /**
   * Box what a unit depends on.
   * @param {Map<string, import("./fields.js").Box>} boxes
   * @param {string | null} open name of the unit's layer
   */
  mark(boxes, open) {
    for (const column of this.columns) {
      column.element.classList.toggle("open", column.name === open);
      column.element.classList.toggle("on-the-way", boxes.has(column.name));
    }
    for (const column of this.drawn) column.mark(boxes.get(column.name), column.name === open);
  }

  /** Bring a layer's column into view. @param {string} name */
  show(name) {
    const column = this.columns.find((each) => each.name === name);
    column?.element.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "smooth" });
  }
}

function heading(layer) {
  return make("h3", {}, make("span.name", {}, shownName(layer.name)), make("span.type", {}, layer.type));
}

/** What a layer reads, where that is not just the layer before it. */
function reading(layer, before) {
  const isPlain = layer.inputs.length === 1 && layer.inputs[0] === before;
  return isPlain ? null : make("p.reads", {}, `reads ${layer.inputs.map(shownName).join(" and ")}`);
}

function shapeText(shape) {
  return shape.join("×") || "1";
}

function passing(layer, before) {
  const says = layer.operation.kind === "reshape" ? "the same values in a row" : "passes on every value";
  const element = make(
    "section.column.passing",
    { "aria-label": `${layer.name}, ${layer.type}: ${says}` },
    make("h3", {}, make("span.name", {}, layer.name)),
    reading(layer, before),
    make("p.upright", {}, make("span.type", {}, layer.type), ` ${shapeText(layer.shape)}, ${says}`),
  );
  return { element, name: layer.name };
}

/** An id may hold no spaces, and two nets may have layers of one name: the options are counted. */
let options = 0;

class Column {
  constructor(layer, before, onOpen) {
    this.layer = layer;
    this.name = layer.name;
    this.shape = asMaps(layer.shape);
    const [maps, rows, columns] = this.shape;
    this.tiling = tiling(this.shape);
    const { across, down, zoom, gap } = this.tiling;
    this.width = across * (columns + gap) - gap;
    this.height = down * (rows + gap) - gap;
    this.canvas = /** @type {HTMLCanvasElement} */ (make("canvas.pixels", { width: this.width, height: this.height }));
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.image = this.context.createImageData(this.width, this.height);
    this.words = new Uint32Array(this.image.data.buffer);
    this.marks = /** @type {HTMLCanvasElement} */ (make("canvas.marks", { "aria-hidden": "true" }));
    this.cursor = 0;
    this.option = make("span.unseen", { role: "option", id: `option-${++options}`, "aria-selected": "false" });
    const what = rows * columns > 1 ? `${counted(maps)} maps of ${rows}×${columns}` : `${counted(maps)} values`;
    this.maps = make(
      "div.maps",
      {
        tabindex: 0, role: "listbox", "aria-label": `${shownName(layer.name)}, ${layer.type}: ${what}; arrow keys choose, Enter opens`,
        "--width": `${this.width * zoom}px`, "--height": `${this.height * zoom}px`,
        onclick: (event) => this.#open(event, onOpen),
        onkeydown: (event) => this.#key(event, onOpen),
        onpointermove: (event) => this.#hover(event),
      },
      this.canvas, this.marks, this.option,
    );
    this.scale = make("p.scale", {});
    this.element = make(
      "section.column",
      { "data-layer": layer.name, "aria-label": `${shownName(layer.name)}, ${layer.type}, ${shapeText(layer.shape)}` },
      heading(layer),
      make("p.shape", { title: "C × H × W: maps, rows, columns" }, shapeText(layer.shape)),
      reading(layer, before), this.maps, this.scale,
    );
  }

  paint(scale) {
    const [maps, rows, columns] = this.shape;
    const { across, gap } = this.tiling;
    const { values } = this.layer;
    const plane = rows * columns;
    const most = largest(values);
    for (let map = 0; map < maps; map++) {
      const at = Math.floor(map / across) * (rows + gap) * this.width + (map % across) * (columns + gap);
      const full = scale === "map" && plane > 1 ? largest(values, map * plane, (map + 1) * plane) : most;
      paintMap(this.words, this.width, at, values, map * plane, rows, columns, full);
    }
    this.context.putImageData(this.image, 0, 0);
    const says = scale === "map" && plane > 1 ? `each its own, to ±${number(most)}` : `±${number(most)}`;
    if (this.scale.textContent !== says) this.scale.textContent = says;
  }

  /** @param {import("./fields.js").Box | undefined} box @param {boolean} isOpen */
  mark(box, isOpen) {
    const dots = devicePixelRatio;
    const { across, zoom, gap } = this.tiling;
    const [maps, rows, columns] = this.shape;
    if (!box) {
      if (this.marks.width > 1) this.marks.width = this.marks.height = 1;
      return;
    }
    this.marks.width = (this.width * zoom + 8) * dots;
    this.marks.height = (this.height * zoom + 8) * dots;
    const context = /** @type {CanvasRenderingContext2D} */ (this.marks.getContext("2d"));
    const style = getComputedStyle(this.element);
    context.scale(dots, dots);
    context.translate(4, 4);
    context.lineWidth = isOpen ? 1.5 : 1;
    context.strokeStyle = style.getPropertyValue("--mark");
    const isWhole = !isOpen && [maps, rows, columns].every((side, i) => {
      const [first, last] = [box.channels, box.rows, box.columns][i];
      return first === 0 && last === side - 1;
    });
    if (isWhole) return; // the line above the column says it
    for (let map = box.channels[0]; map <= Math.min(box.channels[1], maps - 1); map++) {
      const left = (map % across) * (columns + gap) * zoom;
      const top = Math.floor(map / across) * (rows + gap) * zoom;
      if (isOpen) {
        context.strokeRect(left - 1.75, top - 1.75, columns * zoom + 3.5, rows * zoom + 3.5);
      }
      const width = (box.columns[1] - box.columns[0] + 1) * zoom;
      const height = (box.rows[1] - box.rows[0] + 1) * zoom;
      context.strokeRect(left + box.columns[0] * zoom - 0.5, top + box.rows[0] * zoom - 0.5, width + 1, height + 1);
    }
  }

  #at(event) {
    const frame = this.canvas.getBoundingClientRect();
    const { across, zoom, gap } = this.tiling;
    const [maps, rows, columns] = this.shape;
    const x = Math.floor((event.clientX - frame.left) / zoom);
    const y = Math.floor((event.clientY - frame.top) / zoom);
    const [column, row] = [Math.floor(x / (columns + gap)), Math.floor(y / (rows + gap))];
    const map = row * across + column;
    if (x < 0 || y < 0 || column >= across || map >= maps) return null;
    return { map, row: Math.min(rows - 1, y - row * (rows + gap)), column: Math.min(columns - 1, x - column * (columns + gap)) };
  }

  #tile(map) {
    const frame = this.canvas.getBoundingClientRect();
    const { across, zoom, gap } = this.tiling;
    const [, rows, columns] = this.shape;
    const left = frame.left + (map % across) * (columns + gap) * zoom;
    const top = frame.top + Math.floor(map / across) * (rows + gap) * zoom;
    return new DOMRect(left, top, columns * zoom, rows * zoom);
  }

  #open(event, onOpen) {
    const at = this.#at(event);
    if (!at) return;
    this.cursor = at.map;
    onOpen(this.layer.name, [at.map, at.row, at.column], this.#tile(at.map));
  }

  #hover(event) {
    const at = this.#at(event);
    if (!at) return;
    const [, rows, columns] = this.shape;
    const value = this.layer.values[(at.map * rows + at.row) * columns + at.column];
    const where = rows * columns > 1 ? `map ${at.map}, row ${at.row}, column ${at.column}` : `unit ${at.map}`;
    this.maps.title = `${where}: ${number(value)}`;
  }

  #key(event, onOpen) {
    const [maps, rows, columns] = this.shape;
    const { across } = this.tiling;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      this.cursor = Math.min(maps - 1, Math.max(0, this.cursor + step));
      const plane = rows * columns;
      const most = largest(this.layer.values, this.cursor * plane, (this.cursor + 1) * plane);
      this.option.textContent = `${plane > 1 ? "map" : "unit"} ${this.cursor}: up to ±${number(most)}`;
      this.maps.setAttribute("aria-activedescendant", this.option.id);
      this.maps.title = this.option.textContent;
      this.mark({ channels: [this.cursor, this.cursor], rows: [0, rows - 1], columns: [0, columns - 1] }, false);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      onOpen(this.layer.name, [this.cursor, rows >> 1, columns >> 1], this.#tile(this.cursor));
    }
  }
}
