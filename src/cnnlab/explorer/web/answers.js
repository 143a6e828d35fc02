// What the nets answer: a bar for each class.

import { make } from "./dom.js";
import { percent } from "./numbers.js";

export class Answers {
  /**
   * @param {HTMLElement} place
   * @param {import("./net.js").Net[]} nets
   * @param {string[]} classes
   * @param {(net: number, k: number) => void} onOpen called with a class whose share is to be opened
   */
  constructor(place, nets, classes, onOpen) {
    this.classes = classes;
    this.lists = nets.map((net, which) => {
      const rows = classes.map((name, k) => {
        const bar = make("i", { "aria-hidden": "true" });
        const share = make("span.number", {});
        const button = make(
          "button", { type: "button", title: `how ${name} gets its share`, onclick: () => onOpen(which, k) },
          make("span.class", {}, name), make("span.bar", { "aria-hidden": "true" }, bar), share,
        );
        return { item: make("li", {}, button), bar, share };
      });
      const beside = make("div", {}, nets.length > 1 ? make("h3.net-name", {}, net.name) : null, make("ol.answer", { "aria-label": `what ${net.name} answers` }, rows.map((row) => row.item)));
      place.append(beside);
      return { net, rows, beside };
    });
  }

  /** Show the answers as they are now. */
  show() {
    for (const { net, rows } of this.lists) {
      const best = net.prediction;
      rows.forEach(({ item, bar, share }, k) => {
        bar.style.setProperty("--share", `${100 * net.probabilities[k]}%`);
        share.textContent = percent(net.probabilities[k]);
        item.classList.toggle("best", k === best);
      });
    }
  }

  /** Where more can be shown by the answer of a net. @param {number} which */
  beside(which) {
    return this.lists[which].beside;
  }

  /** The answers in a few words. @param {(net: import("./net.js").Net) => boolean} isUnlike whether a net never saw the like */
  spoken(isUnlike = () => false) {
    const says = this.lists.map(({ net }) => {
      const named = net.prediction === null ? "NaN, which is no number" : this.classes[net.prediction];
      const name = this.lists.length === 1 ? "the net" : net.name;
      return isUnlike(net) ? `like nothing ${name} was trained on, closest ${named}` : `${name} says ${named}`;
    });
    return says.join(", ");
  }
}
