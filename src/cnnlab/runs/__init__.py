"""The run folder: the only reader and writer of it, and the way from a config to a finished run."""

from cnnlab.runs.executing import execute
from cnnlab.runs.folder import Run
from cnnlab.runs.opening import open_run

__all__ = ["Run", "execute", "open_run"]
