// Sums over replicas that have a part of each batch. A page from a file has no shared memory, so they send one another
// copies; every replica adds them in the same order, and so they all come to the same bits.

/** @typedef {import("./kernels.js").Numbers} Numbers */

export class Exchange {
  /**
   * @param {number} which of the replicas this is
   * @param {(MessagePort | null)[]} ports to each of them; null to itself
   */
  constructor(which, ports) {
    this.which = which;
    this.ports = ports;
    /** @type {{arrived: any[], waiting: ((message: any) => void) | null}[]} */
    this.from = ports.map(() => ({ arrived: [], waiting: null }));
    ports.forEach((port, other) => {
      if (port) port.onmessage = ({ data }) => this.#arrive(other, data);
    });
    /** Sent arrays come back as received ones of the same size, and are sent again: nothing is left to collect. */
    this.spare = /** @type {Map<number, ArrayBuffer[]>} */ (new Map());
  }

  get count() {
    return this.ports.length;
  }

  /** The part of `size` numbers that a replica answers for. @param {number} size @param {number} [which] @returns {[number, number]} */
  part(size, which = this.which) {
    return [Math.floor((which * size) / this.count), Math.floor(((which + 1) * size) / this.count)];
  }

  /** Sum over all replicas, in place. @param {Float64Array} sums */
  async sum(sums) {
    if (this.count === 1) return;
    this.#send(sums, () => [0, sums.length]);
    const all = await this.#receive();
    all[this.which] = Float64Array.from(sums);
    sums.fill(0);
    for (const part of all) for (let i = 0; i < sums.length; i++) sums[i] += part[i];
    this.#keep(all);
  }

  /** Sum this replica's part over all replicas, in place; the others' parts go to them. @param {Numbers} numbers */
  async gather(numbers) {
    if (this.count === 1) return;
    this.#send(numbers, (other) => this.part(numbers.length, other));
    const all = await this.#receive();
    const [from, end] = this.part(numbers.length);
    const own = numbers.slice(from, end);
    const target = numbers.subarray(from, end);
    target.fill(0);
    all[this.which] = own;
    for (const part of all) for (let i = 0; i < target.length; i++) target[i] += part[i];
    this.#keep(all);
  }

  /** Give this replica's part to all, and take theirs. @param {Numbers} numbers */
  async share(numbers) {
    if (this.count === 1) return;
    this.#send(numbers, () => this.part(numbers.length));
    const all = await this.#receive();
    all.forEach((part, other) => part && numbers.set(part, this.part(numbers.length, other)[0]));
    this.#keep(all);
  }

  /** @param {Numbers} numbers @param {(other: number) => [number, number]} part what each other replica gets */
  #send(numbers, part) {
    this.ports.forEach((port, other) => {
      if (!port) return;
      const sent = numbers.subarray(...part(other));
      const Type = /** @type {any} */ (numbers.constructor);
      const buffer = this.spare.get(sent.byteLength)?.pop();
      const copy = buffer ? new Type(buffer) : new Type(sent.length);
      copy.set(sent);
      port.postMessage(copy, [copy.buffer]);
    });
  }

  /** The next message of every other replica. @returns {Promise<any[]>} */
  #receive() {
    return Promise.all(
      this.from.map((from, other) => {
        if (other === this.which) return null;
        if (from.arrived.length) return from.arrived.shift();
        return new Promise((resolve) => (from.waiting = resolve));
      }),
    );
  }

  #arrive(other, message) {
    const from = this.from[other];
    if (from.waiting) {
      const resolve = from.waiting;
      from.waiting = null;
      resolve(message);
    } else from.arrived.push(message);
  }

  #keep(all) {
    all.forEach((part, other) => {
      if (other === this.which || !part) return;
      const kept = this.spare.get(part.byteLength) ?? [];
      if (kept.length < this.count) kept.push(part.buffer);
      this.spare.set(part.byteLength, kept);
    });
  }
}
