// The page: what is chosen decides what is computed and shown.

import { onSchemeChange } from "./colours.js";
import { compareWithPyTorch, frameworkValue, notFiniteSays, references } from "./deviation.js";
import { byId, make } from "./dom.js";
import { Dropping, isDropout } from "./dropping.js";
import { fieldsOf, unitToPlace } from "./fields.js";
import { Moving } from "./moving.js";
import { IMAGE, Net } from "./net.js";
import { Norming } from "./norming.js";
import { counted, fromPlanes, parsed, percent, sizeOf, unpack } from "./numbers.js";
import { Overview } from "./overview.js";
import { Sheet } from "./sheet.js";
import { fromFragment, State, toFragment } from "./state.js";
import { History, Timeline } from "./timeline.js";
import { Trail } from "./trail.js";
import { UnitPanel } from "./unit_panel.js";

/** Milliseconds between two writings-out of the open unit while a stroke is drawn. */
const UNIT_EVERY_MS = 120;

const record = parsed(byId("record").textContent);
const [numberBytes, images] = await Promise.all(["numbers", "images"].map((id) => unpack(byId(id).textContent)));
const numbers = new Float32Array(numberBytes.buffer);
const pixels = new Uint8ClampedArray(sizeOf(record.shape));
/** One net, or two on one input. */
const nets = record.nets.map((planned) => new Net(record, planned, numbers, pixels));
const pytorch = record.nets.map((planned) => references(planned, numbers));

const histories = nets.map((net, which) => new History(net, record.nets[which].history));
const timeline = new Timeline(byId("time"), byId("forming"), histories, (at) => state.set({ time: at < timeline.last ? at : null }));
const { choice: linked, pixels: drawing } = fromFragment(location.hash.slice(1), record.gallery.length, nets, timeline.last);
const state = new State({ ...linked, time: null });
const sheet = new Sheet(byId("sheet"), nets[0], stroke, dragged);
const trail = new Trail(byId("trail"), nets, record.classes);
const overviews = nets.map((net, which) => {
  const columns = make("div.columns", { tabindex: -1 });
  byId("nets").append(nets.length > 1 ? make("h3.net-name", {}, net.name) : "", columns);
  return new Overview(columns, net, (layer, unit, tile) => {
    open(which, layer, unit);
    panel.growFrom(tile);
  });
});
const panel = new UnitPanel(byId("unit"), record.classes, (layer, unit) => open(state.choice.net, layer, unit), ofPyTorch);
const moving = new Moving(byId("moving"), nets, record.classes, () => {
  own(() => {}, { isMoved: true });
  trail.add();
});
const areTwo = nets.length > 1;
const droppings = nets
  .filter((net) => net.layers.some(isDropout))
  .map((net) => new Dropping(byId("dropping"), net, record.classes, areTwo, showMask, dropBy));
const normings = nets
  .filter((net) => net.layers.some((layer) => layer.operation.kind === "batch_norm"))
  .map((net) => new Norming(byId("norming"), net, images, record.gallery.length, areTwo));
byId("dropping").hidden = !droppings.length;
byId("norming").hidden = !normings.length;
byId("moving").addEventListener("toggle", () => moving.rebase());
byId("dropping").addEventListener("toggle", () => {
  for (const dropping of droppings) {
    dropping.lift();
    dropping.draw();
  }
  update();
});
byId("norming").addEventListener("toggle", () => normings.forEach((norming) => norming.show()));

/** Unpack the earlier moments, the first net's and then the second's: they can wait until the page is shown. */
async function remember() {
  const halves = fromPlanes(await unpack(byId("moments").textContent));
  let from = 0;
  for (const history of histories) {
    history.halves = halves.subarray(from, (from += history.last * history.size));
  }
  timeline.open();
  state.set({ time: linked.time });
}

/** All nets by one probability. @param {number} share */
function dropBy(share) {
  for (const dropping of droppings) dropping.setShare(share);
}

