// A page of the lesson: its questions in the reader's numbers, the reader's answers to all of them, and handing in.

import { Answers, score, standing } from "./answers.js";
import { ask } from "./asking.js";
import { Attached } from "./attaching.js";
import { carry } from "./carrying.js";
import { contentOf, download, fileName, framed, inWords } from "./handing_in.js";
import { printWhole } from "./printing.js";
import { slide } from "./sliding.js";
import { Numbers } from "./variants.js";
import { tellWhose } from "./whose.js";
import { write } from "./writing.js";

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);
const record = JSON.parse(byId("record").textContent);
/** @type {import("./variants.js").Class | null} */
const ofClass = JSON.parse(byId("class").textContent);
/** @type {{id: string, variants: import("./judging.js").Question[]}[]} */
const questions = opened(record.sealed);
const answers = new Answers(record.lesson.made, new Numbers(ofClass, record.all));
carry(answers, new Set(["index.html", ...record.pages]));

const attached = new Attached(byId("attach"), byId("attached"), byId("left-out"), count);
/** @type {(() => void)[]} what follows from the reader's id */
const shown = [];
/** @type {(() => void)[]} */
const texts = [];
for (const form of /** @type {NodeListOf<HTMLFormElement>} */ (document.querySelectorAll("form[data-question]"))) {
  const question = questions.find((one) => one.id === form.dataset.question);
  shown.push(ask(form, () => inNumbers(question), answers, count));
}
for (const field of /** @type {NodeListOf<HTMLTextAreaElement>} */ (document.querySelectorAll("textarea[data-text]"))) {
  texts.push(write(field, answers, count));
}
printWhole(() => questions.map(inNumbers));
for (const place of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-sliding]"))) slide(place);

const name = byId("reader");
name.addEventListener("input", () => {
  answers.name = name.value;
});
byId("save").addEventListener("click", async () => {
  byId("save").disabled = true;
  await attached.taken;
  follow(); // what it says it holds is what it holds
  byId("saved").textContent = "The file is being made …";
  await new Promise((resolve) => setTimeout(resolve));
  try {
    const content = contentOf({ record, ofClass, answers, attached });
    download(await framed(content, ofClass?.key ?? ""), fileName(answers.id));
    byId("saved").textContent = `Saved as ${fileName(answers.id)}, where this browser keeps what it downloads. Give that file to your teacher.`;
  } catch (error) {
    byId("saved").textContent = `The file could not be made: ${error.message}.`;
  } finally {
    byId("save").disabled = false;
  }
});
byId("forget")?.addEventListener("click", () => {
  answers.forget();
  show();
});
const tell = tellWhose(ofClass, answers, follow);
shown.push(tell);
let whose = answers.whose;
addEventListener("pageshow", follow); // on coming back to this page
addEventListener("storage", follow); // what another page of the lesson kept
show();

/** What may have been kept elsewhere; what is typed and not checked yet stays, unless it is another reader's page now. */
function follow() {
  if (answers.whose !== whose) return show();
  if (!document.activeElement?.matches("#whose-id, #student-id")) tell();
  for (const one of texts) one();
  name.value = answers.name;
  count();
}

/** All that the reader's id, answers and texts decide. */
function show() {
  whose = answers.whose;
  for (const one of [...shown, ...texts]) one();
  name.value = answers.name;
  for (const link of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-asks]"))) {
    const id = link.dataset.asks;
    const asked = record.all.find((/** @type {{id: string}} */ one) => one.id === id);
    link.textContent = asked.texts[answers.numbers.of(answers.id, id)];
  }
  count();
}

function count() {
  const { asked, answered, right_first, right_later } = score(record.all, answers);
  byId("answered").textContent =
    `${answered} of ${asked} questions answered: ${right_first} right at the first try, ${right_later} right later.`;
  byId("not-kept").hidden = answers.isKept;
  byId("holds").textContent = `${inWords({ record, ofClass, answers, attached })}.`;
  byId("no-id").hidden = ofClass === null || answers.whose !== "";
  byId("saved").textContent = "";
  for (const mark of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-mark]"))) {
    const stands = standing(answers.of(mark.dataset.mark));
    mark.textContent = stands;
    mark.className = stands.startsWith("right") ? "mark-right" : stands === "not right" ? "mark-wrong" : "muted";
  }
}

/** The question in the reader's numbers. @param {{id: string, variants: import("./judging.js").Question[]}} question */
function inNumbers(question) {
  return question.variants[answers.numbers.of(answers.id, question.id)];
}

/** The page's questions: in its source they cannot be read at a glance. @param {string} sealed */
function opened(sealed) {
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(sealed), (letter) => letter.charCodeAt(0))));
}
