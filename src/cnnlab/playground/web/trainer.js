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
/** Milliseconds without an answer after which a worker is taken for dead, and how often they are started anew. */
const SILENT_MS = 20_000;
const RESTARTS = 3;
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
 * @property {Float32Array} surest each image's largest logit
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
  #restarts = 0;
  /** @type {string | null} */
  #refused = null;
  #isDriving = false;
  #life = 0;
  /** @type {State} */
  #kept;
  #keptAt = 0;
  /** @type {number[]} */
  #squares = [];
  /** @type {Record<string, {dead: number, of: number}>} */
  #dead = {};
  #epochSums = { loss: 0, correct: 0, seen: 0 };
  #trainMs = 0;
  #best = { accuracy: -1, loss: Infinity };

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
    this.#kept = { step: 0, numbers: this.initial, first: null, second: null };
    this.#begin(0, 0);
  }

  /** Forget all steps, and begin again from weights. @param {Float32Array} [numbers] */
  reset(numbers) {
    if (numbers) this.initial = Float32Array.from(numbers);
    this.#kept = { step: 0, numbers: this.initial, first: null, second: null };
    this.#begin(0, 0);
  }

  /** Take steps until paused. */
  play() {
    this.#until = Infinity;
    this.#drive();
  }

  /** Take no more steps than those that are under way. */
  pause() {
    this.#until = 0;
    this.dispatchEvent(new CustomEvent("pausing"));
  }

  /** @param {number} [count] steps to take, then rest */
  step(count = 1) {
    this.#until = this.steps + count;
    return this.#drive();
  }

  /** Go on to the end of the epoch, then rest. */
  epoch() {
    const done = this.steps - this.origin.step;
    return this.step(this.perEpoch - (done % this.perEpoch));
  }

  /** Whether steps are being taken, or asked for. */
  get isPlaying() {
    return this.#isDriving && this.#until > this.steps;
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
    if (["seed", "images", "wrongLabels"].some(differs)) this.reset();
    else if (["optimizer", "batchSize"].some(differs)) return this.#goOn(differs("optimizer"));
    else this.#crew?.ask("set", { settings: this.settings });
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

  /** The weights, the optimizer's numbers, and figures of each tensor and ReLU. */
  async snapshot() {
    return { ...(await this.#state()), statistics: this.#statistics };
  }

  /** The weights alone, and the figures: for what is painted again and again. */
  async glance() {
    await this.ready;
    return { ...(await /** @type {Crew} */ (this.#crew).askOne("numbers")), statistics: this.#statistics };
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
  async evaluate(split) {
    await this.ready;
    return this.#measure(this.#split(split));
  }

  /** The batch of the step that comes next: places among the page's images, and the labels it is trained with. */
  async nextBatch() {
    await this.ready;
    return /** @type {Crew} */ (this.#crew).askOne("batch");
  }

  /**
   * Ask about the step that comes next, in double precision, in a worker of its own.
   * @param {any} question as inspector.js takes it
   * @returns {Promise<any>}
   */
  async inspect(question) {
    await this.ready;
    const { settings } = this;
    const of = (/** @type {number} */ step) => JSON.stringify([step, settings]);
    const isNew = this.#inspector === null || this.#inspected.life !== this.#life;
    const request = /** @type {any} */ ({ question });
    if (isNew || this.#isDriving || this.#inspected.of !== of(this.steps)) {
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
    this.#crew?.end();
    this.#crew = null;
    this.#inspector?.end();
    this.#inspector = null;
  }

  #begin(step, epoch) {
    this.steps = step;
    this.origin = { step, epoch };
    this.curves = { steps: /** @type {StepFigures[]} */ ([]), epochs: /** @type {EpochFigures[]} */ ([]) };
    this.#trainMs = 0;
    this.#best = { accuracy: -1, loss: Infinity };
    this.#until = 0;
    this.#dead = {};
    this.#squares = [];
    this.#start();
  }

  /** New workers from the weights as they are, with other images or another batch. */
  async #goOn(forgetsOptimizer) {
    const wasPlaying = this.isPlaying;
    this.pause();
    const { step, numbers, first, second } = await this.#state();
    this.#kept = forgetsOptimizer ? { step, numbers, first: null, second: null } : { step, numbers, first, second };
    this.origin = { step, epoch: Math.ceil(this.epochs) };
    this.#start();
    if (wasPlaying) this.play();
  }

  #start() {
    this.#life++;
    this.#crew?.end();
    this.#crew = null;
    this.training = trainingImages({
      labels: this.#labels, training: this.#record.data.train, order: this.#order, classes: this.#record.data.classes.length,
      settings: this.settings, taught: this.taught,
    });
    this.perEpoch = stepsPerEpoch(this.training.images.length, this.settings.batchSize);
    this.steps = this.#kept.step;
    this.#epochSums = { loss: 0, correct: 0, seen: 0 };
    this.ready = this.#hire(this.#life);
    this.ready.catch(() => {}); // whoever asks is told
  }

  async #hire(life) {
    const threads = this.#asked ?? Math.min(MOST_WORKERS, globalThis.navigator?.hardwareConcurrency ?? 2);
    const batch = Math.ceil(this.training.images.length / this.perEpoch);
    const count = Math.max(1, Math.min(threads, Math.floor(batch / WORTH_A_WORKER)));
    const crew = new Crew(count, this.#source, (reason, hasListened) => life === this.#life && this.#lost(reason, hasListened), this.#refused);
    this.#crew = crew;
    const answers = await crew.start(this.#of(this.#kept));
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

  /** Ask for steps as long as some are wanted, a few requests ahead. */
  async #drive() {
    if (this.#isDriving) return;
    this.#isDriving = true;
    let life = this.#life;
    try {
      await this.ready;
      life = this.#life;
      this.dispatchEvent(new CustomEvent("playing"));
      await this.#takeSteps(life);
    } finally {
      this.#isDriving = false;
      if (life === this.#life && this.#until <= this.steps) {
        this.#until = 0;
        this.dispatchEvent(new CustomEvent("paused"));
      } else if (this.#until > this.steps) this.#drive();
    }
  }

  async #takeSteps(life) {
    const marks = this.#marks();
    const isHalt = (/** @type {number} */ step) => marks.includes(step) || (step - this.origin.step) % this.perEpoch === 0;
    let [asked, slice] = [this.steps, 1];
    /** @type {{steps: number, answer: Promise<any>}[]} */
    const ahead = [];
    while (life === this.#life && (asked < this.#until || ahead.length)) {
      // At an epoch's end and at a mark the weights as they are then are asked for before any further step.
      while (ahead.length < AHEAD && asked < this.#until && !(ahead.length && isHalt(asked))) {
        const toEpoch = this.perEpoch - ((asked - this.origin.step) % this.perEpoch);
        const mark = marks.find((step) => step > asked) ?? Infinity;
        const steps = Math.min(slice, toEpoch, mark - asked, this.#until - asked);
        asked += steps;
        ahead.push({ steps, answer: /** @type {Crew} */ (this.#crew).ask("train", { steps }) });
      }
      const { steps, answer } = /** @type {any} */ (ahead.shift());
      const parts = await answer;
      if (life !== this.#life) return;
      const now = performance.now();
      const spent = Math.max(...parts.map((part) => part.spent));
      slice = Math.max(1, Math.min(2 * slice, Math.round((SLICE_MS * steps) / Math.max(0.1, spent))));
      if (!this.#took(parts, spent)) return this.#diverged();
      if (ahead.length) continue;
      const done = this.steps - this.origin.step;
      if (marks.includes(this.steps)) await this.#compare();
      if (done % this.perEpoch === 0) {
        await this.#endEpoch();
      } else if (now - this.#keptAt > KEEP_MS) {
        await this.#keep();
      }
      if (life !== this.#life) return;
    }
  }

  /** Steps that what PyTorch came to is in the page for. */
  #marks() {
    const { proof } = this.planned;
    if (!proof || this.origin.step || this.taught.length) return [];
    const same = Object.entries(proof.settings).every(([key, value]) => this.settings[key] === value);
    return same ? proof.steps.map(({ step }) => step) : [];
  }

  async #compare() {
    const { numbers } = await this.#state();
    const detail = deviationFrom(this.planned, this.steps, numbers, this.curves.steps[this.curves.steps.length - 1].lastLoss);
    this.dispatchEvent(new CustomEvent("proof", { detail }));
  }

  /** Add up what the replicas did. @returns {boolean} whether the loss is a number */
  #took(parts, spent) {
    const sum = (/** @type {string} */ key) => parts.reduce((total, part) => total + part[key], 0);
    const [loss, correct, seen] = [sum("loss"), sum("correct"), sum("seen")];
    this.steps = parts[0].step;
    this.#trainMs += spent;
    this.#squares = parts[0].squares.map((_, /** @type {number} */ i) => parts.reduce((total, part) => total + part.squares[i], 0));
    if (!Number.isFinite(loss) || this.#squares.some((square) => !Number.isFinite(square))) return false;
    for (const [key, value] of Object.entries({ loss, correct, seen })) this.#epochSums[key] += value;
    const last = this.curves.steps[this.curves.steps.length - 1];
    const stay = last ? SMOOTHED ** (seen / this.settings.batchSize) : 0;
    const blend = (/** @type {number} */ old, /** @type {number} */ now) => (last ? stay * old + (1 - stay) * now : now);
    const figures = {
      step: this.steps, epoch: this.epochs,
      loss: blend(last?.loss ?? 0, loss / seen), accuracy: blend(last?.accuracy ?? 0, correct / seen),
      lastLoss: parts.reduce((total, part) => total + part.lastLoss, 0),
    };
    this.curves.steps.push(figures);
    this.dispatchEvent(new CustomEvent("step", { detail: figures }));
    return true;
  }

  async #endEpoch() {
    const started = performance.now();
    const life = this.#life;
    const { images, labels } = this.training;
    const some = Math.min(REMEASURED, images.length);
    const places = Uint32Array.from({ length: some }, (_, i) => Math.floor((i * images.length) / some));
    const again = { images: places.map((place) => images[place]), labels: Uint8Array.from(places, (place) => labels[place]) };
    const [remeasured, validation] = [await this.#measure(again), await this.#measure(this.#split("validation"))];
    if (life !== this.#life) return;
    this.#dead = remeasured.dead;
    const { loss, correct, seen } = this.#epochSums;
    const is_best = validation.accuracy > this.#best.accuracy || (validation.accuracy === this.#best.accuracy && validation.loss < this.#best.loss);
    if (is_best) this.#best = validation;
    /** @type {EpochFigures} */
    const figures = {
      epoch: Math.round(this.epochs), steps: this.perEpoch, learning_rate: this.settings.learningRate,
      training_loss: loss / seen, training_accuracy: correct / seen,
      remeasured_loss: remeasured.loss, remeasured_accuracy: remeasured.accuracy, remeasured_images: some,
      validation_loss: validation.loss, validation_accuracy: validation.accuracy, is_best,
      train_time_s: this.#trainMs / 1000, eval_time_s: (performance.now() - started) / 1000,
    };
    this.#epochSums = { loss: 0, correct: 0, seen: 0 };
    await this.#keep();
    this.curves.epochs.push(figures);
    this.dispatchEvent(new CustomEvent("epoch", { detail: figures }));
  }

  /** Keep the weights, to go back to where a worker dies or the loss becomes no number. */
  async #keep() {
    const state = await this.#state();
    if (state.numbers.every(Number.isFinite)) this.#kept = state;
    this.#keptAt = performance.now();
  }

  async #diverged() {
    const at = this.steps;
    this.#until = 0;
    await this.#crew?.ask("restore", { state: this.#kept });
    this.steps = this.#kept.step;
    this.#epochSums = { loss: 0, correct: 0, seen: 0 };
    this.dispatchEvent(new CustomEvent("diverged", { detail: { step: at, kept: this.#kept.step } }));
  }

  /** A worker died: begin again from what was kept. */
  #lost(reason, hasListened) {
    const wasPlaying = this.#until > this.steps;
    if (!hasListened) this.#refused = reason; // the page's policy, or the browser, lets none begin
    if (this.#restarts++ >= RESTARTS) {
      this.#until = 0;
      this.dispatchEvent(new CustomEvent("stopped", { detail: { reason } }));
      return;
    }
    this.#start();
    this.dispatchEvent(new CustomEvent("restarted", { detail: { reason, step: this.#kept.step } }));
    if (wasPlaying) this.play();
  }

  /** The whole state: the optimizer's numbers put together from the replicas'. @returns {Promise<State>} */
  async #state() {
    await this.ready;
    const parts = await /** @type {Crew} */ (this.#crew).ask("state");
    const [state] = parts;
    const size = state.numbers.length;
    parts.forEach((part, which) => {
      const [from, end] = [Math.floor((which * size) / parts.length), Math.floor(((which + 1) * size) / parts.length)];
      for (const key of ["first", "second"]) if (state[key]) state[key].set(part[key].subarray(from, end), from);
    });
    return state;
  }

  #split(split) {
    if (split === "train") return this.training;
    const { train, validation, test } = this.#record.data;
    const first = split === "validation" ? train : train + validation;
    const images = Uint32Array.from({ length: split === "validation" ? validation : test }, (_, i) => first + i);
    return { images, labels: Uint8Array.from(images, (image) => this.#labels[image]) };
  }

  /** @returns {Promise<Measured>} */
  async #measure({ images, labels }) {
    const crew = /** @type {Crew} */ (this.#crew);
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
      confusion, answers, surest: parts.map((part) => part.surest).reduce(joined), dead: Object.fromEntries(dead),
    };
  }
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

  end() {
    this.#hasEnded = true;
    clearTimeout(this.#watch);
    for (const worker of this.#workers) worker.terminate();
  }

  async #one(which, ask, request, transferred) {
    const id = this.#asked++;
    const worker = this.#workers[which];
    await worker.listens;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, ask, ...request }, transferred);
      this.#watchOver();
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
        }
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
    this.end();
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
