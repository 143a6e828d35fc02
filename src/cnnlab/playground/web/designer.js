// The form by which a conv-net is designed: a block a field, and what the blocks share.

import { make } from "../../explorer/web/dom.js";
import { UserError } from "../../explorer/web/errors.js";
import { counted } from "../../explorer/web/numbers.js";
import { choice } from "./controls.js";
import { plan } from "./learning.js";

/** Blocks at most: five halvings leave nothing of 28 pixels. */
const MOST = 5;
const FILTERS = [2, 4, 8, 16, 32, 64, 128];

/** @typedef {import("./learning.js").Settings} Settings */

export class Designer {
  /**
   * @param {HTMLElement} place
   * @param {any} record the page's
   * @param {(design: any) => void} onChange called with designs that are a net
   */
  constructor(place, record, onChange) {
    this.place = place;
    this.record = record;
    this.onChange = onChange;
    const change = (/** @type {string} */ key, /** @type {any} */ value) => this.#try({ ...this.design, [key]: value });
    this.blocks = make("ol.blocks", { "aria-label": "Blocks" });
    this.shared = [
      choice("kernelSize", "Kernel", [1, 2, 3, 4, 5, 7, 9].map((side) => [side, `${side}×${side}`]), change),
      choice("convsPerBlock", "Convs per block", [1, 2, 3].map((count) => [count, String(count)]), change),
      choice("pool", "Pool", [["max", "max 2×2"], ["average", "average 2×2"], ["stride", "stride 2"], ["none", "none"]], change),
      choice("batchNorm", "Batch norm", [[true, "yes"], [false, "no"]], change),
      choice("hidden", "Hidden units", [0, 32, 64, 128, 256, 512].map((units) => [units, units ? String(units) : "none"]), change),
    ];
    this.says = make("p.says.small", { role: "status" });
    place.append(
      make(
        "div.design", {}, this.blocks,
        this.shared.map((field) => {
          field.input.id = `design-${field.key}`;
          return make("div.field", {}, make("label", { for: field.input.id }, field.label), field.input);
        }),
      ),
      this.says,
    );
  }

  /** @param {Settings} settings */
  show(settings) {
    this.place.hidden = settings.net !== "conv-net";
    this.settings = settings;
    this.design = settings.design;
    if (this.place.hidden || !this.design) return;
    for (const field of this.shared) field.show(this.design[field.key]);
    const { widths } = this.design;
    if (this.blocks.childElementCount !== widths.length + 1) this.#lay(widths.length);
    this.fields.forEach((field, i) => field.show(widths[i]));
    this.#say(this.design);
  }

  /** @param {number} count of blocks */
  #lay(count) {
    const hadFocus = this.blocks.contains(document.activeElement);
    const set = (/** @type {number} */ at, /** @type {number} */ width) => this.#try({ ...this.design, widths: this.design.widths.with(at, width) });
    this.fields = Array.from({ length: count }, (_, i) => choice(`block-${i}`, `Block ${i + 1}`, FILTERS.map((width) => [width, `${width} filters`]), (_key, width) => set(i, width)));
    const add = /** @type {HTMLButtonElement} */ (make("button", { type: "button", onclick: () => this.#try({ ...this.design, widths: [...this.design.widths, Math.min(128, 2 * this.design.widths.at(-1))] }) }, "+ block"));
    add.disabled = count >= MOST;
    this.blocks.replaceChildren(
      ...this.fields.map((field, i) => {
        field.input.id = `design-block-${i}`;
        const remove = /** @type {HTMLButtonElement} */ (make("button.remove", { type: "button", "aria-label": `remove block ${i + 1}`, title: "remove this block", onclick: () => this.#try({ ...this.design, widths: this.design.widths.filter((/** @type {number} */ _, /** @type {number} */ at) => at !== i) }) }, "×"));
        remove.disabled = count === 1;
        return make("li.field", {}, make("label", { for: field.input.id }, field.label), make("span.with-remove", {}, field.input, remove));
      }),
      make("li", {}, add),
    );
    if (hadFocus) add.focus();
  }

  /** Take a design over where it is a net; say why where it is none, and keep the last one. @param {any} design */
  #try(design) {
    try {
      plan(this.record, { .../** @type {Settings} */ (this.settings), design });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.show(/** @type {Settings} */ (this.settings));
      this.says.textContent = error.message;
      this.says.classList.add("wrong");
      return;
    }
    this.onChange(design);
  }

  /** Shapes and parameters. @param {any} design */
  #say(design) {
    const planned = plan(this.record, { .../** @type {Settings} */ (this.settings), design });
    const shown = planned.layers.filter((/** @type {any} */ layer) => ["conv", "pool", "linear"].includes(layer.operation.kind));
    const shapes = shown.map((/** @type {any} */ layer) => `${{ conv: "conv", pool: "pool", linear: "dense" }[/** @type {"conv" | "pool" | "linear"} */ (layer.operation.kind)]} ${layer.shape.join("×")}`);
    const text = `${[`image ${this.record.data.shape.join("×")}`, ...shapes].join(" → ")} · ${counted(planned.parameters)} parameters`;
    this.says.classList.remove("wrong");
    if (this.says.textContent !== text) this.says.textContent = text;
  }
}
