// What the reader has chosen, and the same as a link.

/**
 * @typedef {object} Choice
 * @property {number | null} image place in the gallery; null for an image of the reader's own
 * @property {number} net place of the net among those of the page
 * @property {string | null} layer what is open: nothing, a layer's whole block, one of its maps, a unit
 * @property {number | null} map
 * @property {[number, number, number] | null} unit channel, row, column
 * @property {boolean} isNormalised
 * @property {number | null} time the moment of training, by its place among those of the page; null for the finished nets
 * @property {"layer" | "map"} scale
 * @property {"raw" | "seen"} view
 * @property {string | null} panel which of the page's experiments is open
 * @property {number | null} step of the six first steps
 * @property {number | null} rate of false alarms at which an image is called unlike; null for the usual one
 */

/** Tells its listeners of every change, by the event "change" with the changed keys as its detail. */
export class State extends EventTarget {
  /** @param {Choice} choice */
  constructor(choice) {
    super();
    this.choice = choice;
  }

  /** @param {Partial<Choice>} changes */
  set(changes) {
    this.choice = { ...this.choice, ...changes };
    this.dispatchEvent(new CustomEvent("change", { detail: Object.keys(changes) }));
  }
}

/** Pixels of an own image that a link can carry. */
const LONGEST = 1600;

/**
 * @param {Choice} choice
 * @param {Uint8ClampedArray} pixels
 * @returns {string} the fragment of a link to this very state
 */
export function toFragment(choice, pixels) {
  const parts = new URLSearchParams();
  if (choice.image !== null) parts.set("image", String(choice.image));
  else if (pixels.length <= LONGEST && pixels.some((pixel) => pixel > 0)) parts.set("drawing", packed(pixels));
  if (choice.layer !== null && choice.net) parts.set("net", String(choice.net));
  if (choice.layer !== null) parts.set("layer", choice.layer);
  if (choice.layer !== null && choice.unit) parts.set("unit", choice.unit.join("."));
  else if (choice.layer !== null && choice.map !== null) parts.set("map", String(choice.map));
  if (!choice.isNormalised) parts.set("normalise", "off");
  if (choice.time !== null) parts.set("time", String(choice.time));
  if (choice.scale === "map") parts.set("scale", "map");
  if (choice.view === "seen") parts.set("view", "seen");
  if (choice.panel !== null) parts.set("panel", choice.panel);
  if (choice.step !== null) parts.set("step", String(choice.step));
  if (choice.rate !== null) parts.set("alarms", String(choice.rate));
  return parts.toString();
}

/**
 * @typedef {object} Page what a link can speak of
 * @property {import("./net.js").Net[]} nets
 * @property {number} images in the gallery
 * @property {number} image the one that is shown at first
 * @property {number} last the finished nets' place in time
 * @property {string[]} panels
 * @property {number} steps
 * @property {number[]} [rates] of false alarms that the reader may choose
 */

/**
 * @param {string} fragment without its #
 * @param {Page} page
 * @returns {{choice: Choice, pixels: Uint8ClampedArray | null}} what a link says, as far as it fits this page
 */
export function fromFragment(fragment, { nets, images, image: first, last, panels, steps, rates = [] }) {
  const parts = new URLSearchParams(fragment);
  const drawing = parts.get("drawing");
  const pixels = drawing === null ? null : unpacked(drawing, nets[0].pixels.length);
  const count = (/** @type {string} */ key, /** @type {number} */ end) => {
    const at = Number(parts.get(key) ?? NaN);
    return Number.isInteger(at) && at >= 0 && at < end ? at : null;
  };
  const net = count("net", nets.length) ?? 0;
  const layer = parts.has("layer") ? nets[net].byName.get(/** @type {string} */ (parts.get("layer"))) : undefined;
  const unit = (parts.get("unit") ?? "").split(".").map(Number);
  const fits = layer && unit.length === 3 && unit.every((at, axis) => Number.isInteger(at) && at >= 0 && at < (layer.shape[axis] ?? 1));
  const panel = parts.get("panel");
  return {
    pixels,
    choice: {
      image: pixels ? null : (count("image", images) ?? first),
      net,
      layer: layer?.name ?? null,
      map: fits ? unit[0] : layer ? count("map", layer.shape[0]) : null,
      unit: fits ? /** @type {[number, number, number]} */ (unit) : null,
      time: count("time", last),
      isNormalised: parts.get("normalise") !== "off",
      scale: parts.get("scale") === "map" ? "map" : "layer",
      view: parts.get("view") === "seen" ? "seen" : "raw",
      panel: panel !== null && panels.includes(panel) ? panel : null,
      step: count("step", steps + 1) || null,
      rate: rates.find((rate) => rate === Number(parts.get("alarms"))) ?? null,
    },
  };
}

/** Sixteen grays, a hexadecimal digit each, runs of black as a letter: g for 1 … z for 20. */
function packed(pixels) {
  const digits = Array.from(pixels, (pixel) => Math.round(pixel / 17).toString(16)).join("");
  return digits.replace(/0{1,20}/g, (run) => String.fromCharCode(102 + run.length));
}

function unpacked(text, length) {
  if (!/^[0-9a-z]*$/.test(text)) return null;
  const digits = text.replace(/[g-z]/g, (letter) => "0".repeat(letter.charCodeAt(0) - 102));
  if (digits.length !== length) return null;
  return Uint8ClampedArray.from(digits, (digit) => 17 * parseInt(digit, 16));
}
