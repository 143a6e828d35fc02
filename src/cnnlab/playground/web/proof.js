// How far a training is from PyTorch's, by the figures of it that the page carries.

/**
 * @param {any} planned the net, with its proof
 * @param {number} step taken
 * @param {Float32Array} numbers the net's block after it
 * @param {number} loss of the step's batch
 * @returns {{step: number, loss: number, expectedLoss: number, deviation: number, tensor: string, ownLoss: number, ownDeviation: number}}
 *   deviation: the weights' largest, relative to their tensor's largest; tensor: where; own…: how far PyTorch is from
 *   itself when it sums the batches in the opposite order
 */
export function deviationFrom(planned, step, numbers, loss) {
  const expected = planned.proof.steps.find((each) => each.step === step);
  let worst = { deviation: 0, tensor: "" };
  for (const { name, positions, values, largest } of expected.tensors) {
    const { at } = planned.tensors.find((tensor) => tensor.name === name);
    positions.forEach((/** @type {number} */ position, /** @type {number} */ i) => {
      const deviation = Math.abs(numbers[at + position] - values[i]) / Math.max(largest, 1e-12);
      if (!(deviation <= worst.deviation)) worst = { deviation, tensor: name };
    });
  }
  return { step, loss, expectedLoss: expected.loss, ...worst, ownLoss: expected.own_loss, ownDeviation: expected.own_deviation };
}
