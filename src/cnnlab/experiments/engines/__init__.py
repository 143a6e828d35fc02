"""Ways to train an experiment's jobs: one after another in this process, several at a time in others, or on a cluster.

The cluster's is not named here: it needs Ray, which is an extra.
"""

from cnnlab.experiments.engines.engine import Engine, OnProgress, Outcome
from cnnlab.experiments.engines.here import InProcess
from cnnlab.experiments.engines.processes import Processes, available_cores

__all__ = ["Engine", "InProcess", "OnProgress", "Outcome", "Processes", "available_cores"]
