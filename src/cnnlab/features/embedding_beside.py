"""An embedding is made beside other work: by a process of its own, which imports scikit-learn while this one begins.

    with EmbeddingBeside() as beside:       # starts the process
        beside.begin(features)              # do something else meanwhile
        found = beside.embedding()

Both ways, in a process of its own and in this one, give the same bits. Whatever goes wrong in that process, this one
makes the embedding. Imports neither torch nor NumPy, so that the process starts before they are loaded here.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Self

from cnnlab.spawned import safe_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnlab.features.embedding import Embedding

#: NumPy's and scikit-learn's threads, which `embed` has no use for: they would wait for each other.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

#: What scikit-learn imports where it is installed, and PCA and t-SNE of arrays make no use of: 0.6 s and 60 MB.
_NOT_NEEDED = ("pandas", "pyarrow", "polars")


class EmbeddingBeside:
    """Makes one embedding beside what else is done: in a process, or on a thread where none is wanted or to be had."""

    def __init__(self, *, process: bool = True) -> None:
        """Start the process; without `process` nothing is started before there is something to do."""
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._features: NDArray[np.floating] | None = None
        self._begun: Future[Embedding | None] | None = None
        if process:
            with suppress(OSError):  # the system starts no more processes
                self._process, self._connection = _started()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)

    def begin(self, features: NDArray[np.floating]) -> None:
        """Let the embedding of features (N, values) be begun."""
        self._features = features
        if self._connection is not None:
            try:
                self._connection.send(features)
            except OSError:
                self._end()
        if self._connection is None:
            from cnnlab.features.embedding import embed

            self._thread = ThreadPoolExecutor(1)
            self._begun = self._thread.submit(embed, features)

    def embedding(self) -> Embedding | None:
        """What `embed` makes of the features that were given last; waits for it. Raises RuntimeError before `begin`."""
        if self._features is None:
            raise RuntimeError("embedding: nothing was begun; expected begin(features) before")
        if self._begun is not None:
            return self._begun.result()
        if self._connection is not None:
            try:
                return self._connection.recv()
            except (EOFError, OSError):  # it died, or could not do it
                self._end()
        from cnnlab.features.embedding import embed

        return embed(self._features)

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.terminate()
            self._process.join()
        self._process = self._connection = None


def _started() -> tuple[BaseProcess, Connection]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), name="cnnlab look: embedding", daemon=True)
    try:
        with safe_path(**_ONE_THREAD), _interrupts_held_back():
            process.start()
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, ours


@contextmanager
def _interrupts_held_back() -> Generator[None]:
    """What is started in here gets no Ctrl-C, which reaches all processes: the first one ends it."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(ours: Connection) -> None:
    """Import what an embedding needs, and make those that are asked for, until the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(Exception):  # the parent does it, and raises what there is to raise
        with _without(_NOT_NEEDED):
            import sklearn.decomposition
            import sklearn.manifold  # noqa: F401
        from cnnlab.features.embedding import embed

        while True:
            ours.send(embed(ours.recv()))


class _Absent(MetaPathFinder):
    """Says of some packages that they are not installed."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse the packages and their modules; leave all others to whom they belong."""
        if fullname.partition(".")[0] in self._names:
            raise ModuleNotFoundError(f"{fullname} is left out here", name=fullname)
        return None


@contextmanager
def _without(names: Sequence[str]) -> Generator[None]:
    """Packages that were not imported yet are not found by what is imported in here."""
    finder = _Absent(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
