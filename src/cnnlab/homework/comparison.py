"""Curves of several nets side by side: whether they can be compared, and what can be read from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cnnlab.homework.feedback import Feedback, blank, is_blank, never_raises, off, right
from cnnlab.homework.reading import answer_parts, curve, whole_number

#: Standard errors of a difference within which two accuracies are not told apart (95 %).
_Z = 1.96


@never_raises
def check_comparison(yours: Any, *, needs: Sequence[str], images: int) -> Feedback:
    """Check the curves of several nets, and say how far their differences are more than chance.

    yours: a net's name → its curves, `{"training": [...], "validation": [...]}`, accuracies (0–1), one an epoch. needs:
    the names that have to be there, the one that the others are compared with first. images: how many validation
    images an accuracy rests on.
    """
    if is_blank(yours):
        return blank()
    count = whole_number(images, "images")
    given = answer_parts(yours, needs, "a dict, a net's name → its curves")
    curves = {name: _curves(name, each) for name, each in given.items()}
    wrong = _unusable(curves)
    if wrong:
        return off(wrong)
    best = {name: max(each["validation"]) for name, each in curves.items()}
    lines = [
        f"{name}: best validation {best[name]:.1%}, at the end training {each['training'][-1]:.1%}, validation "
        f"{each['validation'][-1]:.1%}{_gap(each, count)}"
        for name, each in curves.items()
    ]
    first, *others = curves
    apart = [_told_apart(first, other, best, count) for other in others]
    return right(*lines, *apart, "all of this is one seed each; cnnlab compare trains five")


def _curves(name: str, given: Any) -> dict[str, list[float]]:
    """A net's two curves. Raises UserError for what are no accuracies."""
    found = given if isinstance(given, Mapping) else {}
    return {which: curve(found.get(which), name, which) for which in ("training", "validation")}


def _unusable(curves: Mapping[str, Mapping[str, list[float]]]) -> str | None:
    """What keeps curves from being compared."""
    for name, each in curves.items():
        for which, values in each.items():
            if _falls(values, which):
                return (
                    f"{name}: {which} falls from {values[0]:g} to {values[-1]:g}: expected accuracies, which rise "
                    "while a net learns; are these its losses?"
                )
    epochs = {name: len(each["validation"]) for name, each in curves.items()}
    if len(set(epochs.values())) > 1:
        listing = ", ".join(f"{name} {count}" for name, count in epochs.items())
        return f"they were trained for different numbers of epochs ({listing}): what differs is then more than the net"
    for name, each in curves.items():
        if len(each["training"]) != epochs[name]:
            return f"{name}: training and validation have different lengths; measure both after every epoch"
    seen: dict[tuple[float, ...], str] = {}
    for name, each in curves.items():
        key = (*each["training"], *each["validation"])
        if key in seen:
            return f"{seen[key]} and {name} have the very same curves: is it one net, or one list, under two names?"
        seen[key] = name
    for name, each in curves.items():
        if max(each["training"]) < 0.5:
            return (
                f"{name} has learned next to nothing (training {max(each['training']):.1%}): does its optimizer have "
                "its own parameters?"
            )
    return None


def _falls(values: list[float], which: str) -> bool:
    """Whether a curve falls as only losses do.

    Training accuracy ends where it began or above, but for noise: a loss of a fifth is not noise. Validation accuracy
    may fall far where labels are wrong and are learned by heart; it does not fall to less than half.
    """
    return values[-1] < (0.8 if which == "training" else 0.5) * values[0]


def _gap(curves: Mapping[str, Sequence[float]], images: int) -> str:
    training, validation = curves["training"][-1], curves["validation"][-1]
    half = _Z * (validation * (1 - validation) / images) ** 0.5
    gap = training - validation
    return f"; a gap of {100 * gap:.1f} points, more than the images' ±{100 * half:.1f}" if gap > half else ""


def _told_apart(first: str, other: str, best: Mapping[str, float], images: int) -> str:
    """Whether two accuracies differ by more than the sampling of images leaves open.

    As if each had images of its own; on the same images the difference is known a little better than that.
    """
    a, b = best[first], best[other]
    half = _Z * ((a * (1 - a) + b * (1 - b)) / images) ** 0.5
    says = "more than" if abs(a - b) > half else "within"
    return (
        f"{other} against {first}: {100 * (b - a):+.1f} points, {says} the ±{100 * half:.1f} that {images:,} images "
        "leave open"
    )
