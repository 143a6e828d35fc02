"""Where in a tensor the batch is, and what is left of its shape for one image.

Mostly the batch is the first dimension. A net may put tokens before it, or fold windows of the image into it, as Swin
does: then the first dimension holds so many entries an image. Run on another number of images, the sizes that change
tell.
"""

from __future__ import annotations

from collections.abc import Sequence

Shape = tuple[int, ...]


def for_one_image(shape: Shape, images: int, others: Shape | None = None, other_images: int = 0) -> Shape:
    """A tensor's shape for one image: the batch taken out, or what is folded into it left as a dimension.

    shape: in a run on so many `images`. others: that of the same tensor in a run on `other_images`; without it, or
    where the two do not fit together, the first dimension is taken for the batch if it can be, else the first that is
    as long as it.
    """
    if others is not None and len(others) == len(shape):
        changed = [dim for dim, (one, other) in enumerate(zip(shape, others, strict=True)) if one != other]
        if not changed:
            return shape
        dim = changed[0]
        if len(changed) == 1 and shape[dim] * other_images == others[dim] * images and shape[dim] % images == 0:
            return _taken_out(shape, dim, shape[dim] // images)
    if shape and shape[0] % images == 0:
        return _taken_out(shape, 0, shape[0] // images)
    return _taken_out(shape, shape.index(images), 1) if images in shape else shape


def fits(shapes: Sequence[Shape], images: int) -> bool:
    """Whether the first dimension of all of them is a batch of so many."""
    return all(shape[:1] == (images,) for shape in shapes)


def _taken_out(shape: Shape, dim: int, entries: int) -> Shape:
    return (*shape[:dim], *((entries,) if entries != 1 else ()), *shape[dim + 1 :])
