// On paper nothing is folded or held back, and every question has its answer and working beneath.

/** @param {() => import("./judging.js").Question[]} questions of this page, in the reader's numbers */
export function printWhole(questions) {
  /** @type {(() => void)[]} */
  let undo = [];
  addEventListener("beforeprint", () => {
    for (const folded of /** @type {NodeListOf<HTMLDetailsElement>} */ (document.querySelectorAll("details:not([open])"))) {
      folded.open = true;
      undo.push(() => (folded.open = false));
    }
    for (const held of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-held-back][hidden]"))) {
      held.hidden = false;
      undo.push(() => (held.hidden = true));
    }
    for (const field of /** @type {NodeListOf<HTMLTextAreaElement>} */ (document.querySelectorAll("textarea"))) {
      const words = document.createElement("p");
      words.className = "on-paper";
      words.textContent = field.value;
      field.after(words);
      undo.push(() => words.remove());
    }
    for (const question of questions()) {
      const lines = [`${question.graded ? "Answer" : "Measured"}: ${written(question.answer)} ${question.unit}`.trim(), question.worked];
      for (const [wrong, says] of Object.entries(question.slips)) lines.push(`If the answer is ${written(wrong)}: ${says}`);
      const solved = document.createElement("div");
      solved.className = "solved";
      for (const line of lines) {
        const paragraph = document.createElement("p");
        paragraph.textContent = line;
        solved.append(paragraph);
      }
      document.getElementById(`q-${question.id}`)?.append(solved);
      undo.push(() => solved.remove());
    }
  });
  addEventListener("afterprint", () => {
    for (const one of undo) one();
    undo = [];
  });
}

/** A number as the page writes numbers: -2416.5 → −2,416.5; a choice as it is. @param {string} answer */
function written(answer) {
  const value = Number(answer);
  return Number.isNaN(value) ? answer : value.toLocaleString("en", { maximumFractionDigits: 10 }).replace("-", "\u2212");
}
