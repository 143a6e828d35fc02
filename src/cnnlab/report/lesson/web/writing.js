// A text that the page asks for: kept as it is written.

/** How many words a text has. @param {string} text */
export function wordsOf(text) {
  return text.match(/\S+/g)?.length ?? 0;
}

/**
 * @param {HTMLTextAreaElement} field
 * @param {import("./answers.js").Answers} answers
 * @param {() => void} onChange
 * @returns {() => void} shows what is kept
 */
export function write(field, answers, onChange) {
  const id = field.dataset.text ?? "";
  const count = document.querySelector(`[data-words="${id}"]`);
  field.addEventListener("input", () => {
    answers.write(id, field.value);
    tell();
    onChange();
  });
  return show;

  function show() {
    field.value = answers.texts()[id]?.text ?? "";
    tell();
  }

  function tell() {
    const words = wordsOf(field.value);
    count.textContent = words === 0 ? "" : `${words.toLocaleString("en")} ${words === 1 ? "word" : "words"}. `;
  }
}
