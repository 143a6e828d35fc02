// A unit's arithmetic as it is read: numbers in grids and lines.

import { arithmetic, onwards } from "./arithmetic.js";
import { groundFor, largest } from "./colours.js";
import { make } from "./dom.js";
import { placeToUnit } from "./fields.js";
import { droppedAs } from "./dropping.js";
import { shownName } from "./net.js";
import { alike, asMaps, counted, factor, number, percent, plural, signed } from "./numbers.js";

/** Contributions of a dense layer that are listed one by one. */
const LISTED = 24;

/**
 * @param {import("./net.js").Net} net
 * @param {import("./net.js").Layer} layer
 * @param {[number, number, number]} unit
 * @param {(layer: string, unit: [number, number, number]) => void} open called to go to another unit
 * @param {string[]} classes
 * @returns {{elements: HTMLElement[], products: HTMLElement | null, total: number}} products: what needs the full width
 */
export function writeOut(net, layer, unit, open, classes) {
  const worked = arithmetic(net, layer, unit);
  const context = { net, layer, unit, open, classes };
  const elements = [WRITE[layer.operation.kind](worked, context)];
  if (["conv", "transposed_conv", "linear"].includes(layer.operation.kind)) {
    const steps = onwards(net, layer, unit);
    if (steps.length) {
      elements.push(make("h3", {}, "What becomes of it"));
      for (const step of steps) {
        const part = arithmetic(net, step.layer, step.unit);
        const inner = { net, layer: step.layer, unit: step.unit, open, classes };
        const link = make("button.link", { type: "button", onclick: () => open(step.layer.name, step.unit) }, `${step.layer.name} ${step.layer.type}`);
        elements.push(make("div.step", {}, make("p.step-name", {}, link), WRITE[step.layer.operation.kind](part, inner)));
      }
    }
  }
  return { elements, products: worked.patches ? productGrids(worked) : null, total: worked.total };
}

