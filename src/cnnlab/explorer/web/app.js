// The page: what is chosen decides what is computed and shown.

import { Answers } from "./answers.js";
import { blockOf } from "./blocks.js";
import { onSchemeChange } from "./colours.js";
import { compareWithPyTorch, frameworkValue, notFiniteSays, references } from "./deviation.js";
import { byId, make } from "./dom.js";
import { Dropping, isDropout } from "./dropping.js";
import { UserError } from "./errors.js";
import { fieldSays, fieldsOf, unitToPlace } from "./fields.js";
import { Gallery } from "./gallery.js";
import { nameThePage } from "./header.js";
import { Likeness } from "./likeness.js";
import { Moving } from "./moving.js";
import { Net } from "./net.js";
import { Norming } from "./norming.js";
import { asMaps, fromPlanes, number, parsed, sizeOf, unpack } from "./numbers.js";
import { Sheet } from "./sheet.js";
import { Stage } from "./stage.js";
import { fromFragment, State, toFragment } from "./state.js";
import { firstSteps, Steps } from "./steps.js";
import { History, Timeline } from "./timeline.js";
import { imageTools } from "./tools.js";
import { Trail } from "./trail.js";
import { RATES, unlikeOf } from "./unlike.js";
import { Zoom } from "./zoom.js";

/** Milliseconds between two writings-out of what is open while a stroke is drawn. */
const UNIT_EVERY_MS = 120;
/** CSS pixels: a page narrower than this scrolls down from part to part; wider, the whole net fits its window. */
const NARROW = 900;

const record = parsed(byId("record").textContent);
const [numberBytes, images] = await Promise.all(["numbers", "images"].map((id) => unpack(byId(id).textContent)));
const numbers = new Float32Array(numberBytes.buffer);
const pixels = new Uint8ClampedArray(sizeOf(record.shape));
/** One net, or two on one input. */
const nets = record.nets.map((planned) => new Net(record, planned, numbers, pixels));
const areTwo = nets.length > 1;
const pytorch = record.nets.map((planned) => references(planned, numbers));

const histories = nets.map((net, which) => new History(net, record.nets[which].history));
const timeline = new Timeline(byId("time"), byId("forming"), histories, (at) => {
  state.set({ time: at < timeline.last ? at : null });
  steps.did(6);
});
const gallery = new Gallery(byId("gallery"), byId("gallery-says"), record, images, (image) => state.set({ image }));
const PANELS = ["forming", "moving", "dropping", "norming"];
const FIRST_STEPS = firstSteps(record, nets[0], timeline.last > 0);
const linkable = { nets, images: record.gallery.length, image: record.first, last: timeline.last, panels: PANELS, steps: FIRST_STEPS.length, rates: RATES };
const { choice: linked, pixels: drawing } = fromFragment(location.hash.slice(1), linkable);
const state = new State({ ...linked, time: null });
const steps = new Steps(byId("steps"), FIRST_STEPS.map((step, i) => ({ ...step, link: `#${toFragment({ ...state.choice, image: record.first, ...step.choice, step: i + 1 }, pixels)}` })), takeStep);
const sheet = new Sheet(byId("sheet"), byId("sheet-marks"), nets[0], stroke, dragged);
const trail = new Trail(byId("trail"), nets, record.classes);
const answers = new Answers(byId("answers"), nets, record.classes, (net, k) => open(net, nets[net].answer.name, k, [k, 0, 0]));
const likeness = new Likeness(byId("likeness"), (rate) => state.set({ rate }));
const stages = nets.map((net, which) => {
  const place = make("div.net", {});
  byId("nets").append(make("div.one-net", {}, areTwo ? make("h3.net-name", {}, net.name) : "", place));
  return new Stage(place, net, {
    onOpen(layer, unit, tile) {
      open(which, layer, unit?.[0] ?? null, unit);
      zoom.growFrom(tile);
    },
    onPoint: (layer, unit) => point(which, layer, unit),
  });
});
const zoom = new Zoom(byId("unit"), record.classes, (layer, map, unit) => open(state.choice.net, layer, map, unit));
const moving = new Moving(byId("moving"), nets, record.classes, () => {
  own(() => {}, { isMoved: true });
  trail.add();
  steps.did(5);
});
const droppings = nets
  .filter((net) => net.layers.some(isDropout))
  .map((net) => new Dropping(byId("dropping"), net, record.classes, areTwo, showMask, dropBy));
