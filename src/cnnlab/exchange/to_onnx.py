"""ONNX, by PyTorch's exporter from a torch.export graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from cnnlab.errors import UserError
from cnnlab.exchange.format import Format
from cnnlab.exchange.tracing import first_sentence, quiet, trace

#: Names of the graph's input and output.
INPUT, OUTPUT = "images", "logits"


def onnx_format() -> Format:
    """ONNX with the weights inside, and what it says of itself in `metadata_props`.

    Raises UserError when the extra is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"--to onnx: {error.name} is not installed; expected it beside cnnlab: pip install 'cnnlab[onnx]'"
        ) from None
    return Format(f"onnxruntime {onnxruntime.__version__}", _write, _open)


def _write(net: nn.Module, example: Tensor, beside: Mapping[str, str]) -> bytes:
    graph = trace(net, example)
    try:
        with quiet():
            program = torch.onnx.export(
                graph,
                dynamo=True,
                verbose=False,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: "batch"},),
            )
    except torch.onnx.OnnxExporterError as error:
        reason = first_sentence(error.__cause__ or error)
        raise UserError(
            f"{type(net).__name__} cannot be exported to ONNX: {reason}; expected operations that ONNX has: "
            "use --to pt2 or --to safetensors"
        ) from error
    assert program is not None  # only the exporter of old returns nothing
    program.model.metadata_props.update(beside)
    return program.model_proto.SerializeToString()


def _open(content: bytes, _net: nn.Module) -> Callable[[Tensor], Tensor]:
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def answers(images: Tensor) -> Tensor:
        return torch.from_numpy(session.run([OUTPUT], {INPUT: images.numpy()})[0])

    return answers
