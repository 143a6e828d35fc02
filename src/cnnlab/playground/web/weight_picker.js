// All weights of a tensor as cells, one of them chosen: a filter's kernels, a dense unit's weights laid out as the maps
// they read, or a number for each map.

import { unflattened } from "../../explorer/web/arithmetic.js";
import { blockOf, word } from "../../explorer/web/blocks.js";
import { largest, paintMap } from "../../explorer/web/colours.js";
import { make } from "../../explorer/web/dom.js";
import { asMaps, number, plural } from "../../explorer/web/numbers.js";

/** CSS pixels: the side of a cell at least and at most, and the width of all cells, about. */
const CELL = { least: 3, most: 28 };
const WIDTH = 204;
/** Cells of a vector in a row. */
const ROW = 16;
const FIELDS = { weight: "weights", bias: "biases", gamma: "γ", beta: "β" };

/**
 * @typedef {import("../../explorer/web/net.js").Layer} Layer
 * @typedef {object} Held a tensor in the net of the page
 * @property {string} name PyTorch's
 * @property {number[]} shape
 * @property {Layer} layer
 * @property {keyof typeof FIELDS} field
 * @property {string} title "Conv 1 · weights"
 */

/**
 * The parameters of a net, in its layers' order.
 * @param {import("../../explorer/web/net.js").Net} net
 * @param {any} planned the same net in the page's record
 * @returns {Held[]}
 */
export function parametersOf(net, planned) {
  return planned.layers.flatMap((/** @type {any} */ each) => {
    const layer = /** @type {Layer} */ (net.byName.get(each.name));
    return Object.keys(FIELDS).flatMap((key) => {
      const field = /** @type {keyof typeof FIELDS} */ (key);
      const tensor = planned.tensors.find((/** @type {any} */ held) => held.at === each.operation[field]?.at && held.role === "parameter");
      if (!tensor) return [];
      const block = blockOf(net, layer);
      const of = block.layers[0] === layer ? "" : `, ${word(layer)}`;
      return [{ name: tensor.name, shape: tensor.shape, layer, field, title: `${block.name}${of} · ${FIELDS[field]}` }];
    });
  });
}

