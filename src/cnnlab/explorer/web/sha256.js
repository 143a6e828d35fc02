// SHA-256 (FIPS 180-4). crypto.subtle has it only on pages that came over https, and of all bytes at once.

const PRIMES = primes(64);
const ROUND = Int32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));
const START = Int32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
const BLOCK = 64;

/** @param {string} text @returns {Uint8Array} its 32 bytes */
export function sha256(text) {
  const hash = new Sha256();
  hash.add(new TextEncoder().encode(text));
  return hash.digest();
}

/** @param {Uint8Array} bytes @returns {string} two digits a byte */
export function asHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Of bytes that come in pieces. */
export class Sha256 {
  constructor() {
    this.state = START.slice();
    this.words = new Int32Array(64);
    this.open = new Uint8Array(BLOCK); // bytes that fill no block yet
    this.length = 0;
  }

  /** @param {Uint8Array} bytes that come next */
  add(bytes) {
    let at = 0;
    const filled = this.length % BLOCK;
    this.length += bytes.length;
    if (filled > 0) {
      at = Math.min(BLOCK - filled, bytes.length);
      this.open.set(bytes.subarray(0, at), filled);
      if (filled + at < BLOCK) return;
      compress(this.state, this.words, this.open, 0);
    }
    for (; at + BLOCK <= bytes.length; at += BLOCK) compress(this.state, this.words, bytes, at);
    this.open.set(bytes.subarray(at));
  }

  /** Once all bytes are there. @returns {Uint8Array} 32 bytes */
  digest() {
    const length = this.length;
    const end = new DataView(new ArrayBuffer(BLOCK - ((length + 8) % BLOCK) + 8));
    end.setUint8(0, 0x80);
    end.setBigUint64(end.byteLength - 8, 8n * BigInt(length));
    this.add(new Uint8Array(end.buffer));
    const digest = new DataView(new ArrayBuffer(32));
    this.state.forEach((word, i) => digest.setInt32(4 * i, word));
    return new Uint8Array(digest.buffer);
  }
}

/**
 * Take a block of 64 bytes into the state.
 *
 * @param {Int32Array} state @param {Int32Array} words room for 64 @param {Uint8Array} bytes @param {number} at
 */
function compress(state, words, bytes, at) {
  for (let i = 0; i < 16; i++, at += 4) {
    words[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  }
  for (let i = 16; i < 64; i++) {
    const early = words[i - 15];
    const late = words[i - 2];
    const small0 = turned(early, 7) ^ turned(early, 18) ^ (early >>> 3);
    const small1 = turned(late, 17) ^ turned(late, 19) ^ (late >>> 10);
    words[i] = words[i - 16] + small0 + words[i - 7] + small1;
  }
  let a = state[0], b = state[1], c = state[2], d = state[3];
  let e = state[4], f = state[5], g = state[6], h = state[7];
  for (let i = 0; i < 64; i++) {
    const big1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
    const first = (h + big1 + ((e & f) ^ (~e & g)) + ROUND[i] + words[i]) | 0;
    const big0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
    const second = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

function turned(word, by) {
  return (word >>> by) | (word << (32 - by));
}

/** The first 32 bits after the point. */
function fraction(value) {
  return Math.floor((value % 1) * 2 ** 32) | 0;
}

function primes(count) {
  const found = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime)) found.push(n);
  return found;
}
