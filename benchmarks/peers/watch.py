"""What every peer has in common: its arguments, the images, and the lines that it prints. Needs NumPy alone.

A line is a JSON object with an `event`, the largest memory so far, `peak_bytes`, `processor_s`, the processor time of
all its threads so far, and `held_up_s`, seconds for which other programs had its cores, in all (None, as `peak_bytes`,
where no Linux says it):

- `ready`: the net is made. `parameters`, `batch_size`, `precision`, `versions`.
- `first step`: its first step of training is done.
- `rate`: where seconds were asked for, `images` that took `time_s`, after steps that warm up, and the share `held_up`
  of that time (0–1): of several `windows`, the one in which others had the cores least. `images_per_processor_s` is of
  all of them. Nothing comes after it.
- `trained`: an epoch's last step is done; `epoch`, counted from 1.
- `measured`: after an epoch its test `accuracy` (0–1), and `time_s`, of all training so far, evaluation left out.
  cnnlab's recipe `fast`, whose schedule must know its length beforehand, has one for each length: a whole training.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

#: The last images of MNIST's training file, which cnnlab keeps for validation: nobody trains on them.
VALIDATION = 5_000

#: Steps, and seconds after the first, that come before those that are counted as the rate.
STEPS_BEFORE, SECONDS_BEFORE = 5, 2.0

#: Where others had the cores for more than this share of them, the seconds are counted again, at most so often.
HELD_UP, WINDOWS = 0.1, 4

#: The environment variable that says what `busy_s` was when the process was started.
BUSY_BEFORE = "PEERS_BUSY_BEFORE_S"

BATCH_SIZE, LEARNING_RATE, DROPOUT = 64, 1e-3, 0.5

#: What notebooks in PyTorch normalise MNIST with, on a scale of 0–1.
MEAN, STD = 0.1307, 0.3081


@dataclass(frozen=True)
class Mnist:
    """uint8 images (N, 28, 28) and their labels (N,), 0–9: to train on, and to test on."""

    images: np.ndarray
    labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    @classmethod
    def read(cls, folder: Path, most: int | None = None) -> Mnist:
        """The four idx files of a folder, packed or not; validation's images left out. most: images of each kind."""
        images, labels = (_idx(folder, f"train-{kind}")[:-VALIDATION] for kind in ("images-idx3", "labels-idx1"))
        test_images, test_labels = (_idx(folder, f"t10k-{kind}") for kind in ("images-idx3", "labels-idx1"))
        return cls(images[:most], labels[:most], test_images[:most], test_labels[:most])


def versions_of(*packages: str) -> dict[str, str]:
    """The versions of packages that are installed."""
    return {name: version(name) for name in packages}


def _idx(folder: Path, name: str) -> np.ndarray:
    plain = folder / f"{name}-ubyte"
    content = plain.read_bytes() if plain.exists() else gzip.decompress(Path(f"{plain}.gz").read_bytes())
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


