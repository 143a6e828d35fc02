// A net before its first step, as PyTorch draws it under a seed.

import { Generator, fillUniform } from "./random.js";
import { sizeOf } from "../../explorer/web/numbers.js";

/**
 * The net's block of numbers as nets/resolve.py's build_net gives it.
 * @param {{tensors: {at: number, shape: number[], initial: any}[]}} planned in the order in which PyTorch draws them
 * @param {number | bigint} seed
 * @returns {Float32Array}
 */
export function initialWeights({ tensors }, seed) {
  const block = new Float32Array(Math.max(...tensors.map(({ at, shape }) => at + sizeOf(shape))));
  const random = new Generator(BigInt(seed));
  for (const { at, shape, initial } of tensors) {
    const values = block.subarray(at, at + sizeOf(shape));
    if (initial.kind === "uniform") fillUniform(random, values, -initial.bound, initial.bound);
    else values.fill(initial.value);
  }
  return block;
}
