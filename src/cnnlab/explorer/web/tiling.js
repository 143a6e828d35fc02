// How large tiles can be in the room that there is.

/** CSS pixels between two tiles. */
export const GAP = 3;

/**
 * The largest tiles, all of one size, by which `count` maps fit a room.
 * @param {number} count
 * @param {[number, number]} size rows and columns of a map
 * @param {[number, number]} room width and height in CSS pixels
 * @param {number} most CSS pixels of a tile's longer side
 * @param {number} gap CSS pixels between two tiles
 * @returns {{across: number, zoom: number}} tiles in a row, and CSS pixels a value
 */
export function tiling(count, [rows, columns], [width, height], most, gap) {
  let best = { across: 1, zoom: 0 };
  for (let across = 1; across <= count; across++) {
    const down = Math.ceil(count / across);
    const zoom = Math.min((width - (across - 1) * gap) / (across * columns), (height - (down - 1) * gap) / (down * rows), most / Math.max(rows, columns));
    if (zoom > best.zoom) best = { across, zoom };
  }
  const dots = best.zoom * devicePixelRatio; // pixels of equal size, where that costs little
  return { across: best.across, zoom: Math.max(0.25, dots >= 5 ? Math.floor(dots) / devicePixelRatio : best.zoom) };
}

/**
 * The columns of a net, in as many rows as keep each wide enough.
 * @param {number} ranks
 * @param {number} width CSS pixels
 * @param {number} least CSS pixels of a column
 * @returns {number} columns in a row, one at least
 */
export function ranksInARow(ranks, width, least) {
  const rows = Math.min(ranks, Math.ceil((ranks * least) / Math.max(1, width)));
  return Math.ceil(ranks / rows);
}
