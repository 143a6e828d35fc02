"""One window on one image: a sandbox for the output-size formula."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnnlab.anatomy.fields import window_positions
from cnnlab.errors import UserError
from cnnlab.formulas import output_size


@dataclass(frozen=True)
class WindowAxis:
    """A window sliding along one axis of an image.

    output: the number of positions. arithmetic: the formula filled in. first_pixels: the first pixel under the window
    at each position, negative in the padding. unused: pixels that no position reads, because the window stops short of
    the end, or its stride or dilation leaps over them. padding_read: positions of padding before and after the image
    that some window reads.
    """

    size: int
    kernel_size: int
    stride: int
    padding: int
    dilation: int
    output: int
    arithmetic: str
    first_pixels: tuple[int, ...]
    unused: tuple[int, ...]
    padding_read: tuple[int, int]

    @property
    def reach(self) -> int:
        """Pixels from a window's first to its last, gaps of dilation included."""
        return self.dilation * (self.kernel_size - 1) + 1


def window_axis(size: int, kernel_size: int, *, stride: int = 1, padding: int = 0, dilation: int = 1) -> WindowAxis:
    """Slide a window along `size` pixels. Raises UserError where it does not fit the padded image."""
    output = output_size(size, kernel_size, stride=stride, padding=padding, dilation=dilation)
    reach = dilation * (kernel_size - 1) + 1
    if output < 1:
        by_dilation = f" (dilation {dilation} stretches {kernel_size} to {reach})" if dilation > 1 else ""
        raise UserError(
            f"a window of {reach}{by_dilation} does not fit {size} pixels with {padding} of padding on either side, "
            f"{size + 2 * padding} in all; expected a window of at most that: use a smaller --kernel, more --padding "
            "or a larger --input"
        )
    inner = f"{kernel_size}" if dilation == 1 else f"{dilation}·({kernel_size}−1)−1"
    first = tuple(stride * o - padding for o in range(output))
    seen = window_positions(size, output, kernel_size, stride, padding, dilation).any(axis=0)
    return WindowAxis(
        size=size,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        output=output,
        arithmetic=f"⌊({size}+2·{padding}−{inner})/{stride}⌋+1 = {output}",
        first_pixels=first,
        unused=tuple(int(pixel) for pixel in np.nonzero(~seen)[0]),
        padding_read=(max(0, -first[0]), max(0, first[-1] + reach - size)),
    )
