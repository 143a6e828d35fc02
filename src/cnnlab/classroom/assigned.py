"""What names stand for at the end of a program that is only read: plain values, as far as reading works them out."""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: What working out one value may take: parts, and bits of a whole number. A curve of 100 epochs has 100 parts.
MOST_PARTS = 2_000
MOST_BITS = 256
#: Brackets within brackets, at most: the parser takes long over more.
DEEPEST = 60

_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_SIGNS: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
#: Functions of one number, by their whole names.
_OF_A_NUMBER: dict[str, Callable[[Any], Any]] = {
    "int": int,
    "float": float,
    "abs": abs,
    "round": round,
    "math.floor": math.floor,
    "math.ceil": math.ceil,
    "math.trunc": math.trunc,
    "numpy.floor": math.floor,
    "numpy.ceil": math.ceil,
}
#: Of several numbers, or of a list of them.
_OF_NUMBERS: dict[str, Callable[[Any], Any]] = {"min": min, "max": max, "sum": sum, "math.prod": math.prod}

#: Lines that only IPython understands: `%time`, `!ls`, `files = !ls`, `net?`.
_MAGIC = re.compile(r"^([ \t]*)(?:(\w+)[ \t]*=[ \t]*)?(?:[%!?].*|\w[\w.]*\?{1,2}[ \t]*)$", re.MULTILINE)
#: Cells that begin with one of these are Python; after any other %% they are something else, or run somewhere else.
_PYTHON_MAGICS = ("%%time", "%%capture")


@dataclass(frozen=True)
class Assigned:
    """What a name stands for.

    value: where `is_known`; else it is left to running the code. is_blank: it is `...`, or holds or uses something that
    is. parts: of the value, those that it shares with others counted each time. means: of what was imported, its whole
    name.
    """

    value: Any = None
    is_known: bool = False
    is_blank: bool = False
    parts: int = 1
    means: str = ""


@dataclass(frozen=True)
class Unparsed:
    """Code that is no Python, which would not run either. why: the parser's words."""

    source: str
    why: str


_CODE = Assigned()
#: What can change in place, or hold something that can.
_CHANGEABLE = (list, dict, tuple)


def assigned(sources: Iterable[str]) -> tuple[dict[str, Assigned], list[Unparsed]]:
    """Name → what it stands for after pieces of code that run one after another; and what is no Python.

    A name stands for what it was given last; but `...` takes nothing away, as a blank that was left standing below an
    answer. What is given in a branch or a loop, or changed in place, is left to running the code. Nothing is run, and
    nothing is raised, whatever the code is.
    """
    names: dict[str, Assigned] = {}
    unparsed = []
    for source in sources:
        try:
            for statement in _parsed(source):
                _take(statement, names)
        except (SyntaxError, ValueError) as error:
            unparsed.append(Unparsed(source, error.msg if isinstance(error, SyntaxError) else str(error)[:100]))
        except (RecursionError, MemoryError):
            unparsed.append(Unparsed(source, "nested too deeply"))
    return names, unparsed


def _parsed(source: str) -> list[ast.stmt]:
    """The statements of a cell, without what only IPython understands. Raises SyntaxError, ValueError and others."""
    first = source.lstrip().partition("\n")[0].split(" ")[0].strip()
    if first.startswith("%%"):
        if first not in _PYTHON_MAGICS:
            return []
        source = source.lstrip().partition("\n")[2]
    _require_flat(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of strange escapes and comparisons, which are not ours
        try:
            return ast.parse(source).body
        except SyntaxError:
            plain = _MAGIC.sub(lambda line: f"{line[1]}{line[2]} = print()" if line[2] else f"{line[1]}pass", source)
            return ast.parse(plain).body


def _require_flat(source: str) -> None:
    deep = 0
    for sign in re.findall(r"[(\[{]|[)\]}]", source):
        deep = deep + 1 if sign in "([{" else max(0, deep - 1)
        if deep > DEEPEST:
            raise ValueError("nested too deeply")


def _take(statement: ast.stmt, names: dict[str, Assigned]) -> None:
    """Let a statement of the program's outermost level change what names stand for."""
    match statement:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                _bind(target, value, names)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            _bind(target, value, names)
        case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
            _keep(name, _worked_out(ast.BinOp(ast.Name(name, ast.Load()), op, value), names), names)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            _keep(name, Assigned(is_blank=_has_blank(statement)), names)
        case ast.Import(names=aliases):
            for alias in aliases:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                names[alias.asname or whole] = Assigned(means=whole)
        case ast.ImportFrom(module=module, names=aliases):
            for alias in aliases:
                names[alias.asname or alias.name] = Assigned(means=f"{module}.{alias.name}")
        case ast.With(items=items, body=body):
            for item in items:
                _leave_to_code(_given_in(item), names)
            for inner in body:
                _take(inner, names)
        case ast.Delete(targets=targets):
            for target in targets:
                if isinstance(target, ast.Name):
                    names.pop(target.id, None)
        case ast.Expr() | ast.Pass():
            pass
        case _:
            _leave_to_code(_given_in(statement), names)
    _leave_to_code(_changed_in(statement, names), names)


def _bind(target: ast.expr, value: ast.expr, names: dict[str, Assigned]) -> None:
    if isinstance(target, ast.Name):
        _keep(target.id, _worked_out(value, names), names)
    elif isinstance(target, ast.Tuple | ast.List):
        parts = value.elts if isinstance(value, ast.Tuple | ast.List) else []
        if len(parts) == len(target.elts) and not any(isinstance(each, ast.Starred) for each in (*parts, *target.elts)):
            given = [_worked_out(part, names) for part in parts]  # all before any: a, b = b, a
            for inner, part, found in zip(target.elts, parts, given, strict=True):
                if isinstance(inner, ast.Name):
                    _keep(inner.id, found, names)
                else:
                    _bind(inner, part, names)
        else:
            _leave_to_code(_given_in(target), names)


def _keep(name: str, found: Assigned, names: dict[str, Assigned]) -> None:
    before = names.get(name)
    if before is None or before.is_blank or not found.is_blank:
        names[name] = found


def _leave_to_code(changed: Iterable[str], names: dict[str, Assigned]) -> None:
    names |= dict.fromkeys(changed, _CODE)


def _given_in(node: ast.AST) -> Iterator[str]:
    """Names that something inside gives a value to, whenever it runs."""
    for inner in ast.walk(node):
        match inner:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.FunctionDef(name=str(name)) | ast.ClassDef(name=str(name)) | ast.ExceptHandler(name=str(name)):
                yield name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name.partition(".")[0]


def _changed_in(statement: ast.stmt, names: Mapping[str, Assigned]) -> list[str]:
    """Names of what something inside changes in place, and names that it gives a value from inside an expression."""
    changed, is_in_place = [], False
    for inner in ast.walk(statement):
        match inner:
            case ast.Subscript(value=whole, ctx=ast.Store() | ast.Del()):
                is_in_place = True
                changed += [whole.id] if isinstance(whole, ast.Name) else []
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
                is_in_place |= name in names and isinstance(names[name].value, _CHANGEABLE)
            case ast.NamedExpr(target=ast.Name(id=name)):
                changed.append(name)
            case ast.Global(names=several):
                changed += several
    if is_in_place:  # any of them may be, or hold, the one that is changed
        changed += [name for name, found in names.items() if isinstance(found.value, _CHANGEABLE)]
    return changed


def _has_blank(node: ast.AST) -> bool:
    """Whether there is a `...` inside that is no index, as in `maps[..., 0]`."""
    waiting = [node]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, ast.Constant) and inner.value is ...:
            return True
        waiting += [inner.value] if isinstance(inner, ast.Subscript) else ast.iter_child_nodes(inner)
    return False


