// Dropout as in training: masks drawn at random, and how far apart the thinned nets' answers lie.

import { draw, make } from "./dom.js";
import { asMaps, best, number, percent } from "./numbers.js";

/** Masks whose answers are shown. */
const MASKS = 200;
const ROW = { height: 22, left: 74, width: 430, right: 150 };

/** What alpha dropout puts for a value before it rescales: where SELU ends on the left, −λα. */
const ALPHA = -1.7580993408473766;

/** @param {import("./net.js").Layer} layer */
export function isDropout(layer) {
  return "dropout" in layer.operation;
}

export class Dropping {
  /**
   * @param {HTMLElement} place
   * @param {import("./net.js").Net} net
   * @param {string[]} classes
   * @param {boolean} isOneOfTwo whether its name has to be shown
   * @param {() => void} onMask called when a mask was laid on the net, or taken off
   * @param {(share: number) => void} onShare called when the reader chooses the probability
   */
  constructor(place, net, classes, isOneOfTwo, onMask, onShare) {
    this.place = place;
    this.net = net;
    this.classes = classes;
    this.onMask = onMask;
    this.layers = net.layers.filter(isDropout);
    this.share = this.layers[0].operation.dropout || 0.5;
    const trained = this.layers.map((layer) => `${layer.name}: ${layer.operation.dropout}${droppedAs(layer) === "unit" ? "" : `, each ${droppedAs(layer)} as one`}`).join("; ");
    const alpha = this.layers.some((layer) => layer.operation.is_alpha)
      ? ` Alpha dropout puts ${number(ALPHA)}, where SELU ends, in place of what it drops, and then scales and shifts all, so that mean and variance stay.`
      : "";
    this.value = make("output", {}, percent(this.share));
    this.input = /** @type {HTMLInputElement} */ (
      make("input", { type: "range", min: 0.05, max: 0.95, step: 0.05, value: this.share, oninput: () => onShare(Number(this.input.value)) })
    );
    this.button = make("button", { type: "button", "aria-pressed": "false", onclick: () => this.#toggle() }, "Lay one mask on the net");
    this.figure = make("div.chart", {});
    this.says = make("p.muted.small", {});
    place.append(
      isOneOfTwo ? make("h3.net-name", {}, net.name) : "",
      make("p.muted", {}, `In training a unit is dropped with the probability below (${net.name} was trained with ${trained}), and what is kept is scaled up, so that the mean stays.${alpha} Each dot is the answer of one of ${MASKS} thinned nets; the line is the full net’s.`),
      make("div.sliders", {}, make("label", {}, make("span", {}, "Dropped"), this.input, this.value)),
      make("div.tools", {}, this.button, make("button", { type: "button", onclick: () => this.draw() }, "Draw new masks")),
      this.figure, this.says,
    );
  }

  /** Draw masks, compute the thinned nets from the first dropout on, and show their answers beside the full net's. */
  draw() {
    if (!(/** @type {HTMLDetailsElement} */ (this.place).open)) return;
    const { net, layers } = this;
    const kept = layers.map((layer) => layer.operation.mask);
    for (const layer of layers) layer.operation.mask = null;
    net.run();
    const full = [...net.probabilities];
    const first = net.layers.indexOf(layers[0]);
    const answers = Array.from({ length: MASKS }, () => {
      for (const layer of layers) layer.operation.mask = drawMask(layer, this.share);
      for (const layer of net.layers.slice(first)) layer.run();
      return [...net.probabilities];
    });
    layers.forEach((layer, i) => {
      layer.operation.mask = kept[i];
    });
    net.run();
    this.#show(full, answers);
  }

  /** Whether a mask lies on the net. */
  get isLaid() {
    return this.layers.some((layer) => layer.operation.mask);
  }

  /** Take the mask off the net. */
  lift() {
    for (const layer of this.layers) layer.operation.mask = null;
    this.button.setAttribute("aria-pressed", "false");
  }

  #toggle() {
    if (this.isLaid) this.lift();
    else {
      for (const layer of this.layers) layer.operation.mask = drawMask(layer, this.share);
      this.button.setAttribute("aria-pressed", "true");
    }
    this.onMask();
  }

  /** Drop units with another probability. @param {number} share 0–1 */
  setShare(share) {
    this.share = share;
    this.input.value = String(share);
    this.value.textContent = percent(share);
    this.draw();
  }

  #show(full, answers) {
    const most = best(full);
    if (most === null) {
      this.figure.replaceChildren();
      this.says.textContent = "The full net’s answer is no number (NaN); there is nothing to thin out.";
      return;
    }
    const means = full.map((_, k) => answers.reduce((sum, answer) => sum + answer[k], 0) / MASKS);
    const classes = full.map((_, k) => k).sort((a, b) => full[b] - full[a]).slice(0, 5);
    const { height, left, width, right } = ROW;
    const x = (share) => left + share * width;
    this.figure.replaceChildren(
      draw(
        "svg", {
          viewBox: `0 0 ${left + width + right} ${classes.length * height + 22}`, role: "img",
          "aria-label": classes.map((k) => `class ${this.classes[k]}: full net ${percent(full[k])}, mean of thinned nets ${percent(means[k])}`).join("; "),
        },
        ...classes.flatMap((k, row) => {
          const y = row * height + height / 2;
          return [
            draw("text", { x: left - 10, y: y + 4, "text-anchor": "end" }, [...this.classes[k]].slice(0, 10).join("")),
            draw("line", { class: "grid-line", x1: left, x2: x(1), y1: y, y2: y }),
            ...answers.map((answer, i) => draw("circle", { class: "dot", cx: x(answer[k]).toFixed(1), cy: (y + (((i * 7919) % 100) / 100 - 0.5) * height * 0.6).toFixed(1), r: 2 })),
            draw("line", { class: "full", x1: x(full[k]), x2: x(full[k]), y1: y - height * 0.42, y2: y + height * 0.42 }),
            draw("text", { x: x(1) + 12, y: y + 4 }, `full ${percent(full[k])}, mean ${percent(means[k])}`),
          ];
        }),
        ...[0, 0.5, 1].map((share) => draw("text", { x: x(share), y: classes.length * height + 16, "text-anchor": "middle" }, `${100 * share} %`)),
      ),
    );
    const agree = answers.filter((answer) => best(answer) === most).length;
    this.says.textContent = `${agree} of ${MASKS} thinned nets answer ${this.classes[most]}, as the full net does.`;
  }
}

/** What a dropout keeps or drops as one. @param {import("./net.js").Layer} layer @returns {"unit" | "map" | "image"} */
export function droppedAs({ operation, shape }) {
  const [, rows, columns] = asMaps(shape);
  return operation.together === 1 ? "unit" : operation.together === rows * columns ? "map" : "image";
}

/**
 * A mask as PyTorch draws it in training.
 * @param {import("./net.js").Layer} layer
 * @param {number} share 0–1, dropped
 * @returns {{kept: Uint8Array, scale: number, shift: number, dropped: number}} kept: 1 where a value x becomes
 *   scale · x + shift, 0 where it becomes `dropped`
 */
function drawMask({ operation, values }, share) {
  const kept = new Uint8Array(values.length);
  for (let i = 0; i < kept.length; i += operation.together) kept.fill(Math.random() < share ? 0 : 1, i, i + operation.together);
  if (!operation.is_alpha) return { kept, scale: 1 / (1 - share), shift: 0, dropped: 0 };
  const scale = 1 / Math.sqrt((1 - share) * (1 + share * ALPHA ** 2));
  const shift = -scale * share * ALPHA;
  return { kept, scale, shift, dropped: scale * ALPHA + shift };
}
