"""Saliency, occlusion and Grad-CAM against captum's, which share no code with ours."""

from __future__ import annotations

import pytest
import torch
from tests.features.nets import images, residual
from torch import Tensor, nn

from cnnlab.errors import UserError
from cnnlab.features.attribution import grad_cam, occlusion, saliency
from cnnlab.nets import LeNet5, SimpleCNN

attr = pytest.importorskip("captum.attr")


def _simple() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SimpleCNN().eval()


def _lenet() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LeNet5().eval()


DIGITS = torch.randn(4, 1, 28, 28, generator=torch.Generator().manual_seed(3))
CLASSES = torch.tensor([3, 0, 9, 7])


@pytest.mark.parametrize("net", [_simple(), _lenet()])
def test_saliency_is_captums(net: nn.Module) -> None:
    expected = attr.Saliency(net).attribute(DIGITS.clone().requires_grad_(), target=CLASSES, abs=True)
    torch.testing.assert_close(saliency(net, DIGITS, CLASSES), expected[:, 0], rtol=1e-4, atol=1e-7)


def test_saliency_takes_the_largest_channel() -> None:
    net, x, classes = residual().eval(), images(), torch.tensor([0, 1, 2, 0, 1])
    expected = attr.Saliency(net).attribute(x.clone().requires_grad_(), target=classes, abs=True)
    torch.testing.assert_close(saliency(net, x, classes), expected.amax(dim=1), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("size", "stride"), [(5, 1), (6, 4), (28, 1)])
def test_occlusion_is_captums(size: int, stride: int) -> None:
    net = _lenet()
    method = attr.Occlusion(net)
    window = {"sliding_window_shapes": (1, size, size), "strides": (1, stride, stride)}
    expected = method.attribute(DIGITS, target=CLASSES, baselines=0, perturbations_per_eval=16, **window)
    found = occlusion(net, DIGITS, CLASSES, size=size, stride=stride)
    torch.testing.assert_close(found, expected[:, 0].float(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layer", ["features.4", "features.6", "features.2"])
def test_grad_cam_is_captums(layer: str) -> None:
    net = _simple()
    method = attr.LayerGradCam(net, net.get_submodule(layer))
    expected = method.attribute(DIGITS.clone().requires_grad_(), target=CLASSES, relu_attributions=True)
    found = grad_cam(net, DIGITS, CLASSES, layer=layer)
    assert found.max() > 0
    torch.testing.assert_close(found, expected[:, 0].detach(), rtol=1e-4, atol=1e-7)


def test_grad_cam_sees_functions_that_are_no_modules() -> None:
    """captum needs a module to look at; here the layer is a function, so the gradient is taken by hand."""
    net, x, classes = residual().eval(), images(), torch.tensor([0, 1, 2, 0, 1])

    def to_maps(x: Tensor) -> Tensor:
        pooled = torch.nn.functional.max_pool2d(torch.relu(net.norm(net.stem(x))), 2)
        return torch.relu(net.conv(pooled) + pooled)

    maps = to_maps(x).detach().requires_grad_()
    logits = net.head(torch.tanh(net.hidden(maps.mean(dim=(2, 3)))))
    logits[range(5), classes].sum().backward()
    expected = torch.einsum("nc,nchw->nhw", maps.grad.mean(dim=(2, 3)), maps).clamp_min(0).detach()
    torch.testing.assert_close(grad_cam(net, x, classes, layer="relu_1"), expected)


def test_an_answer_that_is_cut_off_from_its_image_is_said() -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(144, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(x.detach()[:, :1].flatten(1))

    with pytest.raises(UserError, match="cannot be followed back"):
        saliency(Cut(), images(2), torch.tensor([0, 1]))
