"""The lesson's page on shapes and receptive fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from cnnlab.anatomy import describe
from cnnlab.nets import LeNet5, SimpleCNN
from cnnlab.report.back import back_to
from cnnlab.report.net.page import anatomy_page


@pytest.fixture(scope="module")
def html() -> str:
    digit = torch.rand(28, 28, generator=torch.Generator().manual_seed(0)).numpy()
    anatomies = {"lenet5": describe(LeNet5()), "simple-cnn": describe(SimpleCNN())}
    return anatomy_page(anatomies, image=digit, image_name="mnist-5k", back=back_to("shapes"))


def test_the_arithmetic_of_both_nets(html: str, read: Callable[[str], Any]) -> None:
    page = read(html)
    _, first, pool, *_ = page.tables["Arithmetic of lenet5"]
    assert first[1:] == [
        "6×28×28",
        "⌊(28+2·2−5)/1⌋+1 = 28",
        "6·(1·5·5)+6 = 156",
        "6·28·28·(1·5·5) = 117,600",
        "1+(5−1)·1 = 5",
    ]
    assert pool[5] == "5+(2−1)·1 = 6"
    assert len(page.tables["Arithmetic of simple-cnn"]) == 1 + 8


def test_convolutions_against_dense_layers(html: str, read: Callable[[str], Any]) -> None:
    _, *rows = read(html).tables["Convolutions against dense layers"]
    assert rows[0] == ["lenet5 features.0", "1×28×28", "6×28×28", "156", "3,692,640", "23,671"]
    assert len(rows) == 4


def test_the_drawings_are_there_and_nothing_is_fetched(html: str) -> None:
    assert html.count("<svg") >= 3
    assert "<script" not in html
    assert "61,706" in html
    assert "http://" not in html.replace("http://www.w3.org/", "")
