"""What the tests share that train for a claim: its design, in trainings of seconds."""

from __future__ import annotations

import pytest

from cnnlab.claims import (
    depth,
    dropout_ensemble,
    dropout_regularises,
    memorise,
    pooling_invariance,
    small_data_overfits,
)


@pytest.fixture
def small_trainings(monkeypatch):
    """Every claim asks for the same nets and rates, or half of them, for an epoch or two of few images."""
    monkeypatch.setattr(depth, "DATA", "mnist-5k@128")
    monkeypatch.setattr(depth, "EPOCHS", 2)
    monkeypatch.setattr(depth, "QUICK_RATES", (0.01, 0.1))
    monkeypatch.setattr(dropout_regularises, "EPOCHS", {500: 1, 2000: 0.5})
    monkeypatch.setattr(dropout_ensemble, "EPOCHS", 0.5)
    monkeypatch.setattr(dropout_ensemble, "MASKS", (1, 3))
    monkeypatch.setattr(memorise, "EPOCHS", 5)
    monkeypatch.setattr(pooling_invariance, "EPOCHS", 1)
    monkeypatch.setattr(small_data_overfits, "STEPS", 48)
