"""The reports of the runs that an experiment's page leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnlab.nets.resolve import is_own
from cnnlab.report.run.page import run_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from torch import nn

    from cnnlab.data.imageset import ImageSet
    from cnnlab.report.back import Back
    from cnnlab.runs import Run


def write_report(run: Run, images: ImageSet, module: nn.Module, *, back: Back | None = None) -> None:
    """Make the run's page, unless it is there."""
    if not (run.path / "report.html").exists():
        run.write_report(run_page(run, images, module, back=back))


def write_reports(
    runs: Iterable[Run], folder: Path, load: Callable[[str], ImageSet], *, back: Back | None = None
) -> list[str]:
    """Make the runs' reports, unless they are there; returns where they lie from `folder`, in the runs' order.

    back: from each report to the lesson that leads to it, if one does. A run that has its report needs no weights.
    """
    links = []
    for run in runs:
        report, name = run.path / "report.html", run.config.net.name
        if not report.exists():
            net = run.load_net(own_code=name if is_own(name) else None)
            write_report(run, load(run.config.data.name), net, back=back)
        links.append(report.relative_to(folder).as_posix())
    return links
