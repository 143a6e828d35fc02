// Files that are handed in with the answers: records and weights that the playground saved. Each is looked at when it is
// chosen; what is something else is told and left out.

import { whole } from "../../../explorer/web/whole_text.js";
import { faultOf } from "./recorded.js";

const MEGA = 1e6;
/** The most that all files together may take in the hand-in, in bytes. */
export const MOST_BYTES = 60 * MEGA;
/** Files of a kind, at most. */
const MOST_OF_A_KIND = 20;
/** The most that a safetensors file's header may have, in bytes. */
const MOST_HEADER = 4 * MEGA;

/**
 * @typedef {object} AttachedFile
 * @property {"playground" | "weights"} kind
 * @property {string} name
 * @property {number} bytes that it takes in the hand-in
 * @property {string} says what it holds
 * @property {any} [record] of a playground
 * @property {string} [base64] of weights
 */

export class Attached {
  /** @param {HTMLInputElement} chooser @param {HTMLElement} list @param {HTMLElement} says @param {() => void} onChange */
  constructor(chooser, list, says, onChange) {
    /** @type {AttachedFile[]} */
    this.files = [];
    this.list = list;
    this.says = says;
    this.onChange = onChange;
    /** Comes when all that was chosen so far is attached or left out. @type {Promise<void>} */
    this.taken = Promise.resolve();
    chooser.addEventListener("change", () => {
      const chosen = [...(chooser.files ?? [])];
      chooser.value = ""; // the same file may be chosen again
      this.taken = this.taken.then(() => this.#takeAll(chosen));
    });
  }

  /** @returns {any[]} playgrounds' records */
  get records() {
    return this.files.flatMap((file) => (file.kind === "playground" ? [file.record] : []));
  }

  /** @returns {{name: string, base64: string}[]} */
  get weights() {
    return this.files.flatMap((file) => (file.kind === "weights" ? [{ name: file.name, base64: file.base64 ?? "" }] : []));
  }

  /** @param {File[]} files */
  async #takeAll(files) {
    /** @type {string[]} */
    const leftOut = [];
    for (const file of files) {
      this.says.replaceChildren(...[...leftOut, `${file.name} is being read …`].map(line));
      const why = await this.#take(file);
      if (why !== "") leftOut.push(why);
    }
    this.says.replaceChildren(...leftOut.map(line));
    this.#show();
  }

  /** @param {File} file @returns {Promise<string>} why it was left out; empty where it was not */
  async #take(file) {
    try {
      if (file.size > MOST_BYTES) throw new LeftOut("it is larger than 60 MB");
      const read = file.name.toLowerCase().endsWith(".safetensors") ? await weights(file) : await record(file);
      const is = (/** @type {AttachedFile} */ one) => one.kind === read.kind && one.bytes === read.bytes && one.base64 === read.base64 && JSON.stringify(one.record) === JSON.stringify(read.record);
      if (this.files.some(is)) throw new LeftOut("it is attached already");
      if (this.files.filter(({ kind }) => kind === read.kind).length === MOST_OF_A_KIND) throw new LeftOut(`${MOST_OF_A_KIND} ${read.kind === "weights" ? "nets beside the records" : "records"} are attached, and that is the most`);
      const bytes = this.files.reduce((sum, one) => sum + one.bytes, read.bytes);
      if (bytes > MOST_BYTES) throw new LeftOut(`with it the files would take ${mega(bytes)}, and 60 MB is the most`);
      this.files.push(read);
      return "";
    } catch (error) {
      const why = error instanceof LeftOut ? error.message : "it could not be read";
      return `${file.name} was left out: ${why}.`;
    }
  }

  #show() {
    this.list.replaceChildren(
      ...this.files.map((file) => {
        const item = document.createElement("li");
        const remove = document.createElement("button");
        remove.type = "button";
        remove.className = "quiet";
        remove.textContent = "Remove";
        remove.setAttribute("aria-label", `Remove ${file.name}`);
        remove.addEventListener("click", () => {
          this.files = this.files.filter((one) => one !== file);
          this.#show();
        });
        const words = document.createElement("span");
        words.textContent = `${file.name}: ${file.says}, ${mega(file.bytes)}`;
        item.append(words, remove);
        return item;
      }),
    );
    this.onChange();
  }
}

/** @param {string} text */
function line(text) {
  const paragraph = document.createElement("p");
  paragraph.textContent = text;
  return paragraph;
}

class LeftOut extends Error {}

/** @param {File} file @returns {Promise<AttachedFile>} */
async function record(file) {
  const expected = new LeftOut("it is no record (.json) and no weights (.safetensors) that the playground saved");
  if (!file.name.toLowerCase().endsWith(".json")) throw expected;
  let found;
  try {
    found = JSON.parse(await file.text(), (_, value) => (typeof value === "string" ? whole(value) : value));
  } catch {
    throw new LeftOut("it is no whole JSON file");
  }
  if (found?.kind === "cnnlab hand-in") throw new LeftOut("it is a hand-in itself; what is attached here are a playground’s files");
  if (found?.kind !== "cnnlab playground record") throw expected;
  if (!Array.isArray(found.nets) || !Array.isArray(found.drawn)) throw new LeftOut("an older playground saved it; save the record again from the playground of this lesson");
  if (found.format > 2) throw new LeftOut("a newer playground saved it; save the record again from the playground of this lesson");
  const fault = faultOf(found);
  if (fault !== "") throw new LeftOut(`it is no record as the playground saves one (${fault}); save it there again, and leave the file as it is`);
  const says = `playground record with ${counted(found.nets.length, "net")} and ${counted(found.drawn.length, "drawing")}`;
  return { kind: "playground", name: file.name, bytes: new Blob([JSON.stringify(found)]).size, says, record: found };
}

/** @param {File} file @returns {Promise<AttachedFile>} */
async function weights(file) {
  const start = new DataView(await file.slice(0, 8).arrayBuffer());
  const length = start.byteLength === 8 ? Number(start.getBigUint64(0, true)) : 0;
  let saved, end;
  try {
    if (length > MOST_HEADER) throw new Error("no header has so much");
    const { __metadata__: says, ...tensors } = JSON.parse(await file.slice(8, 8 + length).text());
    saved = JSON.parse(says.cnnlab);
    end = Object.values(tensors).reduce((last, { data_offsets }) => Math.max(last, 8 + length + data_offsets[1]), 8 + length);
  } catch {
    throw new LeftOut("it is no safetensors file that the playground saved");
  }
  if (typeof saved?.page !== "string" || typeof saved.net !== "string") throw new LeftOut("the playground did not save it");
  if (file.size !== end) throw new LeftOut(`it is not whole: it has ${file.size.toLocaleString("en")} bytes of ${end.toLocaleString("en")}`);
  const base64 = await asBase64(file);
  return { kind: "weights", name: plainName(file.name), bytes: base64.length, says: `weights of a net (${saved.net})`, base64 };
}

/** @param {File} file @returns {Promise<string>} */
function asBase64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(String(reader.result).split(",")[1] ?? ""));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });
}

/** @param {number} count @param {string} noun */
export function counted(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/** @param {number} bytes */
function mega(bytes) {
  return bytes < MEGA / 10 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / MEGA).toFixed(1)} MB`;
}

/** A name that every system takes, as hand-ins are to have. @param {string} name that ends with .safetensors */
function plainName(name) {
  const stem = name.slice(0, -".safetensors".length).replace(/[^\p{L}\p{M}\p{N}()+,.=@_-]+/gu, " ").trim();
  return `${[...stem].slice(0, 50).join("") || "net"}.safetensors`;
}
