// The net as it is at a moment, on the page's own thread, for a few images of the reader's.

import { Net } from "../../explorer/web/net.js";
import { best, sizeOf } from "../../explorer/web/numbers.js";

/** Milliseconds of answering at a time: the page goes on in between. */
const A_TIME_MS = 12;

/** @typedef {{answer: number | null, share: number, surest: number}} Answer the class, its probability, its logit */

/**
 * What the net answers now.
 * @param {import("./learning.js").Learning} learning
 * @param {ArrayLike<number>[]} images pixels, 0–255, a channel after the other
 * @returns {Promise<Answer[]>}
 */
export async function answersNow({ trainer, planned, content }, images) {
  const { data } = content.record;
  const { numbers } = await trainer.snapshot();
  const pixels = new Uint8ClampedArray(sizeOf(data.shape));
  const net = new Net(data, planned, numbers, pixels);
  /** @type {Answer[]} */
  const answers = [];
  let started = performance.now();
  for (const image of images) {
    pixels.set(image);
    net.run();
    answers.push(answerOf(net));
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
  return { answer, share: answer === null ? NaN : net.probabilities[answer], surest: net.output.values[best(net.output.values) ?? 0] };
}
