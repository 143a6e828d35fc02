"""LeNet-5: the lesson's, and piece by piece the original of 1998."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from cnnlab.errors import UserError
from cnnlab.formulas import output_size
from cnnlab.nets.lenet_1998 import RBFOutput, ScaledTanh, Subsampling, TableConv2d, initialise_as_1998
from cnnlab.nets.shapes import Size, height_and_width, require_positive


class LeNet5(nn.Module):
    """Convolution, pool, convolution, pool, and three dense layers.

    As the lesson draws it: ReLU and max pooling, 61,706 parameters at 1×28×28 and 10 classes. A 28×28 image enters
    with 2 pixels of padding, so that C1 is 6×28×28, S2 6×14×14, C3 16×10×10, S4 16×5×5, F5 120, F6 84; an image of
    32×32 or more enters as it is.

    Each difference from the original (LeCun, Bottou, Bengio, Haffner 1998, §II.B) is an option of its own:

    - connections="table": C3's maps see only the S2 maps of Table I (1,516 parameters instead of 2,416)
    - subsampling="trainable": the sum of each 2×2 window times a trained coefficient, plus a trained bias,
      followed by the activation (`average` is the same with the coefficient fixed at 1/4 and no bias)
    - activation="scaled-tanh": 1.7159 tanh(2x/3), and weights drawn from U(-2.4/fan_in, 2.4/fan_in) (Appendix A)
    - output="rbf": minus the squared distance of F6 to a fixed 7×12 bitmap of each digit

    With all four, 60,000 trained parameters, the number in the paper. The loss here is cross-entropy where the paper
    has its equation 9, and pixels are normalised by mean and deviation where the paper maps them to -0.1 … 1.175.

    in_channels, image_size, num_classes: as the data have them; image_size is a side in pixels or (height, width).
    dropout: share of units turned off (0–1), after F5, as in the lesson's code for a classifier; the drawn net has
    none, so 0 is the default.
    Input float (N, in_channels, H, W), output logits float (N, num_classes).
    """

    def __init__(
        self,
        in_channels: int = 1,
        image_size: Size = 28,
        num_classes: int = 10,
        *,
        dropout: float = 0.0,
        connections: Literal["full", "table"] = "full",
        subsampling: Literal["max", "average", "trainable"] = "max",
        activation: Literal["relu", "scaled-tanh"] = "relu",
        output: Literal["linear", "rbf"] = "linear",
    ) -> None:
        super().__init__()
        _require(connections, ("full", "table"), "connections")
        _require(subsampling, ("max", "average", "trainable"), "subsampling")
        _require(activation, ("relu", "scaled-tanh"), "activation")
        _require(output, ("linear", "rbf"), "output")
        squash = nn.ReLU if activation == "relu" else ScaledTanh

        def pool(channels: int) -> list[nn.Module]:
            if subsampling == "max":
                return [nn.MaxPool2d(2)]
            if subsampling == "average":
                return [nn.AvgPool2d(2)]
            return [Subsampling(channels), squash()]

        image = height, width = height_and_width(image_size)
        padding = 2 if min(image) < 32 else 0
        sizes = [_after_two_stages(side, padding) for side in (height, width)]
        height, width = require_positive((sizes[0], sizes[1]), net="lenet5", layer="pool S4", image=image)

        c3 = TableConv2d(kernel_size=5) if connections == "table" else nn.Conv2d(6, 16, kernel_size=5)
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, kernel_size=5, padding=padding),  # C1
            squash(),
            *pool(6),  # S2
            c3,
            squash(),
            *pool(16),  # S4
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(16 * height * width, 120),  # F5; C5 in the paper, the same arithmetic at 5×5
            squash(),
            nn.Dropout(dropout),
            nn.Linear(120, 84),  # F6
            squash(),
            nn.Linear(84, num_classes) if output == "linear" else RBFOutput(num_classes),
        )
        if activation == "scaled-tanh":
            initialise_as_1998(self)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) → logits (N, classes)."""
        x = self.features(x)
        return self.classifier(x)


def _after_two_stages(side: int, padding: int) -> int:
    """The side of S4: each stage is a 5×5 convolution and a halving; the padding belongs to the first."""
    return output_size(output_size(side, 5, padding=padding) // 2, 5) // 2


def _require(got: str, expected: tuple[str, ...], option: str) -> None:
    if got not in expected:
        raise UserError(f"lenet5: got {option} {got!r}; expected {' or '.join(expected)}")
