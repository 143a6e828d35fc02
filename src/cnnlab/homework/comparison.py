"""Curves of several nets side by side: whether they can be compared, and what they bear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cnnlab.homework.verdict import Verdict, blank, is_blank, off, right

#: Standard errors of a difference within which two accuracies are not told apart (95 %).
_Z = 1.96


def check_comparison(yours: Any, *, needs: Sequence[str], images: int) -> Verdict:
    """Check the curves of several nets, and say how far their differences are more than chance.

    yours: a net's name → its curves, `{"training": [...], "validation": [...]}`, accuracies (0–1), one an epoch. needs:
    the names that have to be there, the one that the others are compared with first. images: how many validation
    images an accuracy rests on.
    """
    if is_blank(yours):
        return blank()
    if not isinstance(yours, Mapping):
        return off(f"you have {type(yours).__name__}: expected a dict, a net's name → its curves")
    wrong = _unusable(yours, needs)
    if wrong:
        return off(*wrong)
    best = {name: max(yours[name]["validation"]) for name in needs}
    lines = [
        f"{name}: best validation {best[name]:.1%}, at the end training {yours[name]['training'][-1]:.1%}, validation "
        f"{yours[name]['validation'][-1]:.1%}{_gap(yours[name], images)}"
        for name in needs
    ]
    first, *others = needs
    apart = [_told_apart(first, other, best, images) for other in others]
    return right(*lines, *apart, "all of this is one seed each; cnnlab compare trains five")


def _unusable(curves: Mapping[str, Any], needs: Sequence[str]) -> list[str]:
    """What keeps curves from being compared."""
    missing = [name for name in needs if name not in curves]
    if missing:
        return [f"missing: {', '.join(missing)} (you have {', '.join(curves) or 'none'})"]
    for name in needs:
        for which in ("training", "validation"):
            values = curves[name].get(which) if isinstance(curves[name], Mapping) else None
            if not isinstance(values, Sequence) or isinstance(values, str) or not values:
                return [f"{name}: expected a list under {which!r}, an accuracy for each epoch"]
            if max(values) > 1:
                return [
                    f"{name}: {which} reaches {max(values):g}: expected accuracies from 0 to 1, not percent or losses"
                ]
    epochs = {name: len(curves[name]["validation"]) for name in needs}
    if len(set(epochs.values())) > 1:
        listing = ", ".join(f"{name} {count}" for name, count in epochs.items())
        return [
            f"they were trained for different numbers of epochs ({listing}): what differs is then more than the net"
        ]
    lengths = [name for name in needs if len(curves[name]["training"]) != epochs[name]]
    if lengths:
        return [f"{lengths[0]}: training and validation have different lengths; measure both after every epoch"]
    seen: dict[tuple[float, ...], str] = {}
    for name in needs:
        key = (*curves[name]["training"], *curves[name]["validation"])
        if key in seen:
            return [f"{seen[key]} and {name} have the very same curves: is it one net, or one list, under two names?"]
        seen[key] = name
    idle = [name for name in needs if max(curves[name]["training"]) < 0.5]
    if idle:
        return [
            f"{idle[0]} has learned next to nothing (training {max(curves[idle[0]]['training']):.1%}): does its "
            "optimizer hold its own parameters?"
        ]
    return []


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
