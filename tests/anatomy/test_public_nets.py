"""Other people's nets, from torchvision and timm with random weights, beside what PyTorch itself counts and sees."""

from __future__ import annotations

import warnings
from importlib.util import find_spec

import pytest
import torch
from tests.anatomy.public_nets import module_shapes, public_net
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from cnnlab.anatomy import describe

if find_spec("timm") is None:
    pytest.skip("timm is not installed here: make test-public-nets has a place for it", allow_module_level=True)

#: One of a kind each: group convolutions, shuffled channels, squeeze-excite, windows shifted and folded into the batch,
#: a table of positions put through dense layers, tokens with and without a class, attention with and without a bias, a
#: depthwise net, one of dense layers alone, gates, halos.
DOZEN = (
    "torchvision/squeezenet1_1", "torchvision/shufflenet_v2_x0_5", "torchvision/mobilenet_v3_small",
    "torchvision/regnet_x_400mf", "torchvision/swin_t", "timm/swinv2_tiny_window8_256", "timm/mobilevit_xxs",
    "timm/vit_tiny_patch16_224", "timm/levit_128s", "timm/convnextv2_atto", "timm/resmlp_12_224", "timm/halonet26t",
)  # fmt: skip

QUICK = ("torchvision/squeezenet1_1", "torchvision/shufflenet_v2_x0_5")


def _marked(name: str):
    return name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)


@pytest.mark.parametrize("name", [_marked(name) for name in DOZEN])
def test_parameters_products_and_shapes_are_pytorchs(name: str) -> None:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs
        net, shape = public_net(name)
    anatomy = describe(net, shape)
    assert anatomy.parameters == sum(parameter.numel() for parameter in net.parameters())
    assert anatomy.notes == ()
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        net(torch.zeros(1, *shape, requires_grad=True))
    assert anatomy.macs == counter.get_total_flops() / 2
    own = module_shapes(net, shape)
    ours = {layer.name: layer.output_shape for layer in anatomy.layers if layer.call.is_module and layer.name in own}
    assert len(ours) > 10
    assert ours == {path: own[path] for path in ours}
