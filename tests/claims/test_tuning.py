"""A seed's learning rate is chosen on the other seeds' validation."""

from __future__ import annotations

from math import inf

import pytest

from cnnlab.claims.tuning import best_rates


def test_a_seed_has_no_say_in_its_own_rate():
    """At 0.1 seed 0 is lucky: that decides for the others, not for itself."""
    accuracies = {0.01: (0.80, 0.80, 0.80), 0.1: (0.99, 0.79, 0.79)}
    assert best_rates(accuracies) == (0.01, 0.1, 0.1)


def test_one_seed_chooses_for_itself():
    assert best_rates({0.01: (0.8,), 0.1: (0.9,)}) == (0.1,)


def test_between_equals_the_lower_loss_decides_then_the_smaller_rate():
    equal = {0.1: (0.9, 0.9), 0.01: (0.9, 0.9)}
    assert best_rates(equal) == (0.01, 0.01)
    assert best_rates(equal, {0.1: (0.2, 0.2), 0.01: (0.3, 0.3)}) == (0.1, 0.1)
    assert best_rates(equal, {0.1: (inf, inf), 0.01: (0.3, 0.3)}) == (0.01, 0.01)


@pytest.mark.parametrize("accuracies", [{}, {0.1: ()}, {0.1: (0.9,), 0.01: (0.9, 0.9)}])
def test_seeds_that_do_not_match_are_refused(accuracies):
    with pytest.raises(ValueError, match="as many seeds"):
        best_rates(accuracies)
