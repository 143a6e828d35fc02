// What a net lost on its way: the validation images before and after, class by class, and those that it no longer knows.

import { make } from "../../explorer/web/dom.js";
import { counted, plural, sizeOf } from "../../explorer/web/numbers.js";
import { picture } from "./picture.js";

/** Images that are shown of those lost, and of those won. */
const LOST_SHOWN = 40;
const WON_SHOWN = 16;

/**
 * Two rounds of answers to the same images.
 * @param {ArrayLike<number>} before
 * @param {ArrayLike<number>} after
 * @param {ArrayLike<number>} labels
 * @param {number} classes
 * @returns {{classes: {of: number, before: number, after: number}[], lost: number[], won: number[]}} how many of each
 *   class were right; lost, won: places of images that were right before alone, or after alone
 */
export function compared(before, after, labels, classes) {
  const of = Array.from({ length: classes }, () => ({ of: 0, before: 0, after: 0 }));
  const [lost, won] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([])];
  for (let i = 0; i < labels.length; i++) {
    const [was, is] = [before[i] === labels[i], after[i] === labels[i]];
    of[labels[i]].of++;
    if (was) of[labels[i]].before++;
    if (is) of[labels[i]].after++;
    if (was && !is) lost.push(i);
    if (is && !was) won.push(i);
  }
  return { classes: of, lost, won };
}

export class Forgotten {
  /**
   * @param {HTMLElement} place
   * @param {import("./learning.js").Learning} learning
   */
  constructor(place, learning) {
    this.learning = learning;
    /** What was remembered: answers to the validation images, and when. @type {{answers: Uint8Array, when: string} | null} */
    this.before = null;
    this.found = make("div.forgotten", {});
    this.says = make("p.small", { role: "status" }, "Nothing stored yet.");
    this.compareButton = /** @type {HTMLButtonElement} */ (make("button", { type: "button", disabled: true, onclick: () => this.compare() }, "Compare with now"));
    place.append(
      make("p", {}, "Store the net’s answers to the validation images, train on or teach it something, then compare: which images did it know before and get wrong now?"),
      make("div.tools", {}, make("button", { type: "button", onclick: () => this.remember() }, "Store the answers"), this.compareButton),
      this.says, this.found,
    );
  }

  /** Measure the validation images, to compare with later. */
  async remember() {
    const { trainer, planned } = this.learning;
    const { answers, accuracy, images } = await trainer.evaluate("validation");
    this.before = { answers, when: `${planned.title} after ${plural(trainer.steps, "step")}` };
    this.compareButton.disabled = false;
    this.says.textContent = `Stored: ${this.before.when}, ${counted(Math.round(accuracy * images))} of ${plural(images, "validation image")} right.`;
    this.found.replaceChildren();
  }

  /** Measure them again, and show what became of them. @returns {Promise<ReturnType<typeof compared>>} */
  async compare() {
    const { answers } = await this.learning.trainer.evaluate("validation");
    const { record, labels } = this.learning.content;
    const { train, validation, classes } = record.data;
    const before = /** @type {{answers: Uint8Array, when: string}} */ (this.before);
    const difference = compared(before.answers, answers, labels.subarray(train, train + validation), classes.length);
    this.#show(difference, answers, before.when);
    return difference;
  }

  #show({ classes, lost, won }, answers, when) {
    const sum = (/** @type {"of" | "before" | "after"} */ key) => classes.reduce((total, each) => total + each[key], 0);
    const { trainer, content } = this.learning;
    const names = content.record.data.classes;
    this.says.textContent =
      `Of ${plural(sum("of"), "validation image")} ${counted(sum("before"))} were right (${when}), now ${counted(sum("after"))} are ` +
      `(after ${plural(trainer.steps, "step")}): ${counted(lost.length)} lost, ${counted(won.length)} won.`;
    const row = (/** @type {{of: number, before: number, after: number}} */ each, /** @type {number} */ k) => {
      const change = each.after - each.before;
      return make(
        "tr", {}, make("th", { scope: "row" }, names[k]), make("td", {}, counted(each.of)), make("td", {}, counted(each.before)), make("td", {}, counted(each.after)),
        make(change < 0 ? "td.worse" : "td", {}, change === 0 ? "0" : `${change < 0 ? "−" : "+"}${counted(Math.abs(change))}`),
        make("td.change", { "aria-hidden": "true" }, make(change < 0 ? "i.negative" : "i", { "--share": `${each.of ? (100 * Math.abs(change)) / each.of : 0}%` })),
      );
    };
    this.found.replaceChildren(
      make(
        "table.by-class", {},
        make("thead", {}, make("tr", {}, ["class", "images", "right before", "right now", "change"].map((name) => make("th", { scope: "col" }, name)), make("td", {}))),
        make("tbody", {}, classes.map(row)),
      ),
      this.#pictures("Lost: right class → answer now", lost, answers, LOST_SHOWN),
      this.#pictures("Won: right now, wrong before", won, answers, WON_SHOWN),
    );
  }

  #pictures(title, places, answers, most) {
    if (!places.length) return "";
    const { record, images, labels } = this.learning.content;
    const { shape, train, classes } = record.data;
    const size = sizeOf(shape);
    const tiles = places.slice(0, most).map((/** @type {number} */ place) => {
      const label = classes[labels[train + place]];
      const answer = classes[answers[place]];
      const pixels = images.subarray((train + place) * size, (train + place + 1) * size);
      return make("figure.kept", {}, picture(pixels, shape), make("figcaption", {}, label === answer ? label : `${label} → ${answer}`));
    });
    const more = places.length - tiles.length;
    return make("div", {}, make("h3", {}, title), make("div.kept-images", {}, tiles), more > 0 ? make("p.muted.small", {}, `and ${counted(more)} more`) : null);
  }
}
