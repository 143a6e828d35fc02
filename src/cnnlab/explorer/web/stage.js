// The whole net in one window: its blocks from left to right, what they hand on, and what feeds the unit pointed at.

import { blockOf, blocksOf, follows, word } from "./blocks.js";
import { draw, make } from "./dom.js";
import { Face, STRONGEST } from "./face.js";
import { feeding } from "./feeding.js";
import { fieldsOf } from "./fields.js";
import { asMaps } from "./numbers.js";
import { ranksInARow } from "./tiling.js";

/** CSS pixels: the narrowest column, between two columns, and the room above for the way past other blocks. */
const NARROWEST = 50;
const BETWEEN = 12;
const BYPASS = 16;
/** Of a map's room, how much a vector of that many values or fewer takes. */
const VECTOR = { values: 64, share: 0.62 };
/** Edges drawn at most. */
const EDGES = 24;

/** Stages made so far: each has an arrowhead of its own. */
let made = 0;

/**
 * @typedef {import("./net.js").Layer} Layer
 * @typedef {import("./blocks.js").Block} Block
 * @typedef {[number, number, number]} Unit channel, row, column
 * @typedef {object} Listener
 * @property {(layer: string, unit: Unit | null, tile: DOMRect | null) => void} onOpen a unit, or a whole block
 * @property {(layer: Layer | null, unit: Unit | null) => void} onPoint what is pointed at; null for nothing
 */

export class Stage {
  /**
   * @param {HTMLElement} place
   * @param {import("./net.js").Net} net
   * @param {Listener} listener
   */
  constructor(place, net, listener) {
    this.net = net;
    this.listener = listener;
    this.blocks = blocksOf(net);
    /** What the tiles show of a layer: its values, or others of its shape. @type {(layer: Layer) => ArrayLike<number>} */
    this.valuesOf = (layer) => layer.values;
    /** @type {View[]} */
    this.views = this.blocks.map((block) => new View(block, net, this));
    this.overlay = draw("svg", { class: "edges", "aria-hidden": "true" });
    this.flow = draw("svg", { class: "flow", "aria-hidden": "true" });
    this.columns = make("div.ranks", {});
    this.arrow = `arrow-${made++}`;
    this.place = place;
    place.append(this.flow, this.columns, this.overlay);
    /** What is open: the boxes that its unit depends on, and its layer. */
    this.open = { boxes: new Map(), layer: /** @type {Layer | null} */ (null), unit: /** @type {Unit | null} */ (null) };
    this.scale = /** @type {"layer" | "map"} */ ("layer");
    this.room = { width: 0, height: 0 };
  }

  /** Columns that the net would take side by side. */
  get ranks() {
    return Math.max(...this.blocks.map((block) => block.rank)) + 1;
  }

  /** Rows that the columns take. @param {number} width CSS pixels of the room */
  rowsIn(width) {
    return Math.ceil(this.ranks / ranksInARow(this.ranks, width, NARROWEST + BETWEEN));
  }

  /** @param {number} width @param {number} height CSS pixels of the room @param {boolean} isSmall names alone, no details */
  layout(width, height, isSmall) {
    this.room = { width, height };
    this.isSmall = isSmall;
    this.place.classList.toggle("is-small", isSmall);
    const inARow = ranksInARow(this.ranks, width, NARROWEST + BETWEEN);
    const rows = Math.ceil(this.ranks / inARow);
    const above = this.#passing.length ? BYPASS : 0;
    const columns = Array.from({ length: this.ranks }, (_, rank) => this.views.filter((view) => view.block.rank === rank));
    const lines = Array.from({ length: rows }, (_, row) => columns.slice(row * inARow, (row + 1) * inARow));
    this.columns.replaceChildren(
      ...lines.map((line) =>
        make(
          "div.rank-row",
          { "--columns": line.map((views) => `minmax(3.1rem, ${Math.max(...views.map((view) => view.weight)).toFixed(2)}fr)`).join(" "), "--above": `${above}px` },
          line.map((views) => make("div.rank", {}, views.map((view) => view.element))),
        ),
      ),
    );
    for (const view of this.views) view.clear();
    for (const line of lines) {
      const heads = line.flat().map((view) => view.head);
      const highest = Math.max(...heads.map((head) => head.offsetHeight));
      for (const head of heads) head.style.setProperty("--head", `${isSmall ? 0 : highest}px`);
    }
    const each = (height - (rows - 1) * BETWEEN) / rows - above;
    const measured = columns.map((views) => views.map((view) => ({ view, width: view.element.clientWidth, head: view.element.offsetHeight })));
    for (const views of measured) {
      const left = each - views.reduce((sum, { head }) => sum + head, 0) - (views.length - 1) * BETWEEN;
      for (const { view, width: wide } of views) view.layout(wide, Math.max(20, left / views.length));
    }
    this.paint(this.scale);
    this.#drawFlow();
    this.mark(this.open.boxes, this.open.layer, this.open.unit);
  }

