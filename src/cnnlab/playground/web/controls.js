// The settings: a control each, what it does in a line, and whether a change works at once or from the next reset.

import { make } from "../../explorer/web/dom.js";
import { counted } from "../../explorer/web/numbers.js";
import { areAlike, AT_ONCE } from "./learning.js";

/** Rates that the slider stops at: 1, 2 and 5 of each power of ten. */
const RATES = [-5, -4, -3, -2, -1, 0].flatMap((power) => [1, 2, 5].map((digit) => Number(`${digit}e${power}`))).concat(10);

/** @typedef {import("./learning.js").Settings} Settings */

/** What each setting does. */
const EXPLAINS = {
  net: "Which net to train. ConvNet is your own: set its blocks below.",
  optimizer: "How a step uses the gradient: SGD follows it, momentum also keeps its speed, Adam scales the step for each weight.",
  learningRate: "How far each step goes. Too small: slow. Too large: the loss jumps about or becomes NaN.",
  batchSize: "Images in each step; the gradient is their mean. Smaller batches: more and noisier steps per epoch.",
  dropout: "Share of units turned off at random in each training step, so that no unit can rely on another.",
  weightDecay: "Pulls every weight a little towards 0 at each step. AdamW keeps this pull apart from the gradient.",
  shift: "Moves each training image at random by up to this many pixels, sideways and up or down.",
  images: "How many training images the net learns from. It can learn a few by heart: watch the gap.",
  wrongLabels: "Share of the training images that get a wrong label on purpose.",
  seed: "Fixes all that is random: first weights, order, dropout, shifts. The same seed and settings give the same run.",
};

export class Controls {
  /**
   * @param {HTMLElement} place
   * @param {HTMLElement} explains where the setting pointed at is explained
   * @param {any} record the page's
   * @param {(changes: Partial<Settings>) => void} onChange
   */
  constructor(place, explains, record, onChange) {
    this.explains = explains;
    this.fields = fieldsFor(record, onChange);
    /** What is pointed at: a setting's key. @type {string | null} */
    this.pointed = null;
    this.waiting = /** @type {string[]} */ ([]);
    for (const field of this.fields) {
      const point = (/** @type {string | null} */ key) => () => {
        this.pointed = key;
        this.#explain();
      };
      field.input.id = `setting-${field.key}`;
      field.input.setAttribute("aria-describedby", `about-${field.key}`);
      field.mark = make("span.mark", {});
      field.about = make("span.unseen", { id: `about-${field.key}` });
      place.append(
        make(
          "div.field", { "data-setting": field.key, onpointerenter: point(field.key), onpointerleave: point(null), onfocusin: point(field.key), onfocusout: point(null) },
          make("label", { for: field.input.id }, field.mark, field.label), make("span.control", {}, field.input, field.output ?? null), field.about,
        ),
      );
    }
    this.#explain();
  }

  /** A line on the setting pointed at; else which of them wait. */
  #explain() {
    const labels = this.fields.filter(({ key }) => this.waiting.includes(key)).map(({ label }) => label);
    const text = this.pointed ? this.#about(this.pointed) : labels.length ? `↺ Press Reset to apply: ${labels.join(", ")}.` : "Point at a setting to see what it does.";
    if (this.explains.textContent !== text) this.explains.textContent = text;
    this.explains.classList.toggle("waits", !this.pointed && labels.length > 0);
  }

  /** @param {string} key */
  #about(key) {
    return `${EXPLAINS[/** @type {keyof typeof EXPLAINS} */ (key)]}${this.waiting.includes(key) ? " Applies from the next reset." : AT_ONCE.includes(key) ? " Applies at once." : ""}`;
  }

  /**
   * @param {Settings} settings as the reader wants them
   * @param {Settings} running as the trainer has them
   * @param {boolean} canDrop whether the net has a layer of dropout
   */
  show(settings, running, canDrop) {
    this.waiting = this.fields.map(({ key }) => key).filter((key) => !AT_ONCE.includes(key) && differs(key, settings, running));
    for (const { key, input, mark, about, show } of this.fields) {
      show(/** @type {any} */ (settings)[key]);
      input.disabled = key === "dropout" && !canDrop;
      const waits = this.waiting.includes(key);
      mark.textContent = waits ? "↺ " : "";
      mark.parentElement.classList.toggle("waits", waits);
      mark.parentElement.title = waits ? "from the next reset" : "";
      about.textContent = input.disabled ? "This net has no dropout." : this.#about(key);
    }
    this.#explain();
  }
}

