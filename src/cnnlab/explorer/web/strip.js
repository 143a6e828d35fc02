// The unit's strip: from the patch it reads to its value, and on through the layers that follow it in its block.

import { arithmetic } from "./arithmetic.js";
import { word } from "./blocks.js";
import { largest, paintMap } from "./colours.js";
import { make } from "./dom.js";
import { placeToUnit } from "./fields.js";
import { shownName } from "./net.js";
import { asMaps, counted, factor, number, signed } from "./numbers.js";
import { exponent, grid, sign } from "./unit_arithmetic.js";

/** Values of a patch that are written as numbers; a larger one is a picture. */
const WRITTEN = 36;
/** Products of a dense unit in the strip, and channels whose sums are drawn. */
const LISTED = 4;
const CHANNELS = 96;
/** CSS pixels of the longer side of the map that a filter reads. */
const PICTURE = 104;

/**
 * @typedef {import("./net.js").Layer} Layer
 * @typedef {[number, number, number]} Unit channel, row, column
 * @typedef {object} Reader
 * @property {(layer: string, unit: Unit) => void} open
 * @property {(channel: number) => void} choose which input channel's patch is written out
 * @property {number | null} channel that one; null for the one that adds most
 */

/**
 * @param {import("./net.js").Net} net
 * @param {import("./blocks.js").Block} block
 * @param {Layer} layer the open one, of the block
 * @param {Unit} unit
 * @param {Reader} reader
 * @returns {HTMLElement[]} the strip's parts, from left to right
 */
export function stripOf(net, block, layer, unit, reader) {
  const parts = [];
  for (const each of sameUnit(block, layer)) {
    const { kind } = each.operation;
    const worked = arithmetic(net, each, unit);
    const written = (kind in PARTS ? PARTS[kind] : other)(worked, { net, layer: each, unit, reader });
    parts.push(...(parts.length ? [sign("→")] : []), part(each, each === layer, () => reader.open(each.name, unit), written, worked.total));
  }
  return parts;
}

/**
 * The layers of a block in which a unit has the same place as in one of them: those between two that reshape.
 * @param {import("./blocks.js").Block} block
 * @param {Layer} layer of the block
 * @returns {Layer[]}
 */
export function sameUnit(block, layer) {
  const at = block.layers.indexOf(layer);
  if (at < 0 || layer.operation.kind === "reshape") return [layer];
  const isReshape = (/** @type {Layer} */ each) => each.operation.kind === "reshape";
  const first = block.layers.slice(0, at).findLastIndex(isReshape) + 1;
  const end = block.layers.slice(at).findIndex(isReshape);
  return block.layers.slice(first, end < 0 ? undefined : at + end);
}

/** One layer's part of the strip: how it comes to its value, and the value. */
function part(layer, isOpen, open, written, total) {
  return make(
    isOpen ? "div.strip-part.current" : "div.strip-part", {},
    make("div.strip-work", {}, written),
    make("p.strip-value", {}, make("button.link", { type: "button", title: layer.name, onclick: open, "aria-current": isOpen ? "true" : false }, word(layer).replace(/Conv(Transpose)?2d/, "sum").replace("Linear", "sum")), " ", make("b.value", { "data-strip": layer.name, "data-value": total }, number(total))),
  );
}

