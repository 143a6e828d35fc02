"""Ways to train an experiment's jobs: one after another in this process, or several at a time in others."""

from cnnlab.experiments.engines.engine import Engine, OnProgress, Outcome
from cnnlab.experiments.engines.here import InProcess
from cnnlab.experiments.engines.processes import Processes, available_cores

__all__ = ["Engine", "InProcess", "OnProgress", "Outcome", "Processes", "available_cores"]
