"""Runs that are compared must have seen the same images: what is refused, and what is said, where they have not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import torch

from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.runs import Run, open_run


def require_same_test(baseline: ImageSet, other: ImageSet, *, variant: str) -> None:
    """Raise UserError unless both sets are tested on as many images with the same labels in the same order.

    Differences are paired by seed on one test set; a view of it, such as permuted pixels, keeps the labels.
    """
    if not torch.equal(baseline.test.labels, other.test.labels):
        raise UserError(
            f"variant {variant}: {other.name} is tested on other images than {baseline.name}; expected one test set "
            "for all, or no difference means anything: compare on one data set, or twice"
        )


def require_same_images(runs: Sequence[Run]) -> None:
    """Raise UserError when two runs saw different images under one name."""
    first: dict[str, Run] = {}
    for run in runs:
        record = run.config.data
        sibling = first.setdefault(record.name, run)
        if sibling.config.data.sha256 != record.sha256:
            raise UserError(
                f"{run.path} saw other images called {record.name} (SHA-256 {record.sha256[:12]}…) than "
                f"{sibling.path} ({sibling.config.data.sha256[:12]}…); expected the same for all that are compared: "
                "train one of the two again"
            )


def mixed_images(folder: Path) -> list[str]:
    """A line for every data set's name under which the finished runs of a folder saw different images."""
    hashes: dict[str, Counter[str]] = defaultdict(Counter)
    for result in folder.glob("*/result.json"):
        record = open_run(result.parent).config.data
        hashes[record.name][record.sha256] += 1
    return [
        f"{folder} holds runs that saw different images called {name} ("
        + ", ".join(f"{count} of SHA-256 {sha256[:12]}…" for sha256, count in sorted(counts.items()))
        + "); only those of the images that are there now are compared"
        for name, counts in sorted(hashes.items())
        if len(counts) > 1
    ]
