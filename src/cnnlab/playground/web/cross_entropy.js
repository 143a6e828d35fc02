// Softmax and cross-entropy, forwards and backwards at once: the gradient of the mean loss by a logit is (p − y) / batch.

/**
 * @param {import("./learner.js").Trained} answer the layer of logits; its gradients are set
 * @param {ArrayLike<number>} labels of the images of the pass
 * @param {number} count images of the pass
 * @param {number} batch images of the whole batch, over which the loss is a mean
 * @returns {{loss: number, correct: number}} the sum of the images' losses in nats, and how many are right
 */
export function crossEntropy({ values, gradients, size }, labels, count, batch) {
  let loss = 0;
  let correct = 0;
  for (let n = 0; n < count; n++) {
    const at = n * size;
    let most = -Infinity;
    let best = 0;
    for (let k = 0; k < size; k++) {
      if (!(values[at + k] > most)) continue;
      most = values[at + k];
      best = k;
    }
    let sum = 0;
    for (let k = 0; k < size; k++) sum += Math.exp(values[at + k] - most);
    loss += Math.log(sum) + most - values[at + labels[n]];
    correct += best === labels[n] ? 1 : 0;
    for (let k = 0; k < size; k++) gradients[at + k] = (Math.exp(values[at + k] - most) / sum - (k === labels[n] ? 1 : 0)) / batch;
  }
  return { loss, correct };
}
