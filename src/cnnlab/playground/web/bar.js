// The bar on top: play and pause, and what it has come to, in figures that stand still.

import { byId, make } from "../../explorer/web/dom.js";
import { counted } from "../../explorer/web/numbers.js";

const PLAY = "M7 4.5v15l12-7.5z";
const PAUSE = "M6 5h4.2v14H6zM13.8 5H18v14h-4.2z";

const FIGURES = /** @type {const} */ ([
  ["validation", "validation accuracy"], ["training", "seen while training"], ["loss", "loss"], ["epochs", "epochs"], ["steps", "steps"], ["pace", "images a second"],
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
    for (const event of ["renewed", "playing", "pausing", "paused", "diverged", "stopped"]) learning.addEventListener(event, () => this.show());
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
    set("loss", step ? (Number.isFinite(step.loss) ? step.loss.toFixed(3) : "NaN") : "–");
    set("steps", counted(trainer.steps));
    set("epochs", trainer.epochs.toFixed(1));
    set("pace", step && trainer.isPlaying ? counted(Number(step.imagesPerS.toPrecision(2))) : "–");
    const says = trainer.isPlaying ? "Pause" : trainer.steps ? "Go on" : "Train";
    if (byId("play-says").textContent !== says) {
      byId("play-says").textContent = says;
      byId("play-sign").setAttribute("d", trainer.isPlaying ? PAUSE : PLAY);
      byId("play").classList.toggle("is-playing", trainer.isPlaying);
    }
  }
}
