// The page that learns: settings decide what is trained, the trainer's snapshots what is shown.

import { Answers } from "../../explorer/web/answers.js";
import { blockOf } from "../../explorer/web/blocks.js";
import { onSchemeChange } from "../../explorer/web/colours.js";
import { byId, make } from "../../explorer/web/dom.js";
import { UserError } from "../../explorer/web/errors.js";
import { fieldSays, fieldsOf, unitToPlace } from "../../explorer/web/fields.js";
import { Net } from "../../explorer/web/net.js";
import { asMaps, counted, fromBase64, fromPlanes, number, parsed, percent, sizeOf, unpack } from "../../explorer/web/numbers.js";
import { Sheet } from "../../explorer/web/sheet.js";
import { Stage } from "../../explorer/web/stage.js";
import { fromFragment, State, toFragment } from "../../explorer/web/state.js";
import { imageTools } from "../../explorer/web/tools.js";
import { Zoom } from "../../explorer/web/zoom.js";
import { Backward } from "./backward.js";
import { Bar } from "./bar.js";
import { Controls, needsReset } from "./controls.js";
import { Curves } from "./curves.js";
import { Designer } from "./designer.js";
import { Filters } from "./filters.js";
import { drops, Learning, ofNet, plan } from "./learning.js";
import { settingsFromLink, settingsToLink } from "./link.js";
import { Live } from "./live.js";
import { panels } from "./panels.js";
import { Race } from "./race.js";
import { Statistics } from "./statistics.js";
import { ValidationImages } from "./validation_images.js";
import { WeightPanel } from "./weight_panel.js";

/** CSS pixels: a page narrower than this scrolls down from part to part; wider, all fits its window. */
const NARROW = 900;
/** What is open is written out anew at most this often, and takes at most this share of the time. */
const OPEN_EVERY_MS = 150;
const OPEN_SHARE = 0.15;
/** Milliseconds between two writings of the figures and curves. */
const FIGURES_EVERY_MS = 100;
const PANELS = ["race", "teaching", "forgotten", "none", "saving", "recording"];

const record = parsed(byId("record").textContent);
const [images, labels, orderBytes, weightBytes, halves] = await Promise.all(["images", "labels", "order", "weights", "unlike"].map((id) => unpack(byId(id).textContent)));
const content = {
  record, images, labels, order: new Uint32Array(orderBytes.buffer), weights: weightBytes.length ? new Float32Array(weightBytes.buffer) : null,
  whole: new Int16Array(fromPlanes(halves).buffer), workerSource: byId("worker").textContent,
  modules: JSON.parse(byId("kernels").textContent).map((/** @type {any} */ { kind, wasm }) => ({ kind, bytes: fromBase64(wasm) })),
};
const { classes } = record.data;
const usual = { ...record.settings };
const pixels = new Uint8ClampedArray(sizeOf(record.data.shape));

/** The settings as the reader wants them: those that need a new start wait for it. */
let settings = settingsFromLink(location.hash.slice(1), record, usual);
const learning = new Learning(content);
/** @type {Net} */
let net;
/** @type {Stage} */
let stage;
/** @type {Answers} */
let answers;
/** @type {Sheet} */
let sheet;
/** @type {Backward} */
let backward;
/** @type {WeightPanel} */
let weight;
/** Ends what listens for the sake of the net before. */
let renewal = new AbortController();
/** @type {Uint8ClampedArray} */
let beforeDrag = pixels;
/** The room that the net was laid out in. */
let laidOut = "";
let [openTimer, linkTimer, isDue, isStale, wasEmpty] = [0, 0, false, false, false];

const controls = new Controls(byId("settings"), byId("explains"), record, change);
const designer = new Designer(byId("designer"), record, (design) => change({ design }));
const curves = new Curves(byId("curves"));
const statistics = new Statistics(byId("statistics"));
const filters = new Filters(byId("filters"), byId("filters-title"), (layer, at) => weight.open(`${layer}.weight`, at));
const zoom = new Zoom(byId("unit"), classes, open);
const gallery = new ValidationImages(byId("gallery"), byId("gallery-says"), content, (image) => state.set({ image }));
const race = new Race(byId("race"), byId("verdict"), learning, () => settings, (first) => {
  if (race.rival) logbook.follow(race.rival);
  settings = first;
  renew();
}, showFigures);
const bar = new Bar(learning, { play, pause, step: () => each((trainer) => trainer.step()), epoch: () => each((trainer) => trainer.epoch()), reset });

