"""From a config to a finished run: train, keep everything on the way, evaluate at the end."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from cnnlab.data.imageset import ImageSet
from cnnlab.data.plausible import implausible
from cnnlab.errors import Stopped
from cnnlab.evaluation import evaluate, logits
from cnnlab.nets import parameter_count
from cnnlab.nets.resolve import is_own
from cnnlab.runs.board import EventFiles
from cnnlab.runs.checkpoints import Checkpoints
from cnnlab.runs.folder import Run, RunResult, split_figures
from cnnlab.runs.identity import Identity
from cnnlab.runs.keeping import Keeper
from cnnlab.training.course import Course
from cnnlab.training.doubts import doubts, learned_nothing
from cnnlab.training.loop import Diverged, Epoch, Step, fit
from cnnlab.training.state import lay_out

#: Steps below which nobody expects a run to have learned something.
FEWEST_STEPS = 50


def execute(
    run: Run,
    net: nn.Module,
    data: ImageSet,
    *,
    on_step: Callable[[Step], None] | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    keeps_checkpoints: bool = False,
    tensorboard: bool = False,
    promised: Identity | None = None,
) -> RunResult:
    """Train `net` as the run's config says, from where the run stands, and evaluate it at the end.

    Returns the finished run's figures (`Run.result`). A finished run is not trained again, unless its weights were let
    go; `net` gets its weights.
    Raises Stopped when `should_stop` ends it before: then the folder holds where the training stands. Raises UserError
    when the training diverges, now or before; the folder keeps the last good state and the best weights so far. Raises
    UserError, too, where the run was begun with another identity, and InUse where another process trains it; nothing is
    written then.

    keeps_checkpoints: keep the net at a few moments on the way, too (`runs/checkpoints.py`). tensorboard: keep the
    figures as TensorBoard's event files, too. promised: the identity that the run must be trained with.
    """
    if run.is_finished and run.has_weights and not tensorboard:
        run.tidy()
        run.load_weights(net)
        return run.result()
    with run.alone() as run:
        run.begin_again()
        if run.is_finished:
            run.load_weights(net)
            if tensorboard:
                EventFiles(run)
            return run.result()
        keeper = Keeper(run, net, promised)
        checkpoints = Checkpoints(run, net, Course.of(run.config.training, data)) if keeps_checkpoints else None
        events = EventFiles(run) if tensorboard else None

        def after_step(step: Step) -> None:
            if on_step is not None:
                on_step(step)
            if checkpoints is not None:
                checkpoints.after(step.step)
            keeper.after_step()

        if checkpoints is not None and keeper.is_at_start:
            checkpoints.after(0)
        try:
            for record in fit(
                keeper.state,
                data,
                run.config.training,
                on_step=after_step,
                milestones=checkpoints.steps if checkpoints is not None else (),
                should_stop=should_stop,
            ):
                keeper.after_epoch(record)
                if events is not None:
                    events.epoch(record)
                if on_epoch is not None:
                    on_epoch(record)
        except Diverged:
            raise keeper.divergence() from None
        if should_stop() and not keeper.is_complete(data):
            keeper.keep_state()
            raise Stopped(f"{run.path} keeps where the training stands")
        result = finish(keeper, data)
        if events is not None:
            events.finish(result)
        return result


def finish(keeper: Keeper, data: ImageSet) -> RunResult:
    """Measure the best epoch's net in float32 on validation and, once, on test; the run is finished with that."""
    run, net, position = keeper.run, keeper.state.net, keeper.state.position
    run.load_weights(net)
    lay_out(net, torch.contiguous_format)  # as `Run.load_net` gives it, so that evaluating again gives the same digits
    run.note_end_of_training()
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
    found = doubts(net, data) if is_own(run.config.net.name) else ()
    epochs = run.epochs()
    if sum(record.steps for record in epochs) >= FEWEST_STEPS:
        found += learned_nothing(
            net,
            data,
            evaluations["validation"],
            training_accuracy=epochs[position.best_epoch - 1].remeasured_accuracy,
            learning_rate=run.config.training.learning_rate,
        )
    result = RunResult(
        run=str(run.path),
        parameters=parameter_count(net),
        train_time_s=round(position.train_time_s, 3),
        epochs_run=position.epoch,
        best_epoch=position.best_epoch,
        validation=split_figures(evaluations["validation"]),
        test=split_figures(evaluations["test"]),
        warnings=(*data.leaks, *([warning] if warning else []), *found),
    )
    run.write_result(result)
    return result
