// A training, as the page sees it: workers that hold a replica each, asked a few steps at a time, so that a pause is
// answered at once and nothing on the page waits for them.

import { UserError } from "../../explorer/web/errors.js";
import { answering } from "./answering.js";
import { stepsPerEpoch } from "./course.js";
import { deviationFrom } from "./proof.js";
import { trainingImages } from "./training_images.js";

/** Milliseconds that the steps asked for at a time are meant to take, and requests that lie ahead. */
const SLICE_MS = 30;
const AHEAD = 2;
/** Milliseconds without an answer after which a worker is taken for dead, and how many deaths in a row end a training. */
const SILENT_MS = 20_000;
const DEATHS = 3;
/** Milliseconds between two keepings of the weights, to go back to. */
const KEEP_MS = 2000;
/** Training images that are measured again after an epoch, evenly spaced, as Python's run does; fewer, to go on soon. */
const REMEASURED = 1000;
/** Workers at most, and images of a batch that are worth one more. */
const MOST_WORKERS = 8;
const WORTH_A_WORKER = 8;
/** Steps whose figures a shown one is the mean of. */
const SMOOTHED = 0.9;

/**
 * @typedef {import("./replica.js").State} State
 * @typedef {{step: number, epoch: number, loss: number, accuracy: number, lastLoss: number}} StepFigures lastLoss: of the last batch; the others are smoothed
 * @typedef {object} EpochFigures as a line of a run's metrics.jsonl, in nats and shares of 1
 * @property {number} epoch
 * @property {number} steps
 * @property {number} learning_rate
 * @property {number} training_loss
 * @property {number} training_accuracy
 * @property {number} remeasured_loss
 * @property {number} remeasured_accuracy
 * @property {number} remeasured_images
 * @property {number} validation_loss
 * @property {number} validation_accuracy
 * @property {boolean} is_best
 * @property {number} train_time_s
 * @property {number} eval_time_s
 * @typedef {object} Measured
 * @property {number} loss
 * @property {number} accuracy
 * @property {number} images
 * @property {number[][]} confusion a row a class, a column what it was called
 * @property {Uint8Array} answers
 * @property {Record<string, {dead: number, of: number}>} dead for each ReLU, the maps or units that no image turned on
 */

export class Trainer extends EventTarget {
  #record;
  #pixels;
  #labels;
  #order;
  #source;
  #modules;
  #asked;
  /** @type {Crew | null} */
  #crew = null;
  /** A worker that answers questions about a step, and what it knows: which start, which step. @type {Crew | null} */
  #inspector = null;
  #inspected = { life: -1, of: "" };
  #until = 0;
  /** Workers lost since weights were last kept. */
  #deaths = 0;
  #hasStopped = false;
  /** @type {string | null} */
  #refused = null;
  /** @type {Promise<void> | null} */
  #driving = null;
  #life = 0;
  /** What is gone back to where a worker dies; where the loss becomes no number, what is known to be good. */
  #kept;
  #good;
  #keptAt = 0;
  /** The last step that was held to PyTorch, and whether the run is still the one that PyTorch took. */
  #compared = 0;
  #isAsProven = true;
  /** @type {number[]} */
  #squares = [];
  /** @type {Record<string, {dead: number, of: number}>} */
  #dead = {};
  /** Of the epoch so far; trainMs: of all. */
  #sums = { loss: 0, correct: 0, seen: 0, trainMs: 0 };

  /**
   * @param {object} options
   * @param {any} options.record the page's
   * @param {any} options.planned the net's part of it
   * @param {Float32Array} options.numbers the net's block before the first step
   * @param {any} options.settings
   * @param {Uint8Array} options.images all of the page's: training, validation, test
   * @param {Uint8Array} options.labels
   * @param {Uint32Array} options.order of the training images, one of which every beginning holds the classes evenly
   * @param {string} options.workerSource
   * @param {{kind: string, bytes: Uint8Array}[]} options.modules the kernels, quickest first
   * @param {number | null} [options.workers] null: as many as the processor has threads, within reason
   */
  constructor({ record, planned, numbers, settings, images, labels, order, workerSource, modules, workers = null }) {
    super();
    this.#record = record;
    this.planned = planned;
    this.settings = { ...settings };
    this.#pixels = images;
    this.#labels = labels;
    this.#order = order;
    this.#source = workerSource;
    this.#modules = modules;
    this.#asked = workers;
    this.initial = Float32Array.from(numbers);
    /** What the reader has taught. @type {{images: Uint32Array, labels: Uint8Array, repeats: number}[]} */
    this.taught = [];
    this.#kept = this.#good = beginning(this.initial);
    this.#begin(0, 0);
  }

