"""Images as points in a plane, mistakes marked; a mistake shows its picture when it is pointed at or focused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from cnnlab.data.imageset import ImageSet
from cnnlab.features.looking import Arrangement
from cnnlab.report.pictures import photograph
from cnnlab.report.svg import escaped, length

#: Units of a drawing's side, of the margin about the points, and of a picture that appears.
SIDE, MARGIN, PICTURE = 400, 14, 84

#: A name's line and, about, one of its letters.
LINE, LETTER = 17, 9.5

#: Colours that classes take in turn.
COLOURS = 10


def scatter(found: Arrangement, points: NDArray[np.float64], data: ImageSet, *, label: str) -> Markup:
    """One drawing. points: float (N, 2); both axes have the same scale."""
    places = _places(points)
    body = []
    right = (found.labels == found.predicted).tolist()
    for (x, y), class_, is_right in zip(places, found.labels.tolist(), right, strict=True):
        if is_right:
            body.append(f'<circle class="c{class_ % COLOURS}" cx="{length(x)}" cy="{length(y)}" r="3"/>')
    for i in np.flatnonzero(~np.array(right)):
        body.append(_mistake(found, int(i), places[i], data))
    body += _names(places, found.labels.tolist(), data.classes)
    return Markup(
        f'<svg class="scatter" role="group" aria-label="{escaped(label)}" viewBox="0 0 {SIDE} {SIDE}">'
        + "".join(body)
        + "</svg>"
    )


def _places(points: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (SIDE - 2 * MARGIN) / max(float((high - low).max()), 1e-12)
    placed = SIDE / 2 + (points - (low + high) / 2) * scale
    return placed * [1, -1] + [0, SIDE]


def _names(places: NDArray[np.float64], labels: Sequence[int], classes: Sequence[str]) -> list[str]:
    """Each class's name at the median of its points, or under a name that stands there already."""
    medians = {
        class_: np.median(places[[i for i, one in enumerate(labels) if one == class_]], axis=0)
        for class_ in dict.fromkeys(sorted(labels))
    }
    found, taken = [], []
    for class_, (x, y) in sorted(medians.items(), key=lambda each: float(each[1][1])):
        half = LETTER * len(classes[class_]) / 2
        x, y = float(np.clip(x, min(half, SIDE / 2), max(SIDE - half, SIDE / 2))), float(y) + 5
        for other_x, other_y, other_half in taken:
            if abs(x - other_x) < half + other_half and y - other_y < LINE:
                y = other_y + LINE
        taken.append((x, y, half))
        found.append(f'<text class="class" x="{length(x)}" y="{length(y)}">{escaped(classes[class_])}</text>')
    return found


def _mistake(found: Arrangement, i: int, place: NDArray[np.float64], data: ImageSet) -> str:
    """A cross that leads to the mistake's picture below, and shows it beside itself meanwhile."""
    x, y = (float(one) for one in place)
    index = int(found.indices[i])
    true, called = data.classes[int(found.labels[i])], data.classes[int(found.predicted[i])]
    says = f"test image {index}: {true}, called {called} ({100 * float(found.probability[i]):.0f} %)"
    left = x + 8 if x < SIDE / 2 else x - 8 - PICTURE
    top = min(max(y - PICTURE / 2, 0), SIDE - PICTURE)
    address = photograph(data.test.images[index].numpy())
    return (
        f'<a class="wrong" href="#mistake-{index}" aria-label="{escaped(says)}"><title>{escaped(says)}</title>'
        f'<circle class="target" cx="{length(x)}" cy="{length(y)}" r="9"/>'
        f'<path d="M{length(x - 4.5)} {length(y - 4.5)}l9 9m0-9l-9 9"/>'
        f'<g class="thumbnail"><rect x="{length(left - 2)}" y="{length(top - 2)}" width="{PICTURE + 4}" '
        f'height="{PICTURE + 4}"/><image class="pixels" href="{address}" x="{length(left)}" y="{length(top)}" '
        f'width="{PICTURE}" height="{PICTURE}"/></g></a>'
    )
