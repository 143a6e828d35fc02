"""Nets measured on the same test images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnlab.evaluation import Evaluation
from cnnlab.homework.feedback import Feedback, blank, is_blank, never_raises, off, right
from cnnlab.homework.reading import answer_parts, whole_number


@never_raises
def check_measured(yours: Any, *, needs: Sequence[str], images: int) -> Feedback:
    """Check measurements of several nets, and say which is ahead and what each confuses most.

    yours: a net's name → what `cnnlab.evaluate` gives of it. needs: the names that have to be there. images: of the
    test split.
    """
    if is_blank(yours):
        return blank()
    count = whole_number(images, "images")
    measured = answer_parts(yours, needs, "a dict, a net's name → what cnnlab.evaluate(…) returns")
    for name, each in measured.items():
        if not isinstance(each, Evaluation):
            return off(f"{name}: you have {type(each).__name__}: expected what cnnlab.evaluate(…) returns")
        if each.images != count:
            return off(f"{name}: measured on {each.images:,} images, the test split has {count:,}: another split?")
    if len(measured) > 1 and len({(each.accuracy, each.loss) for each in measured.values()}) == 1:
        return off("all have the very same figures: is it one net under several names?")
    ordered = sorted(measured, key=lambda name: -measured[name].accuracy)
    ahead = [_ahead(*ordered[:2], measured)] if len(ordered) > 1 else []
    return right(*(_line(name, measured[name]) for name in ordered), *ahead)


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
