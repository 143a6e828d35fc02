"""The parts of the original LeNet-5 that today's nets do without (LeCun, Bottou, Bengio, Haffner 1998, §II.B)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Table I: which of S2's six maps each of C3's sixteen maps sees.
CONNECTION_TABLE: tuple[tuple[int, ...], ...] = (
    (0, 1, 2),
    (1, 2, 3),
    (2, 3, 4),
    (3, 4, 5),
    (0, 4, 5),
    (0, 1, 5),
    (0, 1, 2, 3),
    (1, 2, 3, 4),
    (2, 3, 4, 5),
    (0, 3, 4, 5),
    (0, 1, 4, 5),
    (0, 1, 2, 5),
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)


class TableConv2d(nn.Module):
    """C3: a convolution in which each output map sees the input maps that a table names, and no others.

    Only the connections that exist are parameters: weight (connections, K, K) in the table's order, bias (16,).
    Input (N, 6, H, W), output (N, 16, H-K+1, W-K+1).
    """

    def __init__(
        self,
        table: tuple[tuple[int, ...], ...] = CONNECTION_TABLE,
        in_channels: int = 6,
        kernel_size: int = 5,
    ) -> None:
        super().__init__()
        self.outputs: Tensor
        self.sources: Tensor
        pairs = [(out, source) for out, sources in enumerate(table) for source in sources]
        self.in_channels, self.out_channels, self.kernel_size = in_channels, len(table), kernel_size
        self.sources_each = [len(sources) for sources in table]
        self.register_buffer("outputs", torch.tensor([out for out, _ in pairs]), persistent=False)
        self.register_buffer("sources", torch.tensor([source for _, source in pairs]), persistent=False)
        self.weight = nn.Parameter(torch.empty(len(pairs), kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.empty(len(table)))
        self.draw(gain=1.0, power=0.5)

    def draw(self, *, gain: float, power: float) -> None:
        """Draw weights and biases from U(-b, b) with b = gain / fan_in^power, the fan-in being that of each map."""
        if self.weight.is_meta:  # an outline of the net has no numbers
            return
        bounds = gain / (torch.tensor(self.sources_each) * self.kernel_size**2) ** power
        with torch.no_grad():
            self.weight.uniform_(-1, 1).mul_(bounds[self.outputs][:, None, None])
            self.bias.uniform_(-1, 1).mul_(bounds)

    def dense_weight(self) -> Tensor:
        """The weight of the equal full convolution, (16, 6, K, K): zero where the table has no connection."""
        size = self.kernel_size
        dense = self.weight.new_zeros(self.out_channels, self.in_channels, size, size)
        return dense.index_put((self.outputs, self.sources), self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 6, H, W) → (N, 16, H-K+1, W-K+1)."""
        return F.conv2d(x, self.dense_weight(), self.bias)


class Subsampling(nn.Module):
    """S2 and S4: the sum of each 2×2 window times a coefficient plus a bias, one of each a channel, both trained.

    Starts as the average (coefficient 1/4, bias 0). Input (N, C, H, W), output (N, C, ⌊H/2⌋, ⌊W/2⌋).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((channels,), 0.25))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, ⌊H/2⌋, ⌊W/2⌋)."""
        window_sum = 4 * F.avg_pool2d(x, 2)
        return window_sum * self.coefficient[:, None, None] + self.bias[:, None, None]


class ScaledTanh(nn.Module):
    """1.7159 tanh(2x/3): maps ±1 to ±1, where its curvature is greatest (Appendix A)."""

    def forward(self, x: Tensor) -> Tensor:
        """Squash each value; input of any shape."""
        return 1.7159 * torch.tanh(2 / 3 * x)


#: Digits as 7×12 bitmaps, in the manner of the paper's figure 3; drawn anew.
_BITMAPS = """
.#####. ...##.. .#####. .#####. ....##. ####### ..####. ####### .#####. .#####.
##...## ..###.. ##...## ##...## ...###. ##..... .##.... .....## ##...## ##...##
##...## .####.. .....## .....## ...###. ##..... ##..... .....## ##...## ##...##
##...## ...##.. .....## .....## ..####. ##..... ##..... ....##. ##...## ##...##
##...## ...##.. .....## .....## ..#.##. ######. ##..... ....##. ##...## ##...##
##...## ...##.. ....##. ..####. .##.##. .....## ######. ...##.. .#####. .######
##...## ...##.. ...##.. .....## ##..##. .....## ##...## ...##.. ##...## .....##
##...## ...##.. ..##... .....## ####### .....## ##...## ..##... ##...## .....##
##...## ...##.. .##.... .....## ....##. .....## ##...## ..##... ##...## .....##
##...## ...##.. ##..... .....## ....##. .....## ##...## ..##... ##...## .....##
##...## ...##.. ##..... ##...## ....##. ##...## ##...## ..##... ##...## ....##.
.#####. .#####. ####### .#####. ....##. .#####. .#####. ..##... .#####. .####..
"""


class RBFOutput(nn.Module):
    """Minus the squared distance of F6 to each class's fixed code: logits, highest for the nearest code.

    codes: float (num_classes, 84) of ±1, not trained: bitmaps of the digits for ten classes, random codes from a fixed
    seed for any other number (the paper allows both). Since ‖x - w‖² = ‖x‖² - 2 x·w + 84 and softmax ignores what all
    classes share, softmax sees a fixed linear layer with weights 2w. Input (N, 84), output (N, num_classes).
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.codes: Tensor
        if num_classes == 10:
            codes = digit_codes()
        else:
            generator = torch.Generator().manual_seed(1998)
            codes = torch.randint(0, 2, (num_classes, 84), generator=generator).float() * 2 - 1
        self.register_buffer("codes", codes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 84) → (N, num_classes)."""
        return -(x[:, None, :] - self.codes).square().sum(dim=2)


def digit_codes() -> Tensor:
    """The ten bitmaps as rows of ±1, float (10, 84), row by row from the top."""
    lines = [line.split() for line in _BITMAPS.split("\n") if line]
    drawings = ["".join(row[digit] for row in lines) for digit in range(10)]
    return torch.tensor([[1.0 if mark == "#" else -1.0 for mark in drawing] for drawing in drawings])


def initialise_as_1998(net: nn.Module) -> None:
    """Draw every trained weight from U(-2.4/F, 2.4/F), F the number of inputs of its unit; biases likewise."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = 2.4 / module.weight[0].numel()
            nn.init.uniform_(module.weight, -bound, bound)
            if module.bias is not None:
                nn.init.uniform_(module.bias, -bound, bound)
        elif isinstance(module, TableConv2d):
            module.draw(gain=2.4, power=1.0)
