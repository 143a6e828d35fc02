// The bar on top: play and pause, and what it has come to, in figures that stand still.

import { byId, make } from "../../explorer/web/dom.js";
import { counted } from "../../explorer/web/numbers.js";
import { loss } from "./curves.js";

const PLAY = "M7 4.5v15l12-7.5z";
const PAUSE = "M6 5h4.2v14H6zM13.8 5H18v14h-4.2z";

/** Milliseconds over which the pace is taken. */
const PACE_MS = 3000;

const FIGURES = /** @type {const} */ ([
  ["validation", "validation accuracy"], ["training", "seen while training"], ["loss", "loss"], ["epochs", "epochs"], ["steps", "steps"], ["pace", "images per second"],
]);

export class Bar {
  /**
   * @param {import("./learning.js").Learning} learning
   * @param {{play: () => void, pause: () => void, step: () => void, epoch: () => void, reset: () => void}} does
   */
  constructor(learning, does) {
    this.learning = learning;
    this.cells = Object.fromEntries(
      FIGURES.map(([key, says]) => {
        const value = make("dd", { "data-figure": key }, "–");
        byId("figures").append(make(`div.figure.figure-${key}`, {}, make("dt", {}, says), value));
        return [key, value];
      }),
    );
    byId("play").addEventListener("click", () => (learning.trainer.isPlaying ? does.pause() : does.play()));
    for (const key of /** @type {const} */ (["step", "epoch", "reset"])) byId(key).addEventListener("click", () => does[key]());
    /** When a step had been taken, of late. @type {{time: number, step: number}[]} */
    this.past = [];
    for (const event of ["renewed", "playing", "paused"]) learning.addEventListener(event, () => (this.past = []));
    learning.addEventListener("step", () => this.#note());
    for (const event of ["renewed", "playing", "pausing", "paused", "diverged", "stopped"]) learning.addEventListener(event, () => this.show());
  }

  #note() {
    const time = performance.now();
    this.past.push({ time, step: this.learning.trainer.steps });
    while (time - this.past[0].time > PACE_MS) this.past.shift();
  }

  /** Images a second of late, measuring included; null where that cannot be said yet. */
  get pace() {
    const { trainer } = this.learning;
    const [first, last] = [this.past[0], this.past[this.past.length - 1]];
    if (!trainer.isPlaying || !first || last.time - first.time < PACE_MS / 10) return null;
    const images = ((last.step - first.step) * trainer.training.images.length) / trainer.perEpoch;
    return (1000 * images) / (last.time - first.time);
  }

  /** @param {boolean} waits whether settings wait for a new start */
  waits(waits) {
    byId("reset").classList.toggle("waits", waits);
  }

  show() {
    const { trainer } = this.learning;
    const { steps, epochs } = trainer.curves;
    const [step, epoch] = [steps.at(-1), epochs.at(-1)];
    const percent = (/** @type {number} */ share) => (100 * share).toFixed(1);
    const set = (/** @type {string} */ key, /** @type {string} */ text) => {
      if (this.cells[key].textContent !== text) this.cells[key].textContent = text;
    };
    set("validation", epoch ? `${percent(epoch.validation_accuracy)} %` : "–");
    set("training", step ? `${percent(step.accuracy)} %` : "–");
    set("loss", step ? loss(step.loss) : "–");
    set("steps", counted(trainer.steps));
    set("epochs", trainer.epochs.toFixed(1));
    set("pace", this.pace === null ? "–" : counted(Number(this.pace.toPrecision(2))));
    byId("first").hidden = trainer.isPlaying || trainer.steps > 0;
    const says = trainer.isPlaying ? "Pause" : trainer.steps ? "Go on" : "Train";
    if (byId("play-says").textContent !== says) {
      byId("play-says").textContent = says;
      byId("play-sign").setAttribute("d", trainer.isPlaying ? PAUSE : PLAY);
      byId("play").classList.toggle("is-playing", trainer.isPlaying);
    }
  }
}
