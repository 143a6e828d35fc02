// A row for each block that has weights: how large the gradient of its weights is, and how many of its units are dead.

import { blocksOf } from "../../explorer/web/blocks.js";
import { make } from "../../explorer/web/dom.js";
import { number } from "../../explorer/web/numbers.js";

/** The gradients' scale, logarithmic. */
const [LEAST, MOST] = [1e-5, 10];

export class Statistics {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    /** @type {{block: any, tensors: string[], relu: any, bar: HTMLElement, norm: HTMLElement, dead: HTMLElement}[]} */
    this.rows = [];
  }

  /** @param {import("../../explorer/web/net.js").Net} net @param {any} planned */
  renew(net, planned) {
    this.rows = blocksOf(net)
      .map((block) => {
        const names = block.layers.map((layer) => layer.name);
        const tensors = planned.tensors.filter((/** @type {any} */ tensor) => tensor.role === "parameter" && names.includes(tensor.name.slice(0, tensor.name.lastIndexOf(".")))).map((/** @type {any} */ tensor) => tensor.name);
        const relu = block.layers.find((layer) => layer.operation.kind === "activation" && layer.operation.function === "relu") ?? null;
        return { block, tensors, relu, bar: make("i", {}), norm: make("td.number", {}, "–"), dead: make("td.number", {}, relu ? "–" : "") };
      })
      .filter(({ tensors }) => tensors.length);
    this.place.replaceChildren(
      make(
        "table.statistics", {},
        make("caption", {}, make("h2", {}, "Gradients and dead units")),
        make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "block"), make("th", { scope: "col", colspan: 2, title: "the norm of the gradient of all its weights; the bars are on a log scale" }, "gradient norm"), make("th.number", { scope: "col", title: "units, or whole maps, that were 0 for every image looked at" }, "dead"))),
        make("tbody", {}, this.rows.map(({ block, bar, norm, dead }) => make("tr", {}, make("th", { scope: "row" }, block.name), make("td.gradient", { "aria-hidden": "true" }, bar), norm, dead))),
      ),
    );
  }

  /** @param {{gradientNorms: Record<string, number>, dead: Record<string, {dead: number, of: number}>} | null | undefined} statistics */
  show(statistics) {
    for (const { tensors, relu, bar, norm, dead } of this.rows) {
      const parts = tensors.map((name) => statistics?.gradientNorms[name]).filter((part) => Number.isFinite(part));
      const length = Math.hypot(.../** @type {number[]} */ (parts));
      const has = parts.length > 0;
      const share = length > 0 ? Math.min(1, Math.max(0, Math.log(length / LEAST) / Math.log(MOST / LEAST))) : 0;
      bar.style.setProperty("--share", `${has ? (100 * share).toFixed(1) : 0}%`);
      norm.textContent = has ? number(length) : "–";
      const count = relu ? statistics?.dead[relu.name] : undefined;
      dead.textContent = count ? `${count.dead} of ${count.of}` : relu ? "–" : "";
      dead.classList.toggle("some", Boolean(count?.dead));
    }
  }
}
