"""Whether the net is as often right as it is sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.ticker import NullLocator

from cnnlab.config import Training
from cnnlab.data.imageset import Split
from cnnlab.evaluation import CalibrationBin, Evaluation, wilson_interval
from cnnlab.numbers import SPACE, accuracy, in_points, interval, percent
from cnnlab.report import charts
from cnnlab.report.run.opened import Opened, is_shrunk, shown_image

#: Wrong images that a bin opens at most, the surest first.
WRONG_SHOWN = 2

#: Margins of the diagram's panels to the left and to the right, in CSS pixels.
_LEFT, _RIGHT = 62, 24


@dataclass(frozen=True)
class Bin:
    """A bin that holds images, and what its bar opens. left, width: of its column in the diagram, in % of its width."""

    figures: CalibrationBin
    opens: Opened
    left: float
    width: float


@dataclass(frozen=True)
class Calibration:
    """The reliability diagram, the verdict in words, and the bins that hold images.

    shrunk: images are shown smaller than they are.
    """

    chart: Markup
    verdict: str
    ece: float
    bins: list[Bin]
    shrunk: bool


def calibration(evaluation: Evaluation, split: Split, training: Training) -> Calibration:
    """Draw and judge a net's probabilities on a split, which was evaluated."""
    return Calibration(
        chart=_diagram(evaluation.calibration, evaluation.ece),
        verdict=calibration_words(evaluation, training),
        ece=evaluation.ece,
        bins=[_bin(part, evaluation, split) for part in evaluation.calibration if part.images],
        shrunk=is_shrunk(split),
    )


def _bin(part: CalibrationBin, evaluation: Evaluation, split: Split) -> Bin:
    wrong = [one for one in evaluation.mistakes if part.low < one.probability <= part.high]
    names = [figures.name for figures in evaluation.per_class]
    shown = [shown_image(split, one.index, one.probability, names[one.predicted]) for one in wrong[:WRONG_SHOWN]]
    shown += [] if part.first_right is None else [shown_image(split, part.first_right)]
    right = part.images - len(wrong)
    says = [f"{min(len(wrong), WRONG_SHOWN)} of {len(wrong):,} wrong{', the surest first' if len(wrong) > 1 else ''}"]
    says += [f"{0 if part.first_right is None else 1} of {right:,} right"]
    title = f"{interval(part.low, part.high, 1)} sure"
    opened = Opened(f"sure-{round(100 * part.high)}", title, "; ".join(says), shown, part.images)
    scale = 100 * (1 - (_LEFT + _RIGHT) / charts.WIDTH)
    left = 100 * _LEFT / charts.WIDTH + scale * part.low
    return Bin(part, opened, left=round(left, 3), width=round(scale * (part.high - part.low), 3))


def calibration_words(evaluation: Evaluation, training: Training) -> str:
    """Over- or under-confident on average, or neither as far as that many images can tell."""
    sure = sum(part.images * part.confidence for part in evaluation.calibration) / evaluation.images
    right = evaluation.accuracy
    low, high = evaluation.accuracy_interval
    facts = (
        f"On average this net gave its answer a probability of {accuracy(sure, evaluation.images)} and was right on "
        f"{accuracy(right, evaluation.images)} of the images"
    )
    if low <= sure <= high:
        return f"{facts}: neither over- nor under-confident, as far as {evaluation.images:,} images can tell."
    if sure > right:
        return f"{facts}: over-confident by {in_points(sure - right, decimals=1)}{SPACE}points."
    because = ""
    if training.label_smoothing:
        taught = f"Label smoothing ({training.label_smoothing:g}) teaches it that"
        because = f" {taught}: its targets are never quite certain."
    return f"{facts}: under-confident by {in_points(right - sure, decimals=1)}{SPACE}points.{because}"


def _diagram(bins: Sequence[CalibrationBin], ece: float) -> Markup:
    filled = [part for part in bins if part.images]
    x = [part.confidence for part in filled]
    y = [part.accuracy for part in filled]
    intervals = [wilson_interval(round(part.accuracy * part.images), part.images) for part in filled]
    below = [max(0.0, part.accuracy - low) for part, (low, _) in zip(filled, intervals, strict=True)]
    above = [max(0.0, high - part.accuracy) for part, (_, high) in zip(filled, intervals, strict=True)]
    with charts.drawing():
        figure = charts.blank(400)
        axes = charts.panel(figure, left=_LEFT, bottom=112, right=_RIGHT, top=10)
        axes.plot([0, 1], [0, 1], color=charts.MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.errorbar(
            x,
            y,
            yerr=[below, above],
            color=charts.REMEASURED,
            linestyle="none",
            marker="o",
            markersize=5.5,
            elinewidth=1.2,
            capsize=2.5,
            clip_on=False,
        )
        axes.set_ylim(0, 1)
        axes.set_ylabel("right (accuracy)")
        charts.percent_axis(axes.yaxis)
        axes.tick_params(labelbottom=False)

        counts = charts.panel(figure, left=_LEFT, bottom=40, right=_RIGHT, top=316)
        counts.bar(
            [part.low for part in bins],
            [part.images for part in bins],
            width=[0.92 * (part.high - part.low) for part in bins],
            align="edge",
            color=charts.REMEASURED,
        )
        counts.set_ylabel("images")
        counts.set_xlabel("sure (probability of the answer)")
        counts.grid(visible=False)
        counts.yaxis.set_major_locator(NullLocator())
        most = max(bins, key=lambda part: part.images)
        # Kept within the axes: the fullest bin is mostly the last one.
        x_most, side = (most.high, "right") if most.high > 0.5 else (most.low, "left")
        counts.annotate(
            f"{most.images:,}",
            (x_most, most.images),
            xytext=(0, 2),
            textcoords="offset points",
            ha=side,
            va="bottom",
            color=charts.MUTED,
            fontsize=11,
        )
        charts.percent_axis(counts.xaxis)
        for each in (axes, counts):
            each.set_xlim(0, 1)
        label = (
            "Reliability diagram: accuracy against probability of the answer in bins of equal width, with 95 % "
            f"intervals. Expected calibration error {percent(ece)}."
        )
        return charts.inline_svg(figure, name="calibration", label=label)
