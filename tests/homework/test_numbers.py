"""A wrong number is answered with the mistake that led to it; the right one is torch's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cnnlab.homework import check_output_size, check_parameters


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"), [(28, 3, 1, 0), (28, 5, 1, 2), (28, 2, 2, 0), (15, 3, 2, 1), (32, 5, 3, 1)]
)
def test_the_size_that_torch_gives_is_right_and_no_other(size, kernel, stride, padding):
    made = nn.Conv2d(1, 1, kernel, stride=stride, padding=padding)(torch.zeros(1, 1, size, size)).shape[-1]
    for answer in range(1, 40):
        feedback = check_output_size(answer, size=size, kernel_size=kernel, stride=stride, padding=padding)
        assert feedback.is_right is (answer == made), (answer, str(feedback))
        if answer != made:
            assert f" {made}" not in str(feedback).partition(": ")[2], "the answer is not given away"


@pytest.mark.parametrize(
    ("answer", "window", "says"),
    [
        (26, {"kernel_size": 3, "padding": 1}, "without padding"),
        (27, {"kernel_size": 3, "padding": 1}, "both sides"),
        (25, {"kernel_size": 3}, "+ 1 is missing"),
        (28, {"kernel_size": 2, "stride": 2}, "size of what comes in"),
        (27, {"kernel_size": 2, "stride": 2}, "with stride 1"),
        (14, {"kernel_size": 3, "stride": 2}, "round down"),
        (13.5, {"kernel_size": 3, "stride": 2}, "round down"),
        (676, {"kernel_size": 3}, "one side"),
        (19, {"kernel_size": 3}, "put your values in"),
        ((26, 26), {"kernel_size": 3}, "one number"),
        ("26", {"kernel_size": 3}, "one number"),
        (True, {"kernel_size": 28}, "one number"),
    ],
)
def test_a_wrong_size_is_answered_with_the_mistake(answer, window, says):
    feedback = check_output_size(answer, size=28, **window)
    assert feedback.is_right is False
    assert says in str(feedback)


LAYERS = [
    nn.Conv2d(1, 6, 5),
    nn.Conv2d(32, 64, 3),
    nn.Conv2d(8, 8, 3, bias=False),
    nn.Linear(400, 120),
    nn.BatchNorm2d(32),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_the_count_of_torch_s_parameters_is_right(layer):
    count = sum(parameter.numel() for parameter in layer.parameters())
    assert check_parameters(count, layer).is_right
    for wrong in (count - 1, count + 1, 2 * count):
        feedback = check_parameters(wrong, layer)
        assert feedback.is_right is False
        assert str(feedback).partition(": ")[2].strip()
        assert f"{count:,}" not in str(feedback).partition(": ")[2]


@pytest.mark.parametrize(
    ("answer", "layer", "says"),
    [
        (32 * 64 * 9, nn.Conv2d(32, 64, 3), "biases are missing"),
        (64 * 9 + 64, nn.Conv2d(32, 64, 3), "all 32 channels"),
        (64 * 9, nn.Conv2d(32, 64, 3), "all 32 channels"),
        (32 * 64 * 3 + 64, nn.Conv2d(32, 64, 3), "3·3 weights"),
        (32 * 9 + 1, nn.Conv2d(32, 64, 3), "one filter"),
        (32 * 64 * 9 + 32, nn.Conv2d(32, 64, 3), "belongs to a filter"),
        (8 * 8 * 9 + 8, nn.Conv2d(8, 8, 3, bias=False), "no biases"),
        (400 * 120, nn.Linear(400, 120), "biases are missing"),
        (520, nn.Linear(400, 120), "multiply"),
        (400 * 120 + 400, nn.Linear(400, 120), "belongs to an output"),
        (32, nn.BatchNorm2d(32), "γ and a β"),
        (128, nn.BatchNorm2d(32), "measured, not learned"),
        (7.5, nn.BatchNorm2d(32), "whole number"),
    ],
)
def test_a_wrong_count_is_answered_with_the_mistake(answer, layer, says):
    feedback = check_parameters(answer, layer)
    assert feedback.is_right is False
    assert says in str(feedback)


def test_what_is_not_filled_in_is_said_to_be_so():
    for feedback in (check_output_size(..., size=28, kernel_size=3), check_parameters(..., nn.Linear(2, 2))):
        assert feedback.is_right is None
        assert repr(feedback) == "not filled in yet"
