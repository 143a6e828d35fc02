// The test images: opened by the reader alone, and every opening written down.

import { make } from "../../explorer/web/dom.js";
import { counted, percent, plural } from "../../explorer/web/numbers.js";

export class TestSplit {
  /**
   * @param {HTMLElement} place
   * @param {import("./learning.js").Learning} learning
   * @param {import("./logbook.js").Logbook} logbook
   */
  constructor(place, learning, logbook) {
    this.learning = learning;
    this.logbook = logbook;
    this.says = make("p.small", { role: "status" });
    this.button = /** @type {HTMLButtonElement} */ (make("button", { type: "button", onclick: () => this.open() }, "Open the test images"));
    place.append(
      make("h3", {}, "Test images"),
      make("p", {}, "Choose settings by the validation images. Keep the test images for the end: once you choose by them, nothing is left to tell how good the net is. Each opening is recorded."),
      make("div.tools", {}, this.button), this.says,
    );
    learning.addEventListener("renewed", () => (this.button.disabled = false));
    logbook.addEventListener("change", () => this.#show());
  }

  /** Measure the net on the test images. */
  async open() {
    this.button.disabled = true;
    const { trainer } = this.learning;
    const step = trainer.steps;
    const { accuracy, loss, images } = await trainer.evaluate("test");
    this.button.disabled = false;
    if (trainer === this.learning.trainer) this.logbook.opened(this.learning, { opened: new Date().toISOString(), step, accuracy, loss, images });
  }

  #show() {
    const openings = this.logbook.runs.flatMap((run) => run.test_openings.map((opening) => ({ ...opening, net: run.net })));
    if (!openings.length) return;
    const { net, step, accuracy, images } = openings[openings.length - 1];
    this.says.textContent =
      `${net} after ${plural(step, "step")}: ${counted(Math.round(accuracy * images))} of ${plural(images, "test image")} right, ${percent(accuracy)}. ` +
      `Opened ${openings.length === 1 ? "once" : `${openings.length} times`} on this page.`;
  }
}
