"""A refactoring that should change nothing changes no loss, and threads change it by rounding alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.new_runs import make_run

from cnnlab.data import load
from cnnlab.data.imageset import ImageSet
from cnnlab.runs import execute

#: Training and validation loss after each epoch, on one thread of an x86 processor with AVX-512, torch 2.13.
GOLDEN = {
    "lenet5": [(2.293144022623698, 2.257882319629586), (2.221483408610026, 2.1638364013206983)],
    "simple-cnn": [(2.1707276407877605, 1.9576944425228444), (1.2960494232177735, 1.4865388346820356)],
}

#: How far another processor or number of threads may be from that. Measured with kernels of SSE, AVX2 and AVX-512 and
#: on 1, 2 and 4 threads: lenet5 at most 1e-7, simple-cnn, whose 18 times more sums Adam divides by their own size in
#: its first steps, 1.2e-3.
TOLERANCE = {"lenet5": 1e-5, "simple-cnn": 6e-3}


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data() -> ImageSet:
    return load("mnist-5k@300")


def losses(folder: Path, data: ImageSet, net: str, *, epochs: int) -> list[tuple[float, float]]:
    changes = {"precision": "fp32", "device": "cpu"}
    run, module = make_run(folder, data, net=net, recipe_name="lesson", epochs=epochs, changes=changes)
    execute(run, module, data)
    return [(epoch.training_loss, epoch.validation_loss) for epoch in run.epochs()]


@pytest.mark.parametrize("net", list(GOLDEN))
@pytest.mark.usefixtures("threads")
def test_the_losses_of_the_first_epochs_are_as_they_were(net: str, data: ImageSet, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    found = losses(tmp_path / "run", data, net, epochs=2)
    for got, expected in zip(found, GOLDEN[net], strict=True):
        assert got == pytest.approx(expected, abs=TOLERANCE[net])


@pytest.mark.parametrize(("net", "count"), [("lenet5", 2), ("simple-cnn", 4)])
@pytest.mark.usefixtures("threads")
def test_threads_change_a_loss_by_rounding_alone(net: str, count: int, data: ImageSet, tmp_path: Path) -> None:
    torch.set_num_threads(count)
    (found,) = losses(tmp_path / "run", data, net, epochs=1)
    assert found == pytest.approx(GOLDEN[net][0], abs=TOLERANCE[net])
