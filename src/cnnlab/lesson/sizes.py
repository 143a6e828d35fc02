"""How much a lesson trains: in minutes on few images, or in full."""

from __future__ import annotations

from dataclasses import dataclass

from cnnlab.claims.laboratory import FULL, QUICK
from cnnlab.claims.registry import CLAIMS

#: Claims of a lesson that is not run in full: the exact ones, and the statistical ones that there is time for.
QUICK_CLAIMS = (
    "output-size",
    "conv-formula",
    "weight-sharing",
    "fewer-params",
    "receptive-field",
    "dropout-mean",
    "batchnorm-equations",
    "locality-matters",
    "pooling-cost",
    "early-edges",
    "lenet-digits",
    "memorise",
    "small-data-overfits",
)


@dataclass(frozen=True)
class Amount:
    """How much is trained. images: training images, None for all. epochs: passes over them."""

    images: int | None
    epochs: float

    def of(self, data: str) -> str:
        """The data set's name with that many training images."""
        return data if self.images is None else f"{data}@{self.images}"


@dataclass(frozen=True)
class Sizes:
    """What a lesson trains, and how much.

    data, fashion: names of the sets; fashion is the lesson's own data where Fashion-MNIST is not on this machine.
    nets: the two nets of the lesson, on all images. architectures, regularisers, best_cnn: the homework's experiments,
    on `seeds` seeds each. laboratory: what a claim trains unless it says otherwise. claims: ids, in their order.
    """

    is_full: bool
    data: str
    fashion: str
    seeds: int
    nets: Amount
    architectures: Amount
    regularisers: Amount
    best_cnn: Amount
    laboratory: Amount
    claims: tuple[str, ...]

    @property
    def has_fashion(self) -> bool:
        """Whether the fourth experiment sees Fashion-MNIST, as the homework asks."""
        return self.fashion.startswith("fashion-mnist")


def quick(data: str, fashion: str) -> Sizes:
    """A lesson of a few minutes. The claims are tested as by `cnnlab claims --quick`."""
    return Sizes(
        is_full=False,
        data=data,
        fashion=fashion,
        seeds=QUICK.seeds,
        nets=Amount(None, 12),
        architectures=Amount(1000, 6),
        regularisers=Amount(500, 16),
        best_cnn=Amount(2000, 5),
        laboratory=Amount(QUICK.train_size, QUICK.epochs),
        claims=QUICK_CLAIMS,
    )


def full(data: str, fashion: str) -> Sizes:
    """All images, five seeds, every claim: as `cnnlab claims`."""
    return Sizes(
        is_full=True,
        data=data,
        fashion=fashion,
        seeds=FULL.seeds,
        nets=Amount(None, 3),
        architectures=Amount(10_000, 3),
        regularisers=Amount(500, 16),
        best_cnn=Amount(None, 3),
        laboratory=Amount(FULL.train_size, FULL.epochs),
        claims=CLAIMS,
    )