const PARTS = {
  conv(worked, { unit, reader, layer }) {
    const { patches, size: [KH, KW], bias, input } = worked;
    const patch = patches.find((each) => each.channel === reader.channel) ?? strongest(patches);
    const isSmall = KH * KW <= WRITTEN;
    const show = (values, label, options = {}) => isSmall ? grid(values, KW, largest(values), { label, ...options }) : picture(values, KH, KW, label);
    return [
      make("div.strip-row", {},
        readMap(input, patch.channel, windowOf(layer, unit)),
        make("figure.strip-figure", {}, show(patch.pixels, "values", { padding: patch.isPadding }), caption("patch")), sign("×"),
        make("figure.strip-figure", {}, show(patch.kernel, "weights"), caption("kernel")), sign("="),
        make("figure.strip-figure", {}, show(patch.products, "products"), caption(`sum ${signed(patch.sum)}`)),
        patches.length > 1 ? [sign("Σ"), channelSums(patches, patch.channel, reader)] : null,
        bias === null ? null : [sign(bias < 0 ? "−" : "+"), make("figure.strip-figure", {}, make("b", {}, number(Math.abs(bias))), caption("bias"))],
      ),
    ];
  },

  transposed_conv: (worked, given) => PARTS.conv(worked, given),

  linear({ origin, bySize, terms, bias }, { reader }) {
    const [, rows, columns] = asMaps(origin.shape);
    const place = (at) => {
      const [c, y, x] = placeToUnit(at, origin.shape);
      return rows * columns === 1 ? `unit ${c}` : `${origin.shape[0] > 1 ? `map ${c}, ` : ""}row ${y}, column ${x}`;
    };
    const rest = bySize.slice(LISTED);
    return make("div.strip-row", {},
      make("ol.strip-list", {},
        bySize.slice(0, LISTED).map((term) =>
          make("li", {}, make("button.link", { type: "button", onclick: () => reader.open(origin.name, placeToUnit(term.place, origin.shape)) }, place(term.place)), ` ${number(term.value)} × ${factor(term.weight)} = ${signed(term.product)}`)),
        rest.length ? make("li.muted", {}, `${counted(rest.length)} more of ${counted(terms.length)}: ${signed(rest.reduce((sum, term) => sum + term.product, 0))}`) : null),
      bias === null ? null : [sign(bias < 0 ? "−" : "+"), make("figure.strip-figure", {}, make("b", {}, number(Math.abs(bias))), caption("bias"))]);
  },

  batch_norm: ({ x, mean, variance, epsilon, gamma, beta }) =>
    make("p.strip-formula", {}, `(${number(x)} − ${factor(mean)}) / √(${number(variance)} + ${exponent(epsilon)}) × ${factor(gamma)} ${beta < 0 ? "−" : "+"} ${number(Math.abs(beta))}`),
  norm: (worked) => PARTS.batch_norm(worked),

  activation: ({ x, written }) => make("p.strip-formula", {}, `${written}, x = ${number(x)}`),
  prelu: (worked) => PARTS.activation(worked),

  pool({ input, rows, columns, values, isMax, winners, divisor }, { unit }) {
    const box = { rows: [rows[0] ?? 0, rows.at(-1) ?? 0], columns: [columns[0] ?? 0, columns.at(-1) ?? 0] };
    return make("div.strip-row", {},
      readMap(input, unit[0], box),
      make("figure.strip-figure", {}, values.length <= WRITTEN ? grid(values, columns.length, largest(values), { winner: winners[0], label: "values in the window" }) : picture(values, rows.length, columns.length, "window"), caption(isMax ? (winners.length > 1 ? `${winners.length} of ${values.length} are largest` : `largest of ${values.length}`) : `sum of ${values.length} / ${divisor}`)));
  },

  combine({ operands, sign: between }, { reader }) {
    const operand = ({ name, value, unit }) => name ? [number(value), " ", make("button.link.small", { type: "button", onclick: () => reader.open(name, unit) }, shownName(name))] : [factor(value)];
    return make("p.strip-formula", {}, operand(operands[0]), ` ${between} `, operand(operands[1]));
  },

  softmax: ({ values, powers, sum, at, largest: most }) =>
    make("p.strip-formula", {}, `e^(${number(values[at])} − ${factor(most)}) / ${number(sum)} = ${number(powers[at])} / ${number(sum)}`),

  reduce: ({ values, isMean, sum }) => make("p.strip-formula", {}, `${counted(values.length)} values sum to ${number(sum)}${isMean ? `, / ${counted(values.length)}` : ""}`),
};

