"""The fully connected net that a CNN is compared with."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from cnnlab.nets.shapes import Size, height_and_width


class MLP(nn.Module):
    """Dense layers with ReLU between them: every unit sees every pixel, and neighbours mean nothing.

    At 1×28×28, 10 classes and hidden layers of 256 and 128: 235,146 parameters.

    in_channels, image_size, num_classes: as the data have them; image_size is a side in pixels or (height, width).
    hidden: units of each hidden layer. dropout: share of units turned off after each of them (0–1).
    Input float (N, in_channels, H, W), output logits float (N, num_classes).
    """

    def __init__(
        self,
        in_channels: int = 1,
        image_size: Size = 28,
        num_classes: int = 10,
        *,
        hidden: Sequence[int] = (256, 128),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        height, width = height_and_width(image_size)
        layers: list[nn.Module] = [nn.Flatten()]
        inputs = in_channels * height * width
        for units in hidden:
            layers += [nn.Linear(inputs, units), nn.ReLU(), nn.Dropout(dropout)]
            inputs = units
        layers.append(nn.Linear(inputs, num_classes))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) → logits (N, classes)."""
        return self.layers(x)
