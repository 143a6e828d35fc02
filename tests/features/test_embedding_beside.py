"""An embedding made by a process beside this one: the same bits, whatever becomes of that process."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from cnnlab.features import embedding_beside
from cnnlab.features.embedding import Embedding, embed
from cnnlab.features.embedding_beside import EmbeddingBeside

FEATURES = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)


def same(one: Embedding | None, other: Embedding | None) -> bool:
    assert one is not None
    assert other is not None
    return (
        np.array_equal(one.pca, other.pca)
        and np.array_equal(one.tsne, other.tsne)
        and (one.explained, one.perplexity) == (other.explained, other.perplexity)
    )


@pytest.mark.parametrize("process", [True, False])
def test_a_process_and_a_thread_make_the_bits_that_embed_makes(process: bool) -> None:
    with EmbeddingBeside(process=process) as beside:
        beside.begin(FEATURES)
        worker = beside._process
        found = beside.embedding()
        assert (worker is not None and worker.is_alive()) == process  # it did not leave the work to this one
    assert same(found, embed(FEATURES))
    assert worker is None or worker.exitcode is not None


def test_what_cannot_be_embedded_is_none_there_too() -> None:
    with EmbeddingBeside() as beside:
        beside.begin(np.zeros((30, 4)))
        assert beside.embedding() is None


@pytest.mark.parametrize("dies", ["before it begins", "while it works"])
def test_this_process_makes_the_embedding_when_the_other_dies(dies: str) -> None:
    with EmbeddingBeside() as beside:
        worker = beside._process
        assert worker is not None
        if dies == "before it begins":
            worker.kill()
            worker.join()
        beside.begin(FEATURES)
        worker.kill()
        assert same(beside.embedding(), embed(FEATURES))


def test_where_the_system_starts_no_process_a_thread_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> Any:
        raise OSError("Resource temporarily unavailable")

    monkeypatch.setattr(embedding_beside, "_started", refused)
    with EmbeddingBeside() as beside:
        beside.begin(FEATURES)
        assert same(beside.embedding(), embed(FEATURES))


def test_an_error_of_the_features_is_raised_here() -> None:
    with EmbeddingBeside() as beside:
        beside.begin(np.full((30, 4), "x"))  # not numbers
        with pytest.raises(TypeError):
            beside.embedding()


def test_the_process_imports_neither_torch_nor_what_scikit_learn_can_do_without() -> None:
    script = (
        "import sys\n"
        "import cnnlab.features.embedding_beside as beside\n"
        "assert not {'torch', 'numpy', 'sklearn'} & set(sys.modules)\n"
        "class Asked:\n"
        "    answers = []\n"
        "    def recv(self):\n"
        "        import numpy\n"
        "        if self.answers: raise EOFError\n"
        "        return numpy.random.default_rng(0).normal(size=(40, 6))\n"
        "    def send(self, answer): self.answers.append(answer)\n"
        "beside._serve(Asked())\n"
        "assert Asked.answers[0].tsne.shape == (40, 2)\n"
        "print(sorted({'torch', 'pandas', 'pyarrow', 'matplotlib', 'sklearn'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['sklearn']"