/** The trainer, or both of a race. @param {(trainer: any) => void} does */
function each(does) {
  does(learning.trainer);
  if (race.rival) does(race.rival.trainer);
}

function play() {
  byId("notice").hidden = true;
  each((trainer) => trainer.play());
}

function pause() {
  each((trainer) => trainer.pause());
}

function reset() {
  if (race.pair && race.rival) {
    race.rival.start({ ...race.pair.settings[1], seed: settings.seed });
    race.pair.settings[0] = { ...race.pair.settings[0], seed: settings.seed };
    settings = race.pair.settings[0];
  }
  renew();
}

/** Begin anew, by the settings. */
function renew() {
  byId("notice").hidden = true;
  try {
    learning.start(settings);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    notice(error.message);
  }
}

/** @param {Partial<import("./learning.js").Settings>} changes */
function change(changes) {
  const before = settings;
  settings = { ...settings, ...changes };
  if (settings.net !== before.net) settings = { ...settings, ...ofNet(record, settings.net) };
  const running = /** @type {import("./learning.js").Settings} */ (learning.settings);
  if (race.pair) {
    // in a race the two keep what parts them
    const shared = Object.fromEntries(Object.entries(changes).filter(([key]) => String(race.pair?.settings[0][key]) === String(race.pair?.settings[1][key])));
    race.pair.settings = /** @type {any} */ (race.pair.settings.map((each) => ({ ...each, ...shared })));
    race.rival?.change(race.pair.settings[1]);
  }
  if (settings.net === running.net) learning.change(settings);
  if (learning.trainer.steps === 0 && !race.pair && needsReset(settings, running)) renew();
  showSettings();
  keepLink();
}

function showSettings() {
  const running = /** @type {import("./learning.js").Settings} */ (learning.settings);
  controls.show(settings, running, drops(plan(record, settings)));
  designer.show(settings);
  bar.waits(needsReset(settings, running));
}

/** @param {string} text @param {Node[]} more what can be done about it */
function notice(text, ...more) {
  byId("notice").replaceChildren(text, ...more);
  byId("notice").hidden = false;
}

/** A new net, or the same from its beginning: what shows it is made anew. */
function take() {
  const { planned, numbers } = learning;
  net = new Net(record.data, planned, numbers, pixels);
  byId("nets").replaceChildren();
  const place = make("div.net", {});
  byId("nets").append(place);
  stage = new Stage(place, net, {
    onOpen(layer, unit, tile) {
      open(layer, unit?.[0] ?? null, unit);
      zoom.growFrom(tile);
    },
    onPoint: point,
  });
  byId("answers").replaceChildren();
  answers = new Answers(byId("answers"), [net], classes, (_, k) => open(net.answer.name, k, [k, 0, 0]));
  byId("net-title").replaceChildren(planned.title, make("span.muted", {}, ` ${counted(planned.parameters)} parameters`));
  if (sheet) sheet.net = net;
  renewal.abort();
  renewal = new AbortController();
  byId("weight").hidden = true;
  weight = new WeightPanel(byId("weight"), learning.trainer, net, planned, record);
  weight.listen(byId("unit"), renewal.signal);
  for (const event of ["open", "close"]) weight.addEventListener(event, showOpen);
  backward = new Backward(byId("backward"), learning.trainer, net, stage, classes);
  byId("proof").replaceChildren();
  byId("reset").title = planned.weights ? "back to the run’s weights, with the settings as they are now" : "new weights from the seed, with the settings as they are now";
  statistics.renew(net, planned);
  filters.renew(net);
  gallery.renew(planned, numbers);
  laidOut = "";
  showCurves();
  showSettings();
  if (!sheet) return;
  const { layer } = state.choice;
  if (layer !== null && !net.byName.has(layer)) state.set({ layer: null, map: null, unit: null });
  turn();
  update();
  stage.choose();
}

/** The tiles show values, or how the loss would change with them. */
function turn() {
  const isBackward = radios("direction").some((radio) => radio.checked && radio.value === "backward");
  if (isBackward !== backward.isBackward) backward.turn(isBackward);
  backward.see(imageLabel());
  showOpen();
}

/** The class of the image on the sheet, where it is known. */
function imageLabel() {
  const { image } = state.choice;
  return image === null ? null : gallery.entries[image].label;
}

learning.addEventListener("renewed", take);
learning.start(settings);

