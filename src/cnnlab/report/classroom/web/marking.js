// Fields for marks, one text question at a time, and the file that they are saved as.

import { make } from "../../../explorer/web/dom.js";
import { download } from "../../../playground/web/download.js";
import { Marks } from "./marks.js";

/** @param {HTMLElement} section with data-made and data-class, a `.marking-bar` and the texts */
export function mark(section) {
  const { made = "", class: name = "" } = section.dataset;
  const marks = new Marks(made);
  const groups = /** @type {HTMLElement[]} */ ([...section.querySelectorAll("[data-text]")]);
  for (const group of groups) {
    for (const article of written(group)) {
      const { student = "", points = "", remark = "", of = "", marked = "" } = article.dataset;
      marks.add(student, group.dataset.text ?? "", { points: points === "" ? null : Number(points), remark }, { now: of, marked });
    }
  }
  const chosen = /** @type {HTMLSelectElement} */ (
    make("select", { "aria-label": "Text", onchange: () => show(groups[chosen.selectedIndex]) }, groups.map((group) => make("option", {}, group.dataset.title ?? "")))
  );
  const save = /** @type {HTMLButtonElement} */ (make("button", { type: "button", onclick: saveFile }, "Save the marks as a file"));
  const says = make("p.small", { role: "status" });
  const next = make("button.quiet", { type: "button", onclick: goOn }, "Next without points");
  const bar = /** @type {HTMLElement} */ (section.querySelector(".marking-bar"));
  bar.append(chosen, next, save, says);
  bar.hidden = false;
  show(groups[0]);
  addEventListener("beforeunload", (event) => {
    if (marks.unsaved) event.preventDefault();
  });

  /** @param {HTMLElement} group */
  function show(group) {
    for (const other of groups) other.hidden = other !== group;
    chosen.selectedIndex = groups.indexOf(group);
    for (const article of written(group)) if (!article.querySelector(".marks")) article.append(fields(article, group));
    tell();
  }

  /** @param {HTMLElement} article @param {HTMLElement} group */
  function fields(article, group) {
    const { student = "" } = article.dataset;
    const { text = "", most = "0" } = group.dataset;
    const who = article.querySelector("h4")?.textContent ?? "";
    const before = marks.of(student, text);
    const points = /** @type {HTMLInputElement} */ (
      make("input", { type: "number", min: 0, max: most, step: 0.5, inputmode: "decimal", "aria-label": `Points for ${who}, 0 to ${Number(most)}` })
    );
    const remark = /** @type {HTMLTextAreaElement} */ (make("textarea", { rows: 1, dir: "auto", "aria-label": `Remark for ${who}` }));
    const status = make("p.small.muted.mark-status", {});
    points.value = before.points === null ? "" : String(before.points);
    remark.value = before.remark;
    for (const field of [points, remark]) field.addEventListener("input", changed);
    tellOne();
    // What was not asked for is worth nothing, and may be answered all the same.
    const given = Number(most) > 0 && make("label", {}, "Points", points, `of ${Number(most)}`);
    return make("div.marks", {}, given, make("label", {}, "Remark", remark), status);

    function changed() {
      if (points.validity.valid) {
        marks.change(student, text, { points: points.value === "" ? null : points.valueAsNumber, remark: remark.value });
      }
      tellOne();
      tell();
    }

    function tellOne() {
      status.textContent = points.validity.valid
        ? marks.isUnsaved(student, text) ? "In no file yet." : ""
        : `Not taken: expected 0 to ${Number(most)} in steps of 0.5.`;
    }
  }

  function tell() {
    const group = groups[chosen.selectedIndex];
    const here = left(group);
    const all = groups.reduce((sum, one) => sum + left(one), 0);
    const lines = [`${here} of ${written(group).length} without points in this text, ${all} in all.`];
    if (marks.unsaved) lines.push(`${marks.unsaved} change${marks.unsaved === 1 ? " is" : "s are"} in no file yet.`);
    if (!marks.isKept) lines.push("This browser keeps nothing for this page: save before you close it.");
    says.textContent = lines.join(" ");
    for (const [at, option] of [...chosen.options].entries()) option.textContent = `${groups[at].dataset.title} (${left(groups[at])} left)`;
  }

  /** @param {HTMLElement} group how many of its texts have no points */
  function left(group) {
    return written(group).filter((article) => marks.of(article.dataset.student ?? "", group.dataset.text ?? "").points === null).length;
  }

  /** To the next text without points, in this question and then in the following ones. */
  function goOn() {
    const from = chosen.selectedIndex;
    for (let step = 0; step <= groups.length; step++) {
      const group = groups[(from + step) % groups.length];
      const open = written(group).filter((article) => marks.of(article.dataset.student ?? "", group.dataset.text ?? "").points === null);
      const after = step === 0 ? open.find((article) => isBehindFocus(article)) : open[0];
      if (!after) continue;
      show(group);
      after.scrollIntoView({ block: "start" });
      after.querySelector("input")?.focus({ preventScroll: true });
      return;
    }
  }

  function saveFile() {
    const record = marks.save();
    const tidy = name.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
    download(tidy ? `marks-${tidy}.json` : "marks.json", `${JSON.stringify(record, null, 2)}\n`, "application/json");
    for (const status of section.querySelectorAll(".mark-status")) status.textContent = "";
    tell();
  }
}

let lastFocus = /** @type {Element | null} */ (null);
document.addEventListener("focusin", (event) => {
  const article = /** @type {Element} */ (event.target).closest(".written");
  if (article) lastFocus = article;
});

/** @param {Element} article whether it comes after the text that was marked last */
function isBehindFocus(article) {
  return !lastFocus || Boolean(lastFocus.compareDocumentPosition(article) & Node.DOCUMENT_POSITION_FOLLOWING);
}

/** @param {HTMLElement} group @returns {HTMLElement[]} */
function written(group) {
  return [...group.querySelectorAll(".written")].map((one) => /** @type {HTMLElement} */ (one));
}
