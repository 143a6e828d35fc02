// What a worker is asked, and how it answers: one request after the other, each answer with its request's number.

import { Inspector } from "./inspector.js";
import { Replica } from "./replica.js";

/**
 * @param {(message: any) => void} post −1 as the number: it listens; −2: it is at work on what takes long
 * @returns {(request: any) => void} takes a request
 */
export function answering(post) {
  /** @type {any} */
  let replica = null;
  /** @type {any} */
  let inspector = null;
  /** @type {Record<string, (request: any) => any>} */
  const answers = {
    async start({ start }) {
      replica = await Replica.make(start);
      return { kind: replica.kind, note: replica.note };
    },
    train: ({ steps }) => replica.train(steps),
    evaluate: ({ measured }) => replica.evaluate(measured, () => post({ id: -2 })),
    features: ({ images, layer }) => replica.features(images, layer, () => post({ id: -2 })),
    state: () => replica.state(),
    numbers: () => ({ step: replica.step, numbers: Float32Array.from(replica.learner.numbers) }),
    restore: ({ state }) => replica.restore(state),
    set: ({ settings }) => void (replica.settings = settings),
    batch: () => replica.batch(),
    inspect({ start, state, settings, question }) {
      if (start) inspector = new Inspector(start);
      if (state) inspector.take(state, settings);
      return inspector.answer(question);
    },
  };
  // A step that waits for another replica lets no other request in.
  let last = Promise.resolve();
  return (request) => {
    last = last.then(async () => {
      try {
        post({ id: request.id, answer: await answers[request.ask](request) });
      } catch (error) {
        post({ id: request.id, error: String(/** @type {Error} */ (error).message ?? error) });
      }
    });
  };
}
