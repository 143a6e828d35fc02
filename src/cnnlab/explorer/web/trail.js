// The class probabilities on the way of a drag, the latest on the right.

import { draw, make } from "./dom.js";
import { percent } from "./numbers.js";

/** Moves that are remembered, and classes that are drawn: those that got this share somewhere, and at most this many. */
const MOVES = 120;
const SHOWN = { share: 0.1, classes: 4 };
const CHART = { width: 168, height: 84, right: 26, pad: 3 };

export class Trail {
  /**
   * @param {HTMLElement} place
   * @param {import("./net.js").Net[]} nets
   * @param {string[]} classes
   */
  constructor(place, nets, classes) {
    this.place = place;
    this.nets = nets;
    this.classes = classes;
    this.clear();
  }

  /** Forget the way so far. */
  clear() {
    this.ways = this.nets.map(() => /** @type {number[][]} */ ([]));
    this.place.hidden = true;
  }

  /** Note what the nets answer now, and draw the way. */
  add() {
    this.place.hidden = false;
    this.nets.forEach((net, which) => {
      this.ways[which].push([...net.probabilities]);
      if (this.ways[which].length > MOVES) this.ways[which].shift();
    });
    this.place.replaceChildren(
      ...this.nets.flatMap((net, which) => [this.nets.length > 1 ? make("h3.net-name", {}, net.name) : "", this.#chart(this.ways[which])]),
    );
  }

  #chart(way) {
    const { width, height, right, pad } = CHART;
    const most = this.classes.map((_, k) => Math.max(...way.map((answer) => answer[k])));
    const classes = this.classes.map((_, k) => k).filter((k) => most[k] > SHOWN.share).sort((a, b) => most[b] - most[a]).slice(0, SHOWN.classes);
    const x = (i) => (i / Math.max(1, way.length - 1)) * (width - right);
    const y = (share) => pad + (1 - share) * (height - 2 * pad);
    const last = /** @type {number[]} */ (way.at(-1));
    const ends = classes.map((k) => ({ k, at: y(last[k]) + 4 })).sort((a, b) => a.at - b.at);
    ends.forEach((end, i) => {
      if (i && end.at - ends[i - 1].at < 12) end.at = ends[i - 1].at + 12;
    });
    return draw(
      "svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `along the way of the move: ${classes.map((k) => `class ${this.classes[k]} ${percent(last[k])} now`).join(", ")}` },
      ...[0, 1].map((share) => draw("line", { class: "grid-line", x1: 0, x2: width - right, y1: y(share), y2: y(share) })),
      ...classes.map((k, i) => draw("path", { class: `trace trace-${i}`, d: way.map((answer, t) => `${t ? "L" : "M"}${x(t).toFixed(1)} ${y(answer[k]).toFixed(1)}`).join("") })),
      ...ends.map(({ k, at }) => draw("text", { class: `trace-name trace-${classes.indexOf(k)}`, x: width - right + 5, y: at }, this.classes[k].slice(0, 4))),
    );
  }
}
