// Commands, each with a button that copies it.

import { copyOnClick } from "../../../explorer/web/copying.js";

export function copyCommands() {
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[data-copy]"))) {
    const text = button.parentElement?.querySelector("code");
    if (text) copyOnClick(button, text);
  }
}
