"""A family of nets for architecture experiments; SimpleCNN is one of its settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from cnnlab.errors import UserError
from cnnlab.formulas import output_size
from cnnlab.nets.shapes import Size, height_and_width, require_positive

Pool = Literal["max", "average", "stride", "none"]

#: Values of all maps that the convolutions make of one image, at most: a batch of 64 of them takes 13 GB.
LARGEST_MAPS = 50_000_000


class ConvNet(nn.Module):
    """Blocks of convolutions that each halve the image, then a dense classifier.

    The defaults are the lesson's SimpleCNN, key for key.

    in_channels, image_size, num_classes: as the data have them; image_size is a side in pixels or (height, width).
    widths: channels of each block. kernel_size: side of the filters; odd ones keep the image's size ("same" padding),
    even ones shrink it by one pixel a convolution. convs_per_block: convolutions before a block's pool.
    batch_norm: after each convolution. dropout: share of units turned off before the answer (0–1).
    hidden: units of the hidden dense layer; 0 leaves it out. pool: how a block halves the image: `max` or `average`
    pooling of 2×2, a `stride` of 2 in its last convolution, or `none`.
    Input float (N, in_channels, H, W), output logits float (N, num_classes).
    """

    def __init__(
        self,
        in_channels: int = 1,
        image_size: Size = 28,
        num_classes: int = 10,
        *,
        widths: Sequence[int] = (32, 64),
        kernel_size: int = 3,
        convs_per_block: int = 1,
        batch_norm: bool = True,
        dropout: float = 0.5,
        hidden: int = 128,
        pool: Pool = "max",
    ) -> None:
        super().__init__()
        if not widths or min(widths) < 1 or kernel_size < 1 or convs_per_block < 1 or hidden < 0:
            raise UserError(
                f"conv-net: got widths {tuple(widths)}, kernel_size {kernel_size}, convs_per_block {convs_per_block}, "
                f"hidden {hidden}; expected at least one block and whole numbers of at least 1 (hidden: 0)"
            )
        if pool not in ("max", "average", "stride", "none"):
            raise UserError(f"conv-net: got pool {pool!r}; expected max, average, stride or none")
        padding = (kernel_size - 1) // 2
        layers: list[nn.Module] = []
        image = height, width = height_and_width(image_size)
        channels, values = in_channels, 0
        for block, block_width in enumerate(widths, start=1):
            for conv in range(1, convs_per_block + 1):
                stride = 2 if pool == "stride" and conv == convs_per_block else 1
                layers.append(nn.Conv2d(channels, block_width, kernel_size=kernel_size, stride=stride, padding=padding))
                height, width = require_positive(
                    (
                        output_size(height, kernel_size, stride=stride, padding=padding),
                        output_size(width, kernel_size, stride=stride, padding=padding),
                    ),
                    net="conv-net",
                    layer=f"convolution {conv} of block {block}",
                    image=image,
                )
                values += block_width * height * width
                if values > LARGEST_MAPS:
                    raise UserError(
                        f"conv-net: its maps of one image have more than {LARGEST_MAPS:,} values, at convolution "
                        f"{conv} of block {block}; expected at most that: choose fewer widths or smaller images"
                    )
                if batch_norm:
                    layers.append(nn.BatchNorm2d(block_width))
                layers.append(nn.ReLU())
                channels = block_width
            if pool in ("max", "average"):
                layers.append(nn.MaxPool2d(2) if pool == "max" else nn.AvgPool2d(2))
                height, width = require_positive(
                    (height // 2, width // 2), net="conv-net", layer=f"the pool of block {block}", image=image
                )
        self.features = nn.Sequential(*layers)
        head: list[nn.Module] = [nn.Flatten()]
        inputs = channels * height * width
        if hidden:
            head += [nn.Linear(inputs, hidden), nn.ReLU()]
            inputs = hidden
        self.classifier = nn.Sequential(*head, nn.Dropout(dropout), nn.Linear(inputs, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) → logits (N, classes)."""
        x = self.features(x)
        return self.classifier(x)
