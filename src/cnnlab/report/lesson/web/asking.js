// A question on the page: an answer is judged, told, kept, and the page shows what it held back.

import { judge } from "./judging.js";

/**
 * @param {HTMLFormElement} form
 * @param {import("./judging.js").Question} question
 * @param {import("./answers.js").Answers} answers
 * @param {() => void} onAnswer
 */
export function ask(form, question, answers, onAnswer) {
  const feedback = form.querySelector(".feedback");
  /** @type {NodeListOf<HTMLElement>} */
  const heldBack = document.querySelectorAll(`[data-held-back="${question.id}"]`);
  const skip = /** @type {HTMLElement} */ (form.querySelector("[data-skip]"));
  skip.hidden = heldBack.length === 0;
  skip.addEventListener("click", reveal);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = givenIn(form);
    const judged = judge(question, given);
    if (judged === null) {
      tell(feedback, [["p", "", question.choices.length > 0 ? "Choose one of the answers first." : "Write a number first."]]);
      return;
    }
    answers.add(question.id, { given, right: judged.right, when: new Date().toISOString() });
    show(given);
    onAnswer();
  });
  const before = answers.of(question.id).at(-1);
  if (before !== undefined) {
    fill(form, before.given);
    show(before.given);
  }

  function show(given) {
    const judged = judge(question, given);
    if (judged === null) return;
    form.classList.toggle("is-right", judged.right === true);
    form.classList.toggle("is-wrong", judged.right === false);
    tell(feedback, [
      ["p", "judged", judged.right === null ? "Not decided." : judged.right ? "Right." : "Not quite."],
      ...(judged.says ? [["p", "", judged.says]] : []),
      ["p", "worked", question.worked],
    ]);
    reveal();
  }

  function reveal() {
    for (const held of heldBack) held.hidden = false;
    skip.hidden = true;
  }
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
