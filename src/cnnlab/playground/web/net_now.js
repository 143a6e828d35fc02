// The net as it is at a moment, on the page's own thread, for a few images of the reader's.

import { Net } from "../../explorer/web/net.js";
import { sizeOf } from "../../explorer/web/numbers.js";

/** Milliseconds of answering at a time: the page goes on in between. */
const A_TIME_MS = 12;

/** @typedef {{answer: number | null, share: number}} Answer the class and its probability */

/**
 * What the net answers now.
 * @template [T=Answer]
 * @param {import("./learning.js").Learning} learning
 * @param {ArrayLike<number>[]} images pixels, 0–255, a channel after the other
 * @param {(net: Net) => T} [read] what is wanted of the net after an image
 * @returns {Promise<T[]>}
 */
export async function answersNow({ trainer, planned, content }, images, read = /** @type {any} */ (answerOf)) {
  const { data } = content.record;
  const { numbers } = await trainer.snapshot();
  const pixels = new Uint8ClampedArray(sizeOf(data.shape));
  const net = new Net(data, planned, numbers, pixels);
  /** @type {T[]} */
  const answers = [];
  let started = performance.now();
  for (const image of images) {
    pixels.set(image);
    net.run();
    answers.push(read(net));
    if (performance.now() - started > A_TIME_MS) {
      await new Promise((resolve) => setTimeout(resolve));
      started = performance.now();
    }
  }
  return answers;
}

/** @param {Net} net that has run @returns {Answer} */
export function answerOf(net) {
  const answer = net.prediction;
  return { answer, share: answer === null ? NaN : net.probabilities[answer] };
}
