// Two settings side by side, on the same images and seed: what differs is one thing.

import { make } from "../../explorer/web/dom.js";
import { fieldsFor } from "./controls.js";
import { Learning } from "./learning.js";

/** @typedef {import("./learning.js").Settings} Settings */

/**
 * @typedef {object} Pair
 * @property {[string, string]} names of the two
 * @property {[Settings, Settings]} settings
 * @property {string | null} variant of `cnnlab compare` that does the same over many seeds
 */

/** SimpleCNN as a design: a net of one's own that can do without batch norm. */
const SIMPLE = { widths: [32, 64], kernelSize: 3, convsPerBlock: 1, batchNorm: true, hidden: 128, pool: "max" };

/** Pairs at one click. @type {{says: string, of: (settings: Settings) => Pair}[]} */
const PAIRS = [
  {
    says: "with and without dropout",
    of: (settings) => ({ names: ["no dropout", "dropout 0.5"], settings: [{ ...settings, dropout: 0 }, { ...settings, dropout: 0.5 }], variant: "--dropout 0 --set dropout=0.5" }),
  },
  {
    says: "with and without batch norm",
    of(settings) {
      const design = settings.design ?? SIMPLE;
      const own = (/** @type {boolean} */ batchNorm) => ({ ...settings, net: "conv-net", design: { ...design, batchNorm } });
      return { names: ["batch norm", "no batch norm"], settings: [own(true), own(false)], variant: "--variants no-batchnorm" };
    },
  },
  {
    says: "with and without shifts",
    of: (settings) => ({ names: ["no shift", "shift 2"], settings: [{ ...settings, shift: 0 }, { ...settings, shift: 2 }], variant: "--set shift=2" }),
  },
];

/** A setting of the page as `cnnlab compare --set` calls it. */
const FIELDS = { optimizer: "optimizer", learningRate: "learning-rate", batchSize: "batch-size", dropout: "dropout", weightDecay: "weight-decay", shift: "shift" };

export class Race {
  /**
   * @param {HTMLElement} place
   * @param {HTMLElement} verdict
   * @param {Learning} learning the first of the two
   * @param {() => Settings} settings as they stand
   * @param {(settings: Settings) => void} begin starts the first anew, with these
   * @param {() => void} onEnd
   */
  constructor(place, verdict, learning, settings, begin, onEnd) {
    this.verdict = verdict;
    this.learning = learning;
    this.begin = begin;
    this.settings = settings;
    /** @type {Learning | null} */
    this.rival = null;
    /** @type {Pair | null} */
    this.pair = null;
    this.changed = /** @type {Partial<Settings>} */ ({});
    const fields = fieldsFor(learning.content.record, (changes) => (this.changed = changes)).filter((field) => !["net", "seed"].includes(field.key));
    const value = make("span.control", {});
    const show = () => {
      const field = /** @type {import("./controls.js").Field} */ (fields.find((each) => each.key === which.value));
      field.show(/** @type {any} */ (this.settings())[field.key]);
      field.input.id = "race-value";
      this.changed = {};
      value.replaceChildren(...[field.input, field.output].filter((part) => part !== undefined));
    };
    const which = /** @type {HTMLSelectElement} */ (make("select", { id: "race-setting", onchange: show }, fields.map((field) => make("option", { value: field.key }, field.label))));
    which.value = "learningRate";
    this.end = /** @type {HTMLButtonElement} */ (make("button", { type: "button", onclick: () => this.#finish(onEnd) }, "End the race"));
    this.end.disabled = true;
    place.append(
      make("p", {}, "Two runs with the same images and the same seed that differ in one thing. Both start from scratch; the second is dashed."),
      make("div.tools", {}, PAIRS.map(({ says, of }) => make("button", { type: "button", onclick: () => this.start(of(this.settings())) }, says))),
      make(
        "div.race-own", {},
        make("div.field", {}, make("label", { for: "race-setting" }, "or the settings above with another"), which),
        make("div.field", {}, make("label", { for: "race-value" }, "its value"), value),
        make("button", { type: "button", onclick: () => this.start(this.#own(fields, which.value)) }, "Race"),
        this.end,
      ),
    );
    place.addEventListener("toggle", show);
    show();
  }

  #own(fields, key) {
    const settings = this.settings();
    const changed = { ...settings, ...this.changed };
    const { label } = fields.find((/** @type {any} */ field) => field.key === key);
    const says = (/** @type {any} */ each) => `${label.toLowerCase()} ${each[key]}`;
    const field = FIELDS[/** @type {keyof typeof FIELDS} */ (key)];
    return { names: /** @type {[string, string]} */ ([says(settings), says(changed)]), settings: /** @type {[Settings, Settings]} */ ([settings, changed]), variant: field ? `--set ${field}=${/** @type {any} */ (changed)[key]}` : null };
  }

  /** @param {Pair} pair */
  start(pair) {
    this.stop();
    this.pair = pair;
    const each = Math.max(1, Math.floor((navigator.hardwareConcurrency || 2) / 2));
    this.rival = new Learning(this.learning.content, each);
    this.learning.workers = each;
    this.end.disabled = false;
    this.rival.start(pair.settings[1]);
    this.begin(pair.settings[0]);
    for (const learning of [this.learning, this.rival]) learning.trainer.play();
  }

  #finish(onEnd) {
    this.stop();
    onEnd();
  }

  stop() {
    this.rival?.end();
    this.rival = null;
    this.pair = null;
    this.learning.workers = null;
    this.end.disabled = true;
    this.verdict.hidden = true;
  }

  /** @returns {import("./curves.js").Way[]} the curves of the one, or of the two */
  get ways() {
    const [first, second] = this.pair?.names ?? ["run", ""];
    const way = (/** @type {string} */ name, /** @type {Learning} */ { trainer }) => ({ name, curves: trainer.curves });
    return this.rival ? [way(first, this.learning), way(second, this.rival)] : [way(first, this.learning)];
  }

  /** Who is ahead, and what that is worth. */
  judge() {
    if (!this.rival || !this.pair) return;
    const both = [this.learning.trainer.curves.epochs, this.rival.trainer.curves.epochs];
    const epochs = Math.min(both[0].length, both[1].length);
    this.verdict.hidden = false;
    const { names, variant } = this.pair;
    if (!epochs) {
      this.verdict.replaceChildren(`${names[0]} against ${names[1]}: the first epoch will tell.`);
      return;
    }
    const key = `${epochs}`;
    if (this.verdict.dataset.epochs === key) return;
    this.verdict.dataset.epochs = key;
    const { record } = this.learning.content;
    const { net } = /** @type {Settings} */ (this.learning.settings);
    const [a, b] = both.map((each) => each[epochs - 1].validation_accuracy);
    const images = record.data.validation;
    const apart = Math.abs(a - b);
    const chance = 2 * Math.sqrt((a * (1 - a) + b * (1 - b)) / images); // as if the two answered independently
    const ahead = a === b ? "Equal" : `${a > b ? names[0] : names[1]} leads by ${(100 * apart).toFixed(1)} points`;
    const range = `with ${images} images chance alone can make ±${(100 * chance).toFixed(1)} points`;
    this.verdict.replaceChildren(
      make("b", {}, `After ${epochs} ${epochs === 1 ? "epoch" : "epochs"}: ${ahead}`), ` on the validation images; ${range}. ${apart > chance ? "Even so, one" : "So this shows nothing yet, and one"} seed is no proof. `,
      ...(variant ? ["Over five seeds: ", make("code", {}, `cnnlab compare --net ${net} --data ${record.data.name} ${variant} --seeds 5`)] : []),
    );
  }
}
