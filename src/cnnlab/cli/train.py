"""`cnnlab train`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnlab.cli import options
from cnnlab.cli.evaluate import of_run
from cnnlab.cli.interrupts import stop_requests
from cnnlab.cli.streams import shown_name
from cnnlab.cli.terminal import TrainingView, Work, notice, prepare_training
from cnnlab.cli.unlike import keep_unlike
from cnnlab.errors import Stopped, UserError
from cnnlab.strict_json import strict_json

if TYPE_CHECKING:
    from torch import nn

    from cnnlab.data import ImageSet
    from cnnlab.evaluation import Evaluation
    from cnnlab.runs import Run
    from cnnlab.runs.folder import RunResult
    from cnnlab.runs.plan import Plan

#: Classes whose recall is printed where classes are uneven.
CLASSES_SHOWN = 10


@click.command("train")
@click.argument("net")
@click.option("--data", default=None, metavar="DATA", help="What to train on. [default: mnist-5k]")
@options.data_root
@options.image_size
@options.channels
@options.preparation
@options.skip_damaged
@click.option(
    "--epochs", type=float, help="Passes over the training images; by default 3 to 20, fewer for more images."
)
@click.option(
    "--seed", type=options.SEED, help="Seed of initial weights, order, augmentation and dropout. [default: 0]"
)
@click.option("--recipe", default=None, help="How to train: fast, best or lesson. [default: fast]")
@click.option("--out", type=options.GivenPath(), help="The run's folder. [default: runs/NET-DATA-N]")
@click.option("--resume", is_flag=True, help="Go on with the run in --out where it stopped.")
@click.option("--tensorboard", is_flag=True, help="Keep the figures for TensorBoard, too: RUN/tensorboard.")
@options.training_options
@options.net_options
@options.as_json
def command(
    net: str,
    data: str | None,
    skip_damaged: bool,
    resume: bool,
    out: Path | None,
    tensorboard: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Train NET, evaluate it, report: one run folder.

    NET is lenet5, lenet5-1998, simple-cnn, mlp, conv-net, or your own path/to/file.py:ClassName. Whatever a flag does
    not say, the recipe decides; a run's config.json holds every value.
    """
    from dataclasses import replace

    from cnnlab.config import checked
    from cnnlab.data import load
    from cnnlab.data.views import with_channels
    from cnnlab.nets.resolve import options_of
    from cnnlab.runs.folder import open_run, require_free
    from cnnlab.runs.make import reopen_run
    from cnnlab.runs.plan import Plan
    from cnnlab.training.recipes import find_recipe

    prepare_training()
    if skip_damaged and (data or not resume):
        from cnnlab.data.views import with_skipping

        data = with_skipping(data or "mnist-5k")
    if tensorboard:
        from cnnlab.runs.board import require_tensorboard

        require_tensorboard()
    if resume and out is None:
        raise UserError("--resume: got no folder; expected the run to go on with: name it with --out")
    if resume and out is not None:
        requested = _requested(net, data, values)
        name, side = of_run(open_run(out), values["image_size"])  # which is there, or nothing is made
        images = load(name, root=values["data_root"], image_size=side, progress=Work())
        run, module = reopen_run(out, images, requested=requested, own_code=net)
        images = replace(images, preparation=run.config.data.preparation)
        if run.is_finished and run.has_weights:
            notice(f"{run.path} is finished; nothing is left to train")
    else:
        if out is not None:
            require_free(out)
        options_of(net)  # an unknown net is refused before a data set is fetched
        find_recipe(values["recipe"] or "fast")
        images = load(data or "mnist-5k", root=values["data_root"], image_size=values["image_size"], progress=Work())
        images = images if values["channels"] is None else with_channels(images, int(values["channels"]))
        images = replace(images, preparation=values["preparation"] or images.preparation)
        chosen = {
            "net": {"name": net, "options": options.net_changes(values, net)},
            "data": images.name,
            "recipe": values["recipe"] or "fast",
            "epochs": values["epochs"],
            "changes": options.training_changes(values),
        }
        plan = checked(Plan, chosen, "options")
        run, module = _make(out, plan, images, seed=values["seed"] or 0, named=(net, data or "mnist-5k"))
    _introduce(run, module, images)

    try:
        result = train_and_show(run, module, images, tensorboard=tensorboard)
    except Stopped:
        again = f"cnnlab train {shlex.quote(net)} --out {shlex.quote(str(run.path))} --resume"
        again += " --tensorboard" if tensorboard else ""
        notice(f"stopped; {run.path} keeps the run. Go on with: {again}")
        raise click.exceptions.Exit(130) from None
    from cnnlab.report.back import back_from_run
    from cnnlab.workflows.reports import write_report  # loads matplotlib, which no training waits for

    keep_unlike(run, module, images, own_code=net)
    write_report(run, images, module, back=back_from_run(run.path))
    if as_json:
        click.echo(strict_json(result.model_dump(mode="json")))
    else:
        click.echo(summary(result, run.evaluations()["test"]))