const WRITE = {
  image: (worked) => line(["the pixel ", strong(worked.total)]),

  conv({ patches, size, sum, bias, total, layer }) {
    const [KH, KW] = size;
    const count = patches.length * KH * KW;
    const most = Math.max(...patches.map((patch) => Math.abs(patch.sum)));
    const sums = patches.length > 1
      ? make(
        "div.sums", {},
        make("p.muted.small", {}, most === 0 ? `The ${patches.length} sums, one for each channel, are all 0.` : `The ${patches.length} sums, one bar for each channel; the longest is ${signed(patches.reduce((a, b) => (Math.abs(b.sum) > Math.abs(a.sum) ? b : a)).sum)}.`),
        make(
          "div.bars", { role: "img", "aria-label": patches.map((patch) => `channel ${patch.channel}: ${signed(patch.sum)}`).join(", ") },
          patches.map((patch) => make(patch.sum < 0 ? "i.negative" : "i", { title: `channel ${patch.channel}: ${signed(patch.sum)}`, "--share": `${most ? (50 * Math.abs(patch.sum)) / most : 0}%` })),
        ),
      )
      : null;
    return make(
      "div", {},
      line([
        `${plural(count, "product")}${patches.length > 1 ? ` (${patches.length} channels of ${KH}×${KW})` : ""} sum to `, strong(sum),
        bias === null ? "" : [bias < 0 ? " − " : " + ", number(Math.abs(bias)), make("small", {}, " bias"), " = ", strong(total)],
        layer.operation.groups > 1 ? make("span.muted", {}, ` · in ${layer.operation.groups} groups: this filter reads ${patches.length} of the ${layer.operation.groups * patches.length} channels`) : null,
      ]),
      sums,
    );
  },

  transposed_conv: (worked) => WRITE.conv(worked),

  linear({ origin, terms, bySize, sum, bias, total }, { open }) {
    const others = bySize.filter((term) => term.product !== 0);
    const shown = (others.length ? others : bySize).slice(0, LISTED);
    const rest = bySize.slice(shown.length);
    const restSum = rest.reduce((all, term) => all + term.product, 0);
    const most = Math.abs(shown[0]?.product ?? 0) || 1;
    const [, height, width] = asMaps(origin.shape);
    const place = (at) => {
      const [c, y, x] = placeToUnit(at, origin.shape);
      return height * width > 1 ? `map ${c}, row ${y}, column ${x}` : `unit ${c}`;
    };
    const bar = (product) => make(product < 0 ? "i.negative" : "i", { "--share": `${(50 * Math.abs(product)) / most}%` });
    const pictures = height * width > 1 && origin.shape[0] <= 4 && terms.length === origin.values.length ? weightPictures(terms, origin) : null;
    return make(
      "div", {},
      line([
        `${plural(terms.length, "product")} sum to `, strong(sum),
        bias === null ? "" : [bias < 0 ? " − " : " + ", number(Math.abs(bias)), make("small", {}, " bias"), " = ", strong(total)],
      ]),
      pictures,
      make("p.muted.small", {}, largestSays(others.length, shown.length, rest.length)),
      make(
        "table.contributions", {},
        make("thead", {}, make("tr", {}, ["from", "value", "weight", "product"].map((head, i) => make(i ? "th.number" : "th", { scope: "col" }, head)), make("td", {}))),
        make(
          "tbody", {},
          shown.map((term) =>
            make(
              "tr", {},
              make("td", {}, make("button.link", { type: "button", onclick: () => open(origin.name, placeToUnit(term.place, origin.shape)) }, place(term.place))),
              make("td.number", {}, number(term.value)), make("td.number", {}, number(term.weight)),
              make("td.number.product", { "data-value": term.product }, signed(term.product)), make("td.bar", {}, bar(term.product)),
            ),
          ),
          rest.length ? make("tr.rest", {}, make("td", { colspan: 3 }, plural(rest.length, "other")), make("td.number.product", { "data-value": restSum }, signed(restSum)), make("td", {})) : null,
        ),
      ),
    );
  },

  batch_norm({ x, mean, variance, epsilon, gamma, beta, normalised, total }) {
    return make(
      "div.formula", {},
      fraction([number(x), " − ", factor(mean)], ["√(", number(variance), " + ", exponent(epsilon), ")"]),
      " × ", factor(gamma), beta < 0 ? " − " : " + ", number(Math.abs(beta)), " = ", strong(total),
      make("p.muted.small", {}, `(x − mean) / √(variance + ε) × γ + β, with the running averages of training. In units of that deviation x is ${number(normalised)}.`),
    );
  },

  norm({ x, mean, variance, epsilon, gamma, beta, normalised, total, together, by, isCentred }) {
    return make(
      "div.formula", {},
      fraction(isCentred ? [number(x), " − ", factor(mean)] : [number(x)], ["√(", number(variance), " + ", exponent(epsilon), ")"]),
      " × ", factor(gamma), beta < 0 ? " − " : " + ", number(Math.abs(beta)), " = ", strong(total),
      make("p.muted.small", {}, isCentred
        ? `(x − mean) / √(variance + ε) × γ + β, with mean and variance of the ${plural(together, "value")} ${TOGETHER[by]} of this very image, in training as in use. In units of that deviation x is ${number(normalised)}.`
        : `x / √(mean square + ε) × γ, with the mean square of the ${plural(together, "value")} ${TOGETHER[by]} of this very image.`),
    );
  },

  activation: (worked) => make("div.formula", {}, make("span.muted", {}, `${worked.written}, x = `), number(worked.x), " → ", strong(worked.total)),
  prelu: (worked) => WRITE.activation(worked),

  pool({ rows, columns, values, isMax, winners, divisor, total }, { unit }) {
    const says = isMax ? winnerSays(values, winners, rows, columns, unit[0]) : `The sum of ${plural(values.length, "value")} divided by ${divisor}.`;
    return make(
      "div.formula", {},
      make("div.equation", {}, grid(values, columns.length, largest(values), { winner: winners[0], label: "values in the window" }), sign("→"), strong(total)),
      make("p.muted.small", {}, says),
    );
  },

  combine({ operands, sign: between, total }, { open }) {
    const operand = ({ name, value, unit }) => name
      ? [number(value), " ", make("button.link", { type: "button", onclick: () => open(name, unit) }, shownName(name))]
      : [factor(value), make("small", {}, " constant")];
    return make("div.formula", {}, operand(operands[0]), ` ${between} `, operand(operands[1]), " = ", strong(total));
  },

  concat: (worked, { open }) => from(worked, open, "taken over from "),
  same(worked, { open, layer }) {
    const { mask, isKept, x, total } = worked;
    if (!("dropout" in layer.operation)) return from(worked, open, "passed on from ");
    if (!mask) {
      return make(
        "div", {}, from(worked, open, "passed on from "),
        make("p.muted.small", {}, `In training each ${droppedAs(layer)} is dropped with a probability of ${layer.operation.dropout}; now, in use, all are kept.`),
      );
    }
    const shift = mask.shift ? ` + ${number(mask.shift)}` : "";
    return make(
      "div", {}, from({ ...worked, total: x }, open, "reads "),
      line(isKept ? [`kept by the mask: ${number(x)} × ${number(mask.scale)}${shift} = `, strong(total)] : ["dropped by the mask: ", strong(total)]),
    );
  },
  reshape: (worked, { open }) => from(worked, open, "the same value as "),
  take: (worked, { open }) => (worked.isPadding ? line(["padding: ", strong(0)]) : from(worked, open, "taken over from ")),
  pad: (worked, { open }) => (worked.isPadding ? line(["padding: ", strong(0)]) : from(worked, open, "taken over from ")),

  softmax({ values, largest: most, powers, sum, at, isLog, total }, { classes, layer }) {
    const name = (k) => (classes.length === layer.values.length ? classes[k] : `unit ${k}`);
    const level = values.filter((value) => value === most).length;
    return make(
      "div", {},
      line([
        "e", make("sup", {}, `${number(values[at])} − ${factor(most)}`), " / ", number(sum), " = ", strong(powers[at] / sum),
        isLog ? [", whose logarithm is ", strong(total)] : null,
      ]),
      make("p.muted.small", {}, `The largest value, ${number(most)}${level > 1 ? `, which ${level} share` : ""}, is taken from all before the powers: the shares stay the same and nothing overflows.`),
      make(
        "table.contributions", {},
        make("thead", {}, make("tr", {}, ["class", "value z", "e^(z − largest)", "share"].map((head, i) => make(i ? "th.number" : "th", { scope: "col" }, head)), make("td", {}))),
        make("tbody", {}, values.map((value, k) =>
          make(
            k === at ? "tr.chosen" : "tr", {},
            make("th", { scope: "row" }, name(k)), make("td.number", {}, number(value)), make("td.number", {}, number(powers[k])),
            make("td.number", {}, percent(powers[k] / sum)), make("td.bar.whole", {}, make("i", { "--share": `${(100 * powers[k]) / sum}%` })),
          ))),
      ),
    );
  },

  reduce({ values, isMean, sum, total }) {
    return line([
      `${plural(values.length, "value")} sum to `, isMean ? number(sum) : strong(sum),
      isMean ? [` / ${counted(values.length)} = `, strong(total)] : null,
    ]);
  },
};