  /** Forget all steps, and begin again from weights. @param {Float32Array} [numbers] */
  reset(numbers) {
    if (numbers) this.initial = Float32Array.from(numbers);
    this.#kept = this.#good = beginning(this.initial);
    this.#begin(0, 0);
  }

  /** Take steps until paused. */
  play() {
    this.#drive(Infinity);
  }

  /** Take no more steps than those that are under way. */
  pause() {
    this.#until = 0;
    this.dispatchEvent(new CustomEvent("pausing"));
  }

  /** @param {number} [count] steps to take, then rest */
  step(count = 1) {
    return this.#drive(this.steps + count);
  }

  /** Go on to the end of the epoch, then rest. */
  epoch() {
    const done = this.steps - this.origin.step;
    return this.step(this.perEpoch - (done % this.perEpoch));
  }

  /** Whether steps are being taken, or asked for. */
  get isPlaying() {
    return this.#driving !== null && this.#until > this.steps;
  }

  /** Epochs done, as a share of one where one is under way. */
  get epochs() {
    return this.origin.epoch + (this.steps - this.origin.step) / this.perEpoch;
  }

  /**
   * Change how the next steps are taken: rate, weight decay, dropout and shift at once; optimizer and batch size by new
   * workers, from the same weights. Net, seed, images and wrong labels take a reset.
   * @param {any} changes
   */
  setSettings(changes) {
    const before = this.settings;
    this.settings = { ...before, ...changes };
    const differs = (/** @type {string} */ key) => before[key] !== this.settings[key];
    if (this.steps > 0 || this.#driving) this.#isAsProven &&= !Object.keys(changes).some(differs);
    if (["seed", "images", "wrongLabels"].some(differs)) this.reset();
    else if (["optimizer", "batchSize"].some(differs)) return this.#goOn(differs("optimizer"));
    else this.#crew?.ask("set", { settings: this.settings }).catch(() => {}); // those that follow are made with them
    return Promise.resolve();
  }

  /**
   * Train on these, too, from the next step on.
   * @param {Uint8Array} pixels
   * @param {number[]} labels
   * @param {number} repeats how often each is seen an epoch
   */
  addImages(pixels, labels, repeats) {
    const first = this.#labels.length;
    this.#pixels = joined(this.#pixels, pixels);
    this.#labels = joined(this.#labels, Uint8Array.from(labels));
    this.taught = [...this.taught, { images: Uint32Array.from(labels, (_, i) => first + i), labels: Uint8Array.from(labels), repeats }];
    return this.#goOn(false);
  }

  /** The weights that it would go back to: at the end of an epoch those of that moment. @returns {State} */
  get kept() {
    return this.#kept.state;
  }

  /** The weights, the optimizer's numbers, and figures of each tensor and ReLU. */
  async snapshot() {
    return { ...(await this.#state()), statistics: this.#statistics };
  }

  /** The weights alone, and the figures: for what is painted again and again. */
  async glance() {
    const { step, numbers } = this.#hasStopped ? this.#kept.state : await this.#asking((crew) => crew.askOne("numbers"));
    return { step, numbers, statistics: this.#statistics };
  }

  get #statistics() {
    const norms = this.planned.tensors.map(({ name, role }, /** @type {number} */ i) => [name, role === "parameter" ? Math.sqrt(this.#squares[i] ?? NaN) : null]);
    return { gradientNorms: Object.fromEntries(norms.filter(([, norm]) => norm !== null)), dead: this.#dead };
  }

  /**
   * Measure the net as it is.
   * @param {"train" | "validation" | "test"} split train: what is trained on, with the labels it is trained with
   * @returns {Promise<Measured>}
   */
  evaluate(split) {
    return this.#asking((crew) => this.#measure(crew, this.#split(split)));
  }

  /**
   * What the net as it is answers to images, and what one of its layers reads.
   * @param {Uint32Array} images places among all images
   * @param {string | null} layer its name; null for the answers alone
   * @returns {Promise<{answers: Float32Array, features: Float32Array}>} one image's after the other's
   */
  features(images, layer) {
    return this.#asking(async (crew) => {
      const parts = await crew.ask("features", (which) => {
        const range = [Math.floor((which * images.length) / crew.count), Math.floor(((which + 1) * images.length) / crew.count)];
        return { images: images.slice(...range), layer };
      });
      return { answers: parts.map((part) => part.answers).reduce(joined), features: parts.map((part) => part.features).reduce(joined) };
    });
  }

  /** The batch of the step that comes next: places among the page's images, and the labels it is trained with. */
  nextBatch() {
    return this.#asking((crew) => crew.askOne("batch"));
  }

  /**
   * Ask about the step that comes next, in double precision, in a worker of its own.
   * @param {any} question as inspector.js takes it
   * @returns {Promise<any>}
   */
  async inspect(question) {
    await this.#asking(async () => {});
    const { settings } = this;
    const of = (/** @type {number} */ step) => JSON.stringify([step, settings]);
    const isNew = this.#inspector === null || this.#inspected.life !== this.#life;
    const request = /** @type {any} */ ({ question });
    if (isNew || this.#driving || this.#inspected.of !== of(this.steps)) {
      const state = await this.#state();
      Object.assign(request, { state, settings, start: isNew ? this.#of(state) : null });
      this.#inspected = { life: this.#life, of: of(state.step) };
    }
    this.#inspector ??= new Crew(1, this.#source, () => (this.#inspector = null));
    const [answer] = await this.#inspector.ask("inspect", request);
    return answer;
  }

  /** All images: the page's and those taught. @returns {Uint8Array} */
  get images() {
    return this.#pixels;
  }

  /** The workers end; nothing can be asked any more. */
  dispose() {
    this.#until = 0;
    this.#life++;
    this.ready = new Promise(() => {});
    this.#crew?.end();
    this.#crew = null;
    this.#inspector?.end();
    this.#inspector = null;
  }

  #begin(step, epoch) {
    this.steps = step;
    this.origin = { step, epoch };
    this.curves = { steps: /** @type {StepFigures[]} */ ([]), epochs: /** @type {EpochFigures[]} */ ([]) };
    this.#until = 0;
    this.#dead = {};
    this.#squares = [];
    [this.#compared, this.#isAsProven, this.#deaths] = [0, true, 0];
    this.#start();
  }

  /** New workers from the weights as they are, with other images or another batch. */
  async #goOn(forgetsOptimizer) {
    const wasPlaying = this.isPlaying;
    this.pause();
    await this.#driving; // an epoch that is at its end is measured yet
    const state = await this.#state();
    const sums = { loss: 0, correct: 0, seen: 0, trainMs: this.#sums.trainMs };
    this.#kept = this.#good = { state: forgetsOptimizer ? { ...state, first: null, second: null } : state, sums };
    this.origin = { step: state.step, epoch: Math.ceil(this.epochs) };
    this.#start();
    if (wasPlaying) this.play();
  }

  #start() {
    this.#life++;
    this.#hasStopped = false;
    this.#crew?.end();
    this.#crew = null;
    this.training = trainingImages({
      labels: this.#labels, training: this.#record.data.train, order: this.#order, classes: this.#record.data.classes.length,
      settings: this.settings, taught: this.taught,
    });
    this.perEpoch = stepsPerEpoch(this.training.images.length, this.settings.batchSize);
    this.#goBack(this.#kept);
    this.ready = this.#hire(this.#life);
    this.ready.catch(() => {}); // whoever asks is told
  }

  async #hire(life) {
    const threads = this.#asked ?? Math.min(MOST_WORKERS, globalThis.navigator?.hardwareConcurrency ?? 2);
    const batch = Math.ceil(this.training.images.length / this.perEpoch);
    const count = Math.max(1, Math.min(threads, Math.floor(batch / WORTH_A_WORKER)));
    const crew = new Crew(count, this.#source, (reason, hasListened) => life === this.#life && this.#lost(reason, hasListened), this.#refused);
    this.#crew = crew;
    const answers = await crew.start(this.#of(this.#kept.state));
    const { kind, note } = answers[0];
    const told = [crew.note, note].filter(Boolean).join("; ");
    const ready = { workers: crew.count, kernel: kind, note: told || null };
    this.dispatchEvent(new CustomEvent("ready", { detail: ready }));
    return ready;
  }

  /** What a replica is made of, from a state on. @param {State} state */
  #of(state) {
    const { shape, mean, std, fill } = this.#record.data;
    return {
      planned: this.planned, data: { shape, mean, std, fill }, settings: this.settings, pixels: this.#pixels,
      training: this.training, state, origin: this.origin, modules: this.#modules,
    };
  }

  /**
   * Ask the workers; where they are lost over it, those that follow.
   * @template T
   * @param {(crew: Crew) => Promise<T>} does
   * @returns {Promise<T>}
   */
  async #asking(does) {
    for (;;) {
      const { ready } = this;
      try {
        await ready;
        return await does(/** @type {Crew} */ (this.#crew));
      } catch (error) {
        if (ready === this.ready) throw error;
      }
    }
  }

  /** Take steps as long as some are wanted; whoever asks meanwhile waits for the same. */
  #drive(until) {
    if (this.#hasStopped) {
      this.#deaths = 0;
      this.#start();
    }
    const wasPlaying = this.isPlaying;
    this.#until = until;
    const all = (this.#driving ??= this.#takeAll());
    if (!wasPlaying) this.dispatchEvent(new CustomEvent("playing"));
    return all;
  }

  async #takeAll() {
    try {
      while (this.#until > this.steps) await this.#asking((crew) => this.#takeSteps(crew));
    } finally {
      this.#until = 0;
      this.#driving = null;
      this.dispatchEvent(new CustomEvent("paused"));
    }
  }

  /** Ask for steps, a few requests ahead. @param {Crew} crew */
  async #takeSteps(crew) {
    const life = this.#life;
    const marks = this.#marks();
    const isHalt = (/** @type {number} */ step) => marks.includes(step) || (step - this.origin.step) % this.perEpoch === 0;
    const isDue = () => performance.now() - this.#keptAt > KEEP_MS;
    let [asked, slice] = [this.steps, 1];
    /** @type {{steps: number, answer: Promise<any>}[]} */
    const ahead = [];
    while (life === this.#life && (asked < this.#until || ahead.length)) {
      // At an epoch's end, at a mark and to keep them the weights as they are then are asked for before any further step.
      while (ahead.length < AHEAD && asked < this.#until && !(ahead.length && (isHalt(asked) || isDue()))) {
        const toEpoch = this.perEpoch - ((asked - this.origin.step) % this.perEpoch);
        const mark = marks.find((step) => step > asked) ?? Infinity;
        const steps = Math.min(slice, toEpoch, mark - asked, this.#until - asked);
        asked += steps;
        const answer = crew.ask("train", { steps });
        answer.catch(() => {}); // it is awaited in its turn
        ahead.push({ steps, answer });
      }
      const { steps, answer } = /** @type {any} */ (ahead.shift());
      const parts = await answer;
      if (life !== this.#life) return;
      const spent = Math.max(...parts.map((part) => part.spent));
      slice = Math.max(1, Math.min(2 * slice, Math.round((SLICE_MS * steps) / Math.max(0.1, spent))));
      if (!this.#took(parts, spent)) return this.#diverged(crew);
      if (ahead.length) continue;
      const done = this.steps - this.origin.step;
      if (marks.includes(this.steps)) await this.#compare(crew);
      const isEpoch = done % this.perEpoch === 0;
      if (!isEpoch && !isDue()) continue;
      if (!(await (isEpoch ? this.#endEpoch(crew) : this.#keep(crew)))) return this.#diverged(crew);
    }
  }

  /** Steps that what PyTorch came to is in the page for. */
  #marks() {
    const { proof } = this.planned;
    if (!proof || this.origin.step || this.taught.length) return [];
    const same = this.#isAsProven && Object.entries(proof.settings).every(([key, value]) => this.settings[key] === value);
    return same ? proof.steps.map(({ step }) => step).filter((/** @type {number} */ step) => step > this.#compared) : [];
  }

  /** @param {Crew} crew */
  async #compare(crew) {
    const { numbers } = await crew.askOne("numbers");
    if (!this.#isAsProven) return;
    this.#compared = this.steps;
    const detail = deviationFrom(this.planned, this.steps, numbers, this.curves.steps[this.curves.steps.length - 1].lastLoss);
    this.dispatchEvent(new CustomEvent("proof", { detail }));
  }

  /** Add up what the replicas did. @returns {boolean} whether the loss is a number */
  #took(parts, spent) {
    const sum = (/** @type {string} */ key) => parts.reduce((total, part) => total + part[key], 0);
    const [loss, correct, seen] = [sum("loss"), sum("correct"), sum("seen")];
    this.steps = parts[0].step;
    this.#squares = parts[0].squares.map((_, /** @type {number} */ i) => parts.reduce((total, part) => total + part.squares[i], 0));
    if (!Number.isFinite(loss) || this.#squares.some((square) => !Number.isFinite(square))) return false;
    for (const [key, value] of Object.entries({ loss, correct, seen, trainMs: spent })) this.#sums[key] += value;
    const { steps, epochs } = this.curves;
    // where it went back to weights that were kept, what came after them comes again
    while (steps.length && steps[steps.length - 1].step >= this.steps) steps.pop();
    while (epochs.length && epochs[epochs.length - 1].epoch >= this.epochs) epochs.pop();
    if (this.#isSane(loss / seen) && this.#kept.state.step < this.steps) this.#good = this.#kept;
    const last = steps[steps.length - 1];
    const stay = last ? SMOOTHED ** (seen / this.settings.batchSize) : 0;
    const blend = (/** @type {number} */ old, /** @type {number} */ now) => (last ? stay * old + (1 - stay) * now : now);
    const figures = {
      step: this.steps, epoch: this.epochs,
      loss: blend(last?.loss ?? 0, loss / seen), accuracy: blend(last?.accuracy ?? 0, correct / seen),
      lastLoss: parts.reduce((total, part) => total + part.lastLoss, 0),
    };
    steps.push(figures);
    this.dispatchEvent(new CustomEvent("step", { detail: figures }));
    return true;
  }

  /** @param {Crew} crew @returns {Promise<boolean>} as #keep; and whether the losses that were measured are numbers */
  async #endEpoch(crew) {
    const started = performance.now();
    const { images, labels } = this.training;
    const some = Math.min(REMEASURED, images.length);
    const places = Uint32Array.from({ length: some }, (_, i) => Math.floor((i * images.length) / some));
    const again = { images: places.map((place) => images[place]), labels: Uint8Array.from(places, (place) => labels[place]) };
    const [remeasured, validation] = [await this.#measure(crew, again), await this.#measure(crew, this.#split("validation"))];
    if (!Number.isFinite(remeasured.loss + validation.loss)) return false; // as training/loop.py has it
    const { loss, correct, seen, trainMs } = this.#sums;
    this.#sums = { loss: 0, correct: 0, seen: 0, trainMs };
    if (!(await this.#keep(crew))) return false;
    if (this.#isSane(validation.loss)) this.#good = this.#kept;
    this.#dead = remeasured.dead;
    const is_best = this.curves.epochs.every(({ validation_accuracy, validation_loss }) =>
      validation.accuracy > validation_accuracy || (validation.accuracy === validation_accuracy && validation.loss < validation_loss));
    /** @type {EpochFigures} */
    const figures = {
      epoch: Math.round(this.epochs), steps: this.perEpoch, learning_rate: this.settings.learningRate,
      training_loss: loss / seen, training_accuracy: correct / seen,
      remeasured_loss: remeasured.loss, remeasured_accuracy: remeasured.accuracy, remeasured_images: some,
      validation_loss: validation.loss, validation_accuracy: validation.accuracy, is_best,
      train_time_s: trainMs / 1000, eval_time_s: (performance.now() - started) / 1000,
    };
    this.curves.epochs.push(figures);
    this.dispatchEvent(new CustomEvent("epoch", { detail: figures }));
    return true;
  }

  /**
   * Keep the weights, to go back to where a worker dies or the loss becomes no number.
   * @param {Crew} crew
   * @returns {Promise<boolean>} whether they are numbers: others are not kept
   */
  async #keep(crew) {
    const state = await wholeState(crew);
    this.#keptAt = performance.now();
    const areNumbers = [state.numbers, state.first, state.second].every((numbers) => numbers === null || numbers.every(Number.isFinite));
    if (areNumbers) [this.#kept, this.#deaths] = [{ state, sums: { ...this.#sums } }, 0];
    return areNumbers;
  }

  /** @param {Crew} crew */
  async #diverged(crew) {
    const at = this.steps;
    this.#until = 0;
    this.#kept = this.#good;
    await crew.ask("restore", { state: this.#kept.state });
    this.#goBack(this.#kept);
    this.dispatchEvent(new CustomEvent("diverged", { detail: { step: at, kept: this.steps } }));
  }

  /** @param {ReturnType<typeof beginning>} kept */
  #goBack({ state, sums }) {
    this.steps = state.step;
    this.#sums = { ...sums };
  }

  /** Whether a loss is that of weights that still know something, not of weights about to become no numbers. @param {number} loss */
  #isSane(loss) {
    return loss < 2 * Math.log(this.#record.data.classes.length) + 1;
  }

  /** A worker died, or none could begin: begin again from what was kept. */
  #lost(reason, hasListened) {
    const isRefused = !hasListened && this.#refused === null; // by the page's policy, or the browser
    if (isRefused) this.#refused = reason;
    else if (++this.#deaths >= DEATHS) return this.#stop(reason);
    this.#start();
    if (!isRefused) this.dispatchEvent(new CustomEvent("restarted", { detail: { reason, step: this.steps } }));
  }

  /** Rest with the weights that were kept, until somebody plays again. */
  #stop(reason) {
    this.#life++;
    this.#hasStopped = true;
    this.#until = 0;
    this.#crew = null;
    this.#goBack(this.#kept);
    this.ready = new Promise((resolve) => this.addEventListener("ready", (event) => resolve(/** @type {CustomEvent} */ (event).detail), { once: true }));
    this.dispatchEvent(new CustomEvent("stopped", { detail: { reason } }));
  }

  /** @returns {Promise<State>} */
  async #state() {
    return this.#hasStopped ? this.#kept.state : this.#asking(wholeState);
  }

  #split(split) {
    if (split === "train") return this.training;
    const { train, validation, test } = this.#record.data;
    const first = split === "validation" ? train : train + validation;
    const images = Uint32Array.from({ length: split === "validation" ? validation : test }, (_, i) => first + i);
    return { images, labels: Uint8Array.from(images, (image) => this.#labels[image]) };
  }

  /** @param {Crew} crew @param {import("./replica.js").Labelled} labelled @returns {Promise<Measured>} */
  async #measure(crew, { images, labels }) {
    const parts = await crew.ask("evaluate", (which) => {
      const range = [Math.floor((which * images.length) / crew.count), Math.floor(((which + 1) * images.length) / crew.count)];
      return { measured: { images: images.slice(...range), labels: labels.slice(...range) } };
    });
    const answers = parts.map((part) => part.answers).reduce(joined);
    const classes = this.#record.data.classes.length;
    const confusion = Array.from({ length: classes }, () => Array(classes).fill(0));
    labels.forEach((label, i) => confusion[label][answers[i]]++);
    const dead = Object.keys(parts[0].alive).map((name) => {
      const of = parts[0].alive[name].length;
      const alive = Array.from({ length: of }, (_, unit) => parts.some((part) => part.alive[name][unit]));
      return [name, { dead: alive.filter((is) => !is).length, of }];
    });
    const sum = (/** @type {string} */ key) => parts.reduce((total, part) => total + part[key], 0);
    return {
      loss: sum("loss") / images.length, accuracy: sum("correct") / images.length, images: images.length,
      confusion, answers, dead: Object.fromEntries(dead),
    };
  }
}

/** Weights before the first step, and the sums of their epoch. @param {Float32Array} numbers */
function beginning(numbers) {
  /** @type {State} */
  const state = { step: 0, numbers, first: null, second: null };
  return { state, sums: { loss: 0, correct: 0, seen: 0, trainMs: 0 } };
}

/** The whole state: the optimizer's numbers put together from the replicas'. @param {Crew} crew @returns {Promise<State>} */
async function wholeState(crew) {
  const parts = await crew.ask("state");
  const [state] = parts;
  const size = state.numbers.length;
  parts.forEach((part, which) => {
    const [from, end] = [Math.floor((which * size) / parts.length), Math.floor(((which + 1) * size) / parts.length)];
    for (const key of ["first", "second"]) if (state[key]) state[key].set(part[key].subarray(from, end), from);
  });
  return state;
}

/** The workers of a training, and what they were asked. */
class Crew {
  #workers;
  #waiting = /** @type {Map<number, {resolve: (answer: any) => void, reject: (error: Error) => void}>} */ (new Map());
  #asked = 0;
  #lost;
  #hasEnded = false;
  #hasListened = false;
  #watch = 0;

  /**
   * @param {number} count
   * @param {string} source
   * @param {(reason: string, hasListened: boolean) => void} lost hasListened: whether any of them ever began
   * @param {string | null} [refused] why no Worker is to be tried
   */
  constructor(count, source, lost, refused = null) {
    this.#lost = lost;
    /** Why it is not as it should be. @type {string | null} */
    this.note = null;
    this.#workers = this.#hire(count, source, refused);
  }

  get count() {
    return this.#workers.length;
  }

  /** @param {any} common what every replica is made of */
  async start(common) {
    const ports = Array.from({ length: this.count }, () => /** @type {(MessagePort | null)[]} */ (Array(this.count).fill(null)));
    for (let a = 0; a < this.count; a++) {
      for (let b = a + 1; b < this.count; b++) {
        const { port1, port2 } = new MessageChannel();
        [ports[a][b], ports[b][a]] = [port1, port2];
      }
    }
    return this.ask("start", (which) => ({ start: { ...common, which, ports: ports[which] } }), (which) => ports[which].filter(Boolean));
  }

  /**
   * Ask all replicas.
   * @param {string} ask
   * @param {object | ((which: number) => object)} [request] the same for all, or each one's own
   * @param {(which: number) => any[]} [transferred]
   * @returns {Promise<any[]>} their answers
   */
  ask(ask, request = {}, transferred = () => []) {
    return Promise.all(this.#workers.map((_, which) => this.#one(which, ask, typeof request === "function" ? request(which) : request, transferred(which))));
  }

  /** @param {string} ask of the first replica alone: what all of them know */
  askOne(ask) {
    return this.#one(0, ask, {}, []);
  }

  /** What was asked and not answered is refused. @param {string} [reason] */
  end(reason = "the workers have ended") {
    this.#hasEnded = true;
    clearTimeout(this.#watch);
    for (const worker of this.#workers) worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(new UserError(reason));
    this.#waiting.clear();
  }

  #one(which, ask, request, transferred) {
    const id = this.#asked++;
    const worker = this.#workers[which];
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) return reject(new UserError("the workers have ended"));
      this.#waiting.set(id, { resolve, reject });
      this.#watchOver();
      worker.listens.then(() => this.#hasEnded || worker.postMessage({ id, ask, ...request }, transferred));
    });
  }

  #hire(count, source, refused) {
    const workers = [];
    try {
      if (refused) throw new Error(refused);
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      for (let which = 0; which < count; which++) workers.push(this.#listening(new Worker(url)));
    } catch (error) {
      for (const worker of workers) worker.terminate();
      this.note = `no Worker could be started (${/** @type {Error} */ (error).message}); the page trains on its own thread and answers more slowly`;
      return [this.#onThisThread()];
    }
    return workers;
  }

  #listening(worker) {
    worker.listens = new Promise((resolve) => {
      worker.onmessage = ({ data }) => {
        if (data.id === -1) {
          this.#hasListened = true;
          resolve(null);
        } else if (data.id === -2) this.#watchOver(); // it is at work on something long
        else this.#answered(data);
      };
    });
    worker.onerror = (event) => {
      event.preventDefault?.();
      this.#fail(event.message || "a worker ended");
    };
    worker.onmessageerror = () => this.#fail("a message could not be read");
    return worker;
  }

  #onThisThread() {
    const take = answering((message) => setTimeout(() => this.#answered(message)));
    return { listens: Promise.resolve(null), postMessage: (/** @type {any} */ request) => setTimeout(() => take(request)), terminate() {} };
  }

  #answered({ id, answer, error }) {
    const asked = this.#waiting.get(id);
    this.#waiting.delete(id);
    this.#watchOver();
    if (!asked || this.#hasEnded) return;
    if (error === undefined) asked.resolve(answer);
    else {
      asked.reject(new UserError(error));
      this.#fail(error);
    }
  }

  /** Silence is counted in two halves: a lid that was closed in one of them is no death. */
  #watchOver() {
    clearTimeout(this.#watch);
    if (!this.#waiting.size || this.#hasEnded) return;
    this.#watch = setTimeout(() => {
      this.#watch = setTimeout(() => this.#fail("a worker no longer answers"), SILENT_MS / 2);
    }, SILENT_MS / 2);
  }

  #fail(reason) {
    if (this.#hasEnded) return;
    this.end(reason);
    this.#lost(reason, this.#hasListened);
  }
}

/** @template {Uint8Array | Float32Array} T @param {T} a @param {T} b @returns {T} */
function joined(a, b) {
  const all = new /** @type {any} */ (a.constructor)(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
