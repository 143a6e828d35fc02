// Values as colours: orange above 0, blue below, the ground at 0; the same in both schemes but for their lightness.

/** Steps from 0 to a full colour. */
const STEPS = 256;

const SCHEMES = {
  light: { ground: [240, 241, 241], positive: [206, 88, 8], negative: [36, 98, 200] },
  dark: { ground: [32, 36, 42], positive: [255, 166, 92], negative: [104, 168, 255] },
};

const isDark = matchMedia("(prefers-color-scheme: dark)");

/** Pixels for −STEPS … STEPS, as ImageData holds them (little-endian). */
const table = new Uint32Array(2 * STEPS + 1);

function fill() {
  const { ground, positive, negative } = SCHEMES[isDark.matches ? "dark" : "light"];
  for (let i = -STEPS; i <= STEPS; i++) {
    const hue = i > 0 ? positive : negative;
    const share = Math.abs(i) / STEPS;
    const [r, g, b] = ground.map((from, channel) => Math.round(from + (hue[channel] - from) * share));
    table[i + STEPS] = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  }
}
fill();

/** @param {() => void} redraw called when the reader's scheme changes */
export function onSchemeChange(redraw) {
  isDark.addEventListener("change", () => {
    fill();
    redraw();
  });
}

/**
 * Paint a map into pixels.
 * @param {Uint32Array} pixels of an image `width` wide
 * @param {number} width
 * @param {number} at where the map's first pixel goes
 * @param {ArrayLike<number>} values
 * @param {number} first place of the map's first value
 * @param {number} rows
 * @param {number} columns
 * @param {number} scale the value that has the full colour
 */
export function paintMap(pixels, width, at, values, first, rows, columns, scale) {
  const factor = scale > 0 ? STEPS / scale : 0;
  for (let y = 0, v = first; y < rows; y++) {
    for (let x = 0, p = at + y * width; x < columns; x++, p++, v++) {
      let step = values[v] * factor;
      step = step > STEPS ? STEPS : step < -STEPS ? -STEPS : step;
      pixels[p] = table[Math.round(step) + STEPS];
    }
  }
}

/** @param {number} value @param {number} scale @param {number} strength 0–1 @returns {string} a ground for a number */
export function groundFor(value, scale, strength = 0.55) {
  if (!(scale > 0)) return "transparent";
  const share = Math.min(1, Math.abs(value) / scale) * strength * 100;
  return `color-mix(in srgb, var(${value > 0 ? "--positive" : "--negative"}) calc(${share.toFixed(1)}% * var(--ground)), transparent)`;
}

/** @param {ArrayLike<number>} values @param {number} from @param {number} to @returns {number} the largest size */
export function largest(values, from = 0, to = values.length) {
  let most = 0;
  for (let i = from; i < to; i++) {
    const size = values[i] < 0 ? -values[i] : values[i];
    if (size > most) most = size;
  }
  return most;
}
