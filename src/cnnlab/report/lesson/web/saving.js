// The reader's answers as a file, for a teacher.

/**
 * @param {object} lesson versions, data and seed of the lesson
 * @param {{id: string, text: string, page: string}[]} questions all of the lesson's
 * @param {string} page this one
 * @param {import("./answers.js").Answers} answers
 * @param {string} name the reader's
 */
export function answersFile(lesson, questions, page, answers, name) {
  const asked = answers.isKept ? questions : questions.filter((question) => question.page === page);
  return {
    name,
    saved: new Date().toISOString(),
    lesson,
    covers: answers.isKept ? "all pages" : "one page: this browser keeps nothing from page to page",
    questions: asked.map((question) => ({
      id: question.id,
      page: question.page,
      text: question.text,
      answers: answers.of(question.id),
    })),
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
