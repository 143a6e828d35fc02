"""Flax (nnx) with Optax on JAX, as Flax's MNIST tutorial has it: one jitted step, on images that lie in memory.

The step is given the numbers of its images and picks them itself; the net and the optimizer are donated to it. As in
the tutorial, what does not fill a batch is left out of an epoch, another part every time.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax
from benchmarks.peers.watch import BATCH_SIZE, DROPOUT, LEARNING_RATE, Watch, versions_of
from flax import nnx


class SimpleCNN(nnx.Module):
    """The lesson's net: images (N, 28, 28, 1) to logits (N, 10)."""

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.conv1 = nnx.Conv(1, 32, kernel_size=(3, 3), rngs=rngs)
        self.norm1 = nnx.BatchNorm(32, momentum=0.9, epsilon=1e-5, rngs=rngs)
        self.conv2 = nnx.Conv(32, 64, kernel_size=(3, 3), rngs=rngs)
        self.norm2 = nnx.BatchNorm(64, momentum=0.9, epsilon=1e-5, rngs=rngs)
        self.linear1 = nnx.Linear(64 * 7 * 7, 128, rngs=rngs)
        self.dropout = nnx.Dropout(rate=DROPOUT, rngs=rngs)
        self.linear2 = nnx.Linear(128, 10, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Images to logits."""
        x = nnx.max_pool(nnx.relu(self.norm1(self.conv1(x))), window_shape=(2, 2), strides=(2, 2))
        x = nnx.max_pool(nnx.relu(self.norm2(self.conv2(x))), window_shape=(2, 2), strides=(2, 2))
        x = x.reshape(x.shape[0], -1)
        return self.linear2(self.dropout(nnx.relu(self.linear1(x))))


def parameters(model: SimpleCNN) -> int:
    """How many numbers the net learns."""
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))


@nnx.jit(donate_argnums=(0, 1))
def train_step(
    model: SimpleCNN, optimizer: nnx.Optimizer, images: jax.Array, labels: jax.Array, batch: jax.Array
) -> jax.Array:
    """A step on the images (uint8) that `batch` numbers; its loss."""

    def loss_of(model: SimpleCNN) -> jax.Array:
        logits = model(images[batch][..., None] / 255.0)
        return optax.softmax_cross_entropy_with_integer_labels(logits=logits, labels=labels[batch]).mean()

    loss, gradients = nnx.value_and_grad(loss_of)(model)
    optimizer.update(model, gradients)
    return loss


@nnx.jit
def answers_of(model: SimpleCNN, images: jax.Array) -> jax.Array:
    """The classes of images (uint8)."""
    return model(images[..., None] / 255.0).argmax(axis=1)


def main() -> None:
    """Train as Flax's documentation does."""
    watch = Watch.from_command_line()
    data = watch.data()
    images, labels = jnp.asarray(data.images), jnp.asarray(data.labels, dtype=jnp.int32)
    model = SimpleCNN(rngs=nnx.Rngs(watch.seed))
    optimizer = nnx.Optimizer(model, optax.adam(LEARNING_RATE), wrt=nnx.Param)
    watch.ready(parameters(model), versions_of("flax", "jax", "optax", "numpy"))

    train_view = nnx.view(model, deterministic=False, use_running_average=False)
    eval_view = nnx.view(model, deterministic=True, use_running_average=True)
    key, is_over = jax.random.key(watch.seed), False
    while not is_over:
        watch.epoch_begins()
        key, of_epoch = jax.random.split(key)
        order = jax.random.permutation(of_epoch, len(images))
        loss = jnp.zeros(())
        for begin in range(0, len(images) - BATCH_SIZE + 1, BATCH_SIZE):
            batch = order[begin : begin + BATCH_SIZE]
            loss = train_step(train_view, optimizer, images, labels, batch)
            if watch.step(BATCH_SIZE, loss.block_until_ready):
                return
        if watch.measures_rate:
            continue
        watch.epoch_trained(loss.block_until_ready)
        correct = sum(
            int((answers_of(eval_view, data.test_images[i : i + 1000]) == data.test_labels[i : i + 1000]).sum())
            for i in range(0, len(data.test_labels), 1000)
        )
        is_over = watch.measured(correct, len(data.test_labels))


if __name__ == "__main__":
    main()
