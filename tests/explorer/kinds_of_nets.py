"""Nets of the kinds that people write: none is trained, all have random weights and running averages that matter."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from tests.explorer.explored_nets import Branching
from torch import Tensor, nn

from cnnlab.nets import LeNet5, SimpleCNN


class Block(nn.Module):
    """ResNet's basic block."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.short = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.short = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.short(x))


class Inception(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.three, self.five = (
            nn.Conv2d(1, 4, 1),
            nn.Conv2d(1, 6, 3, padding=1),
            nn.Conv2d(1, 2, 5, padding=2),
        )
        self.pool, self.after = nn.MaxPool2d(3, 1, 1), nn.Conv2d(1, 3, 1)
        self.head = nn.Linear(15 * 49, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(torch.cat([self.one(x), self.three(x), self.five(x), self.after(self.pool(x))], dim=1))
        return self.head(F.max_pool2d(x, 4).flatten(1))


class SqueezeExcite(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 12, 5, stride=2)
        self.down, self.up = nn.Linear(12, 3), nn.Linear(3, 12)
        self.head = nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.hardswish(self.conv(x))
        gate = torch.sigmoid(self.up(F.relu(self.down(x.mean((2, 3))))))
        return self.head((x * gate[:, :, None, None]).mean((2, 3)))


def separable(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False), nn.BatchNorm2d(inputs), nn.ReLU6(),
        nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU6(),
    )  # fmt: skip


def vgg() -> nn.Sequential:
    layers: list[nn.Module] = []
    inputs = 1
    for width in (8, 8, 16, 16, 24, 24, 32, 32):
        layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(inplace=True)]
        if width == inputs:
            layers.append(nn.MaxPool2d(2))
        inputs = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 10))


NETS: dict[str, Callable[[], nn.Module]] = {
    "lenet5": LeNet5,
    "simple-cnn": SimpleCNN,
    "branching": Branching,
    "mlp": lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10)),
    "residual": lambda: nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), Block(8, 8, 1), Block(8, 16, 2), Block(16, 16, 1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
    ),
    "vgg": vgg,
    "inception": Inception,
    "squeeze-excite": SqueezeExcite,
    "mobile": lambda: nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1), separable(8, 16, 1), separable(16, 24, 2),
        nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(24, 10),
    ),
    "all-convolutional": lambda: nn.Sequential(
        nn.Conv2d(1, 8, 3, 2), nn.SiLU(), nn.Conv2d(8, 16, 3, 2, dilation=2), nn.GELU(), nn.Conv2d(16, 10, 1),
        nn.PReLU(10), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    ),
    "lenet of 1998": lambda: nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(400, 84), nn.Tanh(), nn.Linear(84, 10), nn.Softmax(dim=1),
    ),
    "dropped maps": lambda: nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.ELU(), nn.Dropout2d(0.2), nn.AdaptiveMaxPool2d((5, 4)), nn.Flatten(), nn.SELU(),
        nn.AlphaDropout(0.1), nn.Linear(160, 10), nn.LogSoftmax(dim=1),
    ),
    "colours": lambda: nn.Sequential(
        nn.Conv2d(3, 9, 3, groups=3, padding="same"), nn.BatchNorm2d(9), nn.Mish(), nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(9, 6, (1, 3), (2, 1)), nn.Softplus(), nn.Flatten(), nn.LazyLinear(10),
    ),
}  # fmt: skip


def random_net(name: str) -> nn.Module:
    """One of `NETS` in eval mode, its batch norms with averages as a training leaves them."""
    torch.manual_seed(7)
    net = NETS[name]()
    net(torch.zeros(2, 3 if name == "colours" else 1, 28, 28))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.5)
            nn.init.uniform_(module.running_var, 0.2, 2)
            nn.init.normal_(module.weight, 1, 0.3)
            nn.init.normal_(module.bias, 0, 0.3)
    return net.eval()
