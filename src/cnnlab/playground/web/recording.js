// A record for the teacher: what was tried on this page and what the reader makes of it, in one file.

import { make } from "../../explorer/web/dom.js";
import { counted, percent, plural } from "../../explorer/web/numbers.js";
import { trainCommand } from "./command.js";
import { download } from "./download.js";
import { TASKS } from "./homework.js";
import { wayOf } from "./saving.js";
import { TestSplit } from "./test_split.js";

export class Recording {
  /**
   * @param {HTMLElement} place
   * @param {import("./learning.js").Learning} learning
   * @param {import("./logbook.js").Logbook} logbook
   */
  constructor(place, learning, logbook) {
    this.record = learning.content.record;
    this.logbook = logbook;
    new TestSplit(place, learning, logbook);
    this.runs = make("div.runs", {});
    this.tasks = TASKS.map((task) => ({
      task,
      tried: make("span.small", {}),
      words: /** @type {HTMLTextAreaElement} */ (make("textarea", { rows: 3, "aria-label": `what you found in homework ${task.number}` })),
    }));
    this.name = /** @type {HTMLInputElement} */ (make("input", { type: "text", autocomplete: "name" }));
    place.append(
      make("h3", {}, "Homework"),
      make("ol.homework", {}, this.tasks.map(({ task, tried, words }) => make("li", {}, make("p", {}, task.text), make("p.muted.small", {}, task.here, " ", tried), words))),
      make("h3", {}, "What was tried"), this.runs,
      make("div.tools", {}, make("label", {}, "Your name ", this.name), make("button", { type: "button", onclick: () => this.save() }, "Download the record")),
      make("p.muted.small", {}, "One JSON file: settings, curves, what you taught it, when the test images were used, and your words. It stays on this computer until you hand it in. The page forgets everything when you close it: download first."),
    );
    logbook.addEventListener("change", () => this.show());
    this.show();
  }

  /** What was tried, as it stands. */
  show() {
    const { runs } = this.logbook;
    for (const { task, tried } of this.tasks) {
      const says = task.tried(runs, this.record);
      tried.textContent = says && `✓ ${says}.`;
    }
    const heads = ["net", "settings", "epochs", "validation", "taught", "test"];
    const row = (/** @type {import("./logbook.js").RunLog} */ run) => {
      const { epochs, test_openings } = run;
      const last = epochs[epochs.length - 1];
      const taught = run.taught.reduce((sum, { count }) => sum + count, 0);
      const figures = [run.passes.toFixed(1), last ? percent(last.validation_accuracy) : "–", taught ? counted(taught) : "–", test_openings.length ? test_openings.map(({ accuracy }) => percent(accuracy)).join(", ") : "–"];
      return make("tr", {}, make("th", { scope: "row" }, run.net), make("td.of-settings", {}, this.#differing(run) || "the page’s own"), figures.map((figure) => make("td", {}, figure)));
    };
    this.runs.replaceChildren(
      runs.length
        ? make("table.by-class", {}, make("thead", {}, make("tr", {}, heads.map((head) => make(head === "settings" ? "th.of-settings" : "th", { scope: "col" }, head)))), make("tbody", {}, runs.map(row)))
        : make("p.muted.small", {}, "Nothing yet: train a net."),
    );
  }

  /** The record as plain data. */
  written() {
    const { record, logbook } = this;
    const { name, sha256, train, validation, test } = record.data;
    const { runs } = logbook;
    return {
      kind: "cnnlab playground record",
      format: 1,
      name: this.name.value.trim(),
      saved: new Date().toISOString(),
      page: record.version,
      data: { name, sha256, train, validation, test },
      runs: runs.map((run) => ({ ...run, command: this.#command(run) })),
      test_openings: runs.reduce((sum, run) => sum + run.test_openings.length, 0),
      homework: this.tasks.map(({ task, words }) => ({ number: task.number, text: task.text, tried: task.tried(runs, record), words: words.value.trim() })),
    };
  }

  save() {
    const tidy = this.name.value.trim().toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
    download(tidy ? `playground-${tidy}.json` : "playground-record.json", `${JSON.stringify(this.written(), null, 2)}\n`, "application/json");
  }

  /** @param {import("./logbook.js").RunLog} run */
  #command(run) {
    const planned = this.logbook.planned(run);
    return trainCommand(this.record, planned, run.settings, wayOf(run));
  }

  /** Settings that are not as the page opens, in words. @param {import("./logbook.js").RunLog} run */
  #differing({ settings, changes }) {
    const usual = this.record.settings;
    const words = Object.entries(settings)
      .filter(([key, value]) => key !== "net" && JSON.stringify(value) !== JSON.stringify(usual[key]))
      .map(([key, value]) => (key === "design" ? value && inWords(value) : `${spaced(key)} ${value}`));
    return [...words, changes.length ? `changed ${plural(changes.length, "time")} during training` : ""].filter(Boolean).join(", ");
  }
}

/** @param {any} design */
function inWords({ widths, kernelSize, convsPerBlock, batchNorm, hidden, pool }) {
  return `${widths.join("–")} filters of ${kernelSize}×${kernelSize}, ${convsPerBlock} a block, ${batchNorm ? "" : "no "}batch norm, hidden ${hidden}, pool ${pool}`;
}

/** learningRate → learning rate. @param {string} key */
function spaced(key) {
  return key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
