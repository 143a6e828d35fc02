"""A user's own file and the files it imports from beside it: found, hashed, loaded, and told apart from cnnlab's code.

Which files they are is read off the imports by `ast`, so that nothing has to run for it, no branch decides it, and an
import inside a function counts. An import whose name is put together while the code runs is not seen, and not found.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import sys
import traceback
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, NamespaceLoader, SourceFileLoader
from importlib.util import resolve_name, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from cnnlab.errors import UserError
from cnnlab.given_path import given_path

_CNNLAB = Path(__file__).resolve().parent


class OwnCodeError(UserError):
    """The user's own code raised something: where and what, in one line."""


@dataclass(frozen=True)
class OwnCode:
    """A file as it was when it was read, with all that it imports from beside it.

    file: the file itself. module: the name that it is imported by. root: the folder that names of files count from: the
    file's own, or the one that holds its package. modules: every module's name → its file, None for a package without
    one. sources: file → bytes.
    """

    file: Path
    module: str
    root: Path
    modules: Mapping[str, Path | None]
    sources: Mapping[Path, bytes]

    @property
    def files(self) -> dict[str, bytes]:
        """Name of the file from `root` → its bytes."""
        return {file.relative_to(self.root).as_posix(): source for file, source in self.sources.items()}

    @property
    def name(self) -> str:
        """The file's own name from `root`."""
        return self.file.relative_to(self.root).as_posix()

    @property
    def hashes(self) -> dict[str, str]:
        """Name of the file from `root` → SHA-256."""
        return {name: hashlib.sha256(source).hexdigest() for name, source in sorted(self.files.items())}


#: File → its code as it was last loaded here.
_LOADED: dict[Path, OwnCode] = {}


def read_code(path: str) -> OwnCode:
    """A user's file and what it imports from beside it, as they are now; nothing is run.

    A file in a package, or with imports relative to one, is that package's module. Raises UserError when there is no
    such file, or when it cannot be read.
    """
    file = given_path(path, "net").resolve()
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file; expected a Python file: check the path")
    root, parents, outwards = file.parent, [], _outwards(_read(file))
    while ((root / "__init__.py").is_file() or len(parents) < outwards) and root != root.parent:
        parents.insert(0, root.name)
        root = root.parent
    module = ".".join([*parents, file.stem]) if parents else f"cnnlab_own_{file.stem}"
    modules: dict[str, Path | None] = {}
    sources: dict[Path, bytes] = {}
    waiting = [(module, file)]
    for depth in range(1, len(parents) + 1):
        waiting += _found(".".join(parents[:depth]), [root])
    while waiting:
        name, found = waiting.pop()
        if name in modules:
            continue
        modules[name], sources[found] = found, _read(found)
        is_package = found.name == "__init__.py"
        for wanted in _imports(sources[found], name if is_package else name.rpartition(".")[0]):
            waiting += _found(wanted, [file.parent, root])
    for name in list(modules):
        while name := name.rpartition(".")[0]:
            modules.setdefault(name, None)
    return OwnCode(file, module, root, modules, sources)


def loaded_code(path: str) -> OwnCode:
    """A user's file as it was last loaded in this process, or, if it was not, as it is now. Raises UserError."""
    return _LOADED.get(Path(path).resolve()) or read_code(path)


def load_module(path: str) -> ModuleType:
    """Run a user's file afresh, as it is now, and whatever it imports from beside it; what they print goes to stderr.

    They see the command line of `python file.py`, which has no options, and are imported, not run as `__main__`.
    Raises UserError when there is no such file, and OwnCodeError for whatever running it raises.
    """
    code = read_code(path)
    before = {name: sys.modules.pop(name) for name in code.modules if name in sys.modules}
    _LOADED[code.file] = code
    arguments = list(sys.argv)
    sys.argv[:] = [path]  # an argparse at the file's top reads what `python file.py` would give it, not our options
    finder = _Beside(code)
    sys.meta_path[:] = [finder, *(each for each in sys.meta_path if not isinstance(each, _Beside))]
    try:
        with own_mistakes(), redirect_stdout(sys.stderr):  # stdout is for figures
            return importlib.import_module(code.module)
    finally:
        sys.argv[:] = arguments
        # What a function imports later is found, too, but takes no name from an installed module.
        sys.meta_path[:] = [*(each for each in sys.meta_path if each is not finder), finder]
        sys.modules.update({name: module for name, module in before.items() if not _is_own(module)})


