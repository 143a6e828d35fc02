// A whole block, or one of its maps: every map with what makes it, before a unit is opened.

import { word } from "./blocks.js";
import { largest, paintMap } from "./colours.js";
import { make } from "./dom.js";
import { asMaps, counted, number, percent } from "./numbers.js";

/** CSS pixels of a map and of a filter in the block, and of the one map that was chosen. */
const SIDE = { map: 84, filter: 30, chosen: 224, chosenFilter: 56 };
/** Values of a vector, and filters of one map, that are drawn at most. */
const MOST = 256;

/**
 * @typedef {import("./net.js").Layer} Layer
 * @typedef {import("./blocks.js").Block} Block
 * @typedef {[number, number, number]} Unit channel, row, column
 */

/**
 * All maps of a layer, each a way to look at it alone; a vector's values as bars.
 * @param {Block} block
 * @param {Layer} layer of the block
 * @param {(map: number) => void} choose
 * @returns {HTMLElement[]}
 */
export function blockLevel(block, layer, choose) {
  const [maps, rows, columns] = asMaps(layer.shape);
  const head = block.layers[0];
  const says = [
    block.detail, layer === block.shown ? "" : word(layer),
    head.parameters ? `${counted(block.layers.reduce((sum, each) => sum + each.parameters, 0))} parameters` : "no parameters",
    ...head.size_arithmetic,
  ].filter(Boolean);
  if (rows * columns === 1) return [line(says), bars(layer, choose)];
  const most = largest(layer.values);
  const plane = rows * columns;
  return [
    line([...says, `all maps to ±${number(most)}`]),
    make("div.block-maps", {}, Array.from({ length: maps }, (_, map) => {
      const filter = filtersOf(head, map).length === 1 ? filterPicture(head, map, 0, SIDE.filter) : null;
      return make("button.block-map", { type: "button", onclick: () => choose(map) },
        picture(layer.values.subarray(map * plane, (map + 1) * plane), rows, columns, most, SIDE.map), filter, make("span", {}, `map ${map}`));
    })),
  ];
}

/**
 * One map, enlarged, beside the filter that made it.
 * @param {Block} block
 * @param {Layer} layer of the block
 * @param {number} map
 * @param {(unit: Unit) => void} open
 * @returns {HTMLElement[]}
 */
export function mapLevel(block, layer, map, open) {
  const [, rows, columns] = asMaps(layer.shape);
  const plane = rows * columns;
  const values = layer.values.subarray(map * plane, (map + 1) * plane);
  const most = largest(values);
  const zeros = values.filter((value) => value === 0).length;
  const canvas = picture(values, rows, columns, most, SIDE.chosen);
  const point = (/** @type {MouseEvent} */ event) => {
    const frame = canvas.getBoundingClientRect();
    const within = (share, size) => Math.min(size - 1, Math.max(0, Math.floor(share * size)));
    open([map, within((event.clientY - frame.top) / frame.height, rows), within((event.clientX - frame.left) / frame.width, columns)]);
  };
  const head = block.layers[0];
  const filters = filtersOf(head, map);
  return [
    line([`values to ±${number(most)}`, `${percent(zeros / plane)} are 0`, `mean ${number(values.reduce((sum, value) => sum + value, 0) / plane)}`]),
    make("div.map-level", {},
      make("figure.strip-figure", {}, make("button.map-picture", { type: "button", "aria-label": `map ${map}: open the unit in its middle, or the one that is clicked`, onclick: (event) => (event.detail ? point(event) : open([map, rows >> 1, columns >> 1])) }, canvas), make("figcaption", {}, "click a pixel: its unit opens")),
      filters.length
        ? make("figure.strip-figure", {}, make("div.filters", {}, filters.slice(0, MOST).map((channel) => filterPicture(head, map, channel, filters.length > 1 ? SIDE.filter + 4 : SIDE.chosenFilter))),
          make("figcaption", {}, filters.length > 1 ? `its filter: a kernel for each of the ${filters.length} maps read` : "its filter"))
        : null),
  ];
}

function line(says) {
  return make("p.muted.small", {}, says.join(" · "));
}

/** The kernels that make a map: a place for each channel they read. */
function filtersOf({ operation }, map) {
  if (operation.kind !== "conv" || map >= operation.weight.shape[0]) return [];
  return Array.from({ length: operation.weight.shape[1] }, (_, channel) => channel);
}

function filterPicture({ operation, name }, map, channel, side) {
  const [, channels, rows, columns] = operation.weight.shape;
  const size = rows * columns;
  const all = operation.weight.values.subarray(map * channels * size, (map + 1) * channels * size);
  const canvas = picture(all.subarray(channel * size, (channel + 1) * size), rows, columns, largest(all), side, `kernel ${channel}`);
  Object.assign(canvas.dataset, { layer: name, map, channel });
  return canvas;
}

function picture(values, rows, columns, most, side, label = "") {
  const zoom = side / Math.max(rows, columns);
  const canvas = /** @type {HTMLCanvasElement} */ (make("canvas.pixels", { width: columns, height: rows, "--width": `${columns * zoom}px`, "--height": `${rows * zoom}px`, ...(label ? { role: "img", "aria-label": label } : {}) }));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(columns, rows);
  paintMap(new Uint32Array(image.data.buffer), columns, 0, values, 0, rows, columns, most);
  context.putImageData(image, 0, 0);
  return canvas;
}

/** The largest values of a vector, a bar each. */
function bars(layer, choose) {
  const order = [...layer.values.keys()].sort((a, b) => Math.abs(layer.values[b]) - Math.abs(layer.values[a])).slice(0, MOST);
  const most = Math.abs(layer.values[order[0]]) || 1;
  return make("div.block-units", {}, order.map((unit) => {
    const value = layer.values[unit];
    return make("button.block-unit", { type: "button", onclick: () => choose(unit) },
      make("span", {}, `unit ${unit}`), make("span.unit-bar", { "aria-hidden": "true" }, make(value < 0 ? "i.negative" : "i", { "--share": `${(50 * Math.abs(value)) / most}%` })), make("span.number", {}, number(value)));
  }));
}
