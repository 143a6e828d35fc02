// The sheet: the image as the reader draws it, and ways to bring one along.

import { largest, paintMap } from "./colours.js";
import { flat, toGray } from "./prepare_modes.js";
import { borderOf } from "./prepare_paper.js";
import { prepare } from "./prepare_preparing.js";
import { readImage } from "./prepare_reading.js";
import { median } from "./prepare_rounding.js";

/** Half the width of a stroke, in pixels of a 28-pixel image, and over how many pixels its edge fades. */
const RADIUS = 1.15;
const EDGE = 1.1;

export class Sheet {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLCanvasElement} marks a canvas over it
   * @param {import("./net.js").Net} net whose `pixels` are drawn on
   * @param {() => void} onStroke called when pixels have changed by the reader's hand
   * @param {(drag: {right: number, down: number, turn: number} | null) => void} onDrag null when a drag begins; then how
   *   far it has come: pixels of the image, or degrees about its centre
   */
  constructor(canvas, marks, net, onStroke, onDrag) {
    this.marks = marks;
    const [channels, height, width] = net.input.shape;
    this.channels = channels;
    this.height = height;
    this.width = width;
    canvas.width = this.width;
    canvas.height = this.height;
    this.net = net;
    /** What a pointer on the sheet does. @type {"draw" | "erase" | "move" | "turn"} */
    this.tool = "draw";
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.image = this.context.createImageData(this.width, this.height);
    /** @type {[number, number] | null} */
    let last = null;
    const place = (/** @type {PointerEvent} */ event) => {
      const frame = canvas.getBoundingClientRect();
      return /** @type {[number, number]} */ ([
        ((event.clientX - frame.left) / frame.width) * this.width - 0.5, ((event.clientY - frame.top) / frame.height) * this.height - 0.5,
      ]);
    };
    const drag = (/** @type {PointerEvent} */ event) => {
      const [from, to] = [/** @type {[number, number]} */ (last), place(event)];
      if (this.tool === "move") onDrag({ right: Math.round(to[0] - from[0]), down: Math.round(to[1] - from[1]), turn: 0 });
      else onDrag({ right: 0, down: 0, turn: Math.round(this.#angle(to) - this.#angle(from)) });
    };
    const draw = (/** @type {PointerEvent} */ event) => {
      const moves = event.getCoalescedEvents?.() ?? [];
      for (const move of moves.length ? moves : [event]) {
        const to = place(move);
        this.line(last ?? to, to);
        last = to;
      }
      onStroke();
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      if (this.#isDragging) {
        last = place(event);
        onDrag(null);
        return;
      }
      last = null;
      draw(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (last) (this.#isDragging ? drag : draw)(event);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => {
        last = null;
      });
    }
  }

  get #isDragging() {
    return this.tool === "move" || this.tool === "turn";
  }

  /** Degrees, clockwise, of a place about the image's centre. @param {[number, number]} place */
  #angle([x, y]) {
    return (Math.atan2(y - (this.height - 1) / 2, x - (this.width - 1) / 2) * 180) / Math.PI;
  }

  /** Frame the pixels that a unit sees. @param {import("./fields.js").Box | undefined} box none takes the frame away */
  mark(box) {
    const { marks } = this;
    const frame = marks.getBoundingClientRect();
    marks.width = Math.round(frame.width * devicePixelRatio);
    marks.height = Math.round(frame.height * devicePixelRatio);
    if (!box) return;
    const context = /** @type {CanvasRenderingContext2D} */ (marks.getContext("2d"));
    context.scale(marks.width / this.width, marks.height / this.height);
    context.lineWidth = (2 * devicePixelRatio * this.width) / marks.width;
    context.strokeStyle = getComputedStyle(marks).getPropertyValue("--mark");
    context.strokeRect(box.columns[0], box.rows[0], box.columns[1] - box.columns[0] + 1, box.rows[1] - box.rows[0] + 1);
  }

  /** Show the pixels, or what the net sees of them. @param {"raw" | "seen"} view */
  paint(view) {
    const { pixels, input } = this.net;
    const plane = this.width * this.height;
    if (view === "seen" && this.channels === 1) {
      const words = new Uint32Array(this.image.data.buffer);
      paintMap(words, this.width, 0, input.values, 0, this.height, this.width, largest(input.values));
    } else {
      const isColour = this.channels === 3;
      for (let i = 0; i < plane; i++) {
        for (let c = 0; c < 3; c++) this.image.data[4 * i + c] = pixels[isColour ? c * plane + i : i];
        this.image.data[4 * i + 3] = 255;
      }
    }
    this.context.putImageData(this.image, 0, 0);
  }

  /** Move the ink by whole pixels, so that its centre of mass is the image's centre. */
  centre() {
    let [mass, downwards, across] = [0, 0, 0];
    this.#each((value, y, x) => {
      mass += value;
      downwards += value * y;
      across += value * x;
    });
    if (mass > 0) this.shift(Math.round(this.height / 2 - downwards / mass), Math.round(this.width / 2 - across / mass));
  }

  /** @param {number} down @param {number} right pixels; what leaves the image is lost, what comes in is black */
  shift(down, right) {
    const before = this.net.pixels.slice();
    for (let c = 0, i = 0; c < this.channels; c++) {
      for (let y = 0; y < this.height; y++) {
        for (let x = 0; x < this.width; x++, i++) {
          const [row, column] = [y - down, x - right];
          const isInside = row >= 0 && column >= 0 && row < this.height && column < this.width;
          this.net.pixels[i] = isInside ? before[(c * this.height + row) * this.width + column] : 0;
        }
      }
    }
  }

  /**
   * Take over a picture, prepared as `cnnlab predict` does. One that has the image's size and is bright on black needs no
   * preparation. Where there is nothing to take, the pixels stay.
   * @param {Blob} file
   * @param {string} preparation of the data set
   * @param {[number, number] | null} [unpadded] the data set's, as for `prepare`
   * @throws {UserError}
   */
  async take(file, preparation, unpadded = null) {
    const decoded = await readImage(file);
    const isOwnSize = decoded.width === this.width && decoded.height === this.height;
    const isPrepared = isOwnSize && median(borderOf(toGray(flat(decoded)))) < 128;
    this.net.pixels.set(prepare(decoded, isPrepared ? "none" : preparation, [this.channels, this.height, this.width], unpadded));
  }

  /** Lay ink along a line: full within RADIUS of it, fading over EDGE. */
  line([x0, y0], [x1, y1]) {
    const size = Math.max(1, Math.min(this.width, this.height) / 28) * (this.tool === "erase" ? 1.6 : 1);
    const length = (x1 - x0) ** 2 + (y1 - y0) ** 2;
    this.#each((value, y, x, i) => {
      const t = length ? Math.min(1, Math.max(0, ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length)) : 0;
      const distance = Math.hypot(x - x0 - t * (x1 - x0), y - y0 - t * (y1 - y0)) / size;
      const ink = 255 * Math.min(1, Math.max(0, (RADIUS + EDGE / 2 - distance) / EDGE));
      this.net.pixels[i] = this.tool === "erase" ? Math.min(value, 255 - ink) : Math.max(value, ink);
    });
  }

  /** @param {(value: number, y: number, x: number, i: number) => void} visit */
  #each(visit) {
    for (let c = 0, i = 0; c < this.channels; c++) {
      for (let y = 0; y < this.height; y++) for (let x = 0; x < this.width; x++, i++) visit(this.net.pixels[i], y, x, i);
    }
  }
}
