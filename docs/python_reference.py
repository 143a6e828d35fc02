"""The reference of the Python names, made from their signatures and docstrings."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import typing
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from torch import nn

import cnnlab
from cnnlab import formulas
from cnnlab.workflows.claims import claims

#: Functions that those of `cnnlab` rest on, which other pages and docstrings send a reader to.
BEHIND = (
    "cnnlab.data.available",
    "cnnlab.data.normalise.normalise",
    "cnnlab.nets.build_net",
    "cnnlab.nets.parameter_count",
    "cnnlab.training.start",
    "cnnlab.training.fit",
    "cnnlab.evaluation.logits",
    "cnnlab.evaluation.wilson_interval",
    "cnnlab.evaluation.fit_temperature",
    "cnnlab.runs.execute",
    "cnnlab.features.statistics.statistics",
    "cnnlab.features.strongest.strongest",
    "cnnlab.features.ascent.ascend",
    "cnnlab.features.attribution.saliency",
    "cnnlab.features.attribution.occlusion",
    "cnnlab.features.attribution.grad_cam",
    "cnnlab.features.embedding.embed",
    "cnnlab.features.unlike.fit",
    "cnnlab.explorer.explorer_page",
    "cnnlab.playground.playground_page",
    "cnnlab.prepare.read_image",
    "cnnlab.prepare.prepare",
)

#: Rooms in the order of a day's work; what else there is comes after them.
ROOMS = (
    "data",
    "nets",
    "training",
    "evaluation",
    "runs",
    "workflows",
    "anatomy",
    "features",
    "explorer",
    "playground",
    "prepare",
    "config",
)

#: Types that a public record carries for cnnlab's own use.
OWN_USE = (
    "cnnlab.anatomy.fields.Field",
    "cnnlab.anatomy.walk.Call",
    "cnnlab.claims.claim.Claim",
    "cnnlab.claims.claim.Finding",
    "cnnlab.training.state.Position",
)


def python_reference() -> str:
    """docs/reference/api.md: every public name of `cnnlab`, and all that these lead to."""
    public = [public_name(name) for name in public_names()]
    everything = list(_reached([*public, *map(_named, BEHIND)]))
    parts = [
        "# Python\n",
        "Written from the docstrings by `docs/generate.py`. Images are (N, C, H, W): images, channels, rows, columns. "
        "Accuracies and probabilities are 0–1, losses are nats, times are seconds (`_s`).\n",
        "| name | what it is |\n| --- | --- |",
    ]
    parts += [
        f"| [`cnnlab.{found.__name__}`](#{anchor(shortest_name(found))}) | {_first_line(found)} |" for found in public
    ]
    by_room: dict[str, list[Any]] = {}
    for found in everything:
        by_room.setdefault(found.__module__.split(".")[1], []).append(found)
    for room in sorted(by_room, key=lambda room: (*ROOMS, room).index(room)):
        parts.append(f"\n## In cnnlab.{room}\n\n{_first_line(import_module(f'cnnlab.{room}'))}\n")
        parts += [_entry(found, shortest_name(found)) for found in by_room[room]]
    return "\n".join(parts)


def formulas_reference() -> str:
    """docs/reference/formulas.md: the lesson's equations, each with what it takes and gives."""
    head, _, text = inspect.getdoc(formulas).partition("\n\n")
    parts = ["# Formulas\n", f"`cnnlab.formulas`. {head}\n", f"{text}\n"]
    parts += [_entry(found, found.__name__) for found in public_functions(formulas)]
    return "\n".join(parts)


def public_names() -> list[str]:
    """The names that `import cnnlab` gives."""
    return [name for name in cnnlab.__all__ if name != "__version__"]


def public_name(name: str) -> Any:
    """What a name of `cnnlab` is, or is called as."""
    return claims if name == "claims" else getattr(cnnlab, name)


def public_functions(module: ModuleType) -> list[Callable[..., Any]]:
    """A module's own functions, in the order in which they stand."""
    return [
        found
        for name, found in vars(module).items()
        if inspect.isfunction(found) and found.__module__ == module.__name__ and not name.startswith("_")
    ]


def isclass(found: Any) -> bool:
    """Whether it is one of cnnlab's classes."""
    return inspect.isclass(found) and found.__module__.startswith("cnnlab.")


def shortest_name(found: Any) -> str:
    """The name that a user imports: of `cnnlab`, else of the room that exports it, else of its own module."""
    for place in ("cnnlab", ".".join(found.__module__.split(".")[:2])):
        if found.__name__ in getattr(import_module(place), "__all__", ()):
            return f"{place}.{found.__name__}"
    return f"{found.__module__}.{found.__name__}"


def anchor(name: str) -> str:
    """Where the entry of that name stands on its page."""
    return name.lower().replace(".", "")


