// The stage, backwards: its tiles show how the loss would change with every activation, and the answer shows where that
// begins, p − y.

import { largest } from "../../explorer/web/colours.js";
import { make } from "../../explorer/web/dom.js";
import { UserError } from "../../explorer/web/errors.js";
import { fixed, number, percent } from "../../explorer/web/numbers.js";

/** @typedef {import("../../explorer/web/net.js").Layer} Layer */

export class Backward {
  /**
   * @param {HTMLElement} place for the label and the answer's own gradient
   * @param {any} trainer whose weights they are
   * @param {import("../../explorer/web/net.js").Net} net
   * @param {import("../../explorer/web/stage.js").Stage} stage
   * @param {string[]} classes
   */
  constructor(place, trainer, net, stage, classes) {
    this.place = place;
    this.trainer = trainer;
    this.net = net;
    this.stage = stage;
    this.classes = classes;
    this.isBackward = false;
    /** The image's own label; null where nobody said it. @type {number | null} */
    this.own = null;
    /** What the reader chose; null: the image's own. @type {number | null} */
    this.chosen = null;
    /** @type {Record<string, ArrayLike<number>> | null} */
    this.gradients = null;
    this.isAsking = false;
    this.isStale = false;
    this.select = /** @type {HTMLSelectElement} */ (
      make("select", { onchange: () => this.#choose() }, classes.map((name, k) => make("option", { value: k }, name)))
    );
    this.says = make("p.backward-says", { "aria-live": "polite" });
    this.body = make("tbody", {});
    this.element = make("div.backward-view", {},
      make("div", {},
        make("label.backward-label", {}, "The answer should be ", this.select),
        this.says,
        make("p.muted.small", {}, "The tiles show ∂L/∂value. ", make("b.raises", {}, "Orange"), ": raising that value would raise the loss. ", make("b.lowers", {}, "Blue"), ": it would lower it. No colour: no change.")),
      make("table.contributions.answer-gradient", {},
        make("caption", {}, "Where backward begins: ∂L/∂z = p − y"),
        make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "class"), ["p", "y", "p − y"].map((head) => make("th.number", { scope: "col" }, head)), make("td", {}))),
        this.body));
  }

  /** @param {boolean} isBackward */
  turn(isBackward) {
    this.isBackward = isBackward;
    this.place.hidden = !isBackward;
    if (isBackward) {
      this.place.replaceChildren(this.element);
      this.refresh();
      return;
    }
    this.gradients = null;
    this.stage.valuesOf = (layer) => layer.values;
    this.stage.choose();
  }

  /** Another image. @param {number | null} label its own, where it is known */
  see(label) {
    this.own = label;
    this.chosen = null;
    this.refresh();
  }

  /** Ask anew, after the image or the weights have changed. */
  async refresh() {
    if (!this.isBackward) return;
    this.isStale = true;
    if (this.isAsking) return;
    this.isAsking = true;
    try {
      while (this.isStale && this.isBackward) {
        this.isStale = false;
        const label = this.chosen ?? this.own ?? this.net.prediction ?? 0;
        const found = await this.trainer.inspect({ about: "activations", input: this.net.input.values.slice(), label });
        if (this.isBackward) this.#show(found, label);
      }
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.says.textContent = error.message;
    } finally {
      this.isAsking = false;
    }
  }

  #choose() {
    this.chosen = Number(this.select.value);
    this.refresh();
  }

  /** @param {import("./inspector.js").ActivationsAnswer} found @param {number} label */
  #show({ loss, probabilities, answer, gradients }, label) {
    const isFirst = this.gradients === null;
    this.gradients = gradients;
    this.stage.valuesOf = (layer) => this.gradients?.[layer.name] ?? layer.values;
    if (isFirst) this.stage.choose();
    else this.stage.paint(this.stage.scale);
    this.select.value = String(label);
    const whose = this.chosen === null ? (this.own === null ? "the net’s own answer; choose another to see what would have to change" : "the image’s label") : this.chosen === this.own ? "the image’s label" : "chosen here";
    this.says.replaceChildren(`(${whose}). L = −ln p = −ln ${number(probabilities[label])} = `, make("b", { "data-loss": loss }, number(loss)));
    const most = largest(answer) || 1;
    this.body.replaceChildren(...this.classes.map((name, k) =>
      make(k === label ? "tr.chosen" : "tr", {},
        make("th", { scope: "row" }, name),
        make("td.number", { title: percent(probabilities[k]) }, fixed(probabilities[k], 4)),
        make("td.number", {}, k === label ? "1" : "0"),
        make("td.number", { "data-value": answer[k] }, fixed(answer[k], 4)),
        make("td.bar", {}, make(answer[k] < 0 ? "i.negative" : "i", { "--share": `${(50 * Math.abs(answer[k])) / most}%` })))));
  }
}
