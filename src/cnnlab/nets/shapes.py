"""Heights and widths, and the refusal of an image too small for a net."""

from __future__ import annotations

from cnnlab.errors import UserError

Size = int | tuple[int, int]


def height_and_width(image_size: Size) -> tuple[int, int]:
    """28 → (28, 28); (28, 32) → (28, 32)."""
    return (image_size, image_size) if isinstance(image_size, int) else image_size


def require_positive(size: tuple[int, int], *, net: str, layer: str, image: tuple[int, int]) -> tuple[int, int]:
    """`size`, or a UserError that names the layer which would have nothing left to see."""
    if min(size) < 1:
        raise UserError(
            f"{net}: images of {image[0]}×{image[1]} leave {size[0]}×{size[1]} after {layer}; "
            "expected at least 1×1: use larger images or a net with fewer or smaller layers"
        )
    return size
