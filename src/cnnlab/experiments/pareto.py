"""The Pareto front: where more accuracy costs more."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Find the points that no other dominates, by index, the cheapest first.

    points: (accuracy, cost) each, more accuracy and less cost being better. A point is dominated by one that is at
    least as good in both and better in one; points that are equal in both stand or fall together.
    """
    front: list[int] = []
    for index in sorted(range(len(points)), key=lambda one: (points[one][1], -points[one][0])):
        if not front or points[index][0] > points[front[-1]][0] or points[index] == points[front[-1]]:
            front.append(index)
    return front
