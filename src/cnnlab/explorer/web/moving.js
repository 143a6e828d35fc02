// Shift and turn the image, and follow the probabilities on the way.

import { draw, make } from "./dom.js";
import { percent } from "./numbers.js";

/** What can be moved: from, to, step, unit. */
const MOVES = {
  right: { name: "Shift right", from: -8, to: 8, step: 1, unit: "px" },
  down: { name: "Shift down", from: -8, to: 8, step: 1, unit: "px" },
  turn: { name: "Turn", from: -60, to: 60, step: 5, unit: "°" },
};
/** A class is drawn when it gets this share somewhere on the way, the likeliest first and no more than this many. */
const SHOWN = { share: 0.15, classes: 4 };
const CHART = { width: 520, height: 190, left: 40, right: 74, top: 8, bottom: 26 };

export class Moving {
  /**
   * @param {HTMLElement} place
   * @param {import("./net.js").Net[]} nets on one input
   * @param {string[]} classes
   * @param {() => void} onMove called when the pixels have been moved
   */
  constructor(place, nets, classes, onMove) {
    this.place = place;
    this.nets = nets;
    this.classes = classes;
    this.onMove = onMove;
    this.pixels = nets[0].pixels;
    this.shape = nets[0].input.shape;
    this.at = { right: 0, down: 0, turn: 0 };
    this.along = "right";
    this.charts = nets.map((net) => ({ net, chart: make("div.chart", {}), says: make("p.muted.small", {}) }));
    this.sliders = Object.entries(MOVES).map(([key, move]) => {
      const input = /** @type {HTMLInputElement} */ (
        make("input", { type: "range", min: move.from, max: move.to, step: move.step, value: 0, oninput: () => this.#move(key, Number(input.value)) })
      );
      const value = make("output", {}, `0 ${move.unit}`);
      return { key, move, input, value, label: make("label", {}, make("span", {}, move.name), input, value) };
    });
    const hasMax = nets.some((net) => net.layers.some(isMaxPool));
    this.withoutMax = /** @type {HTMLInputElement} */ (make("input", { type: "checkbox", onchange: () => this.trace() }));
    place.append(
      make("p.muted", {}, "The lines show what the net answers along the whole way of the slider that you moved last."),
      make("div.sliders", {}, this.sliders.map((slider) => slider.label)),
      hasMax ? make("label.check", {}, this.withoutMax, "Dashed: the same net where each max pool takes its window’s first value instead of the largest") : "",
      ...this.charts.flatMap(({ net, chart, says }) => [nets.length > 1 ? make("h3", {}, net.name) : "", chart, says]),
    );
    this.rebase();
  }

  /** Take the pixels as they are for the image that is moved. */
  rebase() {
    this.base = this.pixels.slice();
    for (const { key, move, input, value } of this.sliders) {
      this.at[key] = 0;
      input.value = "0";
      value.textContent = `0 ${move.unit}`;
    }
    this.trace();
  }

  /** Move the image from where it lies, by pixels and degrees. @param {{right: number, down: number, turn: number}} by */
  drag(by) {
    const from = /** @type {any} */ (this.dragFrom);
    for (const { key, move, input, value } of this.sliders) {
      const whole = from[key] + by[key];
      this.at[key] = key === "turn" ? ((((whole + 180) % 360) + 360) % 360) - 180 : whole;
      input.value = String(this.at[key]);
      value.textContent = `${this.at[key]} ${move.unit}`.replace("-", "−");
    }
    this.pixels.set(moved(this.base, this.shape, this.at));
    if (by.right || by.down || by.turn) this.along = by.turn ? "turn" : Math.abs(by.right) >= Math.abs(by.down) ? "right" : "down";
    this.onMove();
    this.trace();
  }

  /** Where the next drag begins. */
  beginDrag() {
    this.dragFrom = { ...this.at };
  }

  /** Compute the net along the way, and draw it. */
  trace() {
    if (!(/** @type {HTMLDetailsElement} */ (this.place).open)) return;
    const move = MOVES[this.along];
    const shown = this.pixels.slice();
    const positions = [];
    for (let at = move.from; at <= move.to; at += move.step) positions.push(at);
    for (const each of this.charts) {
      const along = () => positions.map((at) => this.#answer(each.net, at));
      const answers = along();
      const dashed = this.withoutMax.checked ? this.#withoutMax(each.net, along) : null;
      this.pixels.set(shown);
      each.net.run();
      this.#draw(each, move, positions, answers, dashed);
    }
  }

  #answer(net, at) {
    this.pixels.set(moved(this.base, this.shape, { ...this.at, [this.along]: at }));
    net.run();
    return [...net.probabilities];
  }

  #withoutMax(net, compute) {
    const pools = net.layers.filter(isMaxPool);
    if (!pools.length) return null;
    for (const pool of pools) pool.operation.takesFirst = true;
    const result = compute();
    for (const pool of pools) pool.operation.takesFirst = false;
    return result;
  }

  #move(key, value) {
    this.at[key] = value;
    const slider = this.sliders.find((each) => each.key === key);
    slider.value.textContent = `${value} ${slider.move.unit}`.replace("-", "−");
    this.pixels.set(moved(this.base, this.shape, this.at));
    this.along = key;
    this.onMove();
    this.trace();
  }

