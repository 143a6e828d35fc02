"""A benchmark's record as a table for the README and for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Group

_HEADINGS = ("", "stock notebook", "cnnlab", "ratio")


def markdown(result: dict[str, Any]) -> str:
    """A Markdown table of what `bench` returned, with spreads and n, and lines on machine, versions and notes."""
    lines = [
        f"| {' | '.join(_HEADINGS)} |",
        "| --- | ---: | ---: | ---: |",
        *(f"| {' | '.join(row)} |" for row in _rows(result)),
        "",
        *_remarks(result),
    ]
    return "\n".join(lines) + "\n"


def renderable(result: dict[str, Any]) -> Group:
    """The same for a terminal: print it with rich."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for i, heading in enumerate(_HEADINGS):
        table.add_column(heading, justify="left" if i == 0 else "right")
    for row in _rows(result):
        table.add_row(*(Text(cell) for cell in row))
    return Group(table, *(Text(line) for line in _remarks(result)))


def _rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    stock, cnnlab = result["stock"], result["cnnlab"]
    rounds = result["rounds"]
    rows: list[tuple[str, ...]] = [
        (
            f"training, images/s (median of {rounds} {'round' if rounds == 1 else 'rounds'}, smallest–largest)",
            *(
                f"{side['images_per_s']:,.0f} ({side['images_per_s_min']:,.0f}–{side['images_per_s_max']:,.0f})"
                for side in (stock, cnnlab)
            ),
            f"{result['ratio']:.2f} × ({result['ratio_min']:.2f}–{result['ratio_max']:.2f})",
        ),
        (
            "share of the matrix-product peak in its own precision",
            *(_share(side, result) for side in (stock, cnnlab)),
            "",
        ),
    ]
    target = result["target"]
    if target is not None:
        ratio = result["time_to_target_ratio"]
        rows.append(
            (
                f"training time to {target['accuracy'] * 100:.4g} % test accuracy",
                *(_time(side, target["most_epochs"]) for side in (stock, cnnlab)),
                f"{ratio:.1f} ×" if ratio is not None else "–",
            )
        )
    return rows


def _share(side: dict[str, Any], result: dict[str, Any]) -> str:
    """`24 % of 169 GFLOP/s (fp32)`: what a side uses of the peak in the precision that it computes in."""
    peak = result["peak_gflops_fp32"] if side["precision"] == "fp32" else result["peak_gflops"]
    share = side["images_per_s"] * result["flop_per_image"] / (peak * 1e9)
    return f"{share * 100:.0f} % of {peak:,.0f} GFLOP/s ({side['precision']})"


def _time(side: dict[str, Any], most_epochs: int) -> str:
    """`5.1 s (4.9–5.3, n = 3)`, or that it never got there."""
    seeds = side["seeds"]
    if side["time_to_target_s"] is None:
        return f"not within {most_epochs} epochs ({side['best_accuracy'] * 100:.2f} %, n = {seeds})"
    if seeds == 1:
        return f"{side['time_to_target_s']:.1f} s (n = 1)"
    longest = side["time_to_target_s_max"]
    most = f"{longest:.1f}" if longest is not None else "never"
    return f"{side['time_to_target_s']:.1f} s ({side['time_to_target_s_min']:.1f}–{most}, n = {seeds})"


def _remarks(result: dict[str, Any]) -> list[str]:
    stock, cnnlab, versions = result["stock"], result["cnnlab"], result["versions"]
    where = f"{result['cpu']}, {result['threads']} threads"
    if result["device"] != "cpu":
        where += f", {result['device_name']}"
    lines = [
        f"{result['net']} on {result['data']} ({result['training_images']:,} training images); {where}; "
        + ", ".join(f"{name} {number}" for name, number in versions.items())
        + ".",
        "",
        "Stock: PIL image, ToTensor and Normalize for each sample, DataLoader, Adam at 0.001, batch "
        f"{stock['batch_size']}, {stock['precision']}. cnnlab: recipe {result['recipe']} on whole images, batch "
        f"{cnnlab['batch_size']}, {cnnlab['precision']}. Both in turn, {result['seconds']:g} s each, in "
        "processes of their own.",
    ]
    target = result["target"]
    if target is not None:
        tried = f"{cnnlab['attempts_time_s']:.1f} s"
        lines += [
            "",
            "To the target: training steps and the making of their batches; evaluation and loading the data set left "
            "out. Stock is measured after every epoch. cnnlab trains by its default recipe, early crop included, for "
            f"the shortest schedule that got there ({_lengths(target['cnnlab'])}); all schedules tried took {tried}.",
        ]
    for note in result["notes"]:
        lines += ["", f"Note: {note}."]
    return lines


def _lengths(chases: list[dict[str, Any]]) -> str:
    reached = sorted({chase["attempts"][-1]["epochs"] for chase in chases if chase["time_s"] is not None})
    return f"{', '.join(f'{epochs:g}' for epochs in reached)} epochs" if reached else "none did"
