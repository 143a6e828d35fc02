"""Images like nothing that a net was trained on, as `predict`, `evaluate` and `train` tell of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnlab.cli.streams import shown_name
from cnnlab.cli.terminal import notice
from cnnlab.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from cnnlab.data import ImageSet
    from cnnlab.data.imageset import Split
    from cnnlab.features.unlike import Unlike
    from cnnlab.runs import Run

false_alarms = click.option(
    "--false-alarms",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="RATE",
    help="Share of images like those of the validation split that may be called like nothing the net was trained on. "
    "[default: 0.01]",
)


def kept_unlike(run: Run, net: nn.Module, own_code: str | None = None) -> Unlike | None:
    """What the run's folder keeps, if it is of these weights and of code that was not edited since.

    Raises UserError where it is damaged.
    """
    from cnnlab.features.unlike import of_kept

    unlike = of_kept(run.read_unlike(), run.unlike_path, run.config.data, net)
    return None if unlike is None or run.edited_files(own_code) else unlike


def keep_unlike(run: Run, net: nn.Module, images: ImageSet, own_code: str | None = None) -> Unlike | None:
    """What the run's folder keeps; where that is nothing, fitted to the run's own images, and kept if it can be.

    Of code that was edited since the training nothing is kept. None, with a line that says why, where it cannot be
    fitted.
    """
    from cnnlab.features.unlike import fit
    from cnnlab.whole_files import DiskError

    kept = kept_unlike(run, net, own_code)
    if kept is not None:
        return kept
    try:
        fitted = fit(net, images)
    except UserError as error:
        notice(f"note: {error}")
        return None
    if run.edited_files(own_code):
        return fitted
    try:
        run.write_unlike(*fitted.pack())
    except DiskError as error:
        notice(f"note: what tells images unlike those of the run is not kept ({error})")
    return fitted


def for_predict(run: Run, net: nn.Module, own_code: str | None, rate: float | None) -> tuple[Unlike | None, float]:
    """What the run's folder keeps, and the rate of false alarms. rate: as the user chose it.

    None, with a line that says why, where the folder keeps nothing, or too few validation images for the rate. Raises
    UserError for that where the user chose the rate.
    """
    unlike = kept_unlike(run, net, own_code)
    if unlike is None:
        text = untold(run)
        if rate is not None:
            raise UserError(f"--false-alarms: {text}")
        notice(f"note: {text}")
    return unlike, checked_rate(unlike, rate)


def untold(run: Run) -> str:
    """Why a run's folder does not tell unlike images, and how to mend it."""
    return (
        f"whether an image is like what the net was trained on is not told: {run.path} keeps no {run.unlike_path.name} "
        f"of this net; make it where its data are with: cnnlab evaluate {run.path}"
    )


def checked_rate(unlike: Unlike | None, rate: float | None) -> float:
    """The rate of false alarms to use. Raises UserError where the user chose one that cannot be held.

    One that nobody chose and that cannot be held is told in a line; nothing is called unlike then.
    """
    from cnnlab.features.unlike import FALSE_ALARMS

    used = FALSE_ALARMS if rate is None else rate
    if unlike is not None:
        try:
            unlike.require_rate(used)
        except UserError as error:
            if rate is not None:
                raise
            notice(f"note: nothing is called like nothing the net was trained on: {error}")
    return used


def judged(
    unlike: Unlike, net: nn.Module, images: Tensor, answers: Tensor, run: Run, rate: float
) -> list[dict[str, Any]]:
    """What the answers of `predict` say besides, image by image.

    images: uint8 (N, C, H, W). answers: their logits, float (N, classes).
    """
    record = run.config.data
    p_values = unlike.p_values(net, images, mean=record.mean, std=record.std).tolist()
    calibrated = (answers.double() / unlike.temperature).softmax(dim=1).tolist()
    return [
        {
            "unlike": {"is_unlike": p_value <= rate, "p_value": p_value, "false_alarms": rate},
            "temperature": unlike.temperature,
            "calibrated": dict(zip(record.classes, shares, strict=True)),
        }
        for p_value, shares in zip(p_values, calibrated, strict=True)
    ]


