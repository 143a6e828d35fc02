// What the page is called, and where it leads back to.

import { byId, make } from "./dom.js";
import { counted, percent } from "./numbers.js";
import { isOfDigits } from "./steps.js";

/** @param {any} record the page's */
export function nameThePage(record) {
  const { nets } = record;
  const areTwo = nets.length > 1;
  byId("title").textContent = nets.map((/** @type {any} */ net) => net.net).join(" and ");
  /** @type {HTMLElement} */ (document.querySelector("main")).classList.toggle("two", areTwo);
  byId("net-title").textContent = areTwo ? "The nets" : "The net";
  byId("subtitle").append(
    `on ${record.data} · `,
    nets.map((/** @type {any} */ net) =>
      `${areTwo ? `${net.net}: ` : ""}${percent(net.accuracy)} of ${counted(net.test_images)} test images, ${counted(net.parameters)} parameters, seed ${net.seed}`).join(" · "),
    record.report ? make("span", {}, " · ", make("a", { href: record.report }, "report")) : "",
    record.playground ? make("span", {}, " · ", make("a", { href: record.playground }, "train on")) : "",
  );
  if (record.lesson) {
    byId("back").hidden = false;
    byId("back").append(make("a", { href: record.lesson }, "‹ back to the lesson"));
  }
  byId("invitation").textContent = isOfDigits(record) ? "Draw a digit here" : "Draw here";
  const written = (/** @type {number[]} */ figures) => figures.map((figure) => figure.toFixed(3)).join(", ");
  byId("normalise-says").textContent = `(pixel / 255 − ${written(record.mean)}) / ${written(record.std)}`;
}
