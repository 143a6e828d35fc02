// The reader's answers as a file, for a teacher.

import { standing } from "./answers.js";

/**
 * @param {object} lesson versions, data and seed of the lesson
 * @param {{id: string, text: string, page: string}[]} questions all of the lesson's
 * @param {import("./answers.js").Answers} answers
 * @param {string} name the reader's
 */
export function answersFile(lesson, questions, answers, name) {
  return {
    name,
    saved: new Date().toISOString(),
    lesson,
    covers: answers.isKept ? "all pages" : "pages since they were opened: this browser keeps nothing for them",
    score: score(questions, answers),
    questions: questions.map((question) => ({
      id: question.id,
      page: question.page,
      text: question.text,
      standing: standing(answers.of(question.id)),
      answers: answers.of(question.id),
    })),
  };
}

/**
 * First answers count as such; what was right at the second try, before the working was shown, counts as right later.
 *
 * @param {{id: string}[]} questions @param {import("./answers.js").Answers} answers
 */
export function score(questions, answers) {
  const stands = questions.map((question) => standing(answers.of(question.id)));
  const count = (wanted) => stands.filter((one) => one === wanted).length;
  return {
    asked: stands.length,
    answered: stands.length - count("open") - count("shown without an answer"),
    right_first: count("right at the first try"),
    right_later: count("right later"),
  };
}

/** @param {object} record what answersFile gives @param {string} name the reader's */
export function download(record, name) {
  const blob = new Blob([`${JSON.stringify(record, null, 2)}\n`], { type: "application/json" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  const tidy = name.trim().toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
  link.download = tidy ? `lesson-answers-${tidy}.json` : "lesson-answers.json";
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
