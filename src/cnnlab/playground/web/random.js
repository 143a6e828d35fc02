// Random numbers: PyTorch's generator, so that a seed gives the page and Python the same net and the same order, and a
// hash that gives the number of any place without those before it, so that workers agree without talking.

import { sha256 } from "../../explorer/web/sha256.js";

const SIZE = 624;
const SHIFT = 397;

/** The Mersenne Twister MT19937 as torch.Generator().manual_seed(seed) starts it on the CPU. */
export class Generator {
  #state = new Uint32Array(SIZE);
  #at = SIZE;

  /** @param {bigint} seed its lower 32 bits count */
  constructor(seed) {
    const state = this.#state;
    state[0] = Number(seed & 0xffffffffn);
    for (let i = 1; i < SIZE; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  }

  /** @returns {number} 32 random bits, 0 … 2³² − 1 */
  next() {
    if (this.#at === SIZE) this.#twist();
    let word = this.#state[this.#at++];
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  }

  #twist() {
    const state = this.#state;
    for (let i = 0; i < SIZE; i++) {
      const mixed = (state[i] & 0x80000000) | (state[(i + 1) % SIZE] & 0x7fffffff);
      state[i] = state[(i + SHIFT) % SIZE] ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    }
    this.#at = 0;
  }
}

/**
 * torch.randperm(count) under a seed.
 * @param {bigint} seed
 * @param {number} count
 * @returns {Uint32Array}
 */
export function permutation(seed, count) {
  const random = new Generator(seed);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = 0; i < count - 1; i++) {
    const other = i + (random.next() % (count - i));
    [order[i], order[other]] = [order[other], order[i]];
  }
  return order;
}

/**
 * Fill with what torch's uniform_(low, high) draws next: 24 bits a number.
 * @param {Generator} random
 * @param {Float32Array} values
 * @param {number} low
 * @param {number} high
 */
export function fillUniform(random, values, low, high) {
  const from = Math.fround(low);
  const range = Math.fround(Math.fround(high) - from);
  for (let i = 0; i < values.length; i++) values[i] = ((random.next() & 0xffffff) / 2 ** 24) * range + from;
}

/**
 * A seed for one purpose in one epoch, as training/state.py derives it.
 * @param {number | bigint} seed
 * @param {string} purpose
 * @param {number} epoch
 * @returns {bigint}
 */
export function derivedSeed(seed, purpose, epoch) {
  return new DataView(sha256(`${seed}/${purpose}/${epoch}`).buffer).getBigUint64(0) >> 1n;
}

/**
 * 32 random bits that belong to a place, whatever was asked for before.
 * @param {number} seed
 * @param {number} purpose
 * @param {number} a
 * @param {number} b
 * @returns {number} 0 … 2³² − 1
 */
export function hash(seed, purpose, a, b) {
  let bits = mixed(seed ^ Math.imul(purpose, 0x9e3779b1));
  bits = mixed(bits ^ Math.imul(a, 0x85ebca77));
  return mixed(bits ^ Math.imul(b, 0xc2b2ae3d)) >>> 0;
}

/** The same as a share of 1: 0 ≤ u < 1. @param {number} seed @param {number} purpose @param {number} a @param {number} b */
export function uniform(seed, purpose, a, b) {
  return hash(seed, purpose, a, b) / 2 ** 32;
}

/** Every bit of a word spread over all 32 (Ellis, "lowbias32"). */
function mixed(word) {
  word ^= word >>> 16;
  word = Math.imul(word, 0x7feb352d);
  word ^= word >>> 15;
  word = Math.imul(word, 0x846ca68b);
  return word ^ (word >>> 16);
}
