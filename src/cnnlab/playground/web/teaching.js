// Images of the reader's own: drawn, named, kept, and learned on top of what the net knows.

import { make } from "../../explorer/web/dom.js";
import { percent, plural } from "../../explorer/web/numbers.js";
import { answersNow } from "./net_now.js";
import { picture } from "./picture.js";

/** How often each image of the reader's is seen an epoch, and for how many epochs. */
const REPEATS = [1, 2, 5, 10, 20, 50];
const EPOCHS = [1, 2, 3, 5, 10];

/**
 * @typedef {object} Kept
 * @property {Uint8Array} pixels
 * @property {number} label
 * @property {boolean} isTaught
 * @property {string} said what the net said of it before and after; empty before it was taught
 */

/** "change" tells of images that were kept, taught or removed. */
export class Teaching extends EventTarget {
  /** @type {Kept[]} */
  kept = [];

  /**
   * @param {HTMLElement} place
   * @param {import("./learning.js").Learning} learning
   * @param {object} beside
   * @param {Uint8ClampedArray} beside.pixels of the sheet
   * @param {import("./forgotten.js").Forgotten} beside.forgotten
   * @param {import("./logbook.js").Logbook} beside.logbook
   * @param {() => void} beside.onKept called when an image was kept: the sheet is free for the next
   */
  constructor(place, learning, { pixels, forgotten, logbook, onKept }) {
    super();
    this.learning = learning;
    this.pixels = pixels;
    this.forgotten = forgotten;
    this.logbook = logbook;
    this.onKept = onKept;
    const { classes } = learning.content.record.data;
    this.tiles = make("div.kept-images", { role: "group", "aria-label": "Your images" });
    this.says = make("p.small", { role: "status" });
    this.repeats = chosenOf(REPEATS, 10);
    this.epochs = chosenOf(EPOCHS, 3);
    this.button = /** @type {HTMLButtonElement} */ (make("button", { type: "button", disabled: true, onclick: () => this.teach() }, "Teach it these"));
    place.append(
      make("p", {}, "Draw on the sheet, then press what it is. Try five sevens the way you write them."),
      make("div.tools", { role: "group", "aria-label": "What the drawing is" }, classes.map((/** @type {string} */ name, /** @type {number} */ label) => make("button", { type: "button", "aria-label": `keep the drawing as ${name}`, onclick: () => this.keep(label) }, name))),
      this.tiles,
      make("div.tools", {}, make("label.small", {}, "each seen ", this.repeats, " times per epoch"), make("label.small", {}, "for ", this.epochs, " epochs"), this.button),
      this.says,
      make("p.muted.small", {}, "Training goes on with the other images as well. What it forgot, below, shows what this cost on the validation images. Reset starts without yours."),
    );
    learning.addEventListener("renewed", () => {
      for (const each of this.kept) Object.assign(each, { isTaught: false, said: "" });
      this.says.textContent = "";
      this.#show();
    });
  }

  /** Keep what is on the sheet. @param {number} label */
  keep(label) {
    if (!this.pixels.some((pixel) => pixel > 0)) {
      this.says.textContent = "The sheet is empty: draw something first.";
      return;
    }
    this.kept.push({ pixels: Uint8Array.from(this.pixels), label, isTaught: false, said: "" });
    this.says.textContent = "";
    this.onKept();
    this.#show();
  }

  /** Train on with the images that are new to the net, and measure what came of it. */
  async teach() {
    const { learning, forgotten, logbook } = this;
    const { trainer, content } = learning;
    const { classes } = content.record.data;
    const fresh = this.kept.filter((each) => !each.isTaught);
    const [repeats, epochs] = [Number(this.repeats.value), Number(this.epochs.value)];
    this.button.disabled = true;
    trainer.pause();
    await forgotten.remember();
    const before = await answersNow(learning, fresh.map(({ pixels }) => pixels));
    const pixels = new Uint8Array(fresh.reduce((sum, each) => sum + each.pixels.length, 0));
    fresh.forEach((each, i) => pixels.set(each.pixels, i * each.pixels.length));
    await trainer.addImages(pixels, fresh.map(({ label }) => label), repeats);
    logbook.taught(learning, fresh.map(({ label }) => classes[label]));
    for (const each of fresh) each.isTaught = true;
    for (let epoch = 1; epoch <= epochs; epoch++) {
      this.says.textContent = `Epoch ${epoch} of ${epochs} with your ${plural(fresh.length, "image")} …`;
      const goal = trainer.steps + trainer.perEpoch;
      await trainer.epoch();
      if (learning.trainer !== trainer) return; // reset meanwhile
      if (trainer.steps < goal) break; // paused by the reader
    }
    const after = await answersNow(learning, fresh.map((each) => each.pixels));
    const written = (/** @type {import("./net_now.js").Answer} */ { answer, share }) => (answer === null ? "NaN" : `${classes[answer]} (${percent(share)})`);
    fresh.forEach((each, i) => {
      each.said = `was ${written(before[i])}, is ${written(after[i])}`;
    });
    const right = (/** @type {import("./net_now.js").Answer[]} */ answers) => answers.filter(({ answer }, i) => answer === fresh[i].label).length;
    const { lost, won } = await forgotten.compare();
    this.says.textContent =
      `Your ${plural(fresh.length, "image")}: ${right(before)} right before, ${right(after)} now. ` +
      `Of the validation images it lost ${lost.length} and won ${won.length}.`;
    this.#show();
  }

  #show() {
    const { classes, shape } = this.learning.content.record.data;
    const tile = (/** @type {Kept} */ each) => {
      const name = classes[each.label];
      const remove = () => {
        this.kept = this.kept.filter((other) => other !== each);
        this.#show();
      };
      return make(
        "figure.kept", {}, picture(each.pixels, shape), make("figcaption", {}, make("b", {}, name), each.said ? make("span", {}, each.said) : null),
        each.isTaught ? null : make("button", { type: "button", "aria-label": `remove your ${name}`, onclick: remove }, "×"),
      );
    };
    this.tiles.replaceChildren(...this.kept.map(tile));
    this.button.disabled = !this.kept.some((each) => !each.isTaught);
    this.dispatchEvent(new CustomEvent("change"));
  }
}

/** @param {number[]} values @param {number} usual @returns {HTMLSelectElement} */
function chosenOf(values, usual) {
  return /** @type {HTMLSelectElement} */ (make("select", {}, values.map((value) => make("option", { value, selected: value === usual }, String(value)))));
}