/** @type {Record<string, string>} which values a norm takes together */
const TOGETHER = { group_norm: "of this group of maps", instance_norm: "of this map", layer_norm: "of this layer that it takes together", rms_norm: "that it takes together" };

/** A small number as it is set, with a true minus in its exponent. */
export function exponent(value) {
  return String(value < 1e-4 ? Number(value.toPrecision(3)) : value).replace("-", "−");
}

/** Which products of a dense unit are listed: those that are not 0, at most so many. */
function largestSays(others, shown, rest) {
  if (others === 0) return `All products are 0${rest ? `; these are the first ${shown}` : ""}.`;
  if (rest === 0) return others === 1 ? "The only product." : `All ${others} products, the largest first.`;
  if (shown === others) return `${others === 1 ? "The only product that is" : `The ${others} products that are`} not 0; the other ${counted(rest)} add nothing.`;
  return `The ${shown} largest products, and the other ${counted(rest)} summed.`;
}

/** Which value a max pool takes, and whether others are as large. */
function winnerSays(values, winners, rows, columns, map) {
  const where = `row ${rows[Math.floor(winners[0] / columns.length)]}, column ${columns[winners[0] % columns.length]} of map ${map}`;
  if (values.length === 1) return `The only value of the window, from ${where}.`;
  if (Number.isNaN(values[winners[0]])) return "What is no number (NaN) is taken before all numbers.";
  if (winners.length === 1) return `The largest of ${values.length} wins: it lies in ${where}. The others leave no trace.`;
  const who = winners.length === values.length ? `All ${values.length} are equal` : `${winners.length} of ${values.length} share the largest value`;
  return `${who}. The first counts, as PyTorch takes it: it lies in ${where}.`;
}

