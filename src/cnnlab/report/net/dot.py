"""A net as DOT text, for those who draw with Graphviz."""

from __future__ import annotations

from cnnlab.anatomy.describe import Anatomy, field_text


def net_dot(anatomy: Anatomy) -> str:
    """A directed graph of the image and the layers: `cnnlab … | dot -Tsvg`.

    A node's label is the layer's name, type, output shape and receptive field, a line each; edges go from what is read
    to the layer that reads it.
    """
    nodes = [("input", f"input\n{_shape(anatomy.input)}")]
    nodes += [
        (
            layer.name,
            f"{layer.name}\n{layer.type}\n{_shape(layer.output_shape)}\nfield {field_text(layer.receptive_field)}",
        )
        for layer in anatomy.layers
    ]
    edges = [
        (source + 1, i)
        for i, layer in enumerate(anatomy.layers, start=1)
        for source in dict.fromkeys(layer.call.inputs)  # indices: a user's layer may itself be called "input"
    ]
    return "\n".join(
        [
            f"digraph {_quoted(anatomy.net)} {{",
            "  rankdir=TB;",
            '  node [shape=box, style=rounded, fontname="Helvetica"];',
            *(f"  layer{i} [label={_quoted(label)}];" for i, (_, label) in enumerate(nodes)),
            *(f"  layer{source} -> layer{target};" for source, target in edges),
            "}",
            "",
        ]
    )


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _quoted(content: str) -> str:
    r"""A DOT string: quotes and backslashes escaped, line breaks as `\n`, no bytes that end the text."""
    escaped = content.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "\\n")
    return f'"{escaped}"'.replace("\0", "\ufffd")
