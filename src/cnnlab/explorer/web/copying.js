// A button that copies a text of the page; where the browser does not let it, the text is selected.

/** @param {HTMLButtonElement} button @param {HTMLElement} text */
export function copyOnClick(button, text) {
  const plain = button.textContent;
  let told = 0;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent ?? "");
      button.textContent = "Copied";
    } catch {
      getSelection()?.selectAllChildren(text);
      button.textContent = "Selected: press Ctrl+C";
    }
    clearTimeout(told);
    told = setTimeout(() => (button.textContent = plain), 2000);
  });
}
