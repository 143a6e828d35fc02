// Connected components of a mask; as cnnlab/prepare/components.py.

/** One value, 0 or 1, a pixel. @typedef {{width: number, height: number, data: Uint8Array}} Mask */

/** A connected part: its pixels, and its bounding box with both ends inclusive. @typedef {{area: number, top: number, bottom: number, left: number, right: number}} Part */

/**
 * The 8-connected parts of a mask, numbered from 1 in the order in which reading its rows meets them.
 * @param {Mask} mask
 * @returns {{labels: Int32Array, parts: Part[]}} labels: 0 where the mask is 0; entry i of parts is part i + 1
 */
export function components({ width, height, data }) {
  const labels = new Int32Array(data.length);
  /** @type {Part[]} */
  const parts = [];
  const waiting = new Int32Array(data.length);
  for (let seed = 0; seed < data.length; seed++) {
    if (!data[seed] || labels[seed]) continue;
    const part = { area: 0, top: height, bottom: -1, left: width, right: -1 };
    parts.push(part);
    let count = 1;
    waiting[0] = seed;
    labels[seed] = parts.length;
    while (count) {
      const place = waiting[--count];
      const [y, x] = [Math.floor(place / width), place % width];
      part.area += 1;
      part.top = Math.min(part.top, y);
      part.bottom = Math.max(part.bottom, y);
      part.left = Math.min(part.left, x);
      part.right = Math.max(part.right, x);
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
          const next = row * width + column;
          if (!data[next] || labels[next]) continue;
          labels[next] = parts.length;
          waiting[count++] = next;
        }
      }
    }
  }
  return { labels, parts };
}

/** The longer side of a part's bounding box, in pixels. @param {Part} part */
export function longestSide(part) {
  return Math.max(part.bottom - part.top, part.right - part.left) + 1;
}
