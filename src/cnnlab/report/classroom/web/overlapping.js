// Whose interval overlaps with whose: a name that is pressed leaves only those standing that cannot be told apart from it.

/** @param {HTMLElement} ranking */
export function compareIntervals(ranking) {
  const rows = /** @type {HTMLElement[]} */ ([...ranking.querySelectorAll("[data-low]")]);
  const says = ranking.parentElement?.querySelector("[data-ranking-says]");
  for (const row of rows) {
    const button = row.querySelector("button");
    button?.addEventListener("click", () => {
      const isOn = button.getAttribute("aria-pressed") !== "true";
      for (const other of rows) {
        other.classList.toggle("apart", isOn && !overlap(row, other));
        other.querySelector("button")?.setAttribute("aria-pressed", String(isOn && other === row));
      }
      const beside = rows.filter((other) => other !== row && overlap(row, other)).length;
      if (says) says.textContent = isOn ? `${button.textContent}: ${beside} of ${rows.length - 1} others have intervals that overlap with this one.` : "";
    });
  }
}

/** @param {HTMLElement} one @param {HTMLElement} other */
function overlap(one, other) {
  return Number(one.dataset.low) <= Number(other.dataset.high) && Number(other.dataset.low) <= Number(one.dataset.high);
}