def own_mistake(error: BaseException) -> OwnCodeError | None:
    """What to tell a user whose own code raised `error`; None where none of that code's lines took part in it."""
    theirs = [line for line in _lines(error) if line[0] in _own_files()]
    if not theirs or isinstance(error, KeyboardInterrupt):
        return None
    file, number = theirs[-1]
    says = " ".join((error.msg if isinstance(error, SyntaxError) else str(error)).split())
    what = f"{type(error).__name__}: {says}" if says else type(error).__name__
    return OwnCodeError(f"{shown(Path(file))}, line {number}: {what}; raised by your own code: mend it there")


@contextmanager
def own_mistakes() -> Generator[None]:
    """Raise what the user's own code raises inside the block as OwnCodeError; all else passes as it is."""
    try:
        yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        mistake = own_mistake(error)
        if mistake is None:
            raise
        raise mistake from error


class _Source(SourceFileLoader):
    """Compiles the bytes that were read: a .pyc passes for fresh when the file was edited within its second."""

    def __init__(self, name: str, file: Path, source: bytes) -> None:
        super().__init__(name, str(file))
        self._source = source

    def get_code(self, fullname: str) -> Any:
        return self.source_to_code(self._source, self.path)

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["print"] = _print  # in a forward, too
        super().exec_module(module)


def _print(*values: Any, file: Any = None, **how: Any) -> None:
    print(*values, file=sys.stderr if file is None else file, **how)


class _Beside(MetaPathFinder):
    """Finds the modules of one OwnCode."""

    def __init__(self, code: OwnCode) -> None:
        self.code = code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self.code.modules:
            return None
        file = self.code.modules[fullname]
        if file is None:
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = []
            return spec
        loader: Loader = _Source(fullname, file, self.code.sources[file])
        within = [str(file.parent)] if file.name == "__init__.py" else None
        return spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=within)


def _own_files() -> set[str]:
    return {str(file) for one in _LOADED.values() for file in one.sources}


def _lines(error: BaseException) -> list[tuple[str, int | None]]:
    """File and line of every call that an error came through, the innermost last."""
    lines = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    return [*lines, (error.filename, error.lineno)] if isinstance(error, SyntaxError) and error.filename else lines


def _is_own(module: ModuleType) -> bool:
    """Whether a module was loaded here, from a user's file or as a package without one."""
    return isinstance(getattr(module.__spec__, "loader", None), _Source | NamespaceLoader)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); expected a Python file: check it") from None


def _nodes(source: bytes) -> Iterator[ast.AST]:
    try:
        yield from ast.walk(ast.parse(source))
    except (SyntaxError, ValueError):  # running it says so
        return


def _outwards(source: bytes) -> int:
    """By how many packages a file's relative imports reach outwards; 0 where it has none."""
    return max((node.level for node in _nodes(source) if isinstance(node, ast.ImportFrom)), default=0)


def _imports(source: bytes, package: str) -> set[str]:
    """Names of all modules that a source may import; package: whose module it is."""
    wanted: set[str] = set()
    for node in _nodes(source):
        if isinstance(node, ast.Import):
            wanted |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            try:
                base = resolve_name("." * node.level + (node.module or ""), package)
            except ImportError:  # beyond the outermost package: running it says so
                continue
            wanted |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "attr", getattr(node.func, "id", None))
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                wanted.add(node.args[0].value)
    return wanted


def _found(name: str, folders: Sequence[Path]) -> list[tuple[str, Path]]:
    """A module and the packages around it, as far as they lie in one of the folders: names and files."""
    parts = name.split(".")
    if "" in parts:
        return []
    for folder in folders:
        found = []
        for depth in range(1, len(parts) + 1):
            place = folder.joinpath(*parts[:depth])
            file = next(
                (each for each in (place / "__init__.py", place.with_name(f"{place.name}.py")) if each.is_file()), None
            )
            if file is not None and _CNNLAB not in file.parents:
                found.append((".".join(parts[:depth]), file))
        if found:
            return found
    return []


def shown(file: Path) -> str:
    """A file's path from here where it lies below, else as it is."""
    here = Path.cwd()
    return str(file.relative_to(here)) if file.is_relative_to(here) else str(file)