function dragged(by) {
  if (by === null) moving.beginDrag();
  else moving.drag(by);
}

function showMask() {
  update();
  nameImage();
  panel.refresh();
}

/** What depends on the image, besides the net itself. */
function tryAgain() {
  moving.rebase();
  trail.clear();
  for (const dropping of droppings) dropping.draw();
}

/** Milliseconds that the last update took: forward pass, maps and answer. */
let updateMs = 0;
let unitTimer = 0;

/** Open a unit of one of the nets; null closes it. */
function open(net, layer, unit) {
  const isNew = state.choice.layer !== layer || state.choice.net !== net;
  state.set({ net, layer, unit });
  if (layer !== null && isNew) overviews[net].show(layer);
}

function ofPyTorch(layer, unit) {
  if (!state.choice.isNormalised || state.choice.time !== null || droppings.some((dropping) => dropping.isLaid)) return null;
  return frameworkValue(pytorch[state.choice.net].get(layer.name), state.choice.image, unitToPlace(unit, layer.shape), layer.values.length);
}

/** Compute the nets for the pixels as they are, and show all but the open unit. */
function update() {
  const started = performance.now();
  nets.forEach((net, which) => {
    net.isNormalised = state.choice.isNormalised;
    net.run();
    overviews[which].paint(state.choice.scale);
  });
  sheet.paint(state.choice.view);
  showAnswers();
  updateMs = performance.now() - started;
}

function stroke() {
  if (state.choice.image !== null) state.set({ image: null });
  else {
    update();
    nameImage();
  }
  unitTimer ||= setTimeout(() => {
    unitTimer = 0;
    panel.refresh();
    tryAgain();
    keepLink();
  }, UNIT_EVERY_MS);
}

function showUnit() {
  const { net: which, layer: name, unit } = state.choice;
  const net = nets[which];
  const layer = name ? (net.byName.get(name) ?? null) : null;
  const boxes = layer && unit ? fieldsOf(net, layer, unit) : new Map();
  overviews.forEach((overview, i) => overview.mark(i === which ? boxes : new Map(), i === which ? name : null));
  markSheet(boxes.get(IMAGE));
  panel.show(net, layer, unit ?? [0, 0, 0], boxes);
}

/** Frame on the sheet the pixels that the open unit sees. */
function markSheet(box) {
  const canvas = byId("sheet-marks");
  const frame = canvas.getBoundingClientRect();
  canvas.width = Math.round(frame.width * devicePixelRatio);
  canvas.height = Math.round(frame.height * devicePixelRatio);
  if (!box) return;
  const context = canvas.getContext("2d");
  const [, rows, columns] = record.shape;
  context.scale(canvas.width / columns, canvas.height / rows);
  context.lineWidth = (2 * devicePixelRatio * columns) / canvas.width;
  context.strokeStyle = getComputedStyle(canvas).getPropertyValue("--mark");
  context.strokeRect(box.columns[0], box.rows[0], box.columns[1] - box.columns[0] + 1, box.rows[1] - box.rows[0] + 1);
}

const answers = nets.map((net, which) => {
  const rows = record.classes.map((name, k) => {
    const bar = make("i", { "aria-hidden": "true" });
    const share = make("span.number", {});
    const button = make(
      "button", { type: "button", title: `how ${name} gets its share`, onclick: () => open(which, net.answer.name, [k, 0, 0]) },
      make("span.class", {}, name), make("span.bar", { "aria-hidden": "true" }, bar), share,
    );
    return { item: make("li", {}, button), bar, share };
  });
  const list = make("ol.answer", { "aria-label": `what ${net.name} answers` }, rows.map((row) => row.item));
  byId("answers").append(make("div", {}, nets.length > 1 ? make("h3.net-name", {}, net.name) : null, list));
  return { net, rows };
});

