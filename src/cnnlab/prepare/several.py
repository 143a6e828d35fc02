"""One digit is asked, and several of like size are in the picture: how many."""

from __future__ import annotations

import numpy as np
from PIL import Image

from cnnlab.prepare.characters import among
from cnnlab.prepare.digit import digit
from cnnlab.prepare.fitting import in_zeros
from cnnlab.prepare.ink import Marks
from cnnlab.prepare.preparing import prepare

#: Of like size is what is at least so many times as tall as the tallest character, and has so much of its ink.
AS_TALL, AS_MUCH = 0.6, 0.15

#: What is told of several.
SEVERAL = "{} digits of like size were found; the largest is answered: --each answers all"

#: What is not slender and covers more of its box is no character.
FULLEST = 0.7


def digit_and_count(image: Image.Image, size: tuple[int, int]) -> tuple[np.ndarray, int]:
    """The character that `digit` takes from an image, uint8 (H, W), and how many of like size there are, with it.

    Raises UserError when no ink is found.
    """
    seen: list[Marks] = []
    pixels = digit(image, size, see=seen.append)
    return pixels, like_sized(seen[-1])


def prepared_and_counted(
    image: Image.Image, *, preparation: str, shape: tuple[int, int, int], unpadded: tuple[int, int] | None = None
) -> tuple[np.ndarray, int | None]:
    """An image as `prepare` makes it, and how many characters of like size it holds; None but for preparation digit.

    Raises UserError as `prepare` does.
    """
    if preparation != "digit":
        return prepare(image, preparation=preparation, shape=shape, unpadded=unpadded), None
    channels, height, width = shape
    gray, count = digit_and_count(image, unpadded or (height, width))
    return np.repeat(in_zeros(gray, (height, width))[None], channels, axis=0), count


def like_sized(marks: Marks) -> int:
    """How many characters of like size are among what stands out of a picture, 1 or more."""
    found = among(marks)
    if found is None:
        return 1
    boxes = found.boxes()
    tall = boxes[:, 3] - boxes[:, 1] + 1
    wide = boxes[:, 2] - boxes[:, 0] + 1
    ink = np.array([found.parts.area[own].sum() for own in found.groups])
    alike = (tall >= AS_TALL * tall.max()) & (ink >= AS_MUCH * ink[tall.argmax()])
    # A patch of paper between lines is no character; an upright stroke is one.
    patch = (wide >= 0.5 * tall) & (ink > FULLEST * tall * wide)
    return max(1, int((alike & ~patch).sum()))