def train_and_show(run: Run, module: nn.Module, images: ImageSet, *, tensorboard: bool = False) -> RunResult:
    """Train a run with its figures on stderr. Raises Stopped after Ctrl-C."""
    from cnnlab.runs import execute

    view = TrainingView()
    with stop_requests() as should_stop:
        try:
            return execute(
                run,
                module,
                images,
                on_step=view.step,
                on_epoch=view.epoch,
                should_stop=should_stop,
                keeps_checkpoints=True,
                tensorboard=tensorboard,
            )
        finally:
            view.close()


def summary(result: RunResult, evaluation: Evaluation) -> str:
    """A finished run's figures as a few lines of text. evaluation: of its test split."""
    test, validation = result.test, result.validation
    low, high = test.accuracy_interval
    return "\n".join(
        [
            *(f"warning        {warning}" for warning in result.warnings),
            *_class_by_class(evaluation),
            f"test accuracy  {test.accuracy:.2%}  [{low:.2%}, {high:.2%}]  95 % interval, {test.images:,} images",
            f"validation     {validation.accuracy:.2%}  {validation.images:,} images, "
            f"best epoch {result.best_epoch} of {result.epochs_run}",
            f"training time  {result.train_time_s:.1f} s  training steps alone",
            f"report         {Path(result.run) / 'report.html'}",
        ]
    )


def _class_by_class(evaluation: Evaluation) -> list[str]:
    """Where classes are uneven: why, the balanced accuracy and the recall of each class, the lowest of many."""
    from cnnlab.evaluation import balanced_accuracy, uneven, wilson_interval

    why = uneven(evaluation)
    if why is None:
        return []
    rows = [each for each in evaluation.per_class if each.images]
    shown = rows if len(rows) <= CLASSES_SHOWN else sorted(rows, key=lambda each: each.recall)[:CLASSES_SHOWN]
    which = "" if len(shown) == len(rows) else f"; below, the {len(shown)} lowest of {len(rows)}"
    lines = [why, f"balanced       {balanced_accuracy(evaluation):.2%}  the mean of the classes' recalls{which}"]
    for each in shown:
        low, high = wilson_interval(round(each.recall * each.images), each.images)
        lines.append(
            f"recall         {each.recall:.2%}  [{low:.2%}, {high:.2%}]  {each.images:,} images of {each.name}"
        )
    return [shown_name(line) for line in lines]


def _requested(net: str, data: str | None, values: dict[str, Any]) -> dict[str, Any]:
    """What the flags say of a run, by the names of its fields."""
    requested = {"net": net, "data": data} | options.chosen(values, ("epochs", "seed", "recipe", "preparation"))
    requested |= options.net_changes(values, net) | options.training_changes(values)
    return {name: value for name, value in requested.items() if value is not None}


def _make(
    out: Path | None, plan: Plan, images: ImageSet, *, seed: int, named: tuple[str, str]
) -> tuple[Run, nn.Module]:
    """A new run in --out, or in the first folder of its name that is free, whoever else looks for one."""
    from cnnlab.runs.folder import HoldsRun
    from cnnlab.runs.make import make_run

    while True:
        try:
            return make_run(out or _free_folder(*named), plan, images, seed=seed)
        except HoldsRun:
            if out is not None:
                raise


def _free_folder(net: str, data: str) -> Path:
    """runs/NET-DATA-N with the first N that is free."""
    tidy = [Path(part.rpartition(":")[2]).stem if ":" in part else part for part in (net, data)]
    number = 1
    while (path := Path("runs") / f"{tidy[0]}-{tidy[1]}-{number}").exists():
        number += 1
    return path


def _introduce(run: Run, module: nn.Module, images: ImageSet) -> None:
    from cnnlab.nets import parameter_count
    from cnnlab.nets.resolve import is_own
    from cnnlab.training.doubts import doubts, remarks
    from cnnlab.training.recipes import RECIPES, has_empty_border

    config = run.config
    counts = config.data.images
    notice(
        f"{config.net.name} ({parameter_count(module):,} parameters) on {config.data.name}: "
        f"{counts['train']:,} training, {counts['validation']:,} validation, {counts['test']:,} test images"
    )
    notice(f"recipe {config.recipe}: {RECIPES[config.recipe].summary}" if config.recipe in RECIPES else "")
    for note in config.data.notes:
        notice(f"note: {note}")
    if is_own(config.net.name):
        for note in remarks(module, images):
            notice(f"note: {config.net.name}: {note}")
        if config.recipe == "fast" and config.training.crop is None and has_empty_border(images):
            notice(f"note: {config.net.name}: trained on whole images, as it cannot be fed their middle alone")
        for doubt in doubts(module, images):
            notice(f"warning: {config.net.name}: {doubt}")
