// What the reader has chosen, and the same as a link.

/**
 * @typedef {object} Choice
 * @property {number | null} image place in the gallery; null for an image of the reader's own
 * @property {number} net place of the net among those of the page
 * @property {string | null} layer
 * @property {[number, number, number] | null} unit channel, row, column
 * @property {boolean} isNormalised
 * @property {number | null} time the moment of training, by its place among those of the page; null for the finished nets
 * @property {"layer" | "map"} scale
 * @property {"raw" | "seen"} view
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
  if (choice.layer && choice.net) parts.set("net", String(choice.net));
  if (choice.layer) parts.set("layer", choice.layer);
  if (choice.layer && choice.unit) parts.set("unit", choice.unit.join("."));
  if (!choice.isNormalised) parts.set("normalise", "off");
  if (choice.time !== null) parts.set("time", String(choice.time));
  if (choice.scale === "map") parts.set("scale", "map");
  if (choice.view === "seen") parts.set("view", "seen");
  return parts.toString();
}

/**
 * @param {string} fragment without its #
 * @param {number} images in the gallery
 * @param {import("./net.js").Net[]} nets
 * @param {number} last the finished nets' place in time
 * @returns {{choice: Choice, pixels: Uint8ClampedArray | null}} what a link says, as far as it fits this page
 */
export function fromFragment(fragment, images, nets, last) {
  const parts = new URLSearchParams(fragment);
  const drawing = parts.get("drawing");
  const pixels = drawing === null ? null : unpacked(drawing, nets[0].pixels.length);
  const image = Number(parts.get("image") ?? 0);
  const time = Number(parts.get("time") ?? last);
  const net = parts.get("net") === "1" && nets.length > 1 ? 1 : 0;
  const layer = nets[net].byName.get(parts.get("layer") ?? "");
  const unit = (parts.get("unit") ?? "").split(".").map(Number);
  const fits = layer && unit.length === 3 && unit.every((at, axis) => Number.isInteger(at) && at >= 0 && at < (layer.shape[axis] ?? 1));
  return {
    pixels,
    choice: {
      image: pixels ? null : Number.isInteger(image) && image >= 0 && image < images ? image : 0,
      net,
      layer: fits ? layer.name : null,
      unit: fits ? /** @type {[number, number, number]} */ (unit) : null,
      time: Number.isInteger(time) && time >= 0 && time < last ? time : null,
      isNormalised: parts.get("normalise") !== "off",
      scale: parts.get("scale") === "map" ? "map" : "layer",
      view: parts.get("view") === "seen" ? "seen" : "raw",
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
