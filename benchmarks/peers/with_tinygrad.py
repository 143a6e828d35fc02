"""tinygrad, as its MNIST tutorial has it: a step in `TinyJit`, on images that lie in memory.

tinygrad compiles its kernels by clang, which its environment has from the package `ziglang`.
"""

from __future__ import annotations

import os
import stat
import sys
import sysconfig
from pathlib import Path

import numpy as np
from benchmarks.peers.watch import BATCH_SIZE, DROPOUT, LEARNING_RATE, Watch, versions_of


def offer_clang(environment: Path) -> None:
    """Have tinygrad call the clang that is inside the package `ziglang`, where nothing else was chosen."""
    zig = Path(sysconfig.get_path("purelib"), "ziglang", "zig")
    if "CC" in os.environ or not zig.exists():
        return
    clang = environment / "bin" / "clang"
    if not clang.exists():
        clang.write_text(f'#!/bin/sh\nexec "{zig}" clang "$@"\n')
        clang.chmod(clang.stat().st_mode | stat.S_IXUSR)
    os.environ["CC"] = str(clang)


def simple_cnn():
    """The lesson's net: images (N, 1, 28, 28) to logits (N, 10)."""
    from tinygrad import Tensor, nn

    class SimpleCNN:
        def __init__(self) -> None:
            self.conv1, self.norm1 = nn.Conv2d(1, 32, kernel_size=3, padding=1), nn.BatchNorm(32)
            self.conv2, self.norm2 = nn.Conv2d(32, 64, kernel_size=3, padding=1), nn.BatchNorm(64)
            self.linear1, self.linear2 = nn.Linear(64 * 7 * 7, 128), nn.Linear(128, 10)

        def __call__(self, x: Tensor) -> Tensor:
            x = self.norm1(self.conv1(x)).relu().max_pool2d()
            x = self.norm2(self.conv2(x)).relu().max_pool2d()
            return self.linear2(self.linear1(x.flatten(1)).relu().dropout(DROPOUT))

    return SimpleCNN()


def parameters(model) -> int:
    """How many numbers the net learns."""
    from tinygrad import nn

    return sum(each.numel() for each in nn.state.get_parameters(model) if each.is_param)


def main() -> None:
    """Train as tinygrad's documentation does."""
    watch = Watch.from_command_line()
    offer_clang(Path(sys.prefix))
    os.environ["NUM_CPU_THREADS"] = str(watch.threads)
    from tinygrad import Context, Tensor, TinyJit, nn

    Tensor.manual_seed(watch.seed)
    order = np.random.default_rng(watch.seed)
    data = watch.data()
    images, labels = Tensor(data.images).unsqueeze(1), Tensor(data.labels)
    model = simple_cnn()
    optimizer = nn.optim.Adam(nn.state.get_parameters(model), lr=LEARNING_RATE)
    watch.ready(parameters(model), versions_of("tinygrad", "ziglang", "numpy"))

    @TinyJit
    def step(batch: Tensor) -> Tensor:
        with Context(TRAINING=1):
            optimizer.zero_grad()
            loss = model(images[batch].float() / 255).sparse_categorical_crossentropy(labels[batch]).backward()
            return loss.realize(*optimizer.schedule_step())

    @TinyJit
    def answers(batch: Tensor) -> Tensor:
        return model(batch.float() / 255).argmax(axis=1).realize()

    is_over = False
    while not is_over:
        watch.epoch_begins()
        shuffled = order.permutation(len(data.images)).astype(np.int32)
        loss = Tensor(0)
        # A jitted step has one shape: what does not fill a batch is left out, another part of it every epoch.
        for begin in range(0, len(shuffled) - BATCH_SIZE + 1, BATCH_SIZE):
            loss = step(Tensor(shuffled[begin : begin + BATCH_SIZE]))
            if watch.step(BATCH_SIZE, loss.item):
                return
        if watch.measures_rate:
            continue
        watch.epoch_trained(loss.item)
        correct, at_once = 0, min(1000, len(data.test_labels))
        for begin in range(0, len(data.test_labels), at_once):
            # From NumPy each time: given a part of a tensor, TinyJit runs on the part that it was captured with.
            found = answers(Tensor(data.test_images[begin : begin + at_once]).unsqueeze(1).realize()).numpy()
            correct += (found == data.test_labels[begin : begin + at_once]).sum()
        is_over = watch.measured(correct, len(data.test_labels))


if __name__ == "__main__":
    main()
