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


class ConvNext(nn.Module):
    """A stem, two blocks of ConvNeXt's kind with the channels last between two permutes, and a scale of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 4, 4)
        self.depthwise = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1, groups=8) for _ in range(2))
        self.norms = nn.ModuleList((nn.LayerNorm(8, eps=1e-3), nn.RMSNorm(8)))
        self.wide = nn.ModuleList(nn.Linear(8, 16) for _ in range(2))
        self.narrow = nn.ModuleList(nn.Linear(16, 8) for _ in range(2))
        self.scale = nn.Parameter(torch.rand(8))
        self.whole = nn.LayerNorm([8, 7, 7])
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for depthwise, norm, wide, narrow in zip(self.depthwise, self.norms, self.wide, self.narrow, strict=True):
            inner = narrow(F.gelu(wide(norm(depthwise(x).permute(0, 2, 3, 1)))))
            x = x + (inner * self.scale).permute(0, 3, 1, 2)
        return self.head(self.whole(x).mean((2, 3)))


class Shuffled(nn.Module):
    """What moves values: channels shuffled and cut, pixels to channels and back, flips, rolls, a shortcut with channels
    padded, an enlargement."""

    def __init__(self) -> None:
        super().__init__()
        self.unshuffle, self.shuffle = nn.PixelUnshuffle(2), nn.PixelShuffle(2)
        self.conv, self.channels = nn.Conv2d(4, 8, 3, padding=1, groups=2), nn.ChannelShuffle(2)
        self.norm, self.instance = nn.GroupNorm(4, 8), nn.InstanceNorm2d(8, affine=True)
        self.up = nn.Upsample(scale_factor=(2, 1))
        self.enlarged = nn.UpsamplingNearest2d(size=(5, 9))
        self.head = nn.LazyLinear(10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.unshuffle(x)
        y = self.channels(self.norm(self.conv(x)))
        y = y + F.pad(x, (0, 0, 0, 0, 2, 2))  # as ResNets for CIFAR-10 pad a shortcut's channels
        y = torch.cat([y[:, 4:], y[:, :4].flip(2)], dim=1).roll((1, -2), (2, 3))
        y = self.up(self.shuffle(self.instance(y).relu())[:, :, ::3].transpose(2, 3))
        return self.head(self.enlarged(y.tanh()).narrow(2, 1, 3).movedim(1, -1).flatten(1))


def autoencoder() -> nn.Sequential:
    """Down and up again by transposed convolutions with strides, gaps, groups and rows that are cut off."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, stride=2), nn.InstanceNorm2d(6, track_running_stats=True), nn.ReLU(),
        nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1, groups=2), nn.ReLU(),
        nn.ConvTranspose2d(4, 4, (2, 3), stride=(1, 3), padding=(0, 2), dilation=(2, 1), bias=False), nn.Tanh(),
        nn.Conv2d(4, 5, 5, stride=5), nn.GroupNorm(1, 5, affine=False), nn.Flatten(), nn.LazyLinear(10),
    )  # fmt: skip


def tokens() -> nn.Sequential:
    """Patches as tokens, mixed along the places and along the channels, as MLP-Mixer does."""

    class Swap(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.transpose(1, 2)

    return nn.Sequential(
        nn.Conv2d(1, 12, 7, 7), nn.Flatten(2), Swap(), nn.LayerNorm(12), Swap(), nn.Linear(16, 20), nn.GELU(),
        nn.Linear(20, 16), Swap(), nn.LayerNorm(12, bias=False), nn.Linear(12, 6, bias=False), nn.Flatten(),
        nn.Linear(96, 10),
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
    "convnext": ConvNext,
    "shuffled": Shuffled,
    "autoencoder": autoencoder,
    "tokens": tokens,
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
        if isinstance(module, nn.BatchNorm2d) or getattr(module, "track_running_stats", False):
            nn.init.normal_(module.running_mean, 0, 0.5)
            nn.init.uniform_(module.running_var, 0.2, 2)
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm | nn.InstanceNorm2d | nn.RMSNorm):
            for parameter, mean in ((module.weight, 1), (getattr(module, "bias", None), 0)):
                if parameter is not None:
                    nn.init.normal_(parameter, mean, 0.3)
    return net.eval()
