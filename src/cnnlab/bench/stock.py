"""The stock side: MNIST as course notebooks train it.

What it mirrors, line by line:

    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    train_dataset = datasets.MNIST("data", train=True, transform=transform)
    train_loader = DataLoader(train_dataset, batch_size=64, shuffle=True)
    model, criterion = SimpleCNN().to(device), nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    for images, labels in train_loader: …

in float32, contiguous memory, with dropout 0.5 and no worker processes (the DataLoader's default; on two cores workers
do not help). torchvision has no build that fits torch's CPU wheels, so its dataset and two transforms are written out
here, operation for operation and check for check; usage logging and branches for other kinds of input are left out.
A sample took 6 and 14 % less time than with torchvision 0.29 itself, in two interleaved runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn, optim
from torch.utils.data import DataLoader, Dataset

from cnnlab.data.imageset import ImageSet, Split
from cnnlab.data.shared import SharedImages
from cnnlab.errors import UserError
from cnnlab.evaluation import logits
from cnnlab.nets import SimpleCNN
from cnnlab.training.machine import resolve_device

BATCH_SIZE = 64
LEARNING_RATE = 1e-3

#: What every notebook passes to Normalize for MNIST, on a scale of 0–1.
MNIST_MEAN, MNIST_STD = (0.1307,), (0.3081,)


class StockDataset(Dataset[tuple[Tensor, int]]):
    """torchvision's `MNIST` with `ToTensor` and `Normalize`: one PIL image, then one tensor, a sample.

    split: uint8 (N, C, H, W) with 1, 3 or 4 channels. mean, std: one a channel, on a scale of 0–1.
    A sample is a float32 (C, H, W) and its label. Raises UserError for images that PIL has no mode for.
    """

    def __init__(self, split: Split, mean: Sequence[float], std: Sequence[float]) -> None:
        channels = split.images.shape[1]
        if channels not in (1, 3, 4):
            raise UserError(
                f"the stock pipeline makes a PIL image of every sample: got {channels} channels, expected "
                "1, 3 or 4: run the benchmark on another data set"
            )
        self.data = split.images.permute(0, 2, 3, 1).contiguous()  # (N, H, W, C), as PIL has it
        if channels == 1:
            self.data = self.data.squeeze(3)
        self.targets = split.labels
        self.transform: list[Callable[[Any], Tensor]] = [ToTensor(), Normalize(mean, std)]

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image, target = self.data[index], int(self.targets[index])
        sample: Any = Image.fromarray(image.numpy())
        for transform in self.transform:
            sample = transform(sample)
        return sample, target


class ToTensor:
    """`transforms.ToTensor`: a PIL image of 8 bits a channel → float32 (C, H, W), 0–1."""

    def __call__(self, picture: Image.Image) -> Tensor:
        """Turn a PIL image into a tensor (C, H, W)."""
        if not isinstance(picture, Image.Image):
            raise TypeError(f"expected a PIL image, got {type(picture)}")
        dtype = {"I": np.int32, "F": np.float32}.get(picture.mode, np.uint8)
        image = torch.from_numpy(np.array(picture, dtype, copy=True))
        if picture.mode == "1":
            image = 255 * image
        image = image.view(picture.size[1], picture.size[0], len(picture.getbands()))
        image = image.permute((2, 0, 1)).contiguous()
        return image.to(dtype=torch.get_default_dtype()).div(255) if isinstance(image, torch.ByteTensor) else image


class Normalize(nn.Module):
    """`transforms.Normalize`: float32 (C, H, W) on a scale of 0–1 → normalised; a module there, and so here."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, image: Tensor) -> Tensor:
        """(C, H, W) → (C, H, W)."""
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


class StockPipeline:
    """The stock notebook's training, for a stated time or an epoch at a time.

    threads: that torch computes with. The device is the notebook's choice: a GPU where there is one.
    """

    def __init__(self, data: ImageSet, *, threads: int) -> None:
        torch.set_num_threads(threads)
        self._data = data
        is_mnist = data.name in ("mnist", "mnist-5k")
        self._mean, self._std = (MNIST_MEAN, MNIST_STD) if is_mnist else (data.mean, data.std)
        self._device = resolve_device("auto")
        self._loader = DataLoader(StockDataset(data.train, self._mean, self._std), batch_size=BATCH_SIZE, shuffle=True)
        self._iterator: Iterator[Any] = iter(())
        self.start(0)

    @classmethod
    def open(cls, images: SharedImages, threads: int) -> StockPipeline:
        """Make the pipeline on images that another process wrote: what a new process calls."""
        return cls(images.open(), threads=threads)

    def describe(self) -> dict[str, Any]:
        """Batch size and precision, as the report names them."""
        return {"batch_size": BATCH_SIZE, "precision": "fp32"}

    def start(self, seed: int) -> None:
        """A new net and optimizer, everything random from `seed`."""
        torch.manual_seed(seed)
        channels, height, width = self._data.image_shape
        model = SimpleCNN(channels, (height, width), len(self._data.classes), dropout=0.5)
        self._model = model.to(self._device)
        self._criterion = nn.CrossEntropyLoss()
        self._optimizer = optim.Adam(self._model.parameters(), lr=LEARNING_RATE)

    def train_for(self, seconds: float) -> dict[str, float]:
        """Train for that long, going on where the last call ended.

        Returns `images` seen and `time_s`, loading included.
        """
        self._model.train()
        images, running_loss = 0, 0.0
        started = time.perf_counter()
        while time.perf_counter() - started < seconds:
            batch = next(self._iterator, None)
            if batch is None:
                self._iterator = iter(self._loader)
                continue
            running_loss += self._step(*batch)
            images += len(batch[1])
        return {"images": images, "time_s": time.perf_counter() - started}

    def train_epoch(self) -> dict[str, float]:
        """Train for one epoch, then measure.

        Returns `time_s` of the training, loading included, and the `accuracy` on the test split (0–1) after it.
        """
        self._model.train()
        running_loss = 0.0
        started = time.perf_counter()
        for images, labels in self._loader:
            running_loss += self._step(images, labels)
        time_s = time.perf_counter() - started
        test = self._data.test
        answers = logits(self._model, test.images, mean=self._mean, std=self._std)
        return {"time_s": time_s, "accuracy": float((answers.argmax(dim=1) == test.labels).double().mean())}

    def _step(self, images: Tensor, labels: Tensor) -> float:
        images, labels = images.to(self._device), labels.to(self._device)
        self._optimizer.zero_grad()
        outputs = self._model(images)
        loss = self._criterion(outputs, labels)
        loss.backward()
        self._optimizer.step()
        return loss.item()
