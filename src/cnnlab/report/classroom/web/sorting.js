// A table's rows in the order of a column: by a click on its heading, the other way round by a second one.

/** @param {HTMLTableElement} table */
export function sortByHeadings(table) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (table.querySelectorAll("[data-sort]"))) {
    const heading = /** @type {HTMLTableCellElement} */ (button.closest("th"));
    const isNumber = button.dataset.sort === "number";
    button.addEventListener("click", () => {
      const wasSorted = heading.ariaSort;
      // Of numbers one looks for the highest first, of names for the beginning of the alphabet.
      const isUp = wasSorted === null ? !isNumber : wasSorted === "descending";
      for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", isUp ? "ascending" : "descending");
      body.append(...sorted(rows, heading.cellIndex, isNumber, isUp));
    });
  }
}

/**
 * What has no value comes last, whichever way; equal ones stay as the page had them.
 *
 * @param {HTMLTableRowElement[]} rows @param {number} column @param {boolean} isNumber @param {boolean} isUp
 */
function sorted(rows, column, isNumber, isUp) {
  const keyed = rows.map((row) => ({ row, value: row.cells[column].dataset.value ?? row.cells[column].textContent.trim() }));
  const compare = isNumber
    ? (a, b) => Number(a.value) - Number(b.value)
    : (a, b) => a.value.localeCompare(b.value, undefined, { numeric: true });
  return keyed
    .sort((a, b) => Number(a.value === "") - Number(b.value === "") || (isUp ? compare(a, b) : compare(b, a)))
    .map(({ row }) => row);
}
