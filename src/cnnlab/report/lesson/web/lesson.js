// A page of the lesson: its questions, and the reader's answers to all of them.

import { Answers, standing } from "./answers.js";
import { ask } from "./asking.js";
import { carry } from "./carrying.js";
import { printWhole } from "./printing.js";
import { answersFile, download, score } from "./saving.js";
import { slide } from "./sliding.js";

const record = JSON.parse(document.getElementById("record").textContent);
const questions = opened(record.sealed).map((one) => one.variants[0]);
const answers = new Answers(record.lesson.made);
carry(answers, new Set(["index.html", ...record.pages]));

for (const form of /** @type {NodeListOf<HTMLFormElement>} */ (document.querySelectorAll("form[data-question]"))) {
  const question = questions.find((one) => one.id === form.dataset.question);
  ask(form, question, answers, count);
}
printWhole(questions);
for (const place of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-sliding]"))) slide(place);

const name = /** @type {HTMLInputElement} */ (document.getElementById("reader"));
name.value = answers.name;
name.addEventListener("input", () => {
  answers.name = name.value;
});
document.getElementById("save").addEventListener("click", () => {
  download(answersFile(record.lesson, record.all, answers, name.value.trim()), name.value);
});
document.getElementById("forget")?.addEventListener("click", () => {
  answers.forget();
  name.value = "";
  count();
});
addEventListener("pageshow", count); // on coming back to this page, too
count();

function count() {
  const { asked, answered, right_first, right_later } = score(record.all, answers);
  document.getElementById("answered").textContent =
    `${answered} of ${asked} questions answered: ${right_first} right at the first try, ${right_later} right later.`;
  document.getElementById("not-kept").hidden = answers.isKept;
  for (const mark of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-mark]"))) {
    const stands = standing(answers.of(mark.dataset.mark));
    mark.textContent = stands;
    mark.className = stands.startsWith("right") ? "mark-right" : stands === "not right" ? "mark-wrong" : "muted";
  }
}

/** The page's questions: in its source they cannot be read at a glance. @param {string} sealed */
function opened(sealed) {
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(sealed), (letter) => letter.charCodeAt(0))));
}
