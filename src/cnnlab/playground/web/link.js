// The settings as a part of the page's link, as far as they differ from those that the page opens with.

import { ofNet } from "./learning.js";

/** What each is called in the link. */
const KEYS = {
  net: "net", optimizer: "optimizer", learningRate: "rate", batchSize: "batch", dropout: "dropout", weightDecay: "decay",
  shift: "shift", images: "images", wrongLabels: "wrong", seed: "seed",
};
const POOLS = ["max", "average", "stride", "none"];
const OPTIMIZERS = ["sgd", "momentum", "adam", "adamw"];

/**
 * @typedef {import("./learning.js").Settings} Settings
 */

/** @param {Settings} settings @param {Settings} usual @returns {string} for a link; empty where nothing differs */
export function settingsToLink(settings, usual) {
  const parts = new URLSearchParams();
  for (const [key, name] of Object.entries(KEYS)) if (settings[key] !== usual[key]) parts.set(name, String(settings[key]));
  if (settings.net === "conv-net" && settings.design) {
    const { widths, kernelSize, convsPerBlock, batchNorm, hidden, pool } = settings.design;
    parts.set("design", [widths.join("."), kernelSize, convsPerBlock, batchNorm ? "norm" : "plain", hidden, pool].join("_"));
  }
  return parts.toString();
}

/**
 * @param {string} fragment without its #
 * @param {any} record
 * @param {Settings} usual
 * @returns {Settings} what a link says, as far as it fits this page; the rest as usual
 */
export function settingsFromLink(fragment, record, usual) {
  const parts = new URLSearchParams(fragment);
  const settings = { ...usual, design: usual.design && { ...usual.design } };
  const take = (/** @type {keyof typeof KEYS} */ key, /** @type {(text: string) => any} */ read) => {
    const text = parts.get(KEYS[key]);
    const value = text === null ? null : read(text);
    if (value !== null) /** @type {any} */ (settings)[key] = value;
  };
  const between = (/** @type {number} */ least, /** @type {number} */ most, isWhole = false) => (/** @type {string} */ text) => {
    const value = text === "" ? NaN : Number(text);
    return value >= least && value <= most && (!isWhole || Number.isInteger(value)) ? value : null;
  };
  take("net", (text) => (record.nets.some((/** @type {any} */ each) => each.net === text) ? text : null));
  if (settings.net !== usual.net) Object.assign(settings, ofNet(record, settings.net));
  take("optimizer", (text) => (OPTIMIZERS.includes(text) ? text : null));
  take("learningRate", between(1e-7, 100));
  take("batchSize", between(1, 1024, true));
  take("dropout", between(0, 0.95));
  take("weightDecay", between(0, 1));
  take("shift", between(0, 8, true));
  take("images", between(2, record.data.train, true));
  take("wrongLabels", between(0, 1));
  take("seed", between(0, Number.MAX_SAFE_INTEGER, true));
  const design = designOf(parts.get("design"));
  if (settings.net === "conv-net" && design) settings.design = design;
  return settings;
}

/** @param {string | null} text */
function designOf(text) {
  const [widths, kernelSize, convsPerBlock, norm, hidden, pool] = (text ?? "").split("_");
  const design = { widths: (widths ?? "").split(".").map(Number), kernelSize: Number(kernelSize), convsPerBlock: Number(convsPerBlock), batchNorm: norm === "norm", hidden: Number(hidden), pool };
  const isWhole = [...design.widths, design.kernelSize, design.convsPerBlock].every((value) => Number.isInteger(value) && value >= 1 && value <= 1024);
  return isWhole && design.widths.length <= 6 && Number.isInteger(design.hidden) && design.hidden >= 0 && POOLS.includes(pool) ? design : null;
}