function showAnswers() {
  for (const { net, rows } of answers) {
    const best = net.prediction;
    rows.forEach(({ item, bar, share }, k) => {
      bar.style.setProperty("--share", `${100 * net.probabilities[k]}%`);
      share.textContent = percent(net.probabilities[k]);
      item.classList.toggle("best", k === best);
    });
  }
}

/** What the nets say, in a few words. */
function spoken() {
  const says = nets.map((net) => (net.prediction === null ? "NaN, which is no number" : record.classes[net.prediction]));
  return nets.length === 1 ? `the net says ${says[0]}` : nets.map((net, i) => `${net.name} says ${says[i]}`).join(", ");
}

const thumbnails = record.gallery.map((entry, i) => {
  const isWrong = entry.predicted[0] !== entry.label;
  const [channels, height, width] = record.shape;
  const canvas = /** @type {HTMLCanvasElement} */ (make("canvas.pixels", { width, height }));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(width, height);
  for (let p = 0; p < width * height; p++) {
    for (let c = 0; c < 3; c++) image.data[4 * p + c] = images[i * pixels.length + (channels === 3 ? c * width * height : 0) + p];
    image.data[4 * p + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  const label = record.classes[entry.label];
  const predicted = entry.predicted.map((each) => record.classes[each]).join(", ");
  const says = isWrong ? `${label} → ${record.classes[entry.predicted[0]]}` : label;
  const button = make(
    isWrong ? "button.wrong" : "button",
    { type: "button", "aria-label": `test image ${entry.index}: ${label}, called ${predicted}`, onclick: () => state.set({ image: i }) },
    canvas, make("span", {}, says),
  );
  byId("gallery").append(button);
  return button;
});

function nameImage() {
  const { image } = state.choice;
  thumbnails.forEach((button, i) => button.setAttribute("aria-pressed", String(i === image)));
  const entry = image === null ? null : record.gallery[image];
  byId("image-name").textContent = entry
    ? `test image ${entry.index}, of class ${record.classes[entry.label]}; ${spoken()}`
    : pixels.some((pixel) => pixel > 0) ? `your own image; ${spoken()}` : "an empty sheet: draw here";
}

let linkTimer = 0;
function keepLink() {
  clearTimeout(linkTimer);
  linkTimer = setTimeout(() => history.replaceState(null, "", `#${toFragment(state.choice, pixels)}`), 200);
}

state.addEventListener("change", (event) => {
  const changed = /** @type {CustomEvent} */ (event).detail;
  if (changed.includes("image") && state.choice.image !== null) {
    pixels.set(images.subarray(state.choice.image * pixels.length, (state.choice.image + 1) * pixels.length));
  }
  if (changed.includes("time")) timeline.show(state.choice.time ?? timeline.last);
  if (["image", "isNormalised", "time", "scale", "view"].some((key) => changed.includes(key))) {
    update();
    nameImage();
    panel.refresh();
    const isOtherNet = changed.includes("isNormalised") || changed.includes("time");
    if (isOtherNet || (changed.includes("image") && state.choice.image !== null)) tryAgain();
    if (isOtherNet) for (const norming of normings) norming.renew();
  }
  if (changed.includes("layer") || changed.includes("unit")) showUnit();
  keepLink();
});

function own(change, { isMoved = false } = {}) {
  change();
  state.set({ image: null });
  if (!isMoved) tryAgain();
}

async function take(file) {
  try {
    await sheet.take(file, record.preparation);
    own(() => {});
  } catch {
    byId("image-name").textContent = `${file.name || "what was pasted"} is not a picture that this browser can read; expected PNG or JPEG`;
  }
}

byId("clear").addEventListener("click", () => own(() => pixels.fill(0)));
byId("centre").addEventListener("click", () => own(() => sheet.centre()));
const tools = /** @type {const} */ (["erase", "move", "turn"]);
for (const tool of tools) {
  byId(tool).addEventListener("click", () => {
    sheet.tool = sheet.tool === tool ? "draw" : tool;
    for (const each of tools) byId(each).setAttribute("aria-pressed", String(sheet.tool === each));
    byId("sheet").dataset.tool = sheet.tool;
  });
}
byId("file").addEventListener("change", (event) => event.target.files[0] && take(event.target.files[0]));
byId("sheet").addEventListener("keydown", (event) => {
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  if (!step) return;
  event.preventDefault();
  own(() => sheet.shift(step[0], step[1]));
});
addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
  if (file) take(file);
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer?.files[0]) take(event.dataTransfer.files[0]);
});
byId("normalise").addEventListener("change", (event) => state.set({ isNormalised: event.target.checked }));
for (const key of /** @type {const} */ (["scale", "view"])) {
  for (const radio of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll(`input[name=${key}]`))) {
    radio.checked = radio.value === state.choice[key];
    radio.addEventListener("change", () => state.set({ [key]: radio.value }));
  }
}
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && state.choice.layer) open(0, null, null);
});
addEventListener("resize", showUnit);
onSchemeChange(() => {
  update();
  showUnit();
});

