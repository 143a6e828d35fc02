"""Ten nets that between them do what image nets do; each with the image it takes."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.nets import MLP, ConvNet, LeNet5, SimpleCNN


class Residual(nn.Module):
    """Two 3×3 convolutions beside a shortcut, as in ResNet."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = (
            nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride=stride, bias=False), nn.BatchNorm2d(channels))
            if stride > 1 or channels_in != channels
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += shortcut
        return self.relu(out)


class ResNet18(nn.Module):
    """ResNet-18 as published: 11.7 M parameters with 1,000 classes."""

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        widths = (64, 64, 128, 256, 512)
        self.stages = nn.Sequential(
            *(
                nn.Sequential(
                    Residual(widths[i], widths[i + 1], stride=1 if i == 0 else 2),
                    Residual(widths[i + 1], widths[i + 1]),
                )
                for i in range(4)
            )
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.avgpool(self.stages(x))
        return self.fc(torch.flatten(x, 1))


class Depthwise(nn.Module):
    """Depthwise then pointwise convolutions, as in MobileNet, and global averaging by `mean`."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.depthwise = nn.Conv2d(16, 16, 5, padding=2, groups=16)
        self.pointwise = nn.Conv2d(16, 32, 1)
        self.grouped = nn.Conv2d(32, 32, 3, padding="same", groups=4, bias=False)
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.hardswish(self.stem(x))
        x = F.relu6(self.pointwise(self.depthwise(x)))
        return self.head(self.grouped(x).mean(dim=(2, 3)))


class Dilated(nn.Module):
    """Growing dilation: wide fields, some with gaps."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(1, 4, 3, padding=1)
        self.b = nn.Conv2d(4, 4, 3, padding=2, dilation=2)
        self.c = nn.Conv2d(4, 4, 3, padding=8, dilation=8)
        self.out = nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.relu(self.c(torch.relu(self.b(torch.relu(self.a(x)))))))


class Functional(nn.Module):
    """Everything but the weights is a function call, as PyTorch's first tutorial has it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, 5)
        self.conv2 = nn.Conv2d(10, 20, 5)
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2(x), kernel_size=2))
        x = x.view(-1, 320)
        x = F.dropout(F.relu(self.fc1(x)), training=self.training)
        return F.log_softmax(self.fc2(x), dim=1)


class Inception(nn.Module):
    """Parallel 1×1, 3×3, 5×5 and pooled branches, joined by `cat`."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 4, 1)
        self.three = nn.Conv2d(3, 4, 3, padding=1)
        self.five = nn.Conv2d(3, 4, 5, padding=2)
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)
        self.norm = nn.GroupNorm(3, 15)
        self.fc = nn.Linear(15, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], 1)
        return self.fc(F.adaptive_avg_pool2d(self.norm(x), 1).squeeze())


class SqueezeExcite(nn.Module):
    """Channels scaled by a gate that sees the whole map; PReLU, average pooling with ceil."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, (3, 5), stride=(2, 1), padding=(1, 2))
        self.act = nn.PReLU(8)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 2, 1), nn.ReLU(), nn.Conv2d(2, 8, 1), nn.Sigmoid()
        )
        self.pool = nn.AvgPool2d(3, 2, ceil_mode=True)
        self.fc = nn.Linear(8 * 7 * 14, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.conv(x))
        x = x * self.gate(x)
        return self.fc(self.pool(x).flatten(1))


def resnet18() -> nn.Module:
    return ResNet18()


#: name → (how to make it, the image it takes)
TEN_NETS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int]]] = {
    "LeNet5": (LeNet5, (1, 28, 28)),
    "SimpleCNN": (SimpleCNN, (1, 28, 28)),
    "MLP": (MLP, (1, 28, 28)),
    "ConvNet": (
        lambda: ConvNet(3, 32, 10, widths=(8, 16), kernel_size=5, convs_per_block=2, pool="stride"),
        (3, 32, 32),
    ),
    "ResNet18": (resnet18, (3, 64, 64)),
    "Depthwise": (Depthwise, (3, 32, 32)),
    "Dilated": (Dilated, (1, 40, 40)),
    "Functional": (Functional, (1, 28, 28)),
    "Inception": (Inception, (3, 16, 16)),
    "SqueezeExcite": (SqueezeExcite, (1, 28, 28)),
}
