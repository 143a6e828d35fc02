"""PyTorch Lightning: a `LightningModule` and a `Trainer`, as its first example has them.

Its example makes each sample from a PIL image. Here they are normalised once and lie in a `TensorDataset`, which is
quicker; so are no logger, no checkpoints and no progress bar. No worker processes: on two cores they do not help.
"""

from __future__ import annotations

import logging
import warnings

import lightning as L
import numpy as np
import torch
import torch.nn.functional as F
from benchmarks.peers.watch import BATCH_SIZE, DROPOUT, LEARNING_RATE, MEAN, STD, Watch, versions_of
from torch import Tensor, nn, optim
from torch.utils.data import DataLoader, TensorDataset


class SimpleCNN(L.LightningModule):
    """The lesson's net: images (N, 1, 28, 28) to logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 128),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(128, 10),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.net(x)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The loss of a batch."""
        x, y = batch
        return F.cross_entropy(self(x), y)

    def configure_optimizers(self) -> optim.Optimizer:
        """Adam."""
        return optim.Adam(self.parameters(), lr=LEARNING_RATE)


class Watched(L.Callback):
    """Tells the watch what the trainer does, and measures after an epoch."""

    def __init__(self, watch: Watch, test: DataLoader) -> None:
        self.watch, self.test = watch, test

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Before an epoch."""
        self.watch.epoch_begins()

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, outputs, batch, batch_idx) -> None:
        """After a step."""
        if self.watch.step(len(batch[1])):
            trainer.should_stop = True

    @torch.no_grad()
    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """After an epoch's steps."""
        if self.watch.measures_rate:
            return
        self.watch.epoch_trained()
        pl_module.eval()
        correct = sum(int((pl_module(x).argmax(dim=1) == y).sum()) for x, y in self.test)
        pl_module.train()
        if self.watch.measured(correct, len(self.test.dataset)):
            trainer.should_stop = True


def tensors(images: np.ndarray, labels: np.ndarray) -> TensorDataset:
    """uint8 images and labels as normalised float32 (N, 1, 28, 28) and int64."""
    x = torch.from_numpy(images.copy()).unsqueeze(1).float().div_(255).sub_(MEAN).div_(STD)
    return TensorDataset(x, torch.from_numpy(labels.astype(np.int64)))


def main() -> None:
    """Train as Lightning's documentation does."""
    watch = Watch.from_command_line()
    warnings.filterwarnings("ignore", module="lightning")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(watch.threads)
    L.seed_everything(watch.seed, verbose=False)
    data = watch.data()
    train = DataLoader(tensors(data.images, data.labels), batch_size=BATCH_SIZE, shuffle=True)
    test = DataLoader(tensors(data.test_images, data.test_labels), batch_size=1000)
    model = SimpleCNN()
    watch.ready(sum(each.numel() for each in model.parameters()), versions_of("lightning", "torch", "numpy"))
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=-1 if watch.measures_rate else watch.epochs,
        callbacks=[Watched(watch, test)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, train)


if __name__ == "__main__":
    main()
