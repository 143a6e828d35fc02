// A net of the page as a safetensors file that `cnnlab evaluate` and `cnnlab explore` read, and PyTorch too.

import { netOptions, trainingRecord } from "./command.js";
import { safetensors } from "./safetensors.js";
import { sizeOf } from "../../explorer/web/numbers.js";

/**
 * @typedef {object} Trained a net and how it came to be
 * @property {any} record the page's
 * @property {any} planned the net's part of it
 * @property {import("./learning.js").Settings} settings
 * @property {Float32Array} numbers the net's block
 * @property {number} steps
 * @property {number} passes over the training images; part of one counts as that
 * @property {any[]} epochs the trainer's records of them
 * @property {TestOpening[]} openings of the test split
 * @property {Taught[]} taught the reader's own images that it was trained on, by class
 * @property {string[]} beside what neither settings nor training say of the run, a sentence each
 *
 * @typedef {object} TestOpening
 * @property {string} opened when: ISO 8601
 * @property {number} step
 * @property {number} accuracy 0–1
 * @property {number} loss
 * @property {number} images
 *
 * @typedef {object} Taught
 * @property {string} label
 * @property {number} count
 */

/** @param {Trained} trained @returns {Uint8Array} */
export function weightsFile(trained) {
  const { record, planned, settings, numbers, steps, passes } = trained;
  const tensors = planned.tensors.map((/** @type {any} */ { name, at, shape }) => ({ name, shape, values: numbers.slice(at, at + sizeOf(shape)) }));
  const counters = planned.counters.map((/** @type {string} */ name) => ({ name, shape: [], values: new BigInt64Array([BigInt(steps)]) }));
  const cnnlab = {
    format: 1,
    page: record.version,
    net: planned.net,
    options: netOptions(planned, settings),
    data: record.data.record,
    settings,
    training: trainingRecord(settings, passes),
    seed: settings.seed,
    epochs: trained.epochs,
    steps,
    test_openings: trained.openings,
    taught: trained.taught,
    beside: trained.beside,
  };
  // counters first: their eight bytes each stay aligned whatever the others' sizes are
  return safetensors([...counters, ...tensors], { format: "pt", cnnlab: JSON.stringify(cnnlab) });
}
