// What can be done with a net that has learned: teach it, see what it forgot, doubt it, take it along, write it down.

import { byId } from "../../explorer/web/dom.js";
import { Forgotten } from "./forgotten.js";
import { Logbook } from "./logbook.js";
import { NoneOfThese } from "./none_of_these.js";
import { Recording } from "./recording.js";
import { Saving } from "./saving.js";
import { Teaching } from "./teaching.js";

/**
 * Fill the panels of page.html.
 * @param {import("./learning.js").Learning} learning
 * @param {Uint8ClampedArray} pixels of the sheet
 * @param {object} listener
 * @param {() => void} listener.onKept called when the drawing was kept: the sheet is free for the next
 * @param {() => void} listener.onFitted called when `none` may say something else of the image
 * @returns {{logbook: Logbook, none: NoneOfThese}} logbook: to follow a second net, too; none: to show what it says
 */
export function panels(learning, pixels, { onKept, onFitted }) {
  const logbook = new Logbook();
  logbook.follow(learning);
  const forgotten = new Forgotten(byId("forgotten"), learning);
  const teaching = new Teaching(byId("teaching"), learning, { pixels, forgotten, logbook, onKept });
  const none = new NoneOfThese(byId("none"), byId("none-says"), learning, onFitted);
  new Saving(byId("saving"), learning, logbook);
  new Recording(byId("recording"), learning, logbook, teaching);
  return { logbook, none };
}
