"""Explorers of nets that were never trained: made in no time, for tests that ask what the page computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from cnnlab.explorer.page import assemble
from cnnlab.explorer.reference import activations, probabilities, reference
from cnnlab.explorer.translation import translate

MEAN, STD = (0.13,), (0.31,)


def images_of(count: int = 3, shape: tuple[int, int, int] = (1, 28, 28)) -> Tensor:
    """Noise with a blank image among it, uint8 (count, C, H, W)."""
    images = torch.randint(0, 256, (count, *shape), generator=torch.Generator().manual_seed(5), dtype=torch.uint8)
    images[1:2] = 0
    return images


def bare_page(
    net: nn.Module, path: Path, *, images: Tensor | None = None, classes: tuple[str, ...] = tuple("0123456789")
) -> Path:
    """Write the explorer of a net in eval mode, with `images` uint8 (N, C, H, W) as its gallery."""
    images = images_of() if images is None else images
    shape = tuple(images.shape[1:])
    mean, std = MEAN * shape[0], STD * shape[0]
    translated = translate(net, shape, len(classes))
    values = activations(net, translated, images, mean, std)
    answers = probabilities(values, translated).argmax(dim=1).tolist()
    planned = {
        "net": type(net).__name__,
        "seed": 0,
        "parameters": translated.anatomy.parameters,
        "accuracy": 0.5,
        "test_images": len(images),
        "layers": [layer.to_page() for layer in translated.layers],
        "output": translated.output,
        "reference": reference(values, len(images)),
        "history": None,
    }
    record = {
        "data": "noise",
        "report": None,
        "classes": list(classes),
        "shape": list(shape),
        "mean": list(mean),
        "std": list(std),
        "preparation": "none",
        "nets": [planned],
        "gallery": [{"index": i, "label": 0, "predicted": [answer]} for i, answer in enumerate(answers)],
    }
    path.write_text(assemble(record, np.ascontiguousarray(images.numpy()).tobytes(), b"", "a net"), encoding="utf-8")
    return path
