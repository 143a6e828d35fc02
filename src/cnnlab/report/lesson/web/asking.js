// A question on the page: an answer is judged, told, kept, and the page shows what it held back.

import { isTold } from "./answers.js";
import { judge } from "./judging.js";

const EXPECTED = "Write a number, or arithmetic with numbers: 7850, 7,850, 28×28·10 + 10, 1/9, 98.7 %.";

/**
 * @param {HTMLFormElement} form
 * @param {() => import("./judging.js").Question} current the question in the reader's numbers
 * @param {import("./answers.js").Answers} answers
 * @param {() => void} onAnswer
 * @returns {() => void} shows the question and what the reader answered
 */
export function ask(form, current, answers, onAnswer) {
  const { id } = current();
  const feedback = form.querySelector(".feedback");
  /** @type {NodeListOf<HTMLElement>} */
  const heldBack = document.querySelectorAll(`[data-held-back="${id}"]`);
  const skip = /** @type {HTMLElement} */ (form.querySelector("[data-skip]"));
  skip.addEventListener("click", () => {
    add("", null);
    heldBack[0].tabIndex = -1; // the button is gone: a keyboard goes on from what it showed
    heldBack[0].focus({ preventScroll: true });
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const question = current();
    const given = givenIn(form);
    const judged = judge(question, given);
    if (judged === null) {
      mark(null);
      tell(feedback, [["p", "", question.choices.length > 0 ? "Choose one of the answers first." : expected(given)]]);
    } else if (answers.of(id).at(-1)?.given === given && !isTold(answers.of(id))) {
      tell(feedback, [["p", "", "That is the answer that you gave before. Try another one."]]);
    } else {
      add(given, judged.right);
    }
  });
  return () => {
    put(form, current());
    fill(form, answers.of(id).at(-1)?.given ?? "");
    show();
  };

  function add(given, right) {
    answers.add(id, { given, right, when: new Date().toISOString() });
    show();
    onAnswer();
  }

  /** What the answers so far have earned. */
  function show() {
    const question = current();
    const all = answers.of(id);
    const told = isTold(all);
    const last = all.at(-1);
    const judged = last === undefined || last.given === "" ? null : judge(question, last.given);
    mark(judged);
    /** @type {string[][]} */
    const lines = [];
    if (judged) lines.push(["p", "judged", verdict(judged, all.length)]);
    if (judged && question.choices.length === 0 && isArithmetic(last.given)) lines.push(["p", "", `You wrote ${last.given} = ${written(judged.value)}.`]);
    if (judged?.says) lines.push(["p", "", judged.says]);
    if (judged && !told) lines.push(["p", "muted", "Try once more. After that comes the working."]);
    if (told && last.given !== "") lines.push(["p", "worked", question.worked]);
    tell(feedback, lines);
    for (const held of heldBack) held.hidden = !told;
    skip.hidden = told || heldBack.length === 0;
  }

  /** @param {import("./judging.js").Judged | null} judged */
  function mark(judged) {
    form.classList.toggle("is-right", judged?.right === true);
    form.classList.toggle("is-wrong", judged?.right === false);
    form.querySelector("input[type=text]")?.setAttribute("aria-invalid", String(judged?.right === false));
  }
}

/** The question's words and choices into its form. @param {HTMLFormElement} form @param {import("./judging.js").Question} question */
function put(form, question) {
  form.querySelector("legend").lastChild.textContent = question.text;
  form.querySelectorAll(".choices label").forEach((label, i) => {
    label.querySelector("input").value = question.choices[i];
    label.lastChild.textContent = question.choices[i];
  });
}

/** @param {import("./judging.js").Judged} judged @param {number} tries */
function verdict(judged, tries) {
  if (judged.right === null) return "Not decided.";
  if (!judged.right) return "Not quite.";
  return tries === 1 ? "Right, at the first try." : "Right.";
}

/** @param {string} given */
function expected(given) {
  return given.trim() === "" ? `No answer yet. ${EXPECTED}` : `“${given.trim()}” is not understood. ${EXPECTED}`;
}

/** @param {string} given */
function isArithmetic(given) {
  return /[^\s\d.,]/.test(given.replace(/^[-+\u2212\u2013]/, "").replace(/['\u2019]/g, ""));
}

/** @param {number | undefined} value */
function written(value) {
  return value === undefined ? "" : Number(value.toPrecision(6)).toLocaleString("en", { maximumFractionDigits: 6 });
}

function tell(feedback, lines) {
  feedback.replaceChildren(
    ...lines.map(([tag, name, text]) => {
      const line = document.createElement(tag);
      line.className = name;
      line.textContent = text;
      return line;
    }),
  );
}

function givenIn(form) {
  const chosen = form.querySelector("input[type=radio]:checked");
  return chosen ? chosen.value : (form.querySelector("input[type=text]")?.value ?? "");
}

function fill(form, given) {
  const text = form.querySelector("input[type=text]");
  if (text) text.value = given;
  for (const one of form.querySelectorAll("input[type=radio]")) one.checked = one.value === given;
}
