"""Nets measured on the same test images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnlab.evaluation import Evaluation
from cnnlab.homework.verdict import Verdict, blank, is_blank, off, right


def check_measured(yours: Any, *, needs: Sequence[str], images: int) -> Verdict:
    """Check measurements of several nets, and say which is ahead and what each confuses most.

    yours: a net's name → what `cnnlab.evaluate` gives of it. needs: the names that have to be there. images: of the
    test split.
    """
    if is_blank(yours):
        return blank()
    missing = [name for name in needs if name not in yours]
    if missing:
        return off(f"missing: {', '.join(missing)} (you have {', '.join(yours) or 'none'})")
    for name in needs:
        if not isinstance(yours[name], Evaluation):
            return off(f"{name}: you have {type(yours[name]).__name__}: expected what cnnlab.evaluate(…) returns")
        if yours[name].images != images:
            return off(
                f"{name}: measured on {yours[name].images:,} images, the test split has {images:,}: another split?"
            )
    if len({yours[name].accuracy for name in needs}) == 1 and len({yours[name].loss for name in needs}) == 1:
        return off("all have the very same figures: is it one net under several names?")
    ordered = sorted(needs, key=lambda name: -yours[name].accuracy)
    return right(*(_line(name, yours[name]) for name in ordered), _ahead(ordered[0], ordered[1], yours))


def _line(name: str, measured: Evaluation) -> str:
    low, high = measured.accuracy_interval
    count, was, called = max(
        (count, was, called)
        for was, row in enumerate(measured.confusion)
        for called, count in enumerate(row)
        if was != called
    )
    classes = [each.name for each in measured.per_class]
    return (
        f"{name}: {measured.accuracy:.2%} [{low:.2%}, {high:.2%}] of {measured.images:,} images; "
        f"most often {classes[was]} was called {classes[called]}, {count} times"
    )


def _ahead(first: str, second: str, measured: dict[str, Evaluation]) -> str:
    gap = measured[first].accuracy - measured[second].accuracy
    is_apart = measured[first].accuracy_interval[0] > measured[second].accuracy_interval[1]
    says = "their intervals do not touch" if is_apart else "their intervals overlap: the images alone do not decide"
    return f"{first} is {100 * gap:.2f} points ahead of {second}; {says}"
