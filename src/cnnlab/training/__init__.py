"""Real images to a trained net: recipes, one loop, and the state that lets a run go on after any stop."""

from cnnlab.training.in_memory import TrainedNet, train
from cnnlab.training.learning_rate import find_learning_rate
from cnnlab.training.loop import Diverged, Epoch, Step, fit
from cnnlab.training.recipes import RECIPES, recipe
from cnnlab.training.state import TrainingState, start

__all__ = [
    "RECIPES",
    "Diverged",
    "Epoch",
    "Step",
    "TrainedNet",
    "TrainingState",
    "find_learning_rate",
    "fit",
    "recipe",
    "start",
    "train",
]
