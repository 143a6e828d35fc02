// One zoom: the net, a block, a map, a unit. Where the reader is, and the ways back.

import { blockLevel, mapLevel } from "./block_panel.js";
import { blockOf } from "./blocks.js";
import { make } from "./dom.js";
import { shownName } from "./net.js";
import { asMaps } from "./numbers.js";
import { UnitPanel } from "./unit_panel.js";

/**
 * @typedef {import("./net.js").Net} Net
 * @typedef {import("./net.js").Layer} Layer
 * @typedef {[number, number, number]} Unit channel, row, column
 * @typedef {object} Opened what is open of one net
 * @property {Net} net
 * @property {Layer} layer
 * @property {number | null} map
 * @property {Unit | null} unit
 * @property {Map<string, import("./fields.js").Field>} boxes what the unit depends on
 * @property {(layer: Layer, unit: Unit) => number | null} framework PyTorch's value
 */

export class Zoom {
  /**
   * @param {HTMLElement} place
   * @param {string[]} classes
   * @param {(layer: string | null, map: number | null, unit: Unit | null) => void} open
   */
  constructor(place, classes, open) {
    this.place = place;
    this.classes = classes;
    this.open = open;
    /** A panel for each net that is open at a unit. @type {UnitPanel[]} */
    this.panels = [];
    place.hidden = true;
  }

  /** @param {Opened[]} opened one net, or two in step; none closes */
  show(opened) {
    this.place.hidden = !opened.length;
    if (!opened.length) {
      this.#drop();
      this.place.replaceChildren();
      return;
    }
    const areSame = opened.every(({ unit, layer }, i) => unit && this.panels[i]?.layer === layer) && opened.length === this.panels.length;
    if (!areSame) this.#build(opened);
    opened.forEach(({ unit, boxes }, i) => unit && this.panels[i].show(unit, boxes));
    this.opened = opened;
    this.#name(opened[0]);
  }

  /** Write what is open out again, after the values have changed. */
  refresh() {
    if (this.place.hidden || !this.opened) return;
    if (this.panels.length) this.panels.forEach((panel) => panel.refresh());
    else {
      this.#build(this.opened);
      this.#name(this.opened[0]);
    }
  }

  /**
   * Let what opened grow out of its tile.
   * @param {DOMRect | null} tile where it lay on the screen
   */
  growFrom(tile) {
    const map = this.panels[0]?.map;
    if (!tile || !map || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const lies = map.getBoundingClientRect();
    const start = `translate(${tile.left - lies.left}px, ${tile.top - lies.top}px) scale(${tile.width / lies.width})`;
    map.animate([{ transform: start, transformOrigin: "0 0" }, { transform: "none", transformOrigin: "0 0" }], { duration: 300, easing: "cubic-bezier(.2, .8, .2, 1)" });
  }

  #drop() {
    for (const panel of this.panels) panel.stop();
    this.panels = [];
  }

  #build(opened) {
    this.#drop();
    const [{ layer, net }] = opened;
    this.crumbs = make("nav.crumbs", { "aria-label": "Where you are" });
    const bodies = opened.map(({ net: each, layer: its, map, unit, framework }) => {
      const block = blockOf(each, its);
      const title = opened.length > 1 ? make("h3.net-name", {}, each.name) : null;
      if (unit) {
        const panel = new UnitPanel(each, block, its, this.classes, (name, to) => this.open(name, to[0], to), framework);
        this.panels.push(panel);
        return make("div.opened", {}, title, panel.element);
      }
      const isMap = asMaps(its.shape).slice(1).some((side) => side > 1);
      if (map === null) return make("div.opened", {}, title, blockLevel(block, its, (chosen) => this.open(its.name, chosen, isMap ? null : [chosen, 0, 0])));
      return make("div.opened", {}, title, mapLevel(block, its, map, (to) => this.open(its.name, map, to)));
    });
    const close = make("button", { type: "button", title: "back to the net (Esc goes one step back)", onclick: () => this.open(null, null, null) }, "Close");
    this.where = make("span.where", { "aria-live": "polite" });
    this.place.replaceChildren(
      make("div.heading", {}, make("div", {}, this.crumbs, make("h2", { id: "unit-title" }, blockOf(net, layer).name, " ", make("span.type", {}, `${shownName(layer.name)} ${layer.type}`), " ", this.where)), make("div.tools", {}, this.panels[0]?.tools ?? null, close)),
      make(opened.length > 1 ? "div.bodies.two" : "div.bodies", {}, bodies),
    );
  }

  /** The title, and the way back. */
  #name({ net, layer, map, unit }) {
    const isMap = asMaps(layer.shape).slice(1).some((side) => side > 1);
    const block = blockOf(net, layer);
    const isAnswer = layer.values.length === this.classes.length && !isMap && (layer === net.output || layer === net.answer);
    const said = unit === null ? (map === null ? "" : `map ${map}`) : isMap ? `map ${unit[0]}, row ${unit[1]}, column ${unit[2]}` : isAnswer ? `class ${this.classes[unit[0]]}` : `unit ${unit[0]}`;
    if (this.where?.textContent !== said) this.where?.replaceChildren(said);
    const way = (text, ...to) => make("button.link", { type: "button", onclick: () => this.open(to[0], to[1], null) }, text);
    this.crumbs?.replaceChildren(
      way("Net", null, null),
      ...(map !== null || unit ? [" › ", way(block.name, layer.name, null)] : []),
      ...(unit && isMap ? [" › ", way(`map ${unit[0]}`, layer.name, unit[0])] : []),
    );
  }
}
