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
      place.append(make("div", {}, nets.length > 1 ? make("h3.net-name", {}, net.name) : null, make("ol.answer", { "aria-label": `what ${net.name} answers` }, rows.map((row) => row.item))));
      return { net, rows };
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

  /** The answers in a few words. */
  get spoken() {
    const says = this.lists.map(({ net }) => (net.prediction === null ? "NaN, which is no number" : this.classes[net.prediction]));
    return says.length === 1 ? `the net says ${says[0]}` : this.lists.map(({ net }, i) => `${net.name} says ${says[i]}`).join(", ");
  }
}