class Watch:
    """The clock that a peer trains by: it is told of each step, and says when to stop."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.folder, self.most = Path(arguments.data), arguments.images
        self.seed, self.epochs = arguments.seed, arguments.epochs
        self._target, self._seconds = arguments.target, arguments.seconds
        self.threads = arguments.threads
        self._steps, self._images, self._since, self._first = 0, 0, 0.0, 0.0
        self._windows: list[dict[str, Any]] = []
        self._processor_s = 0.0
        self._epoch, self._began, self._trained_s, self._held_up_s = 0, 0.0, 0.0, 0.0

    @classmethod
    def from_command_line(cls, add: Callable[[argparse.ArgumentParser], Any] = lambda parser: None) -> Watch:
        """By the arguments of this process. add: puts a script's own ones to them; they are in `own`."""
        parser = argparse.ArgumentParser()
        parser.add_argument("--data", required=True, help="folder with MNIST's four idx files")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--epochs", type=int, default=1, help="how many at most")
        parser.add_argument("--target", type=float, default=2.0, help="test accuracy (0-1) to stop at")
        parser.add_argument("--seconds", type=float, help="measure the rate for that long, then end")
        parser.add_argument("--images", type=int, help="take that many of them alone")
        parser.add_argument("--threads", type=int, default=2)
        add(parser)
        arguments = parser.parse_args()
        watch = cls(arguments)
        watch.own = arguments
        return watch

    own: argparse.Namespace

    def data(self) -> Mnist:
        """The images that were asked for."""
        return Mnist.read(self.folder, self.most)

    @property
    def measures_rate(self) -> bool:
        """Whether seconds were asked for instead of epochs."""
        return self._seconds is not None

    def ready(self, parameters: int, versions: dict[str, str], **more: Any) -> None:
        """The net is made."""
        self.tell(
            "ready",
            **{"parameters": int(parameters), "versions": versions, "batch_size": BATCH_SIZE, "precision": "fp32"}
            | more,
        )

    def epoch_begins(self) -> None:
        """An epoch's first batch is about to be made."""
        self._began = time.perf_counter()

    def step(self, images: int = BATCH_SIZE, wait: Callable[[], Any] = lambda: None) -> bool:
        """A step on that many images is done, or on its way: `wait` waits until it is done.

        Whether the peer is to stop now.
        """
        self._steps += 1
        if self._steps == 1:
            wait()
            self._first = time.perf_counter()
            self.tell("first step")
        if self._seconds is None:
            return False
        if self._since:
            self._images += images
            if time.perf_counter() - self._since < self._seconds:
                return False
            wait()
            self._window_ends()
            if self._windows[-1]["held_up"] <= HELD_UP or len(self._windows) == WINDOWS:
                best = min(self._windows, key=lambda each: each["held_up"])
                images = sum(each["images"] for each in self._windows)
                per_processor_s = images / (time.process_time() - self._processor_s)
                windows = len(self._windows)
                self.tell("rate", **best, windows=windows, images_per_processor_s=per_processor_s)
                return True
        elif self._steps < STEPS_BEFORE or time.perf_counter() - self._first < SECONDS_BEFORE:
            return False
        wait()
        if not self._windows:
            self._processor_s = time.process_time()
        self._images, self._since, self._held_up_s = 0, time.perf_counter(), _held_up_s() or 0.0
        return False

    def _window_ends(self) -> None:
        time_s, held_up_s = time.perf_counter() - self._since, (_held_up_s() or 0.0) - self._held_up_s
        held_up = max(0.0, held_up_s / (self.threads * time_s))  # ticks of a hundredth of a second
        self._windows.append({"images": self._images, "time_s": time_s, "held_up": held_up})

    def epoch_trained(self, wait: Callable[[], Any] = lambda: None) -> None:
        """The epoch's last step is done, or on its way."""
        wait()
        self._trained_s += time.perf_counter() - self._began
        self._epoch += 1
        self.tell("trained", epoch=self._epoch)

    def leave_out(self, seconds: float) -> None:
        """What was no training in the time that a rate is measured over."""
        self._since += seconds if self._since else 0

    def measured(self, correct: int, of: int) -> bool:
        """What the net answers to the test images after an epoch; whether the peer is to stop now."""
        accuracy = int(correct) / of
        self.tell("measured", epochs=self._epoch, time_s=self._trained_s, accuracy=accuracy)
        return accuracy >= self._target or self._epoch >= self.epochs

    def tried(self, epochs: float, correct: int, of: int) -> bool:
        """What a net answers to the test images after a whole training of that length; whether the peer is to stop."""
        accuracy = int(correct) / of
        self.tell("measured", epochs=epochs, time_s=self._trained_s, accuracy=accuracy)
        self._trained_s, self._epoch = 0.0, 0
        return accuracy >= self._target

    @staticmethod
    def tell(event: str, **what: Any) -> None:
        """Print a line at once."""
        here = {"peak_bytes": _peak_bytes(), "processor_s": time.process_time(), "held_up_s": _held_up_s()}
        print(json.dumps({"event": event} | what | here), flush=True)


def _peak_bytes() -> int | None:
    """The most memory that this process has held so far, as Linux counts it."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    return next(1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


def busy_s() -> float | None:
    """Seconds for which programs have had the cores that this process may run on since the machine was started, all
    added up; None where no Linux says it."""
    try:
        lines = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return None
    cores = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    ticks = 0
    for line in lines:
        name, *fields = line.split()
        if name in cores:
            user, nice, system, _idle, _waiting, interrupts, more_interrupts, stolen = map(int, fields[:8])
            ticks += user + nice + system + interrupts + more_interrupts + stolen
    return ticks / os.sysconf("SC_CLK_TCK")


def _held_up_s() -> float | None:
    """Seconds for which others have had this process's cores since it was started; None where nobody says when."""
    busy, before = busy_s(), os.environ.get(BUSY_BEFORE)
    if busy is None or not before:
        return None
    children = os.times()
    own = time.process_time() + children.children_user + children.children_system
    return max(0.0, busy - float(before) - own)
