"""Accuracies that are too good to be true."""

from __future__ import annotations

from cnnlab.data.known import KNOWN


def implausible(name: str, accuracy_interval: tuple[float, float]) -> str | None:
    """What to say of a test accuracy on a set that lies above all that was ever published for it, or None.

    name: of the data set, changes included. accuracy_interval: at 95 %, 0–1: above means all of it.
    """
    known = KNOWN.get(name.partition("+")[0].partition("@")[0])
    if known is None or known.best_published is None or accuracy_interval[0] <= known.best_published:
        return None
    return (
        f"a test accuracy of at least {accuracy_interval[0]:.2%} on {known.name} is implausible: the best published is "
        f"{known.best_published:.2%}. Look for test images among the training images, labels that leak into the "
        "pixels, or choices made on the test split before believing it"
    )