def _worked_out(node: ast.expr, names: Mapping[str, Assigned]) -> Assigned:
    used = [names[inner.id] for inner in ast.walk(node) if isinstance(inner, ast.Name) and inner.id in names]
    if _has_blank(node) or any(each.is_blank for each in used):
        return Assigned(is_blank=True)
    reading = _Reading(names)
    try:
        return Assigned(reading.value(node), is_known=True, parts=reading.parts)
    except (_NotRead, ArithmeticError, ValueError, TypeError, LookupError, RecursionError):
        return _CODE


class _NotRead(Exception):  # noqa: N818 - no fault
    """A value that only running the code would give."""


class _Reading:
    """The working out of one value."""

    def __init__(self, names: Mapping[str, Assigned]) -> None:
        self.names = names
        self.parts = 0

    def value(self, node: ast.expr) -> Any:
        """What an expression comes to. Raises _NotRead, and what arithmetic raises."""
        self._count(1)
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                return _small(value)
            case ast.Name(id=name) if name in self.names and self.names[name].is_known:
                self._count(self.names[name].parts)
                return self.names[name].value
            case ast.Tuple(elts=elements):
                return tuple(self.value(each) for each in elements)
            case ast.List(elts=elements):
                return [self.value(each) for each in elements]
            case ast.Dict(keys=keys, values=values):
                return {self._key(key): self.value(each) for key, each in zip(keys, values, strict=True)}
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _SIGNS:
                return _SIGNS[type(op)](self._number(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
                return self._arithmetic(op, self._number(left), self._number(right))
            case ast.Subscript(value=whole, slice=ast.Constant() | ast.UnaryOp() as index):
                return self._part(self.value(whole), self.value(index))
            case ast.Call(func=func, args=arguments, keywords=[]):
                return self._called(self._whole_name(func), [self.value(each) for each in arguments])
        raise _NotRead

    def _count(self, parts: int) -> None:
        self.parts += parts
        if self.parts > MOST_PARTS:
            raise _NotRead

    def _key(self, node: ast.expr | None) -> Any:
        key = None if node is None else self.value(node)
        if not isinstance(key, str | int | float):
            raise _NotRead
        return key

    def _number(self, node: ast.expr) -> Any:
        return _number(self.value(node))

    def _arithmetic(self, op: ast.operator, left: Any, right: Any) -> Any:
        is_whole = isinstance(left, int) and isinstance(right, int)
        if isinstance(op, ast.Pow) and is_whole and abs(left).bit_length() * abs(right) > MOST_BITS:
            raise _NotRead
        return _number(_OPERATIONS[type(op)](left, right))

    def _part(self, whole: Any, index: Any) -> Any:
        if not isinstance(whole, tuple | list | dict):
            raise _NotRead
        return whole[index]

    def _whole_name(self, func: ast.expr) -> str:
        match func:
            case ast.Name(id=name):
                return self.names[name].means if name in self.names else name
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in self.names:
                return f"{self.names[name].means}.{attribute}"
        raise _NotRead

    def _called(self, function: str, arguments: list[Any]) -> Any:
        if function in _OF_A_NUMBER and len(arguments) == 1:
            return _number(_OF_A_NUMBER[function](_number(arguments[0])))
        if function in _OF_NUMBERS and arguments:
            several = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], list | tuple) else arguments
            return _number(_OF_NUMBERS[function]([_number(each) for each in several]))
        raise _NotRead


def _number(value: Any) -> int | float:
    if not isinstance(value, int | float):
        raise _NotRead
    return _small(value)


def _small(value: Any) -> Any:
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise _NotRead
    return value