export class WeightPicker {
  /**
   * @param {import("../../explorer/web/net.js").Net} net
   * @param {Held[]} held
   * @param {(tensor: string, place: number) => void} onChoose
   */
  constructor(net, held, onChoose) {
    this.net = net;
    this.held = held;
    this.onChoose = onChoose;
    this.chosen = held[0];
    this.place = 0;
    this.select = /** @type {HTMLSelectElement} */ (
      make("select", { "aria-label": "layer and tensor", onchange: () => this.onChoose(this.select.value, 0) }, held.map(({ name, title }) => make("option", { value: name, title: name }, title)))
    );
    this.row = make("span.number", {});
    this.steps = make("div.tools", {},
      make("button", { type: "button", "aria-label": "previous output", onclick: () => this.#turn(-1) }, "‹"), this.row,
      make("button", { type: "button", "aria-label": "next output", onclick: () => this.#turn(1) }, "›"));
    this.canvas = /** @type {HTMLCanvasElement} */ (make("canvas.pixels", {}));
    this.frame = make("i.cursor", {});
    this.field = make("div.weight-cells", {
      tabindex: 0, role: "application", onpointerdown: (event) => this.#point(event), onkeydown: (event) => this.#key(event),
      onpointermove: (event) => this.#name(this.#at(event)), onpointerleave: () => this.#name(null),
    }, this.canvas, this.frame);
    this.says = make("p.muted.small.weight-pointed", {});
    this.element = make("div.weight-picker", {}, make("div.tools", {}, this.select), this.steps, this.field, this.says);
  }

  /** @param {string} tensor @param {number} place flat, in it */
  show(tensor, place) {
    this.chosen = /** @type {Held} */ (this.held.find(({ name }) => name === tensor));
    this.place = place;
    this.select.value = tensor;
    this.paint();
  }

  /** Paint the weights as they are now. */
  paint() {
    const { layer, field, shape } = this.chosen;
    const { tiles, rows, columns, across, gap } = this.#tiling;
    const values = layer.operation[field].values;
    const isMatrix = shape.length > 1;
    this.steps.hidden = !isMatrix || shape[0] === 1;
    const output = this.#output;
    this.row.textContent = `to ${layer.shape.length > 1 ? "map" : "unit"} ${output} of ${shape[0]}`;
    const down = Math.ceil(tiles / across);
    this.canvas.width = across * (columns + gap) - gap;
    this.canvas.height = down * (rows + gap) - gap;
    const context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    const image = context.createImageData(this.canvas.width, this.canvas.height);
    const words = new Uint32Array(image.data.buffer);
    const first = output * this.#each;
    const most = largest(values, first, first + this.#each);
    for (let tile = 0; tile < tiles; tile++) {
      const at = Math.floor(tile / across) * (rows + gap) * this.canvas.width + (tile % across) * (columns + gap);
      paintMap(words, this.canvas.width, at, values, first + tile * rows * columns, rows, columns, most);
    }
    context.putImageData(image, 0, 0);
    const zoom = Math.max(CELL.least, Math.min(CELL.most, Math.floor(WIDTH / this.canvas.width)));
    this.field.style.setProperty("--zoom", `${zoom}px`);
    this.field.style.setProperty("--width", `${this.canvas.width * zoom}px`);
    this.field.style.setProperty("--height", `${this.canvas.height * zoom}px`);
    const [row, column] = this.#cell(this.place - first);
    this.frame.style.setProperty("--row", String(row));
    this.frame.style.setProperty("--column", String(column));
    this.field.setAttribute("aria-label", `${this.chosen.title}, ${plural(this.#each, "number")}: arrow keys choose one. Chosen: ${this.words(this.place)}`);
    this.#name(null);
  }

  /** What a weight is, in words. @param {number} place */
  words(place) {
    const { layer, shape, field } = this.chosen;
    const unit = layer.shape.length > 1 ? "map" : "unit";
    if (shape.length === 1) return `${field === "bias" ? "the bias" : FIELDS[field]} of ${unit} ${place}`;
    const output = Math.floor(place / this.#each);
    const within = place % this.#each;
    if (shape.length === 4) {
      const [, , height, width] = shape;
      const kernel = Math.floor(within / (height * width));
      const from = layer.reads[0] === this.net.input && shape[1] === 1 ? "the image" : `map ${kernel}`;
      return `to map ${output} from ${from}, row ${Math.floor(within / width) % height}, column ${within % width} of the kernel`;
    }
    const [maps, rows, columns] = asMaps(unflattened(this.net, layer.reads[0]).shape);
    if (rows * columns === 1) return `to unit ${output} from unit ${within}`;
    const where = `row ${Math.floor(within / columns) % rows}, column ${within % columns}`;
    return `to unit ${output} from ${maps > 1 ? `map ${Math.floor(within / (rows * columns))}, ` : ""}${where}`;
  }

  /** Numbers of one output: of a vector all of them. */
  get #each() {
    const { shape } = this.chosen;
    return shape.length > 1 ? shape.slice(1).reduce((product, side) => product * side, 1) : shape[0];
  }

  get #output() {
    return this.chosen.shape.length > 1 ? Math.floor(this.place / this.#each) : 0;
  }

  /** How the numbers of one output are laid out. */
  get #tiling() {
    const { shape, layer } = this.chosen;
    const sides = shape.length === 4 ? shape.slice(1) : shape.length === 2 ? asMaps(unflattened(this.net, layer.reads[0]).shape) : [shape[0], 1, 1];
    const [tiles, rows, columns] = sides;
    const gap = rows * columns > 1 ? 1 : 0;
    const wide = Math.max(1, Math.floor((WIDTH / CELL.least + gap) / (columns + gap)));
    return { tiles, rows, columns, gap, across: Math.min(tiles, gap ? Math.min(wide, Math.ceil(Math.sqrt(tiles))) : ROW) };
  }

  /** Row and column on the canvas of a number of the output. */
  #cell(within) {
    const { rows, columns, across, gap } = this.#tiling;
    const tile = Math.floor(within / (rows * columns));
    const inside = within % (rows * columns);
    return [Math.floor(tile / across) * (rows + gap) + Math.floor(inside / columns), (tile % across) * (columns + gap) + (inside % columns)];
  }

  /** The place of the number in a row and column of the canvas; null for a gap. */
  #placeAt(row, column) {
    const { tiles, rows, columns, across, gap } = this.#tiling;
    const [y, x] = [row % (rows + gap), column % (columns + gap)];
    const tile = Math.floor(row / (rows + gap)) * across + Math.floor(column / (columns + gap));
    if (row < 0 || column < 0 || column >= this.canvas.width || y >= rows || x >= columns || tile >= tiles) return null;
    return this.#output * this.#each + tile * rows * columns + y * columns + x;
  }

  #at(event) {
    const frame = this.canvas.getBoundingClientRect();
    return this.#placeAt(Math.floor(((event.clientY - frame.top) / frame.height) * this.canvas.height), Math.floor(((event.clientX - frame.left) / frame.width) * this.canvas.width));
  }

  #point(event) {
    const place = this.#at(event);
    if (place !== null) this.onChoose(this.chosen.name, place);
  }

  #key(event) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    let [row, column] = this.#cell(this.place - this.#output * this.#each);
    for (let i = 0; i < 2; i++) {
      [row, column] = [row + step[0], column + step[1]];
      const place = this.#placeAt(row, column);
      if (place !== null) return this.onChoose(this.chosen.name, place);
    }
  }

  /** Another output, at the same place within it. */
  #turn(by) {
    const outputs = this.chosen.shape[0];
    const output = (this.#output + by + outputs) % outputs;
    this.onChoose(this.chosen.name, output * this.#each + (this.place % this.#each));
  }

  #name(place) {
    const at = place ?? this.place;
    this.says.textContent = `${this.words(at)}: ${number(this.chosen.layer.operation[this.chosen.field].values[at])}`;
  }
}
