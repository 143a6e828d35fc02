"""The lesson's SimpleCNN."""

from __future__ import annotations

from torch import Tensor, nn

from cnnlab.nets.shapes import Size, height_and_width, require_positive


class SimpleCNN(nn.Module):
    """Two blocks of convolution, batch norm, ReLU and max pooling, then a dense classifier.

    At 1×28×28 and 10 classes: 421,834 parameters (lesson 3, "Putting It Together").

    in_channels, image_size, num_classes: as the data have them; image_size is a side in pixels or (height, width).
    dropout: share of units turned off before the answer (0–1).
    Input float (N, in_channels, H, W), output logits float (N, num_classes).
    """

    def __init__(
        self, in_channels: int = 1, image_size: Size = 28, num_classes: int = 10, *, dropout: float = 0.5
    ) -> None:
        super().__init__()
        height, width = height_and_width(image_size)
        height, width = require_positive(
            (height // 4, width // 4), net="simple-cnn", layer="its second pool", image=(height, width)
        )
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 32, kernel_size=3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),  # 14×14
            nn.Conv2d(32, 64, kernel_size=3, padding=1),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(2),  # 7×7
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(64 * height * width, 128),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(128, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) → logits (N, classes)."""
        x = self.features(x)
        return self.classifier(x)