const { logbook, none } = panels(learning, pixels, { onKept: () => own(() => pixels.fill(0)), onFitted: judge });
sheet = new Sheet(byId("sheet"), byId("sheet-marks"), net, stroke, dragged);
const linkable = () => ({ nets: [net], images: gallery.entries.length, image: 0, last: 0, panels: PANELS, steps: 0 });
const linked = fromFragment(location.hash.slice(1), linkable());
const state = new State(linked.choice);

const live = new Live(learning, [
  ({ numbers }) => {
    learning.numbers.set(numbers);
    net.rebuild();
    update();
  },
  (snapshot) => {
    filters.paint();
    statistics.show(snapshot.statistics);
    gallery.rebuild();
    refreshOpen();
    backward.refresh();
  },
]);

/** Compute the net for the pixels as they are, and show it. */
function update() {
  net.run();
  stage.paint(state.choice.scale);
  sheet.paint("raw");
  answers.show();
  judge();
}

/** Whether the image is like those that the net was trained on, where that is known. */
function judge() {
  none.show(net, state.choice.image === null && pixels.some((pixel) => pixel > 0));
  nameImage();
}

/** What is open, with the values of now. */
function refreshOpen() {
  if (openTimer || byId("unit").hidden) return;
  openTimer = setTimeout(() => {
    const started = performance.now();
    zoom.refresh();
    const took = performance.now() - started;
    openTimer = setTimeout(() => (openTimer = 0), Math.max(OPEN_EVERY_MS, took / OPEN_SHARE));
  });
}

/** Open a block, a map or a unit; null closes it. */
function open(layer, map, unit) {
  state.set({ layer, map, unit });
}

/** One step back: from a unit to its map, its block, the net. */
function back() {
  const { layer, map, unit } = state.choice;
  const found = layer === null ? undefined : net.byName.get(layer);
  if (!found) return;
  const isMap = asMaps(found.shape).slice(1).some((side) => side > 1);
  if (unit && isMap) open(layer, map, null);
  else if (map !== null) open(layer, null, null);
  else open(null, null, null);
}

/** Whether something is open below the net, that takes room from it. */
function isOpen() {
  return state.choice.layer !== null || weight.isOpen;
}

function showOpen() {
  const { layer: name, map, unit } = state.choice;
  const layer = name === null ? undefined : net.byName.get(name);
  const boxes = layer && unit ? fieldsOf(net, layer, unit) : new Map();
  zoom.show(layer ? [{ net, layer, map, unit, boxes, framework: () => null }] : []);
  byId("lower").hidden = isOpen();
  layOut();
  stage.mark(boxes, layer ?? null, unit);
  sheet.mark(boxes.get(net.input.name));
}

/** Give the net the room that there is: the window without what lies below it, or a part above what is open. */
function layOut() {
  const place = byId("nets");
  const width = place.clientWidth;
  const isSmall = isOpen();
  const isNarrow = innerWidth < NARROW;
  const top = Math.round(place.getBoundingClientRect().top + scrollY);
  const below = byId("lower").offsetHeight + byId("backward").offsetHeight + byId("pointed").offsetHeight + 24;
  const key = [width, top, below, innerWidth, innerHeight, isSmall].join();
  if (key === laidOut) return;
  laidOut = key;
  const least = backward.isBackward ? Math.min(300, innerHeight - top - below + byId("lower").offsetHeight) : 220;
  const room = isSmall ? Math.max(130, 0.22 * innerHeight) : Math.max(220, least, innerHeight - top - below);
  stage.layout(width, isNarrow ? stage.rowsIn(width) * (isSmall ? 130 : 220) : room, isSmall);
}

/** Say what is pointed at, and frame what it sees; null goes back to what is open. */
function point(layer, unit) {
  const says = byId("pointed");
  if (!layer || !unit) {
    const opened = state.choice.layer === null ? undefined : net.byName.get(state.choice.layer);
    sheet.mark(opened && state.choice.unit ? fieldsOf(net, opened, state.choice.unit).get(net.input.name) : undefined);
    says.textContent = "";
    return;
  }
  const boxes = fieldsOf(net, layer, unit);
  sheet.mark(boxes.get(net.input.name));
  const [, rows, columns] = asMaps(layer.shape);
  const where = rows * columns > 1 ? `map ${unit[0]}, row ${unit[1]}, column ${unit[2]}` : `unit ${unit[0]}`;
  const { size } = fieldSays(boxes, net, layer, unit);
  says.textContent = `${blockOf(net, layer).name}, ${where}: ${number(layer.values[unitToPlace(unit, layer.shape)])}; sees ${size} ${size === "nothing" ? "of the image" : "pixels"}`;
}

