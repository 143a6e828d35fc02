"""cnnlab's side: the recipe `fast`, measured through the loop that users train with."""

from __future__ import annotations

from typing import Any

import torch

from cnnlab.bench.flops import training_flop
from cnnlab.bench.peak import matmul_peak
from cnnlab.config import NetSpec
from cnnlab.data.imageset import ImageSet
from cnnlab.data.shared import SharedImages
from cnnlab.evaluation import logits
from cnnlab.nets import build_net
from cnnlab.training import RECIPES, Step, fit, recipe, start, train
from cnnlab.training.course import Course
from cnnlab.training.machine import keep_freed_memory, resolve_device, resolve_precision

#: The recipe under test, and the options that it gives the net.
RECIPE = "fast"
NET = NetSpec(name="simple-cnn", options=RECIPES[RECIPE].net_options)


class FastRecipe:
    """cnnlab's training, for a stated time or for a stated length of its schedule.

    threads: that torch computes with. Where a command line would, the process keeps freed memory.
    """

    def __init__(self, data: ImageSet, *, threads: int) -> None:
        torch.set_num_threads(threads)
        keep_freed_memory()
        self._data = data
        self._device = resolve_device("auto")
        self._dtype = resolve_precision("auto", self._device)
        self._begin()

    @classmethod
    def open(cls, images: SharedImages, threads: int) -> FastRecipe:
        """Make the pipeline on images that another process wrote: what a new process calls."""
        return cls(images.open(), threads=threads)

    def describe(self) -> dict[str, Any]:
        """Batch size and precision as the report names them, and floating-point operations of training on one image."""
        return {
            "batch_size": self._training.batch_size,
            "precision": "bf16" if self._dtype == torch.bfloat16 else "fp32",
            "flop_per_image": training_flop(self._new_net(0), self._data.image_shape, len(self._data.classes)),
        }

    def peak(self) -> dict[str, float]:
        """The machine's fastest matrix product now, in GFLOP/s: in `precision`, and in float32."""
        fp32 = matmul_peak(torch.float32, self._device)
        same = fp32 if self._dtype == torch.float32 else matmul_peak(self._dtype, self._device)
        return {"peak_gflops": same, "peak_gflops_fp32": fp32}

    def train_for(self, seconds: float) -> dict[str, float]:
        """Train on whole images for that long, going on where the last call ended; after the last epoch, anew.

        The recipe is the default one but for its early crop, which is off: every image costs what it costs the stock
        pipeline. Returns `images` seen and `time_s`: training steps with all that makes their batches, as a run's
        `train_time_s` has it; the measurements after an epoch are left out.
        """
        images, time_s = 0, 0.0
        while time_s < seconds:
            if self._last is not None and self._last.step == self._last.total_steps:
                self._begin()
            steps = self._last.step if self._last is not None else 0
            course = Course.of(self._training, self._data)
            position, before_s, target_s = (
                self._state.position,
                self._state.position.train_time_s,
                seconds - time_s,
            )

            def has_run(position: Any = position, end_s: float = before_s + target_s) -> bool:
                return position.train_time_s >= end_s

            for _ in fit(self._state, self._data, self._training, on_step=self._remember, should_stop=has_run):
                pass
            assert self._last is not None  # every call of fit takes a step
            images += course.seen(self._last.step) - course.seen(steps)
            time_s += position.train_time_s - before_s
        return {"images": images, "time_s": time_s}

    def train_once(self, epochs: float, seed: int) -> dict[str, float]:
        """A whole training of `epochs` passes by the default recipe, its early crop included, then measure.

        Returns `time_s` in training steps and the `accuracy` on the test split (0–1) of the best epoch by validation.
        """
        net = self._new_net(seed)
        trained = train(net, self._data, recipe(RECIPE, net, self._data, epochs=epochs), seed=seed)
        test = self._data.test
        answers = logits(net, test.images, mean=self._data.mean, std=self._data.std)
        return {
            "time_s": trained.epochs[-1].train_time_s,
            "accuracy": float((answers.argmax(dim=1) == test.labels).double().mean()),
        }

    def _new_net(self, seed: int) -> torch.nn.Module:
        return build_net(NET, image_shape=self._data.image_shape, num_classes=len(self._data.classes), seed=seed)

    def _begin(self) -> None:
        net = self._new_net(0)
        self._training = recipe(RECIPE, net, self._data, crop=None)
        self._state = start(net, self._training, seed=0)
        self._last: Step | None = None

    def _remember(self, step: Step) -> None:
        self._last = step
