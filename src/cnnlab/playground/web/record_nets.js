// The nets that a record takes along: the one at hand as it is now, and the best of the other runs as they were after
// their last whole epoch.

import { toBase64 } from "./base64.js";
import { byValidation } from "./logbook.js";
import { bytesNow, fileNow, fileOf } from "./weights_of_run.js";

/** Nets of a record, and bytes that their files have together, at most. */
export const MOST_NETS = 4;
export const MOST_BYTES = 12_000_000;

/**
 * @typedef {import("./logbook.js").RunLog} RunLog
 *
 * @typedef {object} Taken a net that the record takes
 * @property {RunLog} run
 * @property {number | null} epoch after which; null: as it is now
 * @property {number} bytes of its file
 */

export class RecordNets {
  /**
   * @param {import("./learning.js").Learning} learning
   * @param {import("./logbook.js").Logbook} logbook
   */
  constructor(learning, logbook) {
    this.learning = learning;
    this.logbook = logbook;
  }

  /** The nets as things stand; tooLarge: runs whose nets find no room among the bytes. @returns {{taken: Taken[], tooLarge: RunLog[]}} */
  chosen() {
    const { learning, logbook } = this;
    const now = logbook.of(learning);
    const others = byValidation(logbook.runs.filter((run) => run !== now && logbook.weights(run)));
    /** @type {Taken[]} */
    const all = [
      ...(now.steps ? [{ run: now, epoch: null, bytes: bytesNow(learning, logbook) }] : []),
      ...others.map((run) => ({ run, epoch: Math.round(this.#weights(run).passes), bytes: this.#fileAfterEpoch(run).length })),
    ];
    /** @type {Taken[]} */
    const taken = [];
    /** @type {RunLog[]} */
    const tooLarge = [];
    for (const each of all) {
      if (taken.length === MOST_NETS) break;
      const sum = taken.reduce((total, { bytes }) => total + bytes, each.bytes);
      if (sum > MOST_BYTES) tooLarge.push(each.run);
      else taken.push(each);
    }
    return { taken, tooLarge };
  }

  /** The same as the record has them. run: its place among the record's. */
  async written() {
    const { runs } = this.logbook;
    const { taken } = this.chosen();
    const names = taken.map(({ run }) => this.nameOf(run));
    const files = await Promise.all(taken.map(({ run }) => this.fileOf(run)));
    return taken.map(({ run, epoch }, i) => ({ run: runs.indexOf(run), epoch, file: names[i], base64: toBase64(files[i]) }));
  }

  /** What the file with a run's weights is called: no other's of this page is called so. @param {RunLog} run */
  nameOf(run) {
    const { learning, logbook } = this;
    return run === logbook.of(learning) ? `${run.net}.safetensors` : `${run.net}-run-${logbook.runs.indexOf(run) + 1}.safetensors`;
  }

  /** That file: of the run at hand with its weights as they are now. @param {RunLog} run @returns {Promise<Uint8Array>} */
  async fileOf(run) {
    const { learning, logbook } = this;
    return run === logbook.of(learning) ? fileNow(learning, logbook) : this.#fileAfterEpoch(run);
  }

  /** @param {RunLog} run */
  #fileAfterEpoch(run) {
    return fileOf(this.learning.content.record, this.logbook, run, this.#weights(run));
  }

  /** @param {RunLog} run */
  #weights(run) {
    return /** @type {import("./logbook.js").Weights} */ (this.logbook.weights(run));
  }
}
