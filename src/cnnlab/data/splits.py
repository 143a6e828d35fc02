"""Cutting images into training, validation and test, the same way on every machine and with every version."""

from __future__ import annotations

import numpy as np

from cnnlab.errors import UserError


def shuffle_keys(count: int, *, seed: int) -> np.ndarray:
    """`count` random uint64 whose order is a permutation.

    They are PCG64's raw output, whose stream NumPy guarantees for good; `Generator.permutation` may change
    between versions (NEP 19), which would quietly move images between training and test.
    """
    return np.random.PCG64(seed).random_raw(count)


def stratify(
    labels: np.ndarray,
    keys: np.ndarray,
    *,
    shares: tuple[float, ...],
    classes: tuple[str, ...],
    name: str,
    groups: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Cut indices 0 … N-1 into `1 + len(shares)` parts that hold each class in the same proportions.

    labels: integers (N,). keys: uint64 (N,), decide the order within a class and within a part.
    shares: the parts after the first, each of which gets its share of every class, rounded, at least one
    image. groups: int64 (N,), the same for images that have to stay in one part; shares are then met as nearly as whole
    groups allow.
    Returns int64 arrays, the remainder first.
    Raises UserError when a class has fewer images, or groups of them, than there are parts.
    """
    require_enough(labels, parts=1 + len(shares), classes=classes, name=name, groups=groups)
    part_of = np.full(len(labels), -1)
    together = {} if groups is None else _members(groups)
    for label in range(len(classes)):
        mine = np.flatnonzero(labels == label)
        mine = mine[np.argsort(keys[mine], kind="stable")]
        for part, share in enumerate(shares, start=1):
            _fill(part_of, part, mine, together, wanted=max(1, int(len(mine) * share + 0.5)))
    part_of[part_of < 0] = 0
    for label in np.unique(labels):
        if not (part_of[labels == label] == 0).any():
            raise UserError(
                f"{name}: class {classes[label]} has no image left to train on, as each of its images is equal to one "
                "of another class; expected images that differ between classes: leave each in one class only"
            )
    parts = [np.flatnonzero(part_of == part) for part in range(1 + len(shares))]
    return [indices[np.argsort(keys[indices], kind="stable")] for indices in parts]


def require_enough(
    labels: np.ndarray, *, parts: int, classes: tuple[str, ...], name: str, groups: np.ndarray | None = None
) -> None:
    """Raise UserError where a class has images, but not one, or one group of equal ones, for each part."""
    for label, count in zip(*np.unique(labels, return_counts=True), strict=True):
        different = count if groups is None else len(np.unique(groups[labels == label]))
        if different < parts:
            equal = "" if different == count else f", of which {different} differ"
            raise UserError(
                f"{name}: class {classes[label]} has {count} image{'s' if count > 1 else ''}{equal}; expected at "
                f"least {parts}, one for each split cut from them: add images or leave the class out"
            )


def _members(groups: np.ndarray) -> dict[int, np.ndarray]:
    """The indices in each group that has more than one, under each of them."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    found = {}
    for members in np.split(order, starts[1:]):
        if len(members) > 1:
            found |= dict.fromkeys(members.tolist(), members)
    return found


def _fill(part_of: np.ndarray, part: int, mine: np.ndarray, together: dict[int, np.ndarray], *, wanted: int) -> None:
    """Give a part images of a class, `mine` in order, until it has as many as wanted: whole groups, one at least."""
    is_mine = np.zeros(len(part_of), dtype=bool)
    is_mine[mine] = True
    has = int((part_of[mine] == part).sum())
    left = [index for index in mine.tolist() if part_of[index] < 0]
    sizes = [int(is_mine[together[index]].sum()) if index in together else 1 for index in left]
    for index, size in zip(left, sizes, strict=True):
        if has >= wanted:
            return
        if part_of[index] < 0 and has + size <= wanted:
            part_of[together.get(index, index)] = part
            has += size
    if has == 0 and left:
        index = min(zip(sizes, range(len(left)), left, strict=True))[2]
        part_of[together.get(index, index)] = part


def put_in_order(rows: np.ndarray, order: np.ndarray) -> None:
    """Make `rows[order]` of `rows`, in place. order: int64 (N,), each of 0 … N-1 once."""
    is_done = np.zeros(len(order), dtype=bool)
    for start in range(len(order)):
        if is_done[start]:
            continue
        kept, place = rows[start].copy(), start
        while (source := order[place]) != start:
            rows[place] = rows[source]
            is_done[place], place = True, source
        rows[place] = kept
        is_done[place] = True
