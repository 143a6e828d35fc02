"""Runs that are compared must have seen the same images: what is refused or warned of where they have not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch

from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.runs import Run, open_run
from cnnlab.runs.environment import environments_of
from cnnlab.runs.identity import Identity, require_same


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


def require_one_identity(runs: Sequence[Run]) -> None:
    """Raise UserError when runs differ in versions, threads or code, or in arithmetic where their configs do not.

    A variant may set another device, precision or net; what it does not set must be the same for all.
    """
    first: dict[tuple[str, str], Identity] = {}
    for run in runs:
        identity = run.identity()
        if identity is None:
            continue
        config = run.config
        said = {
            "device": config.training.device,
            "precision": f"{config.training.device} {config.training.precision}",
            "net_code": config.net.name,
        }
        for field in Identity.model_fields:
            other = first.setdefault((field, said.get(field, "")), identity)
            require_same(run.path, other.model_copy(update={field: getattr(identity, field)}), other)


def mixed_machines(runs: Sequence[Run]) -> list[str]:
    """A line for every fact of the machine in which runs that are compared differ."""
    found = environments_of(runs)
    lines = []
    for fact, says in (("python", "Python"), ("device_name", "processor"), ("trained_together", "seeds together")):
        counts: Counter[str] = Counter()
        for record, number in found:
            counts[str(getattr(record, fact) or "none")] += number
        if len(counts) > 1:
            listing = ", ".join(
                f"{value} ({number} run{'' if number == 1 else 's'})" for value, number in counts.items()
            )
            lines.append(f"the runs differ in {says}: {listing}; their figures may differ with it")
    return lines


def mixed_images(folder: Path) -> list[str]:
    """A line for every data set's name under which the finished runs of a folder saw different images.

    What is there and is no run is passed over: whoever compares it says so.
    """
    hashes: dict[str, Counter[str]] = defaultdict(Counter)
    for result in folder.glob("*/result.json"):
        with suppress(UserError):
            record = open_run(result.parent).config.data
            hashes[record.name][record.sha256] += 1
    return [
        f"{folder} holds runs that saw different images called {name} ("
        + ", ".join(f"{count} of SHA-256 {sha256[:12]}…" for sha256, count in sorted(counts.items()))
        + "); only those of the images that are there now are compared"
        for name, counts in sorted(hashes.items())
        if len(counts) > 1
    ]
