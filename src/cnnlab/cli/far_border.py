"""That a picture's border is unlike those of the images that a net was trained on, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from cnnlab.config import DataRecord


def far_border(pixels: np.ndarray, record: DataRecord, *, preparation: str) -> str | None:
    """A line where the border of a net's input, uint8 (C, H, W), is far from the training images'; else None.

    preparation: how the input was made. Runs of earlier versions did not keep what is usual: of them nothing is told.
    """
    import torch

    from cnnlab.data.borders import border_means, is_far, without_zeros

    pixels = without_zeros(torch.from_numpy(pixels), record.unpadded).numpy()
    if record.border is None or not is_far(pixels, record.border):
        return None
    (border,) = border_means(torch.from_numpy(pixels)[None])
    low, high = record.border
    if preparation == "digit":
        mend = "leave --preparation digit out, or invert the training images"
    elif border > high:
        mend = "invert it, or, if it is a character, name --preparation digit, which makes ink bright on black"
    else:
        mend = "invert it, or crop it as the training images are"
    usual = f"{low:.0%}" if f"{low:.0%}" == f"{high:.0%}" else f"{low:.0%} to {high:.0%}"
    return f"its border is {border:.0%} of white, those of the training images {usual}: {mend}"
