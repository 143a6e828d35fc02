// The weights of a run as a file: as they are now, or as they were after its last whole epoch.

import { weightsFile } from "./weights_file.js";

/**
 * @typedef {import("./learning.js").Learning} Learning
 * @typedef {import("./logbook.js").Logbook} Logbook
 * @typedef {import("./logbook.js").RunLog} RunLog
 */

/** @param {Learning} learning @param {Logbook} logbook @returns {Promise<Uint8Array>} with the weights that the workers have */
export async function fileNow(learning, logbook) {
  const { trainer, settings, content } = learning;
  const run = logbook.of(learning);
  const { step, numbers } = await trainer.snapshot();
  return fileOf(content.record, logbook, run, { settings, numbers, step, passes: trainer.epochs, taught: run.taught });
}

/** How long that file is, by the weights that the page shows. @param {Learning} learning @param {Logbook} logbook */
export function bytesNow(learning, logbook) {
  const { trainer, settings, numbers, content } = learning;
  const run = logbook.of(learning);
  return fileOf(content.record, logbook, run, { settings, numbers, step: trainer.steps, passes: trainer.epochs, taught: run.taught }).length;
}

/**
 * @param {any} record the page's
 * @param {Logbook} logbook
 * @param {RunLog} run
 * @param {import("./logbook.js").Weights} weights of it
 * @returns {Uint8Array}
 */
export function fileOf(record, logbook, run, { settings, numbers, step, passes, taught }) {
  const planned = logbook.planned(run);
  const beside = [
    ...(run.changes.length ? ["Settings were changed while it trained; these are the last ones."] : []),
    ...(planned.weights ? [`It went on from the weights of the run ${planned.run.name}.`] : []),
  ];
  const epochs = run.epochs.filter(({ epoch }) => epoch <= passes);
  return weightsFile({ record, planned, settings, numbers, steps: step, passes, epochs, taught, openings: run.test_openings, beside });
}
