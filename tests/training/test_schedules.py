"""Learning-rate schedules against torch's own."""

from __future__ import annotations

import pytest
import torch

from cnnlab.training.schedules import rate_factor

STEPS = 200


def torch_rates(make) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def ours(schedule: str, warmup: float = 0.0) -> list[float]:
    return [rate_factor(schedule, step / STEPS, warmup=warmup) for step in range(STEPS)]


def test_constant_cosine_and_step_equal_torchs():
    schedulers = torch.optim.lr_scheduler
    assert ours("constant") == torch_rates(lambda o: schedulers.ConstantLR(o, factor=1))
    assert ours("cosine") == pytest.approx(torch_rates(lambda o: schedulers.CosineAnnealingLR(o, STEPS)), abs=1e-9)
    assert ours("step") == pytest.approx(torch_rates(lambda o: schedulers.MultiStepLR(o, [100, 150])))


def test_one_cycle_rises_to_the_peak_and_falls_to_zero_in_straight_lines():
    rates = ours("one-cycle", warmup=0.2)
    assert rates[0] == 0
    assert max(rates) == rates[40] == 1
    assert rates[20] == pytest.approx(0.5)
    assert rates[120] == pytest.approx(0.5)
    assert rates[-1] == pytest.approx(1 / 160)
