// A record for the teacher: what was tried on this page and what the reader makes of it, in one file.

import { make } from "../../explorer/web/dom.js";
import { counted, percent, plural } from "../../explorer/web/numbers.js";
import { whole } from "../../explorer/web/whole_text.js";
import { toBase64 } from "./base64.js";
import { trainCommand } from "./command.js";
import { download } from "./download.js";
import { TASKS } from "./homework.js";
import { MOST_BYTES, MOST_NETS, RecordNets } from "./record_nets.js";
import { wayOf } from "./saving.js";
import { TestSplit } from "./test_split.js";

/** Letters of a name or an id, and of a text, at most. */
const [MOST_LETTERS, MOST_TEXT] = [200, 20_000];
/** Drawings of a record, and bytes of their pixels, at most: the first ones. */
const MOST_DRAWINGS = 500;
const MOST_PIXELS = 4_000_000;

export class Recording {
  /**
   * @param {HTMLDetailsElement} place
   * @param {import("./learning.js").Learning} learning
   * @param {import("./logbook.js").Logbook} logbook
   * @param {import("./teaching.js").Teaching} teaching
   */
  constructor(place, learning, logbook, teaching) {
    this.place = place;
    this.learning = learning;
    this.record = learning.content.record;
    this.logbook = logbook;
    this.teaching = teaching;
    this.nets = new RecordNets(learning, logbook);
    /** @type {import("./record_nets.js").Taken[]} */
    this.taken = [];
    /** The run at work, if it had taken a step when it was last shown. @type {import("./logbook.js").RunLog | null} */
    this.begun = null;
    new TestSplit(place, learning, logbook);
    this.runs = make("div.runs", { role: "group", "aria-label": "What was tried", tabindex: 0 }); // it scrolls where it is too wide
    this.tasks = TASKS.map((task) => ({
      task,
      tried: make("span.small", {}),
      words: /** @type {HTMLTextAreaElement} */ (make("textarea", { rows: 3, maxlength: MOST_TEXT, "aria-label": `what you found in homework ${task.number}`, oninput: () => this.#count() })),
    }));
    const typed = (/** @type {string} */ autocomplete) => /** @type {HTMLInputElement} */ (make("input", { type: "text", maxlength: MOST_LETTERS, autocomplete, oninput: () => this.#count() }));
    this.name = typed("name");
    this.id = typed("off");
    /** @type {string[] | undefined} files that are offered beside the record */
    this.offered = undefined;
    this.contains = make("p.contains", { role: "status" });
    this.leftOut = make("div.left-out", {});
    this.button = /** @type {HTMLButtonElement} */ (make("button", { type: "button", onclick: () => this.save() }, "Download the record"));
    place.append(
      make("h3", {}, "Homework"),
      make("ol.homework", {}, this.tasks.map(({ task, tried, words }) => make("li", {}, make("p", {}, task.text), make("p.muted.small", {}, task.here, " ", tried), words))),
      make("h3", {}, "What was tried"), this.runs,
      make("p.muted.small", {}, `Weights go into the record by themselves: those of the net as it is now, and those that other runs had after their last whole epoch, the best on the validation images first. At most ${MOST_NETS} nets, and ${megabytes(MOST_BYTES, 0)}; to keep any other, download it under Take it along before you press Reset.`),
      this.leftOut,
      make("h3", {}, "The record"), this.contains,
      make("div.tools", {}, make("label", {}, "Your name ", this.name), make("label", {}, "Your student ID ", this.id), this.button),
      make("p.muted.small", {}, "One JSON file: settings, curves, weights, your drawings, when the test images were used, and your words. It stays on this computer until you hand it in. The page forgets everything when you close it: download first."),
    );
    logbook.addEventListener("change", () => this.show());
    for (const event of ["renewed", "paused"]) learning.addEventListener(event, () => this.show());
    learning.addEventListener("step", () => {
      if (logbook.of(learning) !== this.begun) this.show();
    });
    teaching.addEventListener("change", () => this.#count());
    place.addEventListener("toggle", () => this.show());
    this.show();
  }

  /** What was tried and what of it the record contains, where it is seen. */
  show() {
    if (!this.place.open) return;
    const { runs } = this.logbook;
    const now = this.logbook.of(this.learning);
    this.begun = now.steps ? now : null;
    for (const { task, tried } of this.tasks) {
      const says = task.tried(runs, this.record);
      tried.textContent = says && `✓ ${says}.`;
    }
    const { taken, tooLarge } = this.nets.chosen();
    this.taken = taken;
    const heads = ["net", "settings", "epochs", "validation", "taught", "test", "weights"];
    const row = (/** @type {import("./logbook.js").RunLog} */ run) => {
      const { epochs, test_openings } = run;
      const last = epochs[epochs.length - 1];
      const taught = run.taught.reduce((sum, { count }) => sum + count, 0);
      const net = taken.find((each) => each.run === run);
      const weights = net ? (net.epoch === null ? "as they are now" : `after epoch ${net.epoch}`) : "–";
      const figures = [run.passes.toFixed(1), last ? percent(last.validation_accuracy) : "–", taught ? counted(taught) : "–", test_openings.length ? test_openings.map(({ accuracy }) => percent(accuracy)).join(", ") : "–", weights];
      return make("tr", {}, make("th", { scope: "row" }, run.net), make("td.of-settings", {}, this.#differing(run) || "the page’s own"), figures.map((figure) => make("td", {}, figure)));
    };
    this.runs.replaceChildren(
      runs.length
        ? make("table.by-class", {}, make("thead", {}, make("tr", {}, heads.map((head) => make(head === "settings" ? "th.of-settings" : "th", { scope: "col" }, head)))), make("tbody", {}, runs.map(row)))
        : make("p.muted.small", {}, "Nothing yet: train a net."),
    );
    this.#offer(tooLarge);
    this.#count();
  }

  /** Offer weights that the record does not take as files of their own. @param {import("./logbook.js").RunLog[]} runs */
  #offer(runs) {
    const names = runs.map((run) => this.nets.nameOf(run));
    if (this.offered?.join() === names.join()) return; // a button that is about to be pressed stays
    this.offered = names;
    const save = async (/** @type {number} */ i) => download(names[i], /** @type {BlobPart} */ (await this.nets.fileOf(runs[i])), "application/octet-stream");
    if (!runs.length) return this.leftOut.replaceChildren();
    this.leftOut.replaceChildren(
      make("p.small", {}, `No room in the record’s ${megabytes(MOST_BYTES, 0)}: download these weights, and hand them in beside it.`),
      make("div.tools", {}, names.map((name, i) => make("button", { type: "button", onclick: () => save(i) }, `Download ${name}`))),
    );
  }

  /** Say in words what the record contains. */
  #count() {
    if (!this.place.open) return;
    const nets = this.taken;
    const [kept, drawn] = [this.teaching.kept.length, this.#drawn().length];
    const answered = this.tasks.filter(({ words }) => words.value.trim()).length;
    const size = nets.reduce((sum, { bytes }) => sum + bytes, 0);
    const parts = [
      some(this.logbook.runs.length, "run"),
      some(nets.length, "net") + (size ? ` (${megabytes(size)})` : ""),
      some(drawn, "drawing") + (drawn < kept ? ` of your ${counted(kept)}` : ""),
    ];
    const isNameless = !this.name.value.trim() && !this.id.value.trim();
    const says = `It contains ${parts.join(", ")} and ${some(answered, "answer")} in your words.${isNameless ? " It does not say yet who you are." : ""}`;
    if (this.contains.textContent !== says) this.contains.textContent = says;
  }

  /** The record as plain data. */
  async written() {
    const { record, logbook } = this;
    const { name, sha256, train, validation, test } = record.data;
    const { runs } = logbook;
    const nets = await this.nets.written();
    return {
      kind: "cnnlab playground record",
      format: 2,
      id: whole(this.id.value.trim()),
      name: whole(this.name.value.trim()),
      saved: new Date().toISOString(),
      page: record.version,
      data: { name, sha256, train, validation, test },
      runs: runs.map((run) => ({ ...run, command: this.#command(run) })),
      test_openings: runs.reduce((sum, run) => sum + run.test_openings.length, 0),
      homework: this.tasks.map(({ task, words }) => ({ number: task.number, text: task.text, tried: task.tried(runs, record), words: whole(words.value.trim()) })),
      nets,
      drawn: this.#drawn().map(({ label, pixels }) => ({ label: record.data.classes[label], shape: record.data.shape, pixels: toBase64(pixels) })),
    };
  }

  async save() {
    this.show(); // what it says it contains is what it contains
    const { name, id } = this;
    const words = (name.value.trim() || id.value.trim()).toLowerCase().replace(/[^\p{L}\p{M}\p{N}]+/gu, "-");
    const tidy = [...words].slice(0, 50).join("").replace(/^-|-$/g, "");
    download(tidy ? `playground-${tidy}.json` : "playground-record.json", `${JSON.stringify(await this.written(), null, 2)}\n`, "application/json");
  }

  /** The reader's own images, as many as the record takes. */
  #drawn() {
    const { kept } = this.teaching;
    const bytes = kept[0]?.pixels.length ?? 1;
    return kept.slice(0, Math.min(MOST_DRAWINGS, Math.floor(MOST_PIXELS / bytes)));
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

/** no runs, 1 run, 2 runs. @param {number} count @param {string} noun */
function some(count, noun) {
  return count ? plural(count, noun) : `no ${noun}s`;
}

/** @param {number} bytes @param {number} [decimals] */
function megabytes(bytes, decimals = 1) {
  return `${(bytes / 1e6).toFixed(decimals)} MB`;
}