/**
 * A control for each setting.
 * @param {any} record the page's
 * @param {(changes: Partial<Settings>) => void} onChange
 * @returns {Field[]}
 */
export function fieldsFor(record, onChange) {
  const all = record.data.train;
  const some = [50, 100, 200, 500, 1000, 2000, 5000, 10000].filter((count) => count < all);
  const change = (/** @type {string} */ key, /** @type {any} */ value) => onChange({ [key]: value });
  const share = (/** @type {number} */ value) => `${Math.round(100 * value)} %`;
  return [
    choice("net", "Net", record.nets.map((/** @type {any} */ net) => [net.net, net.title]), change),
    choice("optimizer", "Optimizer", [["sgd", "SGD"], ["momentum", "SGD, momentum"], ["adam", "Adam"], ["adamw", "AdamW"]], change),
    slider("learningRate", "Learning rate", RATES, (rate) => String(rate), change),
    choice("batchSize", "Batch size", [1, 4, 16, 32, 64, 128, 256].map((size) => [size, String(size)]), change),
    slider("dropout", "Dropout", Array.from({ length: 19 }, (_, i) => i / 20), share, change),
    choice("weightDecay", "Weight decay", [0, 1e-5, 1e-4, 1e-3, 1e-2, 0.1].map((decay) => [decay, written(decay)]), change),
    choice("shift", "Shift", [0, 1, 2, 3, 4].map((pixels) => [pixels, pixels === 1 ? "1 pixel" : `${pixels} pixels`]), change),
    choice("images", "Training images", [...some, all].map((count) => [count, counted(count)]), change),
    choice("wrongLabels", "Wrong labels", [0, 0.05, 0.1, 0.2, 0.5, 1].map((part) => [part, share(part)]), change),
    seedField(change),
  ];
}

/** @param {string} key @param {Settings} settings @param {Settings} running */
function differs(key, settings, running) {
  if (key === "net" && settings.net === "conv-net" && !areAlike(settings.design, running.design)) return true;
  return /** @type {any} */ (settings)[key] !== /** @type {any} */ (running)[key];
}

/** @param {Settings} settings @param {Settings} running @returns {boolean} whether some of them wait for a new start */
export function needsReset(settings, running) {
  return Object.keys(EXPLAINS).some((key) => !AT_ONCE.includes(key) && differs(key, settings, running));
}

/** @param {number} decay */
function written(decay) {
  return decay === 0 ? "none" : String(decay);
}

/**
 * @typedef {object} Field
 * @property {string} key
 * @property {string} label
 * @property {any} input
 * @property {HTMLElement} [output]
 * @property {any} [mark]
 * @property {any} [about]
 * @property {(value: any) => void} show
 */

/** One of some values; a value that is not among them, from a link, is added. @returns {any} */
export function choice(key, label, options, change) {
  const known = new Map(options.map(([value, name]) => [String(value), value]));
  const input = /** @type {HTMLSelectElement} */ (
    make("select", { onchange: () => change(key, known.get(input.value)) }, options.map(([value, name]) => make("option", { value: String(value) }, name)))
  );
  const show = (/** @type {any} */ value) => {
    if (!known.has(String(value))) {
      known.set(String(value), value);
      input.append(make("option", { value: String(value) }, String(value)));
    }
    input.value = String(value);
  };
  return { key, label, input, show };
}

/** One of some numbers, by a slider. @returns {any} */
export function slider(key, label, values, say, change) {
  const output = make("output.number", {});
  const input = /** @type {HTMLInputElement} */ (
    make("input", { type: "range", min: 0, max: values.length - 1, step: 1, oninput: () => change(key, values[Number(input.value)]) })
  );
  const show = (/** @type {number} */ value) => {
    const nearest = values.reduce((best, each, i) => (Math.abs(each - value) < Math.abs(values[best] - value) ? i : best), 0);
    input.value = String(nearest);
    input.setAttribute("aria-valuetext", say(value));
    output.textContent = say(value);
  };
  return { key, label, input, output, show };
}

/** @returns {any} */
function seedField(change) {
  const input = /** @type {HTMLInputElement} */ (
    make("input.number", {
      type: "number", min: 0, step: 1,
      onchange: () => {
        const seed = Math.max(0, Math.floor(Number(input.value) || 0));
        input.value = String(seed);
        change("seed", seed);
      },
    })
  );
  return { key: "seed", label: "Seed", input, show: (/** @type {number} */ seed) => (input.value = String(seed)) };
}
