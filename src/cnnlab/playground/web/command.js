// A run of the page as the command that trains the same net, and what that command cannot do.

import { percent, plural } from "../../explorer/web/numbers.js";

/** The page's optimizers as `cnnlab train` and config.Training call them. */
const OPTIMIZERS = {
  sgd: { optimizer: "sgd", momentum: 0 },
  momentum: { optimizer: "sgd", momentum: 0.9 },
  adam: { optimizer: "adam", momentum: 0.9 },
  adamw: { optimizer: "adamw", momentum: 0.9 },
};

/** What a flag need not say: `cnnlab train --recipe lesson` has it so by itself. */
const USUAL = { optimizer: "adam", momentum: 0.9, learning_rate: 0.001, batch_size: 64, weight_decay: 0 };

/**
 * How a run was trained, by the names of Python's config.Training.
 * @param {import("./learning.js").Settings} settings
 * @param {number} epochs passes over the training images; part of one counts as that
 */
export function trainingRecord(settings, epochs) {
  return {
    epochs,
    batch_size: settings.batchSize,
    ...OPTIMIZERS[settings.optimizer],
    learning_rate: settings.learningRate,
    betas: [0.9, 0.999],
    weight_decay: settings.weightDecay,
    schedule: "constant",
    augmentation: { shift: settings.shift },
    precision: "fp32",
  };
}

/**
 * The net's options by the names of Python's constructors.
 * @param {any} planned
 * @param {import("./learning.js").Settings} settings
 */
export function netOptions(planned, settings) {
  const drops = planned.layers.some((/** @type {any} */ layer) => "dropout" in layer.operation);
  return { ...planned.options, ...(drops ? { dropout: settings.dropout } : {}) };
}

/**
 * The training images of a run, by the name that `--data` takes.
 * @param {any} record
 * @param {import("./learning.js").Settings} settings
 * @returns {string} `mnist-5k`, or `mnist-5k@500` for 500 of its training images
 */
export function dataName({ data }, settings) {
  if (settings.images === data.train) return data.name;
  const [, base, changes] = /** @type {RegExpMatchArray} */ (/^(.+?)(?:@\d+)?((?:\+[a-z-]+)*)$/.exec(data.name));
  return `${base}@${settings.images}${changes}`;
}

/**
 * @typedef {object} Way what a run was besides its settings
 * @property {number} passes over the training images; part of one counts as that
 * @property {boolean} isChanged whether settings were changed on the way
 * @property {number} taught images of the reader's own that it was trained on
 *
 * @param {any} record the page's
 * @param {any} planned the net's part of it
 * @param {import("./learning.js").Settings} settings
 * @param {Way} way
 * @returns {{command: string, cannot: string[], differs: string[]}} cannot: what the command leaves out, a sentence
 *   each; differs: what it does by other random numbers or other images
 */
export function trainCommand(record, planned, settings, way) {
  const training = trainingRecord(settings, way.passes);
  const changed = Object.entries(USUAL).filter(([key, usual]) => /** @type {any} */ (training)[key] !== usual);
  const flags = [
    ["data", dataName(record, settings)], ["epochs", Number(training.epochs.toPrecision(9))], ["seed", settings.seed], ["recipe", "lesson"], ["precision", "fp32"],
    ...changed.map(([key]) => [key, /** @type {any} */ (training)[key]]),
    ...(settings.shift ? [["shift", settings.shift]] : []),
    ...Object.entries(netOptions(planned, settings)),
  ];
  return {
    command: ["cnnlab train", planned.net, ...flags.map(([key, value]) => flag(String(key), value))].join(" "),
    cannot: cannotDo(planned, settings, way),
    differs: differences(record, settings),
  };
}

function cannotDo(planned, settings, { isChanged, taught }) {
  return [
    settings.wrongLabels > 0 && `Here ${percent(settings.wrongLabels)} of the training images have a wrong label; the command trains with the right ones.`,
    taught > 0 && `Here it learned ${plural(taught, "image")} of yours as well; the command does not know ${taught === 1 ? "it" : "them"}.`,
    isChanged && "Here settings were changed while it trained; the command has the last ones from the start.",
    planned.weights && "Here it went on from a run’s weights; the command begins with new ones.",
  ].filter((sentence) => typeof sentence === "string");
}

function differences({ data }, settings) {
  const draws = [settings.dropout > 0 && "dropout’s masks", settings.shift > 0 && "shifts"].filter(Boolean);
  return [
    draws.length > 0 && `The command draws ${draws.join(" and ")} by other random numbers, so that its figures come close and are not the same.`,
    data.validation < data.of.validation && `The command measures all ${plural(data.of.validation, "validation image")}; the page holds ${data.validation} of them.`,
  ].filter((sentence) => typeof sentence === "string");
}

/** @param {string} name @param {any} value */
function flag(name, value) {
  const written = `--${name.replaceAll("_", "-")}`;
  if (typeof value === "boolean") return value ? written : `--no-${written.slice(2)}`;
  return `${written} ${quoted(Array.isArray(value) ? value.join(",") : String(value))}`;
}

/** As a shell takes it for one word. @param {string} text */
function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}