  /** Lay out anew in the same room. */
  again() {
    this.layout(this.room.width, this.room.height, this.isSmall ?? false);
  }

  /** @param {"layer" | "map"} scale */
  paint(scale) {
    this.scale = scale;
    for (const view of this.views) for (const face of view.faces) face.paint(scale);
  }

  /** Show the maps that are strongest now. */
  choose() {
    for (const view of this.views) for (const face of view.faces) face.choose();
    this.paint(this.scale);
    this.mark(this.open.boxes, this.open.layer, this.open.unit);
  }

  /**
   * Mark what is open, and what it depends on.
   * @param {Map<string, import("./fields.js").Box>} boxes
   * @param {Layer | null} layer
   * @param {Unit | null} unit
   */
  mark(boxes, layer, unit) {
    this.open = { boxes, layer, unit };
    const block = layer && blockOf(this.net, layer);
    if (block && unit) {
      const face = this.#face(layer);
      face?.include(unit[0]);
      face?.paint(this.scale);
    }
    for (const view of this.views) view.element.classList.toggle("open", view.block === block);
    this.#draw(boxes, layer, unit);
  }

  /** What is pointed at, on top of nothing else; null goes back to what is open. @param {Layer} layer @param {Unit | null} unit */
  point(layer, unit) {
    if (unit) this.#draw(fieldsOf(this.net, layer, unit), layer, unit);
    else this.#draw(this.open.boxes, this.open.layer, this.open.unit);
    this.listener.onPoint(unit ? layer : null, unit);
  }

