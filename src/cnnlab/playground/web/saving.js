// What the reader takes along: the weights as a file, the settings as a command, the net as a class of PyTorch's.

import { copyOnClick } from "../../explorer/web/copying.js";
import { make } from "../../explorer/web/dom.js";
import { trainCommand } from "./command.js";
import { download } from "./download.js";
import { pytorchClass } from "./pytorch_class.js";
import { fileNow } from "./weights_of_run.js";

export class Saving {
  /**
   * @param {HTMLDetailsElement} place
   * @param {import("./learning.js").Learning} learning
   * @param {import("./logbook.js").Logbook} logbook
   */
  constructor(place, learning, logbook) {
    this.place = place;
    this.learning = learning;
    this.logbook = logbook;
    this.weights = /** @type {HTMLButtonElement} */ (make("button", { type: "button", onclick: () => this.save() }, "Download the weights"));
    this.weightsSays = make("p.small", { role: "status" });
    this.command = make("code", {});
    this.limits = make("ul.small", {});
    this.python = make("code", {});
    place.append(
      make("h3", {}, "The weights"), make("div.tools", {}, this.weights), this.weightsSays,
      make("h3", {}, "The settings, as a command"), code(this.command), this.limits,
      make("h3", {}, "The net, as a PyTorch class"), code(this.python),
    );
    for (const event of ["renewed", "epoch", "paused"]) learning.addEventListener(event, () => this.show());
    place.addEventListener("toggle", () => this.show());
  }

  /** Write command and class anew, where they are seen. */
  show() {
    const { learning, logbook } = this;
    if (!this.place.open || !learning.trainer) return;
    const { record } = learning.content;
    const { planned, settings } = learning;
    const run = logbook.of(learning);
    const isTrained = run.steps > 0;
    this.weights.disabled = !isTrained;
    this.weightsSays.textContent = isTrained
      ? `${planned.net}.safetensors: read it with cnnlab evaluate ${planned.net}.safetensors, cnnlab explore ${planned.net}.safetensors or the class below.`
      : "Train the net first: it has learned nothing yet.";
    const { command, cannot, differs } = trainCommand(record, planned, settings, wayOf(run));
    this.command.textContent = isTrained ? command : "";
    this.limits.replaceChildren(...(isTrained ? [...cannot, ...differs] : []).map((sentence) => make("li", {}, sentence)));
    this.python.textContent = pytorchClass(record, planned, settings, run.passes);
  }

  /** Download the weights as they are. */
  async save() {
    const { learning, logbook } = this;
    const { planned } = learning;
    download(`${planned.net}.safetensors`, /** @type {BlobPart} */ (await fileNow(learning, logbook)), "application/octet-stream");
  }
}

/** @param {import("./logbook.js").RunLog} run @returns {import("./command.js").Way} */
export function wayOf(run) {
  const taught = run.taught.reduce((sum, { count }) => sum + count, 0);
  return { passes: run.passes || 1, isChanged: run.changes.length > 0, taught };
}

/** Code, and a button that copies it. @param {HTMLElement} text */
function code(text) {
  const button = /** @type {HTMLButtonElement} */ (make("button", { type: "button" }, "Copy"));
  copyOnClick(button, text);
  return make("div.code", {}, make("pre", { tabindex: 0 }, text), button);
}
