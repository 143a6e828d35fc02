// A run's steps: how many, and which images of an epoch's order each sees, as training/course.py has it.

/**
 * Into how many batches of nearly equal size, about `batchSize`, an epoch's images are spread.
 * @param {number} images
 * @param {number} batchSize
 */
export function stepsPerEpoch(images, batchSize) {
  const nearest = Math.ceil(images / batchSize - 0.5);
  return Math.max(1, Math.min(nearest, batchSize === 1 ? images : Math.floor(images / 2)));
}

/**
 * The part of an epoch's order that a step of it sees.
 * @param {number} step of the epoch, from 0
 * @param {number} images
 * @param {number} perEpoch steps an epoch
 * @returns {[number, number]} the first, and the one after the last
 */
export function batchOf(step, images, perEpoch) {
  return [Math.floor((step * images) / perEpoch), Math.floor(((step + 1) * images) / perEpoch)];
}
