// The buttons and keys by which the reader changes the image, and the ways to bring one along.

import { byId } from "./dom.js";
import { keyboardPen } from "./keyboard_pen.js";

/** What the pointer can do on the sheet instead of drawing. */
const TOOLS = /** @type {const} */ (["erase", "move", "turn"]);

/**
 * @param {import("./sheet.js").Sheet} sheet
 * @param {object} listener
 * @param {() => void} listener.begin called before the first stroke
 * @param {(change: () => void) => void} listener.change makes a change of the image, and shows it
 * @param {(file: File) => void} listener.take a picture that the reader brings along
 * @param {() => void} listener.onStroke
 * @param {() => void} listener.onShift
 * @returns {ReturnType<typeof keyboardPen>} the pen of the keyboard
 */
export function imageTools(sheet, { begin, change, take, onStroke, onShift }) {
  const canvas = byId("sheet");
  byId("clear").addEventListener("click", () => change(() => sheet.net.pixels.fill(0)));
  byId("centre").addEventListener("click", () => change(() => sheet.centre()));
  for (const tool of TOOLS) {
    byId(tool).addEventListener("click", () => {
      sheet.tool = sheet.tool === tool ? "draw" : tool;
      for (const each of TOOLS) byId(each).setAttribute("aria-pressed", String(sheet.tool === each));
      canvas.dataset.tool = sheet.tool;
    });
  }
  const pen = keyboardPen(canvas, sheet, onStroke);
  canvas.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (event.key === " ") {
      event.preventDefault();
      begin();
      pen.toggle();
    } else if (step) {
      event.preventDefault();
      if (pen.isDown) return pen.move(step[0], step[1]);
      change(() => sheet.shift(step[0], step[1]));
      onShift();
    }
  });
  byId("file").addEventListener("change", (/** @type {any} */ event) => event.target.files[0] && take(event.target.files[0]));
  addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
    if (file) take(file);
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer?.files[0]) take(event.dataTransfer.files[0]);
  });
  return pen;
}