const normings = nets
  .filter((net) => net.layers.some((layer) => layer.operation.kind === "batch_norm"))
  .map((net) => new Norming(byId("norming"), net, images, record.gallery.length, areTwo));
for (const norming of normings) norming.together = normings;
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
for (const panel of PANELS) {
  byId(panel).addEventListener("toggle", () => {
    if (byId(panel).open) state.set({ panel });
    else if (state.choice.panel === panel) state.set({ panel: null });
  });
}

/** Go to a step, counted from 1, and put the keyboard where it is done; null puts the steps away. */
function takeStep(step) {
  if (step === null) return state.set({ step });
  state.set({ ...FIRST_STEPS[step - 1].choice, step, ...(step === 1 ? { image: record.first } : {}) });
  const places = ["#sheet", "#nets .maps", "#nets .maps", "#unit .tools button:nth-last-of-type(1)", "#sheet", "#time input"];
  const place = /** @type {HTMLElement | null} */ (document.querySelector(places[step - 1]));
  place?.focus({ preventScroll: innerWidth >= NARROW });
}

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

/** Unpack what tells images unlike those of the training, where the page has it. */
async function likenUnlike() {
  const whole = new Int16Array(fromPlanes(await unpack(byId("unlike").textContent)).buffer);
  nets.forEach((net, which) => {
    const { unlike } = record.nets[which];
    if (unlike) likeness.add(net, unlikeOf(unlike, record.shape, numbers, whole), unlike, answers.beside(which));
  });
  judge();
  nameImage();
}

