// What feeds a unit: of each layer before it, the maps, and how much each adds.

import { arithmetic, unflattened } from "./arithmetic.js";
import { placeToUnit } from "./fields.js";
import { asMaps } from "./numbers.js";

/**
 * @typedef {import("./net.js").Layer} Layer
 * @typedef {[number, number, number]} Unit channel, row, column
 * @typedef {object} Feed
 * @property {Layer} layer
 * @property {number} map
 * @property {number} share what the map adds to the unit's sum; where nothing is summed, the value taken over
 */

/**
 * @param {import("./net.js").Net} net
 * @param {Layer} layer
 * @param {Unit} unit
 * @returns {Feed[]} the strongest first; none for a unit of the image's first layer
 */
export function feeding(net, layer, unit) {
  const inputs = layer.inputs.map((name) => /** @type {Layer} */ (net.byName.get(name)));
  const [input] = inputs;
  if (!input || inputs.includes(net.input)) return [];
  const worked = arithmetic(net, layer, unit);
  const one = (from, map, share) => ({ layer: from, map, share });
  switch (layer.operation.kind) {
    case "batch_norm":
    case "norm":
    case "activation":
    case "prelu":
    case "same":
      return feeding(net, input, unit);
    case "reshape":
      return feeding(net, input, worked.unit);
    case "conv":
    case "transposed_conv":
      return sorted(worked.patches.map((patch) => one(input, patch.channel, patch.sum)));
    case "linear": {
      const sums = new Map();
      for (const { place, product } of worked.terms) {
        const [map] = placeToUnit(place, worked.origin.shape);
        sums.set(map, (sums.get(map) ?? 0) + product);
      }
      return sorted([...sums].map(([map, sum]) => one(worked.origin, map, sum)));
    }
    case "combine":
      return worked.operands.filter(({ name }) => name !== null).map(({ name, unit: [map], value }) => one(net.byName.get(name), map, value));
    case "concat":
      return [one(net.byName.get(worked.from), worked.unit[0], worked.total)];
    case "take":
      return worked.isPadding ? [] : [one(input, worked.unit[0], worked.total)];
    case "pad":
      return worked.isPadding ? [] : [one(input, unit[0], worked.total)];
    case "pool":
      return [one(input, unit[0], worked.total)];
    default: {
      const from = unflattened(net, input);
      const [maps, rows, columns] = asMaps(from.shape);
      const shape = asMaps(layer.shape);
      return shape[0] === maps && layer.operation.kind === "reduce" && rows * columns > 1 ? [one(from, unit[0], worked.total)] : [];
    }
  }
}

/** @param {Feed[]} feeds */
function sorted(feeds) {
  return feeds.sort((a, b) => Math.abs(b.share) - Math.abs(a.share));
}
