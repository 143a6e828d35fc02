// The first layer's weights as pictures: a convolution's filters, or what each unit of a dense layer weighs.

import { blocksOf } from "../../explorer/web/blocks.js";
import { largest, paintMap } from "../../explorer/web/colours.js";
import { asMaps } from "../../explorer/web/numbers.js";
import { tiling } from "../../explorer/web/tiling.js";

/** Pictures at most: of filters, of a dense layer's units. */
const MOST = { conv: 32, linear: 16 };
/** Pixels between two pictures, and CSS pixels of all of them and of one's side, at most. */
const GAP = 1;
const ROOM = /** @type {[number, number]} */ ([300, 132]);
const SIDE = 64;

export class Filters {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLElement} title
   * @param {(layer: string, place: number) => void} onChoose a weight of the layer, flat
   */
  constructor(canvas, title, onChoose) {
    this.canvas = canvas;
    this.title = title;
    this.planes = this.rows = this.columns = this.count = this.across = 0;
    canvas.addEventListener("click", (event) => {
      const frame = canvas.getBoundingClientRect();
      const x = Math.floor(((event.clientX - frame.left) / frame.width) * canvas.width);
      const y = Math.floor(((event.clientY - frame.top) / frame.height) * canvas.height);
      const unit = Math.floor(y / (this.rows + GAP)) * this.across + Math.floor(x / (this.columns + GAP));
      const [row, column] = [y % (this.rows + GAP), x % (this.columns + GAP)];
      if (unit < this.count && row < this.rows && column < this.columns) onChoose(this.layer, (unit * this.planes * this.rows + row) * this.columns + column);
    });
  }

  /** @param {import("../../explorer/web/net.js").Net} net */
  renew(net) {
    const block = blocksOf(net).find(({ layers }) => ["conv", "linear"].includes(layers[0].operation.kind));
    const section = /** @type {HTMLElement} */ (this.canvas.parentElement);
    section.hidden = !block;
    this.layer = "";
    this.weight = block?.layers[0].operation.weight ?? null;
    if (!block) return;
    this.layer = block.layers[0].name;
    const [units] = this.weight.shape;
    const isConv = block.layers[0].operation.kind === "conv";
    [this.planes, this.rows, this.columns] = isConv ? this.weight.shape.slice(1) : asMaps(net.input.shape);
    this.count = Math.min(units, MOST[isConv ? "conv" : "linear"]);
    this.title.textContent = isConv ? `Filters of ${block.name}` : `Weights of ${block.name}`;
    const { across, zoom } = tiling(this.count, [this.rows, this.columns], ROOM, SIDE, GAP * 4);
    this.across = across;
    const down = Math.ceil(this.count / across);
    this.canvas.width = across * (this.columns + GAP) - GAP;
    this.canvas.height = down * (this.rows + GAP) - GAP;
    this.canvas.style.width = `${this.canvas.width * zoom}px`;
    this.canvas.style.height = `${this.canvas.height * zoom}px`;
    this.canvas.setAttribute("aria-label", `${this.title.textContent}: ${this.count} of ${units}, live; orange above 0, blue below`);
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.image = this.context.createImageData(this.canvas.width, this.canvas.height);
    this.words = new Uint32Array(this.image.data.buffer);
    this.paint();
  }

  paint() {
    if (!this.weight) return;
    const plane = this.rows * this.columns;
    const size = this.planes * plane;
    const { values } = this.weight;
    const pictures = Array.from({ length: this.count }, (_, unit) => {
      if (this.planes === 1) return { values, first: unit * size };
      const sum = new Float32Array(plane);
      for (let i = 0; i < size; i++) sum[i % plane] += values[unit * size + i];
      return { values: sum, first: 0 };
    });
    const scale = Math.max(...pictures.map(({ values: each, first }) => largest(each, first, first + plane)));
    pictures.forEach(({ values: each, first }, unit) => {
      const [row, column] = [Math.floor(unit / this.across), unit % this.across];
      const at = row * (this.rows + GAP) * this.canvas.width + column * (this.columns + GAP);
      paintMap(this.words, this.canvas.width, at, each, first, this.rows, this.columns, scale);
    });
    this.context.putImageData(this.image, 0, 0);
  }
}