  /** The face that shows a layer's values, or those of its block. @param {Layer | null} layer @returns {Face | undefined} */
  #face(layer) {
    const block = layer && blockOf(this.net, layer);
    const view = this.views.find((each) => each.block === block);
    return view?.faces.find((face) => face.layer === layer) ?? view?.faces.find((face) => view.block.shown === face.layer);
  }

  #draw(boxes, layer, unit) {
    const frame = this.place.getBoundingClientRect();
    const parts = [];
    for (const view of this.views) {
      view.element.classList.toggle("on-the-way", Boolean(layer) && view.block.layers.some((each) => boxes.has(each.name)));
      for (const face of view.faces) {
        const box = boxes.get(face.layer.name);
        if (box) parts.push(...outlines(face, box, frame, face.layer === layer));
      }
    }
    if (layer && unit) parts.unshift(...this.#edges(layer, unit, frame));
    this.overlay.replaceChildren(...parts);
  }

  /** A line from each map shown that feeds a unit: the more it adds, the thicker. */
  #edges(layer, unit, frame) {
    const to = this.#face(layer);
    const end = to?.place(unit[0]);
    if (!to || !end) return [];
    const target = to.element.getBoundingClientRect();
    const [, rows, columns] = to.shape;
    const isSame = to.layer.values.length === layer.values.length;
    const at = isSame ? [unit[1], unit[2]] : [rows >> 1, columns >> 1];
    const [x, y] = [target.left - frame.left + end.left + (at[1] + 0.5) * end.zoom, target.top - frame.top + end.top + (at[0] + 0.5) * end.zoom];
    const found = [];
    for (const { layer: from, map, share } of feeding(this.net, layer, unit)) {
      const face = this.#face(from);
      const start = face?.place(map);
      if (!face || !start || found.length >= EDGES) continue;
      const source = face.element.getBoundingClientRect();
      found.push({ share, x: source.left - frame.left + start.left + face.shape[2] * start.zoom, y: source.top - frame.top + start.top + (face.shape[1] * start.zoom) / 2 });
    }
    const most = Math.max(...found.map(({ share }) => Math.abs(share)));
    return found.map((edge) =>
      draw("path", {
        class: edge.share < 0 ? "edge negative" : "edge", d: curve(edge.x, edge.y, x, y),
        "stroke-width": most > 0 ? (0.6 + (2.6 * Math.abs(edge.share)) / most).toFixed(2) : 1,
      }),
    );
  }

  /** Ways that pass other blocks by: from a block to one that is not just the next. */
  get #passing() {
    return this.blocks.flatMap((block) => block.reads.filter((from) => block.rank - from.rank > 1).map((from) => ({ from, to: block })));
  }

  /** In a net with branches, a line for each block that another reads. */
  #drawFlow() {
    const isChain = this.blocks.every((block, i) => (i === 0 ? !block.reads.length : block.reads.length === 1 && block.reads[0] === this.blocks[i - 1]));
    if (isChain) return this.flow.replaceChildren();
    const frame = this.place.getBoundingClientRect();
    const head = (block) => {
      const { left, right, top } = /** @type {View} */ (this.views.find((view) => view.block === block)).element.getBoundingClientRect();
      return { left: left - frame.left, right: right - frame.left, top: top - frame.top };
    };
    const end = `url(#${this.arrow})`;
    const line = (x0, y0, x1, y1) => draw("path", { d: y0 === y1 ? `M${x0} ${y0}H${x1}` : `M${x0} ${y0}h4V${y1}H${x1}`, "marker-end": end });
    const lines = this.blocks.flatMap((block) =>
      block.reads.map((from, i) => {
        const above = i % 2 ? 4 : 0;
        const [a, b] = [head(from), head(block)];
        const isBeside = b.left > a.left;
        if (isBeside && block.rank - from.rank === 1) return line(a.right + 1, a.top + 9, b.left - 2, b.top + 9);
        const past = b.top - (isBeside ? above + 6 : BETWEEN / 2 + 1);
        const d = `M${a.right + 1} ${a.top + 9}h4V${past}H${b.left - 7}V${b.top + 9}h5`;
        return draw("path", { d, "marker-end": end });
      }),
    );
    this.flow.replaceChildren(arrowhead(this.arrow), ...lines);
  }
}