function nameImage() {
  const { image } = state.choice;
  gallery.mark(image);
  const isEmpty = !pixels.some((pixel) => pixel > 0);
  if (isEmpty !== wasEmpty) byId("invitation").hidden = !isEmpty;
  wasEmpty = isEmpty;
  const text = isEmpty ? "an empty sheet" : image === null ? `${none.isUnlike ? "" : "your own image: "}${answers.spoken(() => none.isUnlike)}` : gallery.name(image);
  if (byId("image-name").textContent !== text) byId("image-name").textContent = text;
}

/** The first stroke begins on an empty sheet. */
function begin() {
  if (byId("invitation").hidden || sheet.tool !== "draw") return;
  byId("invitation").hidden = true;
  pixels.fill(0);
}

function stroke() {
  if (state.choice.image !== null) state.set({ image: null });
  else {
    update();
    backward.refresh();
  }
  refreshOpen();
  keepLink();
}

function own(change) {
  change();
  state.set({ image: null });
  stage.choose();
}

function dragged(by) {
  if (by === null) beforeDrag = pixels.slice();
  else own(() => {
    pixels.set(beforeDrag);
    sheet.shift(by.down, by.right);
  });
}

async function takeFile(file) {
  try {
    await sheet.take(file, record.data.preparation, record.data.unpadded);
    own(() => {});
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    byId("image-name").textContent = error.message;
  }
}

function showCurves() {
  curves.show(race.ways);
  race.judge();
}

/** Figures and curves: at once, then not before some time has passed. */
function showFigures() {
  isStale = isDue;
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    bar.show();
    showCurves();
    setTimeout(() => {
      isDue = false;
      if (isStale) showFigures();
      isStale = false;
    }, FIGURES_EVERY_MS);
  });
}

/** A link to this very state. */
function here() {
  const parts = [settingsToLink(settings, usual), toFragment(state.choice, pixels), backward.isBackward ? "tiles=backward" : "", weight.isOpen ? `weight=${weight.tensor}.${weight.at}` : ""];
  return `#${parts.filter(Boolean).join("&")}`;
}

function keepLink() {
  clearTimeout(linkTimer);
  linkTimer = setTimeout(() => history.replaceState(null, "", here()), 200);
}

/** Do what a link says, also one that is pasted into this very tab. */
function follow() {
  const fragment = location.hash.slice(1);
  settings = settingsFromLink(fragment, record, usual);
  if (needsReset(settings, /** @type {import("./learning.js").Settings} */ (learning.settings))) reset();
  else learning.change(settings);
  showSettings();
  const { choice, pixels: drawn } = fromFragment(fragment, linkable());
  byId("invitation").hidden = true;
  if (drawn) pixels.set(drawn);
  for (const panel of PANELS) byId(panel).open = panel === choice.panel;
  state.set(choice);
  for (const radio of radios("scale")) radio.checked = radio.value === choice.scale;
  followMore(fragment);
}

/** What a link says beyond settings and image: the tiles' direction, a weight. @param {string} fragment */
function followMore(fragment) {
  const parts = new URLSearchParams(fragment);
  for (const radio of radios("direction")) radio.checked = radio.value === (parts.get("tiles") === "backward" ? "backward" : "forward");
  turn();
  const [, tensor, at] = /^(.+)\.(\d+)$/.exec(parts.get("weight") ?? "") ?? [];
  const held = weight.held.find(({ name }) => name === tensor);
  if (held && Number(at) < sizeOf(held.shape)) weight.open(tensor, Number(at));
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
  const { image, panel } = state.choice;
  if (has("image") && image !== null) pixels.set(gallery.entries[image].pixels);
  if (has("image", "scale")) {
    update();
    if (has("image") && image !== null) stage.choose();
    refreshOpen();
    if (has("image")) backward.see(imageLabel());
  }
  if (has("layer", "map", "unit")) showOpen();
  if (has("panel") && panel) byId(panel).open = true;
  keepLink();
});
for (const panel of PANELS) {
  byId(panel).addEventListener("toggle", () => {
    if (byId(panel).open) state.set({ panel });
    else if (state.choice.panel === panel) state.set({ panel: null });
  });
}

