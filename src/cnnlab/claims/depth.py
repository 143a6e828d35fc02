"""Nets of 2, 4 and 8 convolutions with and without batch norm, over one grid of learning rates.

Three claims rest on these runs. What batch norm does is said to depend on depth and rate (Bjorck et al. 2018,
"Understanding batch normalization"), so both are varied and everything else is equal: every hidden layer is a
convolution and normalised or none is, SGD with momentum as in Ioffe and Szegedy 2015, as many steps for every net.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from cnnlab.claims.judging import Control, Judged, Where
from cnnlab.claims.laboratory import Laboratory
from cnnlab.claims.tuning import best_rates
from cnnlab.runs import Run
from cnnlab.runs.plan import Plan
from cnnlab.training.loop import Epoch

#: Images of mnist-5k in both rounds: its 500 validation images decide well enough, and can be measured often. Batches
#: of 64 make 8 steps an epoch, and validation is measured after each of them.
DATA, EPOCHS = "mnist-5k@512", 20
STEPS = 8 * EPOCHS

#: Learning rates in steps of about three.
RATES = (3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
QUICK_RATES = (1e-2, 3e-2, 1e-1, 3e-1)

#: Convolutions, half of them before each of two pools.
DEPTHS = (2, 4, 8)
QUICK_DEPTHS = (2, 4)

#: Where the control is: nets without batch norm against as many of them from other seeds.
CONTROL_DEPTH = 2

ARMS = ("with", "without")

#: Rate → a curve a seed: its epochs, or nothing where the training diverged.
Curves = Mapping[float, Sequence[tuple[Epoch, ...]]]


@dataclass(frozen=True)
class DepthDesign:
    """What was trained. nets: depth → `with` or `without` batch norm → curves. others: the control's, on other seeds.

    lesson: the lesson's own SimpleCNN, with its dense layer that is never normalised; not in a quick round.
    """

    nets: Mapping[int, Mapping[str, Curves]]
    others: Curves
    lesson: Mapping[str, Curves] | None

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rates that were tried."""
        return tuple(self.others)


def train_depths(laboratory: Laboratory) -> DepthDesign:
    """Train the design, or find it. Raises as `Laboratory.train_all`."""
    depths, rates = (QUICK_DEPTHS, QUICK_RATES) if laboratory.is_quick else (DEPTHS, RATES)
    nets = {
        (depth, arm): _net(laboratory, depth).with_net(batch_norm=arm == "with") for depth in depths for arm in ARMS
    }
    if not laboratory.is_quick:
        own = laboratory.plan("conv-net", data=DATA, epochs=EPOCHS).with_net(dropout=0.0)
        nets |= {(0, arm): own.with_net(batch_norm=arm == "with") for arm in ARMS}
    cells = [(*name, rate) for name in nets for rate in rates]
    plans = [nets[depth, arm].with_changes(optimizer="sgd", learning_rate=rate) for depth, arm, rate in cells]
    controls = [nets[CONTROL_DEPTH, "without"].with_changes(optimizer="sgd", learning_rate=rate) for rate in rates]
    trained = [[_curve(run) for run in runs] for runs in laboratory.train_all(plans, on_other_seeds=controls)]
    by_cell = dict(zip(cells, trained, strict=False))
    curves = {
        depth: {arm: {rate: by_cell[depth, arm, rate] for rate in rates} for arm in ARMS}
        for depth in dict.fromkeys(depth for depth, _ in nets)
    }
    lesson = curves.pop(0, None)
    return DepthDesign(curves, dict(zip(rates, trained[len(cells) :], strict=True)), lesson)


def over_depth(
    design: DepthDesign, compared: Callable[[Curves, Curves], Judged], *, decides_at: int, depths: Collection[int]
) -> tuple[Where, Control]:
    """A claim's rule at every one of `depths`, and on the control. compared: takes curves with batch norm, without."""
    places = tuple((float(depth), compared(*(design.nets[depth][arm] for arm in ARMS))) for depth in depths)
    control = Control.of(
        "nets without batch norm against the same nets from other seeds",
        compared(design.others, design.nets[CONTROL_DEPTH]["without"]),
    )
    return Where("convolutions", places, float(decides_at)), control


def at_best_rate(curves: Curves, score: Callable[[tuple[Epoch, ...]], float]) -> list[tuple[Epoch, ...]]:
    """Every seed's curve at the rate that scores best, higher being better, on the other seeds."""
    scores = {rate: [score(curve) for curve in of_seeds] for rate, of_seeds in curves.items()}
    return [curves[rate][i] for i, rate in enumerate(best_rates(scores))]


def _net(laboratory: Laboratory, depth: int) -> Plan:
    plan = laboratory.plan("conv-net", data=DATA, epochs=EPOCHS)
    return plan.with_net(widths=(8, 16), convs_per_block=depth // 2, hidden=0, dropout=0.0)


def _curve(run: Run | None) -> tuple[Epoch, ...]:
    return () if run is None else tuple(run.epochs())
