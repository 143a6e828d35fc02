// The sliding filter in the reader's hand: a window dragged over the image, a kernel to edit, the sum worked out.

const SCALE = 8; // canvas pixels an image's pixel
const [POSITIVE, NEGATIVE] = [[217, 108, 25], [52, 116, 216]];

/** Name → kernel of 3×3, row by row. @type {Record<string, number[]>} */
const PRESETS = {
  "vertical edges": [-1, 0, 1, -1, 0, 1, -1, 0, 1],
  "level edges": [-1, -1, -1, 0, 0, 0, 1, 1, 1],
  "all around": [-1, -1, -1, -1, 8, -1, -1, -1, -1],
  "mean": [0.11, 0.11, 0.11, 0.11, 0.11, 0.11, 0.11, 0.11, 0.11],
  "as it is": [0, 0, 0, 0, 1, 0, 0, 0, 0],
};

/** @param {HTMLElement} place that holds image and kernel, and is filled */
export function slide(place) {
  /** @type {{image: number[][], kernel: number[][]}} */
  const { image, kernel } = JSON.parse(place.dataset.sliding);
  const side = kernel.length;
  const [rows, columns] = [image.length - side + 1, image[0].length - side + 1];
  const weights = kernel.flat().map((weight, at) => {
    const input = made("input", { type: "number", step: "any", value: String(weight) });
    input.setAttribute("aria-label", `Weight at row ${Math.floor(at / side)}, column ${at % side}`);
    input.addEventListener("input", () => {
      named.value = "";
      show();
    });
    return input;
  });
  const named = made("select", {});
  const picture = made("canvas", { width: image[0].length * SCALE, height: image.length * SCALE, tabIndex: 0 });
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", "The image with the window; arrow keys move it");
  const map = made("canvas", { width: columns * SCALE, height: rows * SCALE });
  map.setAttribute("role", "img");
  const row = slider("Row", rows);
  const column = slider("Column", columns);
  const said = made("output", {});
  said.setAttribute("aria-live", "polite");
  place.append(
    made("h3", { textContent: "Slide it yourself" }),
    made("p", { className: "small muted", textContent: "Drag the window, or move it by the arrow keys. Change weights, or take others." }),
    boxed("slide-parts", boxed("", picture, row.label, column.label), boxed("", choice(), grid()), boxed("", map)),
    said,
  );
  place.hidden = false;
  row.input.value = String(Math.floor(rows / 2));
  column.input.value = String(Math.floor(columns / 2));
  picture.addEventListener("pointerdown", (event) => {
    picture.setPointerCapture(event.pointerId);
    drag(event);
  });
  picture.addEventListener("pointermove", (event) => event.buttons && drag(event));
  picture.addEventListener("keydown", (event) => {
    const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (way === undefined) return;
    event.preventDefault();
    move(Number(row.input.value) + way[0], Number(column.input.value) + way[1]);
  });
  show();

  /** @param {PointerEvent} event the window's middle goes to where it points */
  function drag(event) {
    const box = picture.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    move(Math.floor(y * image.length) - (side >> 1), Math.floor(x * image[0].length) - (side >> 1));
  }

  function move(toRow, toColumn) {
    row.input.value = String(Math.min(rows - 1, Math.max(0, toRow)));
    column.input.value = String(Math.min(columns - 1, Math.max(0, toColumn)));
    show();
  }

  function show() {
    const K = weights.map((input) => Number(input.value) || 0);
    const [i, j] = [Number(row.input.value), Number(column.input.value)];
    const pixels = window(i, j);
    const values = Array.from({ length: rows }, (_, r) => Array.from({ length: columns }, (_, c) => dot(window(r, c), K)));
    const most = Math.max(...values.flat().map(Math.abs)) || 1;
    paint(picture, image, (value) => [255 * value, 255 * value, 255 * value, 255], i, j, side);
    paint(map, values, (value) => [...(value > 0 ? POSITIVE : NEGATIVE), (255 * Math.abs(value)) / most], i, j, 1);
    map.setAttribute("aria-label", `The feature map, ${rows} by ${columns}, from ${-plain(most)} to ${plain(most)}`);
    const terms = pixels.map((pixel, at) => `${plain(pixel)}·${K[at] < 0 ? `(${signed(K[at])})` : plain(K[at])}`);
    said.textContent = `Row ${i}, column ${j}: ${terms.join(" + ")} = ${signed(values[i][j])}`;
  }

  /** @returns {number[]} the pixels under the kernel */
  function window(i, j) {
    return image.slice(i, i + side).flatMap((line) => line.slice(j, j + side));
  }

  function slider(name, places) {
    const input = made("input", { type: "range", min: "0", max: String(places - 1), step: "1" });
    input.addEventListener("input", () => show());
    const label = made("label", { textContent: name });
    label.append(input);
    return { input, label };
  }

  function choice() {
    named.append(made("option", { textContent: "own weights", value: "" }));
    for (const name of side === 3 ? Object.keys(PRESETS) : []) named.append(made("option", { textContent: name, value: name }));
    named.addEventListener("change", () => {
      PRESETS[named.value]?.forEach((weight, at) => (weights[at].value = String(weight)));
      show();
    });
    const given = kernel.flat().join();
    named.value = Object.keys(PRESETS).find((name) => PRESETS[name].join() === given) ?? "";
    const label = made("label", { textContent: "Kernel" });
    label.append(named);
    return label;
  }

  function grid() {
    const box = boxed("slide-kernel", ...weights);
    box.style.gridTemplateColumns = `repeat(${side}, 4rem)`;
    return box;
  }
}

function dot(pixels, weights) {
  return pixels.reduce((sum, pixel, at) => sum + pixel * weights[at], 0);
}

/** Paint values a square each, and a frame around the window at (i, j). */
function paint(canvas, values, colour, i, j, side) {
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  values.forEach((line, r) =>
    line.forEach((value, c) => {
      const [red, green, blue, alpha] = colour(value);
      pen.fillStyle = `rgb(${red} ${green} ${blue} / ${alpha / 255})`;
      pen.fillRect(c * SCALE, r * SCALE, SCALE, SCALE);
    }),
  );
  for (const [stroke, width] of /** @type {[string, number][]} */ ([["#fff", 5], ["#d0006f", 2.5]])) {
    pen.strokeStyle = stroke;
    pen.lineWidth = width;
    pen.strokeRect(j * SCALE, i * SCALE, side * SCALE, side * SCALE);
  }
}

function plain(value) {
  return String(Math.round(value * 1000) / 1000);
}

function signed(value) {
  return plain(value).replace("-", "\u2212");
}

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name @param {object} properties @returns {HTMLElementTagNameMap[Name]}
 */
function made(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

function boxed(className, ...inside) {
  const box = made("div", { className });
  box.append(...inside);
  return box;
}