def in_words(answer: dict[str, Any]) -> tuple[str, str]:
    """What stands before the class that `predict` names, and after its probability."""
    if "unlike" not in answer:
        return "", ""
    judgement = answer["unlike"]
    before = (
        f"like nothing it was trained on ({_percent(judgement['false_alarms'])} of its validation images are called "
        "so); closest: "
        if judgement["is_unlike"]
        else ""
    )
    return before, f", calibrated {answer['calibrated'][answer['label']]:.1%}"


def figures(unlike: Unlike, net: nn.Module, run: Run, part: Split, answers: Tensor, rate: float) -> dict[str, Any]:
    """What `evaluate` says besides: what the temperature makes of the calibration, and how many are called unlike."""
    from cnnlab.evaluation import evaluate

    record = run.config.data
    calibrated = evaluate(answers.double() / unlike.temperature, part.labels, classes=record.classes)
    found = {"temperature": unlike.temperature, "ece_calibrated": calibrated.ece, "loss_calibrated": calibrated.loss}
    if rate >= unlike.lowest_rate:
        try:
            p_values = unlike.p_values(net, part.images, mean=record.mean, std=record.std)
        except UserError as error:
            notice(f"note: whether images are like those that the net was trained on is not told ({error})")
            return found
        by_class = {
            name: float((mine <= rate).double().mean())
            for label, name in enumerate(record.classes)
            if len(mine := p_values[part.labels == label])
        }
        found["unlike"] = _shares(p_values, rate) | {"per_class": by_class}
    return found


def lines(figures: dict[str, Any]) -> list[str]:
    """The same as `evaluate` writes it, a line each."""
    if not figures:
        return []
    ece, temperature = figures["ece_calibrated"], figures["temperature"]
    found = [f"          {ece:.4f}  with temperature {temperature:.3f}, fitted on validation"]
    return [*found, _share_line(figures["unlike"])] if "unlike" in figures else found


def _shares(p_values: Tensor, rate: float) -> dict[str, Any]:
    from cnnlab.evaluation import wilson_interval

    count = int((p_values <= rate).sum())
    interval = wilson_interval(count, len(p_values))
    return {"false_alarms": rate, "share": count / len(p_values), "interval": interval}


def _share_line(found: dict[str, Any]) -> str:
    low, high = found["interval"]
    return (
        f"unlike    {found['share']:.2%}  [{low:.2%}, {high:.2%}]  called like nothing it was trained on, at "
        f"{_percent(found['false_alarms'])} false alarms"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def foreign_figures(run: Run, net: nn.Module, unlike: Unlike, images: ImageSet, split: str, rate: float) -> Any:
    """How many images of a set that has none of the net's classes are called unlike, and what the others are called.

    Raises UserError where its images do not fit the net, or are the run's own.
    """
    from cnnlab.evaluation import logits

    record, part = run.config.data, images.split(split)
    if images.sha256 == record.sha256:
        raise UserError(
            f"--unlike: got {images.name}, which {run.path} was trained on; expected images of other things: choose "
            "another set, or leave --unlike out"
        )
    if images.image_shape != record.image_shape:
        raise UserError(
            f"--unlike: {images.name} has images of {'×'.join(map(str, images.image_shape))}; the net of {run.path} "
            f"expected {'×'.join(map(str, record.image_shape))}: choose data of that shape"
        )
    answers = logits(net, part.images, mean=record.mean, std=record.std)
    p_values = unlike.p_values(net, part.images, mean=record.mean, std=record.std)
    probability, called = answers.double().softmax(dim=1).max(dim=1)
    missed = called[p_values > rate].bincount(minlength=len(record.classes)).tolist()
    return {
        "data": images.name,
        "split": split,
        "images": len(part),
        "unlike": _shares(p_values, rate),
        "probability": float(probability.mean()),
        "called": {name: count for name, count in zip(record.classes, missed, strict=True) if count},
    }


def print_foreign(figures: dict[str, Any], path: Path) -> None:
    """Write what `foreign_figures` found as a few lines."""
    click.echo(f"{path} on {shown_name(figures['data'])}, {figures['split']} split: {figures['images']:,} images")
    click.echo(_share_line(figures["unlike"]))
    most = sorted(figures["called"].items(), key=lambda item: -item[1])
    others = ", ".join(f"{shown_name(name)} {count:,}" for name, count in most[:10])
    click.echo(f"the rest  {others or 'none'}")
    click.echo(f"sure      {figures['probability']:.1%}  mean probability of the class that the net names")
