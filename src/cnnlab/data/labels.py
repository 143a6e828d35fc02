"""Labels as somebody wrote them - words, numbers from anywhere, rows of ones and zeros - become class numbers."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from cnnlab.data.imageset import MOST_CLASSES
from cnnlab.errors import UserError

#: The most characters of a label.
LONGEST_LABEL = 200

_SHOWN = 30  # classes of the map that a note shows
_ONE_HOT = "one-hot labels became class numbers: the place of each row's one"


class Labels(NamedTuple):
    """values: integers or strings (N,), as they were written. note: what was done to get one for each image."""

    values: np.ndarray
    note: str | None


class Numbered(NamedTuple):
    """numbers: int64 (N,), 0 … K-1. names: of the classes. note: the map, where numbers are not what was written."""

    numbers: np.ndarray
    names: tuple[str, ...]
    note: str | None


def one_each(chunks: Iterable[np.ndarray], shape: tuple[int, ...], dtype: np.dtype, name: str) -> Labels:
    """One label an image, of an array (N,), (N, 1), or one-hot (N, K).

    chunks: its rows, some at a time: integers, whole floats, truth values or text. name: what messages call it.
    Raises UserError for other kinds of values, and for rows that are not of one class.
    """
    if dtype.kind not in "iufbUS":
        raise UserError(
            f"{name} is {dtype}; expected integers or words, one an image: convert them with labels.astype(np.int64)"
        )
    if len(shape) not in (1, 2) or 0 in shape:
        raise UserError(
            f"{name} has the shape {shape}; expected (N,) or (N, 1), one class an image, or (N, K) one-hot: give one "
            "label for each image"
        )
    if len(shape) == 1 or shape[1] == 1:
        return Labels(np.concatenate([_values(chunk.reshape(-1), name) for chunk in chunks]), None)
    if dtype.kind in "US" or shape[1] > MOST_CLASSES:
        raise UserError(
            f"{name} is {dtype} of the shape {shape}; expected (N,) or (N, 1), one class an image, or (N, K) one-hot "
            f"of K up to {MOST_CLASSES:,}: give one label for each image, such as labels[:, 0]"
        )
    places, others = [], 0
    for chunk in chunks:
        is_one = chunk == 1
        others += int((~((is_one | (chunk == 0)).all(1) & (is_one.sum(1) == 1))).sum())
        places.append(is_one.argmax(1).astype(np.int64))
    if others:
        raise UserError(
            f"{name} has the shape {shape}, of whose rows {others:,} are not one 1 among zeros, as in sets with "
            "several labels an image; expected one class an image: choose a column, such as labels[:, 0]"
        )
    return Labels(np.concatenate(places), _ONE_HOT)


def _values(values: np.ndarray, name: str) -> np.ndarray:
    """int64 or text (n,); unsigned numbers that are too large for it become text."""
    if values.dtype.kind == "S":
        return np.array([value.decode(errors="replace") for value in values.tolist()])
    if values.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            is_whole = np.isfinite(values) & (values == np.rint(values)) & (np.abs(values) < 2**53)
        if not is_whole.all():
            raise UserError(
                f"{name} holds the label {float(values[~is_whole][0])}; expected one class an image, whole numbers or "
                "words: round them, or sort their values into classes, such as labels > 0.5"
            )
    if values.dtype.kind == "u" and int(values.max()) >= 2**63:
        return np.array([str(value) for value in values.tolist()])
    if values.dtype.kind == "b":
        return np.where(values, "True", "False")
    if values.dtype.kind == "U":
        require_text(values, name)
        return values
    return values.astype(np.int64)


def require_text(words: np.ndarray, name: str) -> None:
    """Raise UserError where an array of strings holds numbers that are no signs, as a damaged file has them."""
    signs = np.ascontiguousarray(words.astype(words.dtype.newbyteorder("="))).view(np.uint32)
    if signs.size and int(signs.max()) > sys.maxunicode:
        raise UserError(f"{name} holds {int(signs.max()):,} where a sign should be; expected text: write it again")


def numbered(values: np.ndarray, where: str, called: Mapping[int, str] | None = None) -> Numbered:
    """Class numbers of labels: their places among all that there are, numbers in their order, words in theirs.

    values: integers or strings (N,), as of `one_each`. called: names of labels that are numbers, where they have some.
    Raises UserError for a label that is empty or too long, and for more classes than there may be.
    """
    present, inverse = np.unique(values, return_inverse=True)
    return _numbered([str(value) for value in present.tolist()], inverse.reshape(-1), where, called)


def numbered_words(words: Sequence[str], where: str) -> Numbered:
    """The same of a list of words, which takes less memory than an array of them."""
    place_of = {word: place for place, word in enumerate(dict.fromkeys(words))}
    return _numbered(list(place_of), np.fromiter(map(place_of.__getitem__, words), np.int64, len(words)), where, None)


def _numbered(present: list[str], places: np.ndarray, where: str, called: Mapping[int, str] | None) -> Numbered:
    """present: each label once. places: integers (N,), which of them an image has."""
    if len(present) > MOST_CLASSES:
        raise UserError(
            f"{where} has {len(present):,} different labels; expected at most {MOST_CLASSES:,} classes: check which "
            "values are the labels"
        )
    longest = max(present, key=len)
    if len(longest) > LONGEST_LABEL:
        raise UserError(
            f"{where} has a label of {len(longest):,} characters; expected at most {LONGEST_LABEL}: shorten it"
        )
    if any(not word.strip() for word in present):
        raise UserError(f"{where} has an image without a label; expected one for each image: add or remove it")
    numbers = [_whole_number(word) for word in present]
    by_number = None not in numbers
    written = [str(number) for number in numbers] if by_number else present
    in_order = sorted(set(written), key=lambda word: (int(word) if by_number else 0, word))
    number_of = {word: number for number, word in enumerate(in_order)}
    mapped = np.array([number_of[word] for word in written], dtype=np.int64)[places]
    names = [called.get(int(word), word) if called and by_number else word for word in in_order]
    if len(set(names)) < len(names):
        names = in_order
    if in_order == [str(number) for number in range(len(in_order))]:
        return Numbered(mapped, tuple(names), None)
    shown = ", ".join(
        f"{word}{f' ({name})' if name != word else ''} → {number_of[word]}"
        for word, name in list(zip(in_order, names, strict=True))[:_SHOWN]
    )
    more = " …" if len(in_order) > _SHOWN else ""
    return Numbered(mapped, tuple(names), f"labels became class numbers: {shown}{more}")


def _whole_number(word: str) -> int | None:
    try:
        return int(word)
    except ValueError:
        pass
    try:
        value = float(word)
    except ValueError:
        return None
    return int(value) if math.isfinite(value) and value.is_integer() else None
