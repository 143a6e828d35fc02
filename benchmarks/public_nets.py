"""Describe nets of torchvision and timm, beside PyTorch's flop counter, and write results/public_nets.json.

    .venv/bin/python -m benchmarks.public_nets [--out FILE] [--only NAME …]

Random weights, so nothing is loaded from anywhere. A row is written as soon as it is measured, and rows that FILE
already has are kept, so that a run which was stopped goes on. Shapes are compared module by module with what forward
hooks see in a run of the net itself; the flop counter counts with attention written out.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from tests.anatomy.public_nets import module_shapes, public_net
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from cnnlab.anatomy import describe
from cnnlab.whole_files import write_whole

RESULTS = Path(__file__).parent.parent / "results" / "public_nets.json"

TORCHVISION = (
    "alexnet", "vgg11", "resnet18", "resnet50", "squeezenet1_0",
    "squeezenet1_1", "googlenet", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0",
    "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "mnasnet0_5", "mnasnet1_0", "efficientnet_b0",
    "regnet_x_400mf", "regnet_y_400mf", "convnext_tiny", "vit_b_32", "swin_t", "swin_v2_t",
)  # fmt: skip

TIMM = (
    "botnet26t_256", "cait_xxs24_224", "coat_lite_tiny", "convit_tiny", "convmixer_768_32",
    "convnextv2_atto", "crossvit_tiny_240", "davit_tiny", "deit_tiny_patch16_224", "dla34",
    "edgenext_xx_small", "efficientvit_b0", "efficientvit_m0", "fastvit_t8", "fbnetc_100",
    "gcresnext26ts", "gernet_s", "ghostnet_100", "gmixer_24_224", "halonet26t", "hardcorenas_a",
    "hrnet_w18_small", "lambda_resnet26t", "lcnet_050", "levit_128s", "maxvit_pico_rw_256",
    "mixer_s32_224", "mobileone_s0", "mobilevit_xxs", "mobilevitv2_050", "mvitv2_tiny", "nf_resnet26",
    "pit_ti_224", "poolformer_s12", "pvt_v2_b0", "regnetz_005", "repvgg_a0", "resmlp_12_224",
    "resnest14d", "rexnet_100", "selecsls42b", "semnasnet_075", "swin_tiny_patch4_window7_224",
    "swinv2_tiny_window8_256", "tf_efficientnet_lite0", "tiny_vit_5m_224", "tinynet_e", "tnt_s_patch16_224",
    "vgg11", "visformer_tiny", "vit_tiny_patch16_224", "xcit_nano_12_p16_224",
)  # fmt: skip


def main() -> None:
    """Measure what is not measured yet; a net that fails gets a row that says so."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--only", nargs="+", default=[], help="names such as timm/vgg11")
    given = parser.parse_args()
    record: dict[str, Any] = json.loads(given.out.read_text()) if given.out.exists() else {"nets": []}
    done = {row["net"] for row in record["nets"] if "error" not in row}
    names = [*(f"torchvision/{name}" for name in TORCHVISION), *(f"timm/{name}" for name in TIMM)]
    for name in given.only or names:
        if name in done and not given.only:
            continue
        row = _row(name)
        record["nets"] = sorted(
            [*(one for one in record["nets"] if one["net"] != name), row], key=lambda one: one["net"]
        )
        record |= {"command": "python -m benchmarks.public_nets", "environment": _environment()}
        write_whole(given.out, (json.dumps(record, indent=2) + "\n").encode())
        print(row, flush=True)


def _row(name: str) -> dict[str, Any]:
    torch.manual_seed(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net, shape = public_net(name)
            return {"net": name, "input": list(shape)} | _measured(net, shape)
    except Exception as error:
        return {"net": name, "error": f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"}


def _measured(net: nn.Module, shape: tuple[int, int, int]) -> dict[str, Any]:
    describe_cpu_s, anatomy = _timed(lambda: describe(net, shape))
    own = module_shapes(net, shape)
    ours = {layer.name: layer.output_shape for layer in anatomy.layers if layer.call.is_module and layer.name in own}
    return {
        "parameters": anatomy.parameters,
        "own_parameters": sum(parameter.numel() for parameter in net.parameters()),
        "macs": anatomy.macs,
        "flop_counter_macs": counted(net, shape) // 2,
        "layers": len(anatomy.layers),
        "shapes": len(ours),
        "equal_shapes": sum(own[name] == shape for name, shape in ours.items()),
        "exact_fields": sum(layer.receptive_field.kind == "exact" for layer in anatomy.layers),
        "notes": list(anatomy.notes),
        "describe_cpu_s": describe_cpu_s,
    }


def counted(net: nn.Module, shape: tuple[int, int, int]) -> int:
    """Floating-point operations for one image by PyTorch's counter, attention written out as matrix products."""
    # With a gradient PyTorch takes no short cut that hides products.
    images = torch.zeros(1, *shape, requires_grad=True)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        net(images)
    return counter.get_total_flops()


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    started = time.process_time()  # the processor's time, which others on the machine change little
    result = call()
    return time.process_time() - started, result


def _environment() -> dict[str, Any]:
    return {
        "torch": torch.__version__,
        "torchvision": version("torchvision"),
        "timm": version("timm"),
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
    }


if __name__ == "__main__":
    main()
