// A page of the lesson: its questions, and the reader's answers to all of them.

import { Answers } from "./answers.js";
import { ask } from "./asking.js";
import { answersFile, download } from "./saving.js";

const record = JSON.parse(document.getElementById("record").textContent);
const answers = new Answers(record.lesson.made);

for (const form of /** @type {NodeListOf<HTMLFormElement>} */ (document.querySelectorAll("form[data-question]"))) {
  const question = record.questions.find((one) => one.id === form.dataset.question);
  ask(form, question, answers, count);
}

const name = /** @type {HTMLInputElement} */ (document.getElementById("reader"));
document.getElementById("save").addEventListener("click", () => {
  download(answersFile(record.lesson, record.all, record.page, answers, name.value.trim()), name.value);
});
document.getElementById("forget")?.addEventListener("click", () => {
  answers.forget();
  count();
});
addEventListener("pageshow", count); // on coming back to this page, too
count();

function count() {
  const all = answers.all();
  const asked = answers.isKept ? record.all : record.all.filter((one) => one.page === record.page);
  const last = asked.map((one) => all[one.id]?.at(-1)).filter((one) => one !== undefined);
  const right = last.filter((one) => one.right).length;
  document.getElementById("answered").textContent =
    `${last.length} of ${asked.length} questions answered${answers.isKept ? "" : " on this page"}, ${right} right.`;
  document.getElementById("not-kept").hidden = answers.isKept;
  for (const mark of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-mark]"))) {
    const given = all[mark.dataset.mark]?.at(-1);
    mark.textContent = given === undefined ? "open" : given.right === null ? "not decided" : given.right ? "right" : "not yet right";
    mark.className = (given?.right ?? null) === null ? "muted" : given.right ? "mark-right" : "mark-wrong";
  }
}
