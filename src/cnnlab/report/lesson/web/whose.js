// Whose numbers the page shows: asked for once, told on every page, changed where the answers are handed in.

/** @param {string} id @returns {HTMLElement} */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/**
 * @param {import("./variants.js").Class | null} ofClass
 * @param {import("./answers.js").Answers} answers
 * @param {() => void} onChange the answers are another id's now
 * @returns {() => void} shows whose they are
 */
export function tellWhose(ofClass, answers, onChange) {
  const [form, change] = [byId("whose-form"), byId("whose-change")];
  const [first, last] = ["whose-id", "student-id"].map((id) => /** @type {HTMLInputElement} */ (byId(id)));
  let isAsking = false;
  last.addEventListener("change", () => use(last.value));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (first.value.trim() === "") return first.focus();
    use(first.value);
    change.focus({ preventScroll: true });
  });
  change.addEventListener("click", () => {
    isAsking = true;
    show();
    first.focus();
    first.select();
  });
  if (ofClass !== null) {
    byId("whose").hidden = false;
    byId("id-hint").hidden = false;
    byId("due").hidden = false;
    byId("due").textContent = `For the class ${ofClass.name}${ofClass.due_text ? `: hand in by ${ofClass.due_text}` : ""}.`;
    const note = document.getElementById("class-note");
    if (note !== null) {
      note.hidden = false;
      note.textContent = `${ofClass.name}${ofClass.due_text ? `: to be handed in by ${ofClass.due_text}` : ""}`;
    }
  }
  show();
  return show;

  /** @param {string} id */
  function use(id) {
    answers.id = id;
    isAsking = false;
    show();
    onChange();
  }

  function show() {
    const { id } = answers;
    for (const field of [first, last]) field.value = id;
    const asks = answers.whose === "" || isAsking;
    form.hidden = !asks;
    change.hidden = asks;
    byId("whose-asks").textContent = answers.whose === "" ? "Enter your id first: your numbers follow from it." : "Whose numbers? Each id has its own, and its own answers.";
    byId("whose-says").textContent = answers.whose === "" ? "" : `Questions with the numbers of ${id}`;
  }
}
