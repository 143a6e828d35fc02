"""Ways to train an experiment's jobs: in this process one after another or side by side, in others, or on a cluster.

The cluster's is not named here: it needs Ray, which is an extra.
"""

from cnnlab.experiments.engines.batched import Batched
from cnnlab.experiments.engines.engine import Engine, Kind, OnProgress, Outcome
from cnnlab.experiments.engines.here import InProcess
from cnnlab.experiments.engines.processes import Processes

__all__ = ["Batched", "Engine", "InProcess", "Kind", "OnProgress", "Outcome", "Processes"]
