"""Nets of torchvision and timm with random weights, and what their modules give by PyTorch's own hooks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

#: PyTorch's layers of which every one that runs is one row of anatomy, so that shapes can be compared name by name.
_COMPARED = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.LayerNorm, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.ReLU, nn.GELU)


def public_net(name: str) -> tuple[nn.Module, tuple[int, int, int]]:
    """`torchvision/resnet18` or `timm/resnet18`, in eval mode, and the images (C, H, W) that it is made for.

    Raises KeyError for another source.
    """
    source, _, model = name.partition("/")
    if source == "torchvision":
        import_torchvision()
        import torchvision

        options: dict[str, Any] = {"init_weights": False} if model in ("googlenet", "inception_v3") else {}
        net = torchvision.models.get_model(model, weights=None, **options)
        side = 299 if model == "inception_v3" else 224
        return net.eval(), (3, side, side)
    if source != "timm":
        raise KeyError(name)
    import_torchvision()
    import timm

    net = timm.create_model(model, pretrained=False).eval()
    return net, tuple(net.default_cfg["input_size"])


def import_torchvision() -> None:
    """Make torchvision importable, also where its wheel is built for another device than torch's.

    Such a wheel loads no operators of its own, and without them its import fails at the one that it describes first.
    Classifiers use none of them.
    """
    try:
        import torchvision
    except RuntimeError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision  # noqa: F401


def module_shapes(net: nn.Module, shape: tuple[int, int, int]) -> dict[str, tuple[int, ...]]:
    """For each layer that runs once and gives an entry an image: its path → its output's shape without the batch."""
    seen: dict[str, list[tuple[int, ...]]] = {}
    hooks = [
        module.register_forward_hook(lambda _module, _given, out, path=path: _keep(seen, path, out))
        for path, module in net.named_modules()
        if isinstance(module, _COMPARED)
    ]
    try:
        with torch.no_grad():
            net(torch.zeros(2, *shape))
    finally:
        for hook in hooks:
            hook.remove()
    return {path: shapes[0][1:] for path, shapes in seen.items() if len(shapes) == 1 and shapes[0][0] == 2}


def _keep(seen: dict[str, list[tuple[int, ...]]], path: str, out: Any) -> None:
    if isinstance(out, Tensor):
        seen.setdefault(path, []).append(tuple(out.shape))
