// By each answer, whether the image is like what the net was trained on, and at which rate of false alarms that is told.

import { make } from "./dom.js";
import { counted, number, plural } from "./numbers.js";
import { RATES } from "./unlike.js";

/** What each score finds strange. */
const SCORES = {
  answer: "how little any class responds: −ln Σ exp(logit)",
  features: "how far it is from the training images in what the last dense layer reads: the distance to the 10th nearest",
  pixels: "what the shapes of the nearest class leave of the pixels: the rest after its 20 principal components",
};

/** @typedef {{net: import("./net.js").Net, unlike: import("./unlike.js").Unlike, element: HTMLElement, verdict: HTMLElement, says: HTMLElement, why: HTMLElement, counts: HTMLElement, cells: HTMLElement[], sum: HTMLElement}} Told */

export class Likeness {
  /** Of each net that it is told of. @type {Told[]} */
  #told = [];
  /** Rates that the validation images of all nets can hold. @type {number[]} */
  #rates = [];
  /** The rate where none is chosen. */
  #usual = 0;

  /**
   * @param {HTMLElement} place of the choice of a rate
   * @param {(rate: number) => void} onRate called with the reader's choice
   */
  constructor(place, onRate) {
    this.place = place;
    this.select = /** @type {HTMLSelectElement} */ (make("select", { onchange: () => onRate(Number(this.select.value)) }));
    place.append(make("label", { title: "the share of images like those of the training that may be called unlike them by mistake" }, "false alarms ", this.select));
  }

  /**
   * Tell it of a net, too, unless the validation images are too few for every rate.
   * @param {import("./net.js").Net} net
   * @param {import("./unlike.js").Unlike} unlike
   * @param {{scores: string[], rate: number}} planned the scores' names, and the rate where none is chosen
   * @param {HTMLElement} place by the net's answer
   */
  add(net, unlike, planned, place) {
    if (unlike.lowestRate > RATES[RATES.length - 1]) return;
    const cells = planned.scores.map(() => make("td.number", {}));
    const [verdict, says, counts, sum] = [make("b", {}), make("span", {}), make("p", {}), make("p", {})];
    const rows = planned.scores.map((name, i) => make("tr", { title: SCORES[/** @type {keyof SCORES} */ (name)] }, make("th", { scope: "row" }, name), cells[i]));
    const why = make("details", {}, make("summary", {}, "why"), counts, make("p", {}, "Above their middle, in their spread:"), make("table", {}, make("tbody", {}, rows)), sum);
    const element = make("div.likeness.small", {}, make("p", {}, verdict, says), why);
    place.append(element);
    this.#told.push({ net, unlike, element, verdict, says, why, counts, cells, sum });
    this.#rates = RATES.filter((rate) => this.#told.every((each) => rate >= each.unlike.lowestRate));
    this.#usual = this.#rates.find((rate) => rate >= planned.rate) ?? this.#rates[this.#rates.length - 1];
    this.select.replaceChildren(...this.#rates.map((rate) => make("option", { value: rate }, `${Number((100 * rate).toPrecision(3))} %`)));
    this.place.hidden = false;
  }

  /** Tell it of no net any more. */
  forget() {
    for (const { element } of this.#told) element.remove();
    this.#told = [];
    this.place.hidden = true;
  }

  /**
   * Judge the image that the nets have just run on.
   * @param {number | null} chosen rate of false alarms
   * @param {boolean} [isAsFitted] whether the nets are those that were fitted, and get what these got
   */
  show(chosen, isAsFitted = true) {
    const rate = this.rate(chosen);
    this.select.value = String(rate);
    for (const told of this.#told) {
      if (isAsFitted) judge(told, rate);
      else {
        told.element.classList.remove("alarm");
        told.verdict.textContent = "";
        told.says.textContent = "Whether the image is like what the net was trained on is told of the finished net, normalised and without a mask.";
      }
      told.why.hidden = !isAsFitted;
    }
  }

  /** The rate that is used. @param {number | null} chosen */
  rate(chosen) {
    return chosen !== null && this.#rates.includes(chosen) ? chosen : this.#usual;
  }

  /** Whether the image was called unlike what a net was trained on when it was last shown. @param {import("./net.js").Net} net */
  isUnlike(net) {
    return this.#told.some((told) => told.net === net && told.element.classList.contains("alarm"));
  }
}

/** @param {Told} told @param {number} rate */
function judge({ net, unlike, element, verdict, says, counts, cells, sum }, rate) {
  const judged = unlike.judge(net);
  const isUnlike = judged.pValue <= rate;
  element.classList.toggle("alarm", isUnlike);
  element.dataset.p = String(judged.pValue);
  verdict.textContent = isUnlike ? "Like nothing this net was trained on " : "";
  says.textContent = `${isUnlike ? "" : "Like what it was trained on "}(p\u00a0=\u00a0${Number(judged.pValue.toPrecision(2))})`;
  counts.textContent = `${counted(judged.asStrange)} of ${plural(unlike.fitted.sums.length, "validation image")} ${judged.asStrange === 1 ? "is" : "are"} as strange.`;
  judged.above.forEach((above, i) => (cells[i].textContent = number(above)));
  sum.textContent = `Squared and summed ${number(judged.sum)}; unlike above ${number(unlike.limit(rate))}.`;
}
