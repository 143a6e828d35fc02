"""The stock PyTorch notebook: a `DataLoader` over PIL images that two transforms turn into tensors, one by one.

As `cnnlab bench` has it (`cnnlab.bench.stock`), from which a test keeps it from drifting: torchvision has no build for
torch's CPU wheels, so that its data set and transforms are written out. No worker processes, the DataLoader's default.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from benchmarks.peers.watch import BATCH_SIZE, DROPOUT, LEARNING_RATE, MEAN, STD, Watch, versions_of
from PIL import Image
from torch import Tensor, nn, optim
from torch.utils.data import DataLoader, Dataset


class SimpleCNN(nn.Module):
    """The lesson's net: images (N, 1, 28, 28) to logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, kernel_size=3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, kernel_size=3, padding=1),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(128, 10)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.classifier(self.features(x))


class ToTensor:
    """`transforms.ToTensor`: a PIL image of 8 bits → float32 (1, H, W), 0–1."""

    def __call__(self, picture: Image.Image) -> Tensor:
        """Turn a PIL image into a tensor."""
        if not isinstance(picture, Image.Image):
            raise TypeError(f"expected a PIL image, got {type(picture)}")
        dtype = {"I": np.int32, "F": np.float32}.get(picture.mode, np.uint8)
        image = torch.from_numpy(np.array(picture, dtype, copy=True))
        image = image.view(picture.size[1], picture.size[0], len(picture.getbands()))
        image = image.permute((2, 0, 1)).contiguous()
        return image.to(dtype=torch.get_default_dtype()).div(255) if isinstance(image, torch.ByteTensor) else image


class Normalize(nn.Module):
    """`transforms.Normalize`: float32 (1, H, W) → normalised; a module there, and so here."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, image: Tensor) -> Tensor:
        """(1, H, W) → (1, H, W)."""
        if not isinstance(image, Tensor) or not image.is_floating_point() or image.ndim < 3:
            raise TypeError(f"expected a float tensor (C, H, W), got {type(image)}")
        image = image.clone()
        mean = torch.as_tensor(self.mean, dtype=image.dtype, device=image.device)
        std = torch.as_tensor(self.std, dtype=image.dtype, device=image.device)
        if (std == 0).any():
            raise ValueError("std evaluated to zero, leading to division by zero")
        if mean.ndim == 1:
            mean = mean.view(-1, 1, 1)
        if std.ndim == 1:
            std = std.view(-1, 1, 1)
        return image.sub_(mean).div_(std)


class MNIST(Dataset[tuple[Tensor, int]]):
    """torchvision's data set: a sample is a float32 (1, 28, 28) and its label."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.data, self.targets = torch.from_numpy(images.copy()), torch.from_numpy(labels.astype(np.int64))
        self.transform: list[Callable[[Any], Tensor]] = [ToTensor(), Normalize((MEAN,), (STD,))]

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image, target = self.data[index], int(self.targets[index])
        sample: Any = Image.fromarray(image.numpy())
        for transform in self.transform:
            sample = transform(sample)
        return sample, target


def main() -> None:
    """Train as the notebook does."""
    watch = Watch.from_command_line()
    torch.set_num_threads(watch.threads)
    torch.manual_seed(watch.seed)
    data = watch.data()
    train_loader = DataLoader(MNIST(data.images, data.labels), batch_size=BATCH_SIZE, shuffle=True)
    test_loader = DataLoader(MNIST(data.test_images, data.test_labels), batch_size=1000)
    device = torch.device("cpu")
    model = SimpleCNN().to(device)
    criterion, optimizer = nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=LEARNING_RATE)
    watch.ready(sum(each.numel() for each in model.parameters()), versions_of("torch", "numpy", "pillow"))

    is_over = False
    while not is_over:
        model.train()
        running_loss = 0.0
        watch.epoch_begins()
        for images, labels in train_loader:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            outputs = model(images)
            loss = criterion(outputs, labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
            if watch.step(len(labels)):
                return
        if watch.measures_rate:
            continue
        watch.epoch_trained()
        model.eval()
        correct = 0
        with torch.no_grad():
            for images, labels in test_loader:
                correct += int((model(images).argmax(dim=1) == labels).sum())
        is_over = watch.measured(correct, len(data.test_labels))


if __name__ == "__main__":
    main()
