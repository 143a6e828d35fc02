"""Keras 3 on PyTorch or JAX, as its MNIST convnet example has it: arrays in memory, `compile`, `fit`.

Batch norm has the net's own figures (momentum 0.1 in PyTorch's words, ε 1e-5) instead of Keras's. `jit_compile` is left
to Keras: compiled on JAX, eager on PyTorch.
"""

from __future__ import annotations

import argparse
import os

import numpy as np
from benchmarks.peers.watch import BATCH_SIZE, DROPOUT, LEARNING_RATE, Watch, versions_of


def simple_cnn():
    """The lesson's net: images (N, 28, 28, 1) to probabilities (N, 10)."""
    import keras
    from keras import layers

    def normed():
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)

    return keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Conv2D(32, kernel_size=(3, 3), padding="same"),
            normed(),
            layers.Activation("relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(64, kernel_size=(3, 3), padding="same"),
            normed(),
            layers.Activation("relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(DROPOUT),
            layers.Dense(10, activation="softmax"),
        ]
    )


def parameters(model) -> int:
    """How many numbers the net learns."""
    return sum(int(np.prod(each.shape)) for each in model.trainable_weights)


def arrays(images: np.ndarray) -> np.ndarray:
    """uint8 images as float32 (N, 28, 28, 1), 0–1."""
    return np.expand_dims(images.astype("float32") / 255, -1)


def main() -> None:
    """Train as Keras's documentation does."""

    def backend(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--backend", choices=("torch", "jax"), required=True)

    watch = Watch.from_command_line(backend)
    os.environ["KERAS_BACKEND"] = watch.own.backend
    import keras

    if watch.own.backend == "torch":
        import torch

        torch.set_num_threads(watch.threads)

    keras.utils.set_random_seed(watch.seed)
    data = watch.data()
    x_train, y_train = arrays(data.images), keras.utils.to_categorical(data.labels, 10)
    x_test = arrays(data.test_images)
    model = simple_cnn()
    model.compile(
        loss="categorical_crossentropy",
        optimizer=keras.optimizers.Adam(learning_rate=LEARNING_RATE),
        metrics=["accuracy"],
    )
    watch.ready(parameters(model), versions_of("keras", watch.own.backend, "numpy"))

    class Watched(keras.callbacks.Callback):
        """Tells the watch of each step; the loss is there when the step is done."""

        def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
            # An epoch's last batch is smaller; of a rate's images it is few.
            if watch.step(BATCH_SIZE, lambda: float((logs or {})["loss"])):
                self.model.stop_training = True

    watched, is_over = Watched(), False
    while not is_over:
        watch.epoch_begins()
        model.fit(x_train, y_train, batch_size=BATCH_SIZE, epochs=1, shuffle=True, verbose=0, callbacks=[watched])
        if watch.measures_rate:
            if model.stop_training:
                return
            continue
        watch.epoch_trained()
        answers = np.asarray(model.predict(x_test, batch_size=1000, verbose=0)).argmax(axis=1)
        is_over = watch.measured((answers == data.test_labels).sum(), len(answers))


if __name__ == "__main__":
    main()
