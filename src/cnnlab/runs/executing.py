"""From a config to a finished run: train, keep everything on the way, evaluate at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from cnnlab.config import Training
from cnnlab.data.imageset import ImageSet
from cnnlab.data.plausible import implausible
from cnnlab.errors import UserError
from cnnlab.evaluation import Evaluation, evaluate, logits
from cnnlab.nets import parameter_count
from cnnlab.runs.environment import environment
from cnnlab.runs.folder import Run
from cnnlab.training.in_memory import divergence
from cnnlab.training.loop import Diverged, Epoch, Step, fit
from cnnlab.training.state import TrainingState, lay_out, start

#: Seconds of training that a kill can cost.
SAVE_INTERVAL_S = 30.0


def execute(
    run: Run,
    net: nn.Module,
    data: ImageSet,
    *,
    on_step: Callable[[Step], None] | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any] | None:
    """Train `net` as the run's config says, from where the run stands, and evaluate it at the end.

    Returns the finished run's figures (`Run.result`), or None when `should_stop` ended it before: then the folder
    holds where the training stands. A finished run is not trained again; `net` gets its weights. Raises UserError when
    the training diverges; the folder keeps the last good state and the best weights so far.
    """
    if run.is_finished:
        net.load_state_dict(run.weights())
        return run.result()
    training = run.config.training
    state = start(net, training, seed=run.config.seed, packed=run.read_state())
    run.write_environment(environment(state.device, state.dtype))
    run.keep_epochs(state.position.epoch)
    run.write_state(state)
    last_saved = time.monotonic()

    def after_step(step: Step) -> None:
        nonlocal last_saved
        if on_step is not None:
            on_step(step)
        if time.monotonic() - last_saved >= SAVE_INTERVAL_S and state.is_finite():
            run.write_state(state)
            last_saved = time.monotonic()

    try:
        for record in fit(state, data, training, on_step=after_step, should_stop=should_stop):
            run.write_epoch(record)
            if record.is_best:
                run.write_weights(state.net)
            run.write_state(state)
            last_saved = time.monotonic()
            if on_epoch is not None:
                on_epoch(record)
    except Diverged:
        kept = state.position.best_epoch
        raise UserError(
            divergence(training, state.position.epoch)
            + (f"; {run.path} keeps the net of epoch {kept}" if kept else f"; {run.path} keeps its start")
        ) from None
    if should_stop() and not _is_complete(state, run.config.training):
        if state.is_finite():
            run.write_state(state)
        return None
    return _finish(run, net, data, state)


def _is_complete(state: TrainingState, training: Training) -> bool:
    stale = training.patience is not None and state.position.epoch - state.position.best_epoch >= training.patience
    return state.position.step == 0 and (stale or state.position.epoch >= training.epochs)


def _finish(run: Run, net: nn.Module, data: ImageSet, state: TrainingState) -> dict[str, Any]:
    """Measure the best epoch's net in float32 on validation and, once, on test."""
    net.load_state_dict(run.weights())
    lay_out(net, torch.contiguous_format)  # as `Run.load_net` gives it, so that evaluating again gives the same digits
    run.note_test_opening("cnnlab train")
    evaluations = {
        name: evaluate(
            logits(net, data.split(name).images, mean=data.mean, std=data.std),
            data.split(name).labels,
            classes=data.classes,
        )
        for name in ("validation", "test")
    }
    run.write_evaluations(evaluations)
    warning = implausible(data.name, evaluations["test"].accuracy_interval)
    result = {
        "run": str(run.path),
        "parameters": parameter_count(net),
        "train_time_s": round(state.position.train_time_s, 3),
        "epochs_run": state.position.epoch,
        "best_epoch": state.position.best_epoch,
        "validation": _figures(evaluations["validation"]),
        "test": _figures(evaluations["test"]),
        "warnings": [*data.leaks, *([warning] if warning else [])],
    }
    run.write_result(result)
    return result


def _figures(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "accuracy": evaluation.accuracy,
        "loss": evaluation.loss,
        "accuracy_interval": list(evaluation.accuracy_interval),
        "images": evaluation.images,
    }