  #draw({ chart, says }, move, positions, answers, dashed) {
    const { width, height, left, right, top, bottom } = CHART;
    const x = (at) => left + ((at - move.from) / (move.to - move.from)) * (width - left - right);
    const y = (share) => top + (1 - share) * (height - top - bottom);
    const most = this.classes.map((_, k) => Math.max(...answers.map((answer) => answer[k])));
    const classes = this.classes.map((_, k) => k).filter((k) => most[k] > SHOWN.share).sort((a, b) => most[b] - most[a]).slice(0, SHOWN.classes);
    const path = (values, k) => values.map((answer, i) => `${i ? "L" : "M"}${x(positions[i]).toFixed(1)} ${y(answer[k]).toFixed(1)}`).join("");
    const now = Math.min(move.to, Math.max(move.from, this.at[this.along]));
    const ends = classes.map((k) => ({ k, y: y(answers.at(-1)[k]) })).sort((a, b) => a.y - b.y);
    ends.forEach((end, i) => {
      if (i && end.y - ends[i - 1].y < 13) end.y = ends[i - 1].y + 13;
    });
    const name = classes.map((k) => `class ${this.classes[k]} up to ${percent(most[k])}`).join(", ");
    chart.replaceChildren(
      draw(
        "svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Probabilities while the image moves: ${name}` },
        ...[0, 0.5, 1].flatMap((share) => [
          draw("line", { class: "grid-line", x1: left, x2: width - right, y1: y(share), y2: y(share) }),
          draw("text", { x: left - 6, y: y(share) + 4, "text-anchor": "end" }, `${100 * share} %`),
        ]),
        ...[move.from, 0, move.to].map((at) => draw("text", { x: x(at), y: height - 6, "text-anchor": "middle" }, `${at} ${move.unit}`.replace("-", "−"))),
        draw("line", { class: "now", x1: x(now), x2: x(now), y1: top, y2: height - bottom }),
        ...classes.map((k, i) => draw("path", { class: `trace trace-${i}`, d: path(answers, k) })),
        ...(dashed ? classes.map((k, i) => draw("path", { class: `trace trace-${i} dashed`, d: path(dashed, k) })) : []),
        ...ends.map(({ k, y: at }) => draw("text", { class: `trace-name trace-${classes.indexOf(k)}`, x: width - right + 6, y: at + 4 }, this.classes[k].slice(0, 10))),
      ),
    );
    const best = (answer) => answer.indexOf(Math.max(...answer));
    const here = best(answers[positions.indexOf(0)]);
    const stays = answers.filter((answer) => best(answer) === here).length;
    const others = dashed ? ` With first values instead of the largest: at ${dashed.filter((answer) => best(answer) === here).length}. The net was trained with the max.` : "";
    says.textContent = `${move.name}: the answer is ${this.classes[here]} at ${stays} of ${positions.length} positions.${others}`;
  }
}

function isMaxPool(layer) {
  return layer.operation.kind === "pool" && layer.operation.by === "max";
}

/** Pixels turned about the image's centre (bilinear) and then shifted; what comes in from outside is black. */
export function moved(pixels, [channels, height, width], { right, down, turn }) {
  const result = new Uint8ClampedArray(pixels.length);
  const [cos, sin] = [Math.cos((turn * Math.PI) / 180), Math.sin((turn * Math.PI) / 180)];
  const [middleY, middleX] = [(height - 1) / 2, (width - 1) / 2];
  for (let c = 0, i = 0; c < channels; c++) {
    const pixel = (y, x) => (y < 0 || x < 0 || y >= height || x >= width ? 0 : pixels[(c * height + y) * width + x]);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        const [dy, dx] = [y - down - middleY, x - right - middleX];
        const [row, column] = [middleY + dy * cos - dx * sin, middleX + dx * cos + dy * sin];
        const [top, left] = [Math.floor(row), Math.floor(column)];
        const [v, u] = [row - top, column - left];
        result[i] =
          (1 - v) * ((1 - u) * pixel(top, left) + u * pixel(top, left + 1)) + v * ((1 - u) * pixel(top + 1, left) + u * pixel(top + 1, left + 1));
      }
    }
  }
  return result;
}
