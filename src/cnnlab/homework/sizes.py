"""The size of a feature map: ⌊(H + 2p − K) / s⌋ + 1, and how it goes wrong."""

from __future__ import annotations

import math
from typing import Any

from cnnlab.formulas import output_size
from cnnlab.homework.feedback import Feedback, blank, explained, is_blank, never_raises, off, right
from cnnlab.homework.reading import answer_text, as_number


@never_raises
def check_output_size(yours: Any, *, size: int, kernel_size: int, stride: int = 1, padding: int = 0) -> Feedback:
    """Check one side of the map that a convolution or pool makes of an image with sides of `size` pixels.

    yours: a whole number; rows and columns are alike.
    """
    if is_blank(yours):
        return blank()
    answer = as_number(yours)
    if answer is None or not math.isfinite(answer):
        return off(f"you have {answer_text(yours)}: expected one number, the rows (there are as many columns)")
    expected = output_size(size, kernel_size, stride=stride, padding=padding)
    if answer == expected:
        return right(f"right: ⌊({size} + 2·{padding} − {kernel_size}) / {stride}⌋ + 1 = {expected}")
    if not isinstance(answer, int):
        return off(f"you have {answer}: a map has whole rows; a window that no longer fits is left out: round down")
    places = size + 2 * padding - kernel_size
    mistakes: list[tuple[float, str]] = [
        (places // stride, "the + 1 is missing: the window's first place counts, too"),
        (-(-places // stride) + 1, "round down: a window that no longer fits is left out"),
        (size, "that is the size of what comes in"),
        (kernel_size, "that is the kernel's size"),
        (expected**2, "that is how many values a map has: one side is asked for"),
    ]
    if padding:
        mistakes += [
            (output_size(size, kernel_size, stride=stride), "that is without padding"),
            ((places - padding) // stride + 1, "the padding stands on both sides: it counts twice"),
        ]
    if stride > 1:
        mistakes += [
            (output_size(size, kernel_size, padding=padding), "that is with stride 1: the window moves further"),
            (size // stride, "that is the size divided by the stride; the kernel takes its margin, too"),
        ]
    if padding and stride > 1:
        mistakes += [(output_size(size, kernel_size), "that is without padding and with stride 1")]
    found = explained(answer, mistakes)
    return off(
        f"you have {answer_text(answer)}: "
        + (
            "; or: ".join(found)
            if found
            else "⌊(H + 2p − K) / s⌋ + 1 gives a different number: put your values in, one after another"
        )
    )
