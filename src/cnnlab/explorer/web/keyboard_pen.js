// Drawing without a pointer: a pen that the arrow keys move over the sheet.

/**
 * @param {HTMLCanvasElement} canvas of the sheet
 * @param {import("./sheet.js").Sheet} sheet
 * @param {() => void} onStroke called when the pen has drawn
 * @returns {{isDown: boolean, toggle: () => void, move: (down: number, right: number) => void}}
 */
export function keyboardPen(canvas, sheet, onStroke) {
  let place = /** @type {[number, number]} */ ([sheet.width / 2, sheet.height / 4]);
  const show = () => {
    canvas.dataset.pen = pen.isDown ? "down" : "up";
    canvas.style.setProperty("--pen-left", `${(100 * (place[0] + 0.5)) / sheet.width}%`);
    canvas.style.setProperty("--pen-top", `${(100 * (place[1] + 0.5)) / sheet.height}%`);
  };
  const pen = {
    isDown: false,
    /** Set the pen down, or lift it. */
    toggle() {
      pen.isDown = !pen.isDown;
      show();
      if (!pen.isDown) return;
      sheet.line(place, place);
      onStroke();
    },
    /** @param {number} down @param {number} right pixels */
    move(down, right) {
      const within = (/** @type {number} */ at, /** @type {number} */ size) => Math.min(size - 1, Math.max(0, at));
      const to = /** @type {[number, number]} */ ([within(place[0] + right, sheet.width), within(place[1] + down, sheet.height)]);
      sheet.line(place, to);
      place = to;
      show();
      onStroke();
    },
  };
  return pen;
}
