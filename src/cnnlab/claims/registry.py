"""All claims, in the lesson's order. A claim's module is loaded when the claim is asked for."""

from __future__ import annotations

from importlib import import_module

from cnnlab.claims.claim import Claim
from cnnlab.errors import UserError, nearest

#: Ids; the module of one has its name, with _ for -.
CLAIMS = (
    "output-size",
    "conv-formula",
    "weight-sharing",
    "fewer-params",
    "receptive-field",
    "dropout-mean",
    "batchnorm-equations",
    "locality-matters",
    "pooling-invariance",
    "pooling-cost",
    "early-edges",
    "lenet-digits",
    "memorise",
    "small-data-overfits",
    "dropout-regularises",
    "dropout-ensemble",
    "batchnorm-speed",
    "batchnorm-lr",
    "batchnorm-regularises",
    "cnn-beats-dense",
)


def find_claim(name: str) -> Claim:
    """The claim of that id. Raises UserError with the nearest one."""
    if name not in CLAIMS:
        raise UserError(f"unknown claim {name}; {nearest(name, CLAIMS)}")
    return import_module(f"cnnlab.claims.{name.replace('-', '_')}").CLAIM