/** A block on the stage: its name, and a face for what it hands on, or for each of its layers. */
class View {
  /** @param {Block} block @param {import("./net.js").Net} net @param {Stage} stage */
  constructor(block, net, stage) {
    this.block = block;
    this.stage = stage;
    this.isUnfolded = false;
    const others = follows(block);
    const names = block.layers.map((layer) => layer.name);
    this.module = make("span.module", { title: names.join(", ") }, names[0]);
    this.toggle = others
      ? make("button.unfold", { type: "button", "aria-expanded": "false", "aria-label": `unfold ${block.name}: ${others}`, title: `with ${others}: show each`, onclick: () => this.#unfold() }, `+ ${others}`)
      : null;
    this.head = make(
      "header", {},
      make("h3", {}, make("button.block-name", { type: "button", title: `look at ${block.name}`, onclick: () => stage.listener.onOpen(block.shown.name, null, null) }, block.name)),
      make("p.detail", {}, block.detail), this.toggle, this.module,
    );
    this.faceRow = make("div.faces", {});
    const [maps, rows, columns] = asMaps(block.shown.shape);
    this.all = rows * columns > 1 && maps > STRONGEST
      ? make("button.all", { type: "button", "aria-pressed": "false", title: "the strongest for this image, or all", onclick: () => this.#showAll() }, `${STRONGEST} of ${maps} · all`)
      : null;
    const reads = block.reads.length > 1 ? `, reads ${block.reads.map((each) => each.name).join(" and ")}` : "";
    this.element = make(
      "section.block", { "data-block": block.name, "aria-label": `${block.name}, ${block.detail}${reads}` },
      this.head, this.faceRow, make("footer", {}, make("span.shape", { title: "C × H × W: maps, rows, columns" }, block.shown.shape.join("×")), this.all),
    );
    /** @type {Face[]} */
    this.faces = [];
    this.#face();
  }

  /** The share of a column's width that it asks for. */
  get weight() {
    const [maps, rows, columns] = asMaps(this.block.shown.shape);
    const each = rows * columns === 1 && maps <= VECTOR.values ? VECTOR.share : 1;
    return this.faces.length > 1 ? this.faces.length * each : each;
  }

  /** Take the tiles' room away, so that the rest can be measured. */
  clear() {
    for (const face of this.faces) {
      face.element.style.setProperty("--width", "0px");
      face.element.style.setProperty("--height", "0px");
    }
    this.head.style.removeProperty("--head");
  }

  /** @param {number} width @param {number} height CSS pixels of the tiles' room */
  layout(width, height) {
    const each = (width - (this.faces.length - 1) * 8) / this.faces.length;
    for (const face of this.faces) face.layout(each, height);
  }

  #face() {
    const { block, stage } = this;
    const layers = this.isUnfolded ? block.layers.filter((layer) => layer.operation.kind !== "reshape") : [block.shown];
    const before = this.faces;
    this.faces = layers.map((layer) =>
      before.find((face) => face.layer === layer) ??
      new Face(layer, layers.length > 1 ? `${block.name}, ${word(layer)}` : block.name, (unit, tile) => stage.listener.onOpen(layer.name, unit, tile), (unit) => stage.point(layer, unit), (each) => stage.valuesOf(each)));
    this.faceRow.replaceChildren(
      ...this.faces.map((face, i) => make("div.face", {}, layers.length > 1 ? make("p.face-name", { title: face.layer.name }, i ? word(face.layer) : block.name.replace(/ \d+$/, "").toLowerCase()) : "", face.element)),
    );
  }

  #unfold() {
    this.isUnfolded = !this.isUnfolded;
    this.toggle?.setAttribute("aria-expanded", String(this.isUnfolded));
    if (this.toggle) this.toggle.textContent = `${this.isUnfolded ? "−" : "+"} ${follows(this.block)}`;
    this.#face();
    for (const face of this.faces) face.choose();
    this.stage.again();
  }

  #showAll() {
    const isAll = this.all?.getAttribute("aria-pressed") !== "true";
    const [maps] = asMaps(this.block.shown.shape);
    this.all?.setAttribute("aria-pressed", String(isAll));
    if (this.all) this.all.textContent = isAll ? `all ${maps} · ${STRONGEST}` : `${STRONGEST} of ${maps} · all`;
    for (const face of this.faces) face.show(isAll);
    this.stage.again();
  }
}

/** What a box takes of a face's maps, as rectangles; of the open layer the whole map, too. */
function outlines(face, box, frame, isOpen) {
  const [maps, rows, columns] = face.shape;
  const within = face.element.getBoundingClientRect();
  const isWhole = !isOpen && box.channels[0] === 0 && box.channels[1] === maps - 1 && box.rows[0] === 0 && box.rows[1] === rows - 1 && box.columns[0] === 0 && box.columns[1] === columns - 1;
  if (isWhole) return [];
  const found = [];
  for (const map of face.maps) {
    if (map < box.channels[0] || map > box.channels[1]) continue;
    const { left, top, zoom } = face.place(map);
    const [x, y] = [within.left - frame.left + left, within.top - frame.top + top];
    if (isOpen && rows * columns > 1) found.push(draw("rect", { class: "whole", x: x - 1.5, y: y - 1.5, width: columns * zoom + 3, height: rows * zoom + 3 }));
    found.push(draw("rect", { x: x + box.columns[0] * zoom - 0.5, y: y + box.rows[0] * zoom - 0.5, width: (box.columns[1] - box.columns[0] + 1) * zoom + 1, height: (box.rows[1] - box.rows[0] + 1) * zoom + 1 }));
  }
  return found;
}

function curve(x0, y0, x1, y1) {
  const bend = Math.max(12, Math.abs(x1 - x0) / 2);
  return `M${x0.toFixed(1)} ${y0.toFixed(1)}C${(x0 + bend).toFixed(1)} ${y0.toFixed(1)} ${(x1 - bend).toFixed(1)} ${y1.toFixed(1)} ${x1.toFixed(1)} ${y1.toFixed(1)}`;
}

function arrowhead(id) {
  const marker = draw("marker", { id, viewBox: "0 0 6 6", refX: 5, refY: 3, markerWidth: 6, markerHeight: 6, orient: "auto" }, draw("path", { d: "M0 0L6 3L0 6z" }));
  return draw("defs", {}, marker);
}
