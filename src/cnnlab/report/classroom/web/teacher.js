// The teacher's page: tables that sort, marks that are kept and saved, commands to copy, intervals to compare.

import { copyCommands } from "./copying.js";
import { mark } from "./marking.js";
import { compareIntervals } from "./overlapping.js";
import { sortByHeadings } from "./sorting.js";

for (const table of document.querySelectorAll("table")) sortByHeadings(table);
for (const ranking of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-ranking]"))) compareIntervals(ranking);
for (const section of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-marking]"))) mark(section);
copyCommands();