/** Compare every layer with PyTorch's values, and say how far off the worst is. */
async function check() {
  const says = byId("check");
  const worst = await compareWithPyTorch(record, numbers, images, histories, (done) => {
    says.textContent = `compared with PyTorch: ${done} of ${record.gallery.length} images`;
  });
  says.replaceChildren(
    "Largest deviation from PyTorch: ", make("b", { "data-value": worst.deviation }, worst.deviation.toExponential(1).replace("-", "−")),
    ...nets.map((net) => ` ${notFiniteSays(net)}`),
  );
  const layers = pytorch.reduce((sum, each) => sum + each.size, 0);
  const whole = Math.min(...record.nets.map((planned) => planned.reference.whole_images));
  says.title =
    `Relative to a layer's largest value; the worst of ${layers} layers (${worst.layer}) over ${record.gallery.length} images. ` +
    `PyTorch's values lie in the page: all of them for ${whole} of the images, samples of each layer for the rest.`;
  return worst;
}

byId("title").textContent = nets.map((net) => net.name).join(" and ");
byId("net-title").textContent = nets.length > 1 ? "The nets" : "The net";
byId("subtitle").append(
  `on ${record.data} · `,
  record.nets.map((net) =>
    `${nets.length > 1 ? `${net.net}: ` : ""}${percent(net.accuracy)} of ${counted(net.test_images)} test images, ${counted(net.parameters)} parameters, seed ${net.seed}`).join(" · "),
  record.report ? make("span", {}, " · ", make("a", { href: record.report }, "report")) : "",
);
const wrong = record.gallery.filter((entry) => entry.label !== entry.predicted[0]).length;
byId("gallery-says").textContent = wrong ? `first the ${wrong} that ${nets.length > 1 ? nets[0].name : "the net"} got wrong: class → its answer` : "the net names all of these correctly";
byId("normalise-says").textContent = `(pixel / 255 − ${record.mean.map((m) => m.toFixed(3)).join(", ")}) / ${record.std.map((s) => s.toFixed(3)).join(", ")}`;
byId("normalise").checked = state.choice.isNormalised;

if (drawing) pixels.set(drawing);
state.set({ image: state.choice.image });
timeline.show(timeline.last);
showUnit();
const readyMs = performance.now();
const remembered = new Promise((resolve) => requestAnimationFrame(() => setTimeout(() => resolve(remember()))));
const checked = remembered.then(check);

/** For the browser's console: the nets, what is chosen, and what was measured. */
const explorer = {
  net: nets[0], nets, histories, record, state, images, remembered, checked, check, stroke, readyMs,
  field: (/** @type {string} */ name, /** @type {[number, number, number]} */ unit) =>
    fieldsOf(nets[0], /** @type {any} */ (nets[0].byName.get(name)), unit).get(IMAGE),
  get updateMs() {
    return updateMs;
  },
};
Object.assign(globalThis, { explorer });
