// Whether a class can read a playground's record: a hand-in with one that it cannot read would be refused as a whole.

/** Entries of each list, at most. */
const MOST = { runs: 1000, test_openings: 1000, homework: 100, nets: 20, drawn: 500 };
/** Letters of a name, of a line and of a text, at most. */
const [NAME, LINE, TEXT] = [100, 200, 100_000];
/** Pixels along a side of a drawing, at most. */
const SIDE = 512;

/** @param {any} record whose kind is known @returns {string} where it is not as one has to be; empty where it is nowhere */
export function faultOf(record) {
  const { format, page = "", id = "", name, saved, data, runs, homework, nets = [], drawn = [] } = record;
  if (format !== 1 && format !== 2) return "format";
  for (const [where, line] of Object.entries({ page, id, name, saved, data: data?.name })) if (!isText(line, LINE)) return where;
  const lists = [
    ["runs", runs, (/** @type {any} */ run) => isList(run?.test_openings, MOST.test_openings)],
    ["homework", homework, (/** @type {any} */ each) => isWhole(each?.number, 1, 1000) && isText(each.words, TEXT)],
    ["nets", nets, (/** @type {any} */ net) => isName(net?.file) && bytesOf(net.base64) !== null],
    ["drawn", drawn, isDrawing],
  ];
  for (const [where, list, isRight] of lists) {
    if (!isList(list, MOST[where])) return where;
    const wrong = list.findIndex((/** @type {any} */ each) => !isRight(each));
    if (wrong >= 0) return `${where}, ${wrong + 1}`;
  }
  const numbers = homework.map((/** @type {any} */ { number }) => number);
  return new Set(numbers).size === numbers.length ? "" : "homework";
}

/** @param {any} drawing */
function isDrawing(drawing) {
  const { label, shape, pixels } = drawing ?? {};
  if (!isText(label, LINE) || !isList(shape, 3) || shape.length !== 3) return false;
  const [channels, ...sides] = shape;
  const isShape = (channels === 1 || channels === 3) && sides.every((/** @type {any} */ side) => isWhole(side, 1, SIDE));
  return isShape && bytesOf(pixels) === channels * sides[0] * sides[1];
}

/** @param {any} found @param {number} most */
function isList(found, most) {
  return Array.isArray(found) && found.length <= most;
}

/** @param {any} found @param {number} most letters */
function isText(found, most) {
  return typeof found === "string" && found.length <= most;
}

/** @param {any} found @param {number} least @param {number} most */
function isWhole(found, least, most) {
  return Number.isInteger(found) && found >= least && found <= most;
}

/** Whether it names a single file, on any system. @param {any} found */
function isName(found) {
  if (!isText(found, NAME) || /[/\\:*?"<>|\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u.test(found)) return false;
  return found === found.trim() && !/^\.*$/.test(found) && new TextEncoder().encode(found).length <= 240;
}

/** How many bytes a text in base64 has. @param {any} found @returns {number | null} null where it is none */
function bytesOf(found) {
  if (typeof found !== "string" || found.length % 4 !== 0) return null;
  const padding = found.endsWith("==") ? 2 : found.endsWith("=") ? 1 : 0;
  return /[^A-Za-z0-9+/]/.test(found.slice(0, found.length - padding)) ? null : (found.length / 4) * 3 - padding;
}
