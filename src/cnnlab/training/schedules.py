"""How the learning rate moves over a run: pure functions of the share of the run that is done."""

from __future__ import annotations

import math

from cnnlab.config import Schedule


def rate_factor(schedule: Schedule, done: float, *, warmup: float) -> float:
    """The learning rate at a step, as a share of the peak rate.

    done: share of all steps taken before this one, 0 ≤ done < 1. warmup: share spent rising from 0 to the peak in a
    straight line (one-cycle and cosine).

    - constant: 1 throughout
    - one-cycle: up in a straight line, then down in a straight line to 0 (Smith 2018, "1cycle", without its momentum
      cycle and its last, far smaller phase)
    - cosine: up in a straight line, then half a cosine down to 0 (Loshchilov, Hutter 2017, without restarts)
    - step: divided by 10 after half and again after three quarters of the run (He et al. 2016, §4.2)
    """
    if schedule == "constant":
        return 1.0
    if schedule == "step":
        return 1.0 if done < 0.5 else 0.1 if done < 0.75 else 0.01
    if done < warmup:
        return done / warmup
    falling = (done - warmup) / (1 - warmup)
    return 1 - falling if schedule == "one-cycle" else (1 + math.cos(math.pi * falling)) / 2
