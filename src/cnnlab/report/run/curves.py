"""The learning curves: loss and accuracy per epoch, seen in three ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import nn

from cnnlab.config import Training
from cnnlab.numbers import percent
from cnnlab.report import charts
from cnnlab.training.loop import Epoch

#: Rows of the table below the curves; longer runs show every k-th epoch.
ROWS = 100


@dataclass(frozen=True)
class LearningCurves:
    """The two charts, why they may look odd, and the rows of the table below them."""

    loss: Markup
    accuracy: Markup
    why: str
    rows: list[Epoch]
    every: int
    part_of_last: float | None


def learning_curves(epochs: Sequence[Epoch], best_epoch: int, training: Training, net: nn.Module) -> LearningCurves:
    """Draw a run's loss and accuracy over its epochs, and list the figures."""
    every = -(-len(epochs) // ROWS)
    part = epochs[-1].steps / epochs[0].steps if len(epochs) > 1 else training.epochs
    return LearningCurves(
        loss=_chart(epochs, best_epoch, "loss"),
        accuracy=_chart(epochs, best_epoch, "accuracy"),
        why=_why(training, net),
        rows=[
            record
            for record in epochs
            if record.epoch % every == 0 or record.epoch in (1, best_epoch, epochs[-1].epoch)
        ],
        every=every,
        part_of_last=part if part < 1 else None,
    )


def _why(training: Training, net: nn.Module) -> str:
    """What sets 'as seen while training' apart in this very run."""
    handicaps = []
    if any(isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0 for module in net.modules()):
        handicaps.append("dropout turns units off")
    if any(training.augmentation.model_dump().values()):
        handicaps.append("images are augmented")
    if training.crop:
        handicaps.append(f"early in the run only the central {training.crop}×{training.crop} pixels are seen")
    if training.label_smoothing:
        handicaps.append("label smoothing adds to the loss, and never lets it reach 0")
    if training.balance == "weights":
        handicaps.append("images of small classes count more in the loss")
    if training.balance == "draws":
        handicaps.append("images of small classes are seen more often")
    on_top = ""
    if handicaps:
        *first, last = handicaps
        listing = f"{', '.join(first)}, and {last}" if first else last
        on_top = f" On top of that, while training, {listing}."
    return (
        "As seen while training is an average over the whole epoch, most of it measured before the net was as good as "
        f"at the epoch's end.{on_top} So it may well look worse than validation; to see overfitting, compare the same "
        "training images measured again, in eval mode, with validation."
    )


def _chart(epochs: Sequence[Epoch], best_epoch: int, kind: str) -> Markup:
    x = [record.epoch for record in epochs]
    lines = {
        "training": (charts.SEEN, (0, (4, 2.5)), "o"),
        "remeasured": (charts.REMEASURED, "solid", "s"),
        "validation": (charts.VALIDATION, "solid", "D"),
    }
    with charts.drawing():
        figure = charts.blank(240)
        axes = charts.panel(figure, left=46, bottom=42, right=14, top=24)
        for name, (color, dashes, marker) in lines.items():
            y = [getattr(record, f"{name}_{kind}") for record in epochs]
            shape = marker if len(x) <= 20 else ""
            axes.plot(x, y, color=color, linestyle=dashes, marker=shape, markerfacecolor=color, clip_on=False)
        _label(axes, x, best_epoch, kind)
        best = epochs[best_epoch - 1]
        words = {
            "loss": f"Loss by epoch. At the best epoch, {best_epoch}, {best.validation_loss:.3f} on validation.",
            "accuracy": "Accuracy by epoch. At the best epoch, "
            f"{best_epoch}, {percent(best.validation_accuracy)} on validation.",
        }
        return charts.inline_svg(figure, name=f"curve-{kind}", label=words[kind])


def _label(axes: Axes, x: Sequence[int], best_epoch: int, kind: str) -> None:
    last = x[-1]
    margin = 0.5 if last == 1 else min(0.5, 0.04 * (last - 1))
    axes.set_xlim(x[0] - margin, last + margin)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")
    axes.grid(visible=False, axis="x")
    axes.margins(y=0.08)
    if kind == "loss":
        axes.set_ylim(bottom=0)
    else:
        low, high = axes.get_ylim()
        low = max(0.0, min(low, high - 0.02))
        axes.set_ylim(low, min(high, 1.0))
        charts.percent_axis(axes.yaxis)
    axes.axvline(best_epoch, color=charts.MUTED, linewidth=1, linestyle=(0, (1, 2)), zorder=0)
    share = (best_epoch - axes.get_xlim()[0]) / (axes.get_xlim()[1] - axes.get_xlim()[0])
    axes.annotate(
        f"best: epoch {best_epoch}",
        (best_epoch, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 6),
        textcoords="offset points",
        ha="left" if share < 0.15 else "right" if share > 0.85 else "center",
        color=charts.MUTED,
        fontsize=11,
    )
