// The optimizers, as torch.optim computes them: for all weights of a range at once, and for one weight, opened.

/** How much of the last step's direction stays. */
export const MOMENTUM = 0.9;
/** How much of the running means of g and of g² stays, and what keeps their quotient finite. */
export const BETAS = [0.9, 0.999];
export const EPSILON = 1e-8;

/** Running arrays that an optimizer keeps beside the weights: momentum's buffer, or Adam's m and v. */
export const STATES = { sgd: 0, momentum: 1, adam: 2, adamw: 2 };

/**
 * @typedef {"sgd" | "momentum" | "adam" | "adamw"} Name
 * @typedef {Float32Array | Float64Array} Numbers
 * @typedef {object} Settings
 * @property {Name} optimizer
 * @property {number} learningRate
 * @property {number} weightDecay
 * @typedef {object} Opened the numbers of one weight's step, in the order in which they are computed
 * @property {number} gradient ∂L/∂w
 * @property {number} decay what weight decay adds to the gradient: λ w; 0 for AdamW
 * @property {number} shrunk the weight that the step starts from: AdamW takes η λ w off it first
 * @property {number} direction gradient + decay
 * @property {number} first momentum's buffer or Adam's m, after this gradient; the direction itself for plain SGD
 * @property {number} second Adam's v, after this gradient; 0 for the others
 * @property {[number, number]} corrections 1 − β₁ᵗ and 1 − β₂ᵗ; 1 for the others
 * @property {number} correctedFirst m̂
 * @property {number} correctedSecond v̂
 * @property {number} denominator √v̂ + ε; 1 for the others
 * @property {number} step what is taken off the weight
 * @property {number} weight the new one
 */

/**
 * Take a step with the weights of a range, in place.
 * @param {Settings} settings
 * @param {number} t the step's number, from 1
 * @param {Numbers} weights
 * @param {Numbers} gradients
 * @param {Numbers | null} first the buffer, or m: 0 before the first step
 * @param {Numbers | null} second v: 0 before the first step
 * @param {number} from first place of the range
 * @param {number} end the place after its last
 * @param {boolean} isDecayed whether weight decay is for these weights
 */
export function update(settings, t, weights, gradients, first, second, from, end, isDecayed) {
  const rate = settings.learningRate;
  const decay = isDecayed ? settings.weightDecay : 0;
  if (settings.optimizer === "sgd") sgd(rate, decay, weights, gradients, from, end);
  else if (settings.optimizer === "momentum") momentum(rate, decay, weights, gradients, /** @type {Numbers} */ (first), from, end);
  else {
    const isDecoupled = settings.optimizer === "adamw";
    const kept = isDecoupled ? 1 - rate * decay : 1;
    adam(rate, isDecoupled ? 0 : decay, kept, t, weights, gradients, /** @type {Numbers} */ (first), /** @type {Numbers} */ (second), from, end);
  }
}

function sgd(rate, decay, weights, gradients, from, end) {
  for (let i = from; i < end; i++) weights[i] -= rate * (gradients[i] + decay * weights[i]);
}

function momentum(rate, decay, weights, gradients, buffer, from, end) {
  for (let i = from; i < end; i++) {
    buffer[i] = MOMENTUM * buffer[i] + (gradients[i] + decay * weights[i]);
    weights[i] -= rate * buffer[i];
  }
}

function adam(rate, decay, kept, t, weights, gradients, first, second, from, end) {
  const [beta1, beta2] = BETAS;
  const step = rate / (1 - beta1 ** t);
  const root = Math.sqrt(1 - beta2 ** t);
  for (let i = from; i < end; i++) {
    const weight = weights[i] * kept;
    const g = gradients[i] + decay * weight;
    first[i] += (1 - beta1) * (g - first[i]);
    second[i] = beta2 * second[i] + (1 - beta2) * g * g;
    weights[i] = weight - (step * first[i]) / (Math.sqrt(second[i]) / root + EPSILON);
  }
}

/**
 * One weight's step, every number of it.
 * @param {Settings} settings
 * @param {number} t the step's number, from 1
 * @param {number} weight
 * @param {number} gradient
 * @param {number} first the buffer, or m, before the step
 * @param {number} second v before the step
 * @param {boolean} isDecayed whether weight decay is for this weight
 * @returns {Opened}
 */
export function opened(settings, t, weight, gradient, first, second, isDecayed) {
  const { optimizer, learningRate: rate } = settings;
  const lambda = isDecayed ? settings.weightDecay : 0;
  const isDecoupled = optimizer === "adamw";
  const shrunk = isDecoupled ? weight * (1 - rate * lambda) : weight;
  const decay = isDecoupled ? 0 : lambda * weight;
  const direction = gradient + decay;
  const start = { gradient, decay, shrunk, direction };
  if (STATES[optimizer] < 2) {
    const buffer = optimizer === "momentum" ? MOMENTUM * first + direction : direction;
    const step = rate * buffer;
    return {
      ...start, first: buffer, second: 0, corrections: [1, 1], correctedFirst: buffer, correctedSecond: 0,
      denominator: 1, step, weight: weight - step,
    };
  }
  const [beta1, beta2] = BETAS;
  const m = first + (1 - beta1) * (direction - first);
  const v = beta2 * second + (1 - beta2) * direction * direction;
  /** @type {[number, number]} */
  const corrections = [1 - beta1 ** t, 1 - beta2 ** t];
  const [correctedFirst, correctedSecond] = [m / corrections[0], v / corrections[1]];
  const denominator = Math.sqrt(correctedSecond) + EPSILON;
  const step = (rate * correctedFirst) / denominator;
  return { ...start, first: m, second: v, corrections, correctedFirst, correctedSecond, denominator, step, weight: shrunk - step };
}
