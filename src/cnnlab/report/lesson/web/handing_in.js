// What the reader hands in, as one file: answers with every try, texts, and what the playground saved.

import { Sha256, asHex } from "../../../explorer/web/sha256.js";
import { whole } from "../../../explorer/web/whole_text.js";
import { score } from "./answers.js";
import { counted } from "./attaching.js";
import { wordsOf } from "./writing.js";

/** Tries at a question, at most: the first ones, by which it is marked. */
const MOST_TRIES = 50;
/** Letters that are encoded and hashed before the page goes on with anything else. */
const AT_ONCE = 1_000_000;

/**
 * @typedef {object} Given
 * @property {any} record the page's
 * @property {import("./variants.js").Class | null} ofClass
 * @property {import("./answers.js").Answers} answers
 * @property {import("./attaching.js").Attached} attached
 */

/** What the file will hold, in words. @param {Given} given */
export function inWords({ record, answers, attached }) {
  const { asked, answered } = score(record.all, answers);
  const texts = written(record, answers);
  const parts = [`${answered} of ${asked} questions answered`];
  if (texts.length) parts.push(`${texts.length} of ${record.texts.length} texts (${counted(texts.reduce((sum, { text }) => sum + wordsOf(text), 0), "word")})`);
  else parts.push(`none of ${record.texts.length} texts`);
  const { records, weights } = attached;
  if (records.length) {
    const sum = (/** @type {(one: any) => number} */ of) => records.reduce((all, one) => all + of(one), 0);
    parts.push(`${counted(records.length, "playground record")} with ${counted(sum(({ nets }) => nets.length), "net")} and ${counted(sum(({ drawn }) => drawn.length), "drawing")}`);
  }
  if (weights.length) parts.push(`${counted(weights.length, "net")}${records.length ? " beside" : ""}`);
  return parts.join(", ");
}

/** What is handed in, as plain data. @param {Given} given */
export function contentOf({ record, ofClass, answers, attached }) {
  return {
    made_by: "lesson page",
    cnnlab: record.lesson.cnnlab,
    class: ofClass && { name: ofClass.name, made: ofClass.made },
    lesson: record.lesson,
    student: { id: whole(answers.id.trim()), name: whole(answers.name.trim()) },
    saved: new Date().toISOString(),
    covers: answers.isKept ? "all pages" : "pages since they were opened: this browser keeps nothing for them",
    answers: record.all
      .map((/** @type {{id: string}} */ { id }) => ({ id, variant: answers.numbers.of(answers.id, id), given: answers.of(id).slice(0, MOST_TRIES).map((one) => ({ ...one, given: whole(one.given) })) }))
      .filter((/** @type {any} */ { given }) => given.length > 0),
    texts: written(record, answers),
    playground: attached.records,
    weights: attached.weights,
    runs: [],
    notebook: null,
    text: "",
  };
}

/**
 * The file's bytes, in pieces: a frame with the sum of what it holds, by which changes show.
 *
 * @param {object} content @param {string} key of the class's numbers; empty without a class
 * @returns {Promise<BlobPart[]>}
 */
export async function framed(content, key) {
  const text = JSON.stringify(content);
  const encoder = new TextEncoder();
  const hash = new Sha256();
  hash.add(encoder.encode(`${key}\n`));
  const pieces = [];
  for (let at = 0, end; at < text.length; at = end) {
    await new Promise((resolve) => setTimeout(resolve));
    end = at + AT_ONCE;
    if (/[\ud800-\udbff]/.test(text[end - 1] ?? "")) end += 1; // both halves of a pair
    const bytes = encoder.encode(text.slice(at, end));
    hash.add(bytes);
    pieces.push(bytes);
  }
  return [`{"kind":"cnnlab hand-in","format":1,"sha256":"${asHex(hash.digest())}","content":`, ...pieces, "}\n"];
}

/** @param {string} id as it was written */
export function fileName(id) {
  const words = id.trim().toLowerCase().replace(/[^\p{L}\p{M}\p{N}]+/gu, "-");
  const tidy = [...words].slice(0, 50).join("").replace(/^-|-$/g, "");
  return tidy ? `hand-in-${tidy}.json` : "hand-in.json";
}

/** @param {BlobPart[]} parts @param {string} name */
export function download(parts, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(parts, { type: "application/json" }));
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** @param {any} record @param {import("./answers.js").Answers} answers @returns {{id: string, text: string}[]} texts that say something */
function written(record, answers) {
  const texts = answers.texts();
  return record.texts
    .map((/** @type {{id: string}} */ { id }) => ({ id, text: whole(texts[id]?.text ?? "") }))
    .filter((/** @type {{text: string}} */ { text }) => text.trim() !== "");
}