function other(worked, { reader }) {
  if (worked.mask) return make("p.strip-formula", {}, worked.isKept ? `kept: ${number(worked.x)} × ${number(worked.mask.scale)}${worked.mask.shift ? ` + ${number(worked.mask.shift)}` : ""}` : "dropped by the mask");
  if (worked.isPadding) return make("p.strip-formula", {}, "padding");
  if (!worked.from) return make("p.strip-formula", {}, "the pixel");
  return make("p.strip-formula", {}, "from ", make("button.link", { type: "button", onclick: () => reader.open(worked.from, worked.unit) }, shownName(worked.from)));
}

/** The patch that adds most. @param {import("./arithmetic.js").Patch[]} patches */
export function strongest(patches) {
  return patches.reduce((a, b) => (Math.abs(b.sum) > Math.abs(a.sum) ? b : a));
}

function caption(text) {
  return make("figcaption", {}, text);
}

/** The sums of all channels, a bar each; choosing one writes its patch out. */
function channelSums(patches, chosen, reader) {
  const most = Math.max(...patches.map((patch) => Math.abs(patch.sum))) || 1;
  const shown = patches.slice(0, CHANNELS);
  const bars = shown.map((patch) =>
    make(patch.sum < 0 ? "button.negative" : "button", {
      type: "button", "--share": `${(50 * Math.abs(patch.sum)) / most}%`, "aria-pressed": String(patch.channel === chosen),
      "aria-label": `channel ${patch.channel}: ${signed(patch.sum)}`, title: `channel ${patch.channel}: ${signed(patch.sum)}`, onclick: () => reader.choose(patch.channel),
    }));
  return make("figure.strip-figure.of-channels", { "--count": shown.length }, make("div.channel-sums", { role: "group", "aria-label": "sums of the channels" }, bars), caption(`${patches.length} channels: ${signed(patches.reduce((sum, patch) => sum + patch.sum, 0))}`));
}

/** The rows and columns that a convolution's unit reads: first and last, some of them in the padding. */
function windowOf({ operation }, [, y, x]) {
  const side = (at, i) => {
    const reach = operation.dilation[i] * (operation.weight.shape[2 + i] - 1);
    if (operation.kind === "transposed_conv") {
      const last = at + operation.padding[i];
      return [Math.ceil((last - reach) / operation.stride[i]), Math.floor(last / operation.stride[i])];
    }
    const first = at * operation.stride[i] - operation.padding[i];
    return [first, first + reach];
  };
  return { rows: side(y, 0), columns: side(x, 1) };
}

/** The map that is read, with the window over it; the panel listens for its being dragged. */
function readMap(input, channel, box) {
  const [, rows, columns] = asMaps(input.shape);
  if (rows * columns === 1) return null;
  const zoom = PICTURE / Math.max(rows, columns);
  const canvas = picture(input.values.subarray(channel * rows * columns, (channel + 1) * rows * columns), rows, columns, `map ${channel} of what is read`);
  const frame = make("i.window", {
    "--left": `${box.columns[0] * zoom}px`, "--top": `${box.rows[0] * zoom}px`,
    "--wide": `${(box.columns[1] - box.columns[0] + 1) * zoom}px`, "--high": `${(box.rows[1] - box.rows[0] + 1) * zoom}px`,
  });
  const element = make("div.read-map", { "--width": `${columns * zoom}px`, "--height": `${rows * zoom}px`, title: "drag the window" }, canvas, frame);
  return make("figure.strip-figure", {}, element, caption(input.operation.kind === "image" ? "the image" : `map ${channel}`));
}

/** Values as a picture. */
function picture(values, rows, columns, label) {
  const canvas = /** @type {HTMLCanvasElement} */ (make("canvas.pixels.strip-picture", { width: columns, height: rows, role: "img", "aria-label": label }));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(columns, rows);
  paintMap(new Uint32Array(image.data.buffer), columns, 0, values, 0, rows, columns, largest(values));
  context.putImageData(image, 0, 0);
  return canvas;
}
