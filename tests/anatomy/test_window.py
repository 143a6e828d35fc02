"""One window on one image, against PyTorch's own layers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab import UserError
from cnnlab.anatomy.window import window_axis


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 5), st.integers(0, 4), st.integers(1, 3))
def test_output_and_unread_pixels_are_pytorchs(size, kernel, stride, padding, dilation):
    image = torch.ones(1, 1, size, requires_grad=True)
    try:
        out = torch.conv1d(image, torch.ones(1, 1, kernel), stride=stride, padding=padding, dilation=dilation)
    except RuntimeError:
        with pytest.raises(UserError, match="does not fit"):
            window_axis(size, kernel, stride=stride, padding=padding, dilation=dilation)
        return
    (read,) = torch.autograd.grad(out.sum(), image)
    axis = window_axis(size, kernel, stride=stride, padding=padding, dilation=dilation)
    assert axis.output == out.shape[2]
    assert axis.unused == tuple((read[0, 0] == 0).nonzero().flatten().tolist())


def test_the_lessons_example():
    axis = window_axis(28, 5, stride=2, padding=1)
    assert axis.arithmetic == "⌊(28+2·1−5)/2⌋+1 = 13"
    assert (axis.first_pixels[0], axis.first_pixels[-1]) == (-1, 23)
    assert axis.padding_read == (1, 0)
    assert axis.unused == ()