/** Value × weight = product for every input channel of a convolution's unit. */
function productGrids({ patches, size, layer }) {
  const [KH, KW] = size;
  const scale = (key) => Math.max(...patches.map((patch) => largest(patch[key])));
  const scales = { pixels: scale("pixels"), kernel: scale("kernel"), products: scale("products") };
  const digits = (key) => Math.max(...patches.map((patch) => longest(patch[key], scales[key])));
  const widths = { pixels: digits("pixels"), kernel: digits("kernel"), products: digits("products") };
  const most = Math.max(...patches.map((patch) => Math.abs(patch.sum)));
  const cards = patches.map((patch) =>
    make(
      "figure.patch", { "data-channel": patch.channel },
      make("figcaption", {}, patches.length > 1 ? `channel ${patch.channel}` : "the only channel"),
      make(
        "div.equation", { role: "group", "aria-label": `channel ${patch.channel}: the sum of ${KH * KW} products is ${number(patch.sum)}` },
        grid(patch.pixels, KW, scales.pixels, { padding: patch.isPadding, label: "values", digits: widths.pixels }),
        sign("×"),
        grid(patch.kernel, KW, scales.kernel, { label: "weights", digits: widths.kernel }),
        sign("="),
        grid(patch.products, KW, scales.products, { label: "products", isProduct: true, digits: widths.products }),
      ),
      make("p.patch-sum", { "data-sum": patch.sum }, make("span.muted", {}, "sum "), make("b", { background: groundFor(patch.sum, most, 0.35) }, signed(patch.sum))),
    ),
  );
  return make(
    "div", {},
    make("h3", {}, "Every product"),
    make(
      "p.muted.small.grids-say", {},
      `Value × weight = product, for every input channel. Values, weights and products have a colour scale each, the same for all channels. Hatched: ${layer.operation.kind === "transposed_conv" ? "no value is multiplied by this weight here" : "padding, which counts as 0"}.`,
    ),
    make("div.patches", {}, cards),
  );
}

/** Characters of the longest number in a grid. */
function longest(values, scale) {
  const write = alike(scale);
  return Math.max(...Array.from(values, (value) => write(value).length));
}

/** Numbers in a grid, each on its colour. */
export function grid(values, across, scale, { padding = null, winner = -1, isProduct = false, label = "", digits = longest(values, scale) } = {}) {
  const write = alike(scale);
  return make(
    isProduct ? "div.grid.products" : "div.grid",
    { "--across": across, "--digits": digits, role: "img", "aria-label": `${label}: ${Array.from(values, write).join(", ")}` },
    Array.from(values, (value, i) =>
      make(
        padding?.[i] ? "span.padding" : winner === i ? "span.winner" : "span",
        { background: padding?.[i] ? false : groundFor(value, scale), title: number(value), "data-value": isProduct ? value : false },
        write(value),
      ),
    ),
  );
}

/** Input, weights and products of a dense unit that reads maps, as pictures. */
function weightPictures(terms, origin) {
  const [maps, rows, columns] = asMaps(origin.shape);
  const picture = (key, name) => {
    const values = terms.map((term) => term[key]);
    return make("figure", {}, mapPicture(values, maps, rows, columns), make("figcaption.muted.small", {}, `${name}, ±${number(largest(values))}`));
  };
  return make("div.weight-pictures", {}, picture("value", "values"), sign("×"), picture("weight", "weights"), sign("="), picture("product", "products"));
}

/** @returns {HTMLElement} maps side by side, drawn by whoever calls `paintPictures` */
function mapPicture(values, maps, rows, columns) {
  const canvas = make("canvas.pixels.picture", { width: maps * (columns + 1) - 1, height: rows, role: "img", "aria-label": "picture" });
  PICTURES.set(canvas, { values, maps, rows, columns });
  return canvas;
}

/** Pictures that wait to be painted. */
export const PICTURES = new WeakMap();

function line(children) {
  return make("p.line", {}, children);
}

function strong(value) {
  return make("b.value", { "data-value": value }, number(value));
}

export function sign(text) {
  return make("span.sign", { "aria-hidden": "true" }, text);
}

function fraction(above, below) {
  return make("span.fraction", {}, make("span", {}, above), make("span", {}, below));
}

function from({ from: name, unit, total }, open, words) {
  return line([words, make("button.link", { type: "button", onclick: () => open(name, unit) }, `${shownName(name)}, ${unit.join(" · ")}`), ": ", strong(total)]);
}
