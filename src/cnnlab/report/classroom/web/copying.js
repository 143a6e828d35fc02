// Commands, each with a button that copies it; where the browser does not let it, the command is selected.

export function copyCommands() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const text = button.parentElement?.querySelector("code");
      if (!text) return;
      try {
        await navigator.clipboard.writeText(text.textContent ?? "");
        button.textContent = "Copied";
      } catch {
        getSelection()?.selectAllChildren(text);
        button.textContent = "Selected: press Ctrl+C";
      }
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
  }
}
