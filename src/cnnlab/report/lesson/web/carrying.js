// Links between the lesson's pages take the answers along: opened as files, pages may each have a memory of their own.

/**
 * Take up what the address brought, and give it on by links to the lesson's other pages.
 *
 * @param {import("./answers.js").Answers} answers
 * @param {Set<string>} pages file names of the lesson's pages
 */
export function carry(answers, pages) {
  takeUp(answers);
  for (const kind of ["click", "auxclick"]) {
    document.addEventListener(kind, (event) => {
      if (location.protocol !== "file:" && answers.isKept) return; // the browser may refuse to keep more at any time
      const link = /** @type {Element} */ (event.target).closest("a[href]");
      const [page, place = ""] = (link?.getAttribute("href") ?? "").split("#");
      if (!pages.has(page)) return;
      const plain = link.getAttribute("href");
      link.setAttribute("href", `${page}#${new URLSearchParams({ place, brought: answers.packed() })}`);
      setTimeout(() => link.setAttribute("href", plain));
    });
  }
}

function takeUp(answers) {
  const told = new URLSearchParams(location.hash.slice(1));
  if (!told.has("brought")) return;
  answers.unpack(told.get("brought"), location.protocol === "file:"); // no other site can lead to a file
  const place = told.get("place");
  history.replaceState(history.state, "", `#${place}`);
  document.getElementById(place)?.scrollIntoView();
}