/** Say of the image whether it is like what the nets were trained on. */
function judge() {
  likeness.show(state.choice.rate, state.choice.isNormalised && state.choice.time === null && !droppings.some((dropping) => dropping.isLaid));
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
  zoom.refresh();
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

/** Open a block, a map or a unit of one of the nets; null closes it. */
function open(net, layer, map, unit) {
  const { choice } = state;
  if (unit && choice.layer === layer && choice.unit && choice.map === map) steps.did(4);
  else if (unit) {
    steps.did(2); // a finger points by opening
    steps.did(3);
  }
  state.set({ net, layer, map, unit });
}

/** One step back: from a unit to its map, its block, the net. */
function back() {
  const { net, layer, map, unit } = state.choice;
  if (layer === null) return;
  const isMap = asMaps(nets[net].byName.get(layer).shape).slice(1).some((side) => side > 1);
  if (unit && isMap) open(net, layer, map, null);
  else if (map !== null) open(net, layer, null, null);
  else open(net, null, null, null);
}

function ofPyTorch(which) {
  return (layer, unit) => {
    if (!state.choice.isNormalised || state.choice.time !== null || droppings.some((dropping) => dropping.isLaid)) return null;
    return frameworkValue(pytorch[which].get(layer.name), state.choice.image, unitToPlace(unit, layer.shape), layer.values.length);
  };
}

/** Compute the nets for the pixels as they are, and show all but what is open. */
function update() {
  const started = performance.now();
  nets.forEach((net, which) => {
    net.isNormalised = state.choice.isNormalised;
    net.run();
    stages[which].paint(state.choice.scale);
  });
  sheet.paint(state.choice.view);
  answers.show();
  judge();
  updateMs = performance.now() - started;
}

function stroke() {
  steps.did(1);
  if (state.choice.image !== null) state.set({ image: null });
  else {
    update();
    nameImage();
  }
  unitTimer ||= setTimeout(() => {
    unitTimer = 0;
    stages.forEach((stage) => stage.choose());
    zoom.refresh();
    tryAgain();
    keepLink();
  }, UNIT_EVERY_MS);
}

/** What is open: of a net, and of another net that has the same layer beside it. */
function showOpen() {
  const { net: which, layer: name, map, unit } = state.choice;
  const found = name === null ? undefined : nets[which].byName.get(name);
  const opened = nets.flatMap((net, i) => {
    const layer = found && net.byName.get(found.name);
    const isSame = layer && layer.shape.join() === found.shape.join() && layer.operation.kind === found.operation.kind;
    return isSame ? [{ which: i, net, layer, map, unit, boxes: unit ? fieldsOf(net, layer, unit) : new Map(), framework: ofPyTorch(i) }] : [];
  });
  opened.sort((a, b) => Number(b.which === which) - Number(a.which === which));
  zoom.show(opened);
  layOut();
  stages.forEach((stage, i) => {
    const its = opened.find((each) => each.which === i);
    stage.mark(its?.boxes ?? new Map(), its?.layer ?? null, its?.unit ?? null);
  });
  sheet.mark(opened[0]?.boxes.get(nets[which].input.name));
}

let laidOut = "";

/** Give the nets the room that there is: all of the window, or a part of it above what is open. */
function layOut() {
  const width = byId("nets").clientWidth;
  const isOpen = state.choice.layer !== null;
  const isNarrow = innerWidth < NARROW;
  const top = Math.round(byId("nets").getBoundingClientRect().top + scrollY);
  const key = [width, top, innerWidth, innerHeight, isOpen].join();
  if (key === laidOut) return;
  laidOut = key;
  const room = isOpen ? Math.max(130, 0.22 * innerHeight) : Math.max(320, innerHeight - top - 40);
  const name = areTwo ? 26 : 0;
  for (const stage of stages) {
    const height = isNarrow ? stage.rowsIn(width) * (isOpen ? 130 : 250) : isOpen ? room / (areTwo ? 1.4 : 1) : room / nets.length - name;
    stage.layout(width, height, isOpen);
  }
}

/** Say what is pointed at, and frame what it sees; null goes back to what is open. */
function point(which, layer, unit) {
  const net = nets[which];
  const says = byId("pointed");
  if (!layer || !unit) {
    const open = state.choice.layer === null ? undefined : nets[state.choice.net].byName.get(state.choice.layer);
    sheet.mark(open && state.choice.unit ? fieldsOf(nets[state.choice.net], open, state.choice.unit).get(net.input.name) : undefined);
    says.textContent = "";
    return;
  }
  steps.did(2);
  const boxes = fieldsOf(net, layer, unit);
  sheet.mark(boxes.get(net.input.name));
  const [, rows, columns] = asMaps(layer.shape);
  const where = rows * columns > 1 ? `map ${unit[0]}, row ${unit[1]}, column ${unit[2]}` : `unit ${unit[0]}`;
  const { size } = fieldSays(boxes, net, layer, unit);
  says.textContent = `${areTwo ? `${net.name}, ` : ""}${blockOf(net, layer).name}, ${where}: ${number(layer.values[unitToPlace(unit, layer.shape)])}; sees ${size} ${size === "nothing" ? "of the image" : "pixels"}`;
}

function nameImage() {
  const { image } = state.choice;
  gallery.mark(image);
  const isEmpty = !pixels.some((pixel) => pixel > 0);
  byId("image-name").textContent = isEmpty ? "an empty sheet: draw here" : `${image === null ? "your own image" : gallery.name(image)}; ${answers.spoken((net) => likeness.isUnlike(net))}`;
}

let linkTimer = 0;
function keepLink() {
  clearTimeout(linkTimer);
  linkTimer = setTimeout(() => history.replaceState(null, "", here()), 200);
}

/** A link to this very state. */
function here() {
  return `#${toFragment(state.choice, pixels)}`;
}

/** Do what a link says, also one that is pasted into this very tab. */
function follow() {
  const { choice, pixels: drawn } = fromFragment(location.hash.slice(1), linkable);
  invite(false);
  if (drawn) pixels.set(drawn);
  for (const panel of PANELS) byId(panel).open = panel === choice.panel;
  state.set(choice);
  for (const key of /** @type {const} */ (["scale", "view"])) for (const radio of radios(key)) radio.checked = radio.value === choice[key];
  byId("normalise").checked = choice.isNormalised;
  if (choice.panel) byId(choice.panel).scrollIntoView({ block: "nearest" });
}

/** Ask for a first drawing, or leave off. @param {boolean} isAsked */
function invite(isAsked) {
  byId("invitation").hidden = !isAsked;
}

/** The first stroke begins on an empty sheet. */
function begin() {
  if (byId("invitation").hidden || sheet.tool !== "draw") return;
  invite(false);
  pixels.fill(0);
}

async function copyLink() {
  const link = new URL(here(), location.href).href;
  try {
    await navigator.clipboard.writeText(link);
    byId("copy").textContent = "Copied";
  } catch {
    history.replaceState(null, "", here());
    byId("copy").textContent = "It is in the address bar";
  }
  setTimeout(() => (byId("copy").textContent = "Copy link"), 2000);
}

/** @param {string} name @returns {HTMLInputElement[]} */
function radios(name) {
  return [.../** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll(`input[name=${name}]`))];
}

state.addEventListener("change", (event) => {
  const changed = /** @type {CustomEvent} */ (event).detail;
  const has = (/** @type {string[]} */ ...keys) => keys.some((key) => changed.includes(key));
  const isOfGallery = has("image") && state.choice.image !== null;
  if (isOfGallery) pixels.set(images.subarray(state.choice.image * pixels.length, (state.choice.image + 1) * pixels.length));
  if (has("time")) timeline.show(state.choice.time ?? timeline.last);
  if (has("image", "isNormalised", "time", "scale", "view", "rate")) {
    update();
    nameImage();
    if (isOfGallery || has("isNormalised", "time")) {
      stages.forEach((stage) => stage.choose());
      tryAgain();
    }
    zoom.refresh();
    if (has("isNormalised", "time")) for (const norming of normings) norming.renew();
  }
  if (has("layer", "map", "unit", "net")) showOpen();
  if (has("panel") && state.choice.panel) byId(state.choice.panel).open = true;
  if (has("step")) {
    steps.show(state.choice.step);
    layOut(); // a line of words above the net takes room from it
  }
  keepLink();
});

function own(change, { isMoved = false } = {}) {
  change();
  state.set({ image: null });
  if (!isMoved) tryAgain();
}

async function take(file) {
  try {
    await sheet.take(file, record.preparation, record.unpadded);
    own(() => {});
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    byId("image-name").textContent = error.message;
  }
}

const pen = imageTools(sheet, { begin, change: own, take, onStroke: stroke, onShift: () => steps.did(5) });
byId("normalise").addEventListener("change", (event) => state.set({ isNormalised: event.target.checked }));
for (const key of /** @type {const} */ (["scale", "view"])) {
  for (const radio of radios(key)) {
    radio.checked = radio.value === state.choice[key];
    radio.addEventListener("change", () => state.set({ [key]: radio.value }));
  }
}
byId("sheet").parentElement.addEventListener("pointerdown", begin, true);
byId("copy").addEventListener("click", copyLink);
addEventListener("hashchange", follow);
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (pen.isDown) pen.toggle();
  else back();
});
addEventListener("resize", showOpen);
onSchemeChange(() => {
  update();
  showOpen();
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

nameThePage(record);
byId("normalise").checked = state.choice.isNormalised;

if (drawing) pixels.set(drawing);
timeline.show(timeline.last);
state.set({ image: state.choice.image, layer: state.choice.layer, panel: state.choice.panel, step: state.choice.step });
if (state.choice.panel) byId(state.choice.panel).scrollIntoView({ block: "nearest" });
invite(!new URLSearchParams(location.hash.slice(1)).size);
const readyMs = performance.now();
const remembered = new Promise((resolve) => requestAnimationFrame(() => setTimeout(() => resolve(remember()))));
const likened = remembered.then(likenUnlike);
const checked = likened.then(check);

/** For the browser's console: the nets, what is chosen, and what was measured. */
const explorer = {
  net: nets[0], nets, histories, record, state, images, remembered, checked, check, likeness, likened, stroke, readyMs,
  field: (/** @type {string} */ name, /** @type {[number, number, number]} */ unit) =>
    fieldsOf(nets[0], /** @type {any} */ (nets[0].byName.get(name)), unit).get(nets[0].input.name),
  get updateMs() {
    return updateMs;
  },
};
Object.assign(globalThis, { explorer });