def _named(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def _reached(roots: Iterable[Any]) -> Iterator[Any]:
    """The roots, and every class of cnnlab's that their types name, each once."""
    waiting, seen = list(roots), set()
    while waiting:
        found = waiting.pop(0)
        if found in seen or _is_own_use(found):
            continue
        seen.add(found)
        yield found
        hints = [*typing.get_type_hints(found).values()]
        hints += [hint for method in _methods(found) for hint in typing.get_type_hints(method).values()]
        waiting += [kind for hint in hints for kind in _classes_in(hint)]


def _is_own_use(kind: Any) -> bool:
    return inspect.isclass(kind) and f"{kind.__module__}.{kind.__qualname__}" in OWN_USE


def _classes_in(hint: Any) -> list[Any]:
    inner = [kind for part in typing.get_args(hint) if not isinstance(part, str) for kind in _classes_in(part)]
    if isinstance(hint, list):  # the arguments of a Callable
        inner = [kind for part in hint for kind in _classes_in(part)]
    return [hint, *inner] if isclass(hint) else inner


def _methods(found: Any) -> list[Callable[..., Any]]:
    """A class's own public methods and properties, in the order in which they stand."""
    if not inspect.isclass(found) or issubclass(found, nn.Module | BaseModel):
        return []
    members = [member.fget if isinstance(member, property) else member for member in vars(found).values()]
    return [member for member in members if inspect.isfunction(member) and not member.__name__.startswith("_")]


def _entry(found: Any, name: str) -> str:
    parts = [f"### {name}\n"]
    if _is_record(found):
        arguments = list(_fields(found))
        parts.append(_record(found))
    elif inspect.isclass(found) and issubclass(found, Exception):
        arguments = []
    else:
        arguments = list(inspect.signature(found).parameters)
        parts.append(_signature(found, found.__name__))
    parts.append(_prose(found, arguments))
    for method in _methods(found):
        if isinstance(vars(found)[method.__name__], property):
            parts.append(f"`.{method.__name__}: {inspect.signature(method).return_annotation}`\n")
        else:
            parts.append(_signature(method, f".{method.__name__}"))
        parts.append(_prose(method, list(inspect.signature(method).parameters)))
    return "\n".join(parts)


def _is_record(found: Any) -> bool:
    return inspect.isclass(found) and (dataclasses.is_dataclass(found) or issubclass(found, BaseModel))


def _record(found: Any) -> str:
    """A record's fields as Python: types, defaults, and what it is where the class says that field by field."""
    lines = [f"class {found.__name__}:"]
    types = {
        name: _without_bounds(str(kind), import_module(each.__module__))
        for each in reversed(found.__mro__)
        for name, kind in inspect.get_annotations(each).items()
    }
    for name, default in _fields(found).items():
        line = f"    {name}: {types[name]}"
        if default is not dataclasses.MISSING and default is not PydanticUndefined:
            line += f" = {_default(default)}"
        described = found.model_fields[name].description if issubclass(found, BaseModel) else None
        lines.append(f"{line}  # {described}" if described else line)
    return "```python\n" + "\n".join(lines) + "\n```\n"


def _without_bounds(kind: str, module: ModuleType) -> str:
    """A field's type as its reader sees it: `Annotated[Count, Field(ge=1)]` and `Count` are `int`."""

    class Bare(ast.NodeTransformer):
        def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
            if ast.unparse(node.value) == "Annotated" and isinstance(node.slice, ast.Tuple):
                return self.visit(node.slice.elts[0])
            return self.generic_visit(node)

        def visit_Name(self, node: ast.Name) -> ast.AST:
            meant = getattr(module, node.id, None)
            is_bounded = typing.get_origin(meant) is typing.Annotated
            return ast.Name(typing.get_args(meant)[0].__name__) if is_bounded else node

    return ast.unparse(Bare().visit(ast.parse(kind, mode="eval")))


def _fields(found: Any) -> dict[str, Any]:
    """A record's fields with their defaults, without those for cnnlab's own use."""
    if issubclass(found, BaseModel):
        return {name: each.default for name, each in found.model_fields.items()}
    hints = typing.get_type_hints(found)
    return {each.name: each.default for each in dataclasses.fields(found) if not _is_own_use(hints[each.name])}


def _signature(found: Any, name: str) -> str:
    """The signature as Python: on one line where it fits, else an argument a line."""
    signature = inspect.signature(found)
    arguments = []
    for each in signature.parameters.values():
        if each.name == "self":
            continue
        if each.kind is each.KEYWORD_ONLY and "*" not in arguments:
            arguments.append("*")
        stars = "**" if each.kind is each.VAR_KEYWORD else ""
        default = "" if each.default is each.empty else f" = {_default(each.default)}"
        arguments.append(f"{stars}{each.name}: {each.annotation}{default}")
    has_answer = not inspect.isclass(found) and signature.return_annotation is not signature.empty
    answer = f" -> {signature.return_annotation}" if has_answer else ""
    text = f"{name}({', '.join(arguments)}){answer}"
    if len(text) > 100:
        text = f"{name}(\n" + "".join(f"    {argument},\n" for argument in arguments) + f"){answer}"
    return f"```python\n{text}\n```\n"


def _default(value: Any) -> str:
    if inspect.isfunction(value):
        return "…"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _prose(found: Any, arguments: list[str]) -> str:
    """The docstring, with what it says of each argument or field as an item of a list."""
    text = inspect.getdoc(found) or ""
    if not arguments:
        return f"{text}\n"
    names = "|".join(map(re.escape, arguments))
    said = re.compile(rf"(?:(?<=\n)|(?<=[.;] )|(?<=\.\n))(?=(?:{names})(?:, (?:{names}))*(?: and (?:{names}))?: )")
    closing = re.compile(r"(?:(?<=\n)|(?<=[.] ))(?=(?:Input|Returns|Raises|Sources?:) )")
    lines: list[str] = []
    for part in said.split(text):
        head, colon, rest = part.partition(": ")
        if colon and all(name in arguments for name in re.split(r", | and ", head)):
            item, *after = closing.split(rest)
            listed = ", ".join(f"`{name}`" for name in re.split(r", | and ", head))
            first, *more = item.strip().split("\n\n")
            lines.append(f"- {listed}: {' '.join(first.split()).removesuffix(';')}\n")
            lines += [f"\n{' '.join(each.split())}\n" for each in (*more, *after)]
        else:
            lines.append("\n\n".join(piece.strip() for piece in closing.split(part)) + "\n\n")
    return "".join(lines).rstrip() + "\n"


def _first_line(found: Any) -> str:
    return (inspect.getdoc(found) or "").partition("\n")[0].replace("|", "\\|")
