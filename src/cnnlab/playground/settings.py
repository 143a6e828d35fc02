"""How the page trains, as its form has it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from cnnlab.config import Strict, Training
from cnnlab.training.course import Course, steps_per_epoch

#: The page's names of optimizers → torch.optim's, and the momentum of those that have one.
OPTIMIZERS = {"sgd": ("sgd", 0.0), "momentum": ("sgd", 0.9), "adam": ("adam", 0.9), "adamw": ("adamw", 0.9)}


class Settings(Strict):
    """What the page's form holds, by its names in Python; `to_page` gives those of the page.

    dropout: the share of units that the net's dropout turns off (0–1). shift: by up to so many pixels along each axis.
    images: of the training split, from the beginning of its even order. wrong_labels: the share of them (0–1) that get
    another label.
    """

    optimizer: Literal["sgd", "momentum", "adam", "adamw"] = "adam"
    learning_rate: float = Field(1e-3, gt=0)
    batch_size: int = Field(64, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    shift: int = Field(0, ge=0)
    images: int = Field(ge=1)
    wrong_labels: float = Field(0.0, ge=0, le=1)
    seed: int = Field(0, ge=0, lt=2**63)

    def to_page(self) -> dict[str, Any]:
        """The settings by the page's names."""
        return {camel_case(name): value for name, value in self.model_dump().items()}

    def training(self) -> Training:
        """The same as `cnnlab train` would be told, but for the epochs, which the page leaves open."""
        optimizer, momentum = OPTIMIZERS[self.optimizer]
        return Training(
            optimizer=optimizer,  # ty: ignore[invalid-argument-type]
            momentum=momentum,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            weight_decay=self.weight_decay,
            device="cpu",
        )

    def course(self) -> Course:
        """The steps of the training, epoch by epoch."""
        per_epoch = steps_per_epoch(self.images, self.batch_size)
        return Course(self.training(), self.images, per_epoch, per_epoch * 100_000)


def camel_case(name: str) -> str:
    """kernel_size → kernelSize."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
