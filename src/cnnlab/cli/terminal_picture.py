"""A net's input as text, for a terminal with colours or without."""

from __future__ import annotations

import numpy as np

_SHADES = " ░▒▓█"


def terminal_picture(image: np.ndarray, *, colour: bool = False) -> str:
    """The picture of a uint8 array (C, H, W), C 1 or 3, as lines of text without a final newline.

    Without colour, a pixel is two shaded blocks wide, bright as full on a dark terminal: 2·W columns, H lines.
    With colour (ANSI, 24 bits), two pixels share a half block: W columns, ceil(H / 2) lines.
    """
    if colour:
        return _half_blocks(image)
    gray = image.mean(axis=0)
    levels = np.rint(gray / 255 * (len(_SHADES) - 1)).astype(int)
    return "\n".join("".join(_SHADES[level] * 2 for level in line) for line in levels)


def _half_blocks(image: np.ndarray) -> str:
    channels, height, width = image.shape
    pixels = np.broadcast_to(image, (3, height, width)) if channels == 1 else image
    pixels = np.pad(pixels, ((0, 0), (0, height % 2), (0, 0)))
    lines = []
    for y in range(0, height, 2):
        cells = []
        for x in range(width):
            upper, lower = (";".join(str(int(value)) for value in pixels[:, row, x]) for row in (y, y + 1))
            cells.append(f"\x1b[38;2;{upper}m\x1b[48;2;{lower}m▀")
        lines.append("".join(cells) + "\x1b[0m")
    return "\n".join(lines)