for (const event of ["step", "epoch", "playing", "pausing", "paused", "restarted"]) learning.addEventListener(event, showFigures);
learning.addEventListener("paused", () => stage.choose());
learning.addEventListener("diverged", (/** @type {any} */ { detail }) => {
  const slower = Number((settings.learningRate / 10).toPrecision(1));
  const retry = make("button", { type: "button", onclick: () => {
    change({ learningRate: slower });
    play();
  } }, `Go on with ${slower}`);
  notice(`The loss is no longer a number at step ${counted(detail.step)}: a learning rate of ${settings.learningRate} is too large. The last good weights stay. `, retry);
  race.rival?.trainer.pause();
  live.wake();
});
learning.addEventListener("restarted", (/** @type {any} */ { detail }) => notice(`A worker was lost (${detail.reason}): another took its place, from step ${counted(detail.step)} on.`));
learning.addEventListener("stopped", (/** @type {any} */ { detail }) => notice(`Workers were lost again and again (${detail.reason}), so the training rests. What was learned up to step ${counted(learning.trainer.steps)} is kept; Go on tries again.`));
learning.addEventListener("proof", (/** @type {any} */ { detail }) => {
  const { step, deviation, loss, expectedLoss, tensor, ownDeviation } = detail;
  const written = (/** @type {number} */ value) => value.toExponential(0).replace("-", "−");
  // Where rounding has grown to more than that, it has in PyTorch, too.
  const own = deviation > 1e-4 ? ` (PyTorch vs itself: ${written(ownDeviation)})` : "";
  const title =
    `after step ${step}: the largest difference from PyTorch’s weights, relative to the largest weight of the tensor, here ${tensor}; loss ${loss.toFixed(6)}, PyTorch’s ${expectedLoss.toFixed(6)}. ` +
    `PyTorch differs from itself by ${written(ownDeviation)} when it sums each batch in the opposite order.`;
  byId("proof").append(
    byId("proof").textContent ? " · " : "vs PyTorch, step ",
    make("span", { "data-step": step, "data-value": deviation, title }, `${step}: ${written(deviation)}${own}`),
  );
});
learning.addEventListener("ready", (/** @type {any} */ { detail }) => {
  const { workers, kernel, note } = detail;
  const by = kernel === "plain" ? "no WebAssembly: plain JavaScript, slower" : "WebAssembly";
  const where = note?.startsWith("no Worker") ? "no Worker: on the page’s own thread, slower" : `${workers} ${workers === 1 ? "worker" : "workers"}`;
  byId("engine").textContent = `${by} · ${where}`;
  byId("engine").title = note ?? "";
});

const pen = imageTools(sheet, { begin, change: own, take: takeFile, onStroke: stroke, onShift() {} });
byId("sheet").parentElement.addEventListener("pointerdown", begin, true);
for (const radio of radios("scale")) {
  radio.checked = radio.value === state.choice.scale;
  radio.addEventListener("change", () => state.set({ scale: radio.value === "map" ? "map" : "layer" }));
}
for (const radio of radios("direction")) {
  radio.addEventListener("change", () => {
    turn();
    keepLink();
  });
}
byId("open-weight").addEventListener("click", () => weight.open());
byId("copy").addEventListener("click", copyLink);
addEventListener("hashchange", follow);
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (pen.isDown) pen.toggle();
  else if (weight.isOpen) weight.close();
  else back();
});
addEventListener("resize", showOpen);
onSchemeChange(() => {
  update();
  filters.paint();
  showOpen();
});

const { data } = record;
const some = (/** @type {"train" | "validation" | "test"} */ split) => counted(data[split]);
const { run } = record.nets[0];
byId("subtitle").textContent = [
  run ? `goes on from ${run.name}, ${percent(run.accuracy)} of ${counted(run.test_images)} test images` : "",
  `${data.name}: ${some("train")} training, ${some("validation")} validation, ${some("test")} test images`, data.note ?? "",
].filter(Boolean).join(" · ");
byId("subtitle").title = byId("subtitle").textContent;
for (const [href, says] of [[record.lesson, "‹ back to the lesson"], [record.explorer, "‹ the explorer"]]) {
  if (!href) continue;
  byId("back").hidden = false;
  byId("back").append(make("a", { href }, says), " ");
}
byId("settings-box").open = innerWidth >= NARROW;
if (linked.pixels) pixels.set(linked.pixels);
byId("invitation").hidden = new URLSearchParams(location.hash.slice(1)).size > 0;
state.set({ image: state.choice.image, layer: state.choice.layer, panel: state.choice.panel });
bar.show();
followMore(location.hash.slice(1));
stage.choose();

/** For the browser's console: what learns, what is shown, and what was measured. */
Object.assign(globalThis, { playground: { record, learning, live, race, state, gallery, content, get settings() { return settings; }, get net() { return net; }, change } });
