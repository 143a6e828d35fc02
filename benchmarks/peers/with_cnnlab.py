"""cnnlab by its recipes `fast` and `lesson`, in a process set up as the command line sets it up.

`lesson` is measured after every epoch, as the peers are. `fast` has a schedule that must know its length beforehand:
lengths are tried, as in `cnnlab bench`, each a training of its own; one epoch comes first, so that its end can be told.
Its rate is that of whole images, without the early crop, as there.
"""

from __future__ import annotations

import argparse
import copy
import warnings
from dataclasses import replace
from typing import Any

from benchmarks.peers.watch import DROPOUT, Watch, versions_of

from cnnlab.cli.sharing import share_processor

#: Epochs that `fast` is tried with.
LENGTHS = (1, 0.4, 0.7, 2, 3, 5, 7, 10)


def main() -> None:
    """Train by a recipe."""

    def recipe_name(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--recipe", choices=("fast", "lesson"), required=True)

    watch = Watch.from_command_line(recipe_name)
    share_processor()
    import torch

    import cnnlab
    from cnnlab.data.imageset import Split
    from cnnlab.evaluation import logits
    from cnnlab.training import Step, fit, start
    from cnnlab.training.course import Course
    from cnnlab.training.fused import numba_version
    from cnnlab.training.machine import keep_freed_memory, resolve_device, resolve_precision
    from cnnlab.training.trial import require_trainable

    warnings.filterwarnings("ignore", module="cnnlab")
    torch.set_num_threads(watch.threads)
    keep_freed_memory()
    data = cnnlab.load(f"idx:{watch.folder}")
    if watch.most is not None:
        test, train = (Split(each.images[: watch.most], each.labels[: watch.most]) for each in (data.test, data.train))
        data = replace(data, train=train, test=test)

    is_fast = watch.own.recipe == "fast"

    def new_net() -> cnnlab.SimpleCNN:
        torch.manual_seed(watch.seed)
        return cnnlab.SimpleCNN(dropout=0 if is_fast else DROPOUT)

    def correct(net: torch.nn.Module) -> int:
        answers = logits(net, data.test.images, mean=data.mean, std=data.std)
        return int((answers.argmax(dim=1) == data.test.labels).sum())

    def train(epochs: float, **changes: Any) -> torch.nn.Module:
        """A whole training, as `cnnlab.train` does it, of which the watch is told."""
        watch.epoch_begins()
        net = new_net()
        wanted = cnnlab.recipe(watch.own.recipe, net, data, epochs=epochs, **changes)
        training = require_trainable(net, data, wanted, name="SimpleCNN")
        state, best = start(net, training, seed=watch.seed), copy.deepcopy(net.state_dict())
        course, done, is_over = Course.of(training, data), 0, False

        def on_step(step: Step) -> None:
            nonlocal done, is_over
            images = seen(course, step.step) - seen(course, done)
            done = step.step
            is_over = watch.step(images)
            if not watch.measures_rate and (done % course.steps_per_epoch == 0 or done == step.total_steps):
                watch.epoch_trained()

        for epoch in fit(state, data, training, on_step=on_step, milestones=(1,), should_stop=lambda: is_over):
            watch.leave_out(epoch.eval_time_s)
            if epoch.is_best and is_fast:
                best = copy.deepcopy(net.state_dict())
            if not is_fast and not watch.measures_rate and watch.measured(correct(net), len(data.test)):
                break
            watch.epoch_begins()
        if is_fast:
            net.load_state_dict(best)
        return net

    net = new_net()
    versions = {"cnnlab": cnnlab.__version__} | versions_of("torch", "numpy")
    watch.ready(
        sum(each.numel() for each in net.parameters()),
        versions if numba_version() is None else versions | versions_of("numba"),
        batch_size=cnnlab.recipe(watch.own.recipe, net, data).batch_size,
        precision={torch.bfloat16: "bf16", torch.float32: "fp32"}[resolve_precision("auto", resolve_device("cpu"))],
    )
    if watch.measures_rate:
        train(100, **{"crop": None} if is_fast else {})
    elif not is_fast:
        train(watch.epochs)
    else:
        has_reached_it = False
        for length in (each for each in LENGTHS if each <= watch.epochs):
            if length <= 1 or not has_reached_it:
                has_reached_it |= watch.tried(length, correct(train(length)), len(data.test))


def seen(course, steps: int) -> int:
    """Images that a course's first steps see."""
    epochs, rest = divmod(steps, course.steps_per_epoch)
    return epochs * course.images + course.seen(rest)


if __name__ == "__main__":
    main()
