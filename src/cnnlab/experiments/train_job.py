"""What a worker does with a job."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from torch import nn

from cnnlab.data import load
from cnnlab.data.imageset import ImageSet
from cnnlab.experiments.job import Job
from cnnlab.runs import Run, execute, open_run
from cnnlab.runs.folder import RunResult
from cnnlab.runs.make import reopen_run
from cnnlab.training.loop import Step


def train_job(
    job: Job,
    *,
    on_step: Callable[[Step], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> RunResult:
    """Train a job's run from where it stands; its result. Raises Stopped and UserError."""
    run, net, data = open_job(job)
    return execute(
        run,
        net,
        data,
        on_step=on_step,
        should_stop=should_stop,
        promised=job.identity,
        keeps_checkpoints=job.keeps_checkpoints,
    )


def open_job(job: Job) -> tuple[Run, nn.Module, ImageSet]:
    """A job's run, its net with its initial weights and its images. Raises UserError."""
    data = images_of(job)
    return *reopen_run(job.path, data, own_code=job.own_code), data


def images_of(job: Job) -> ImageSet:
    """The images that a job's run is trained on. Raises UserError."""
    record = open_run(job.path).config.data
    return _images(record.name, job.data_root, record.image_shape[1] if record.name.startswith("folder:") else None)


@lru_cache(maxsize=4)
def _images(name: str, data_root: str | None, image_size: int | None) -> ImageSet:
    """Loaded once a process: an experiment's jobs share a set or two."""
    return load(name, root=data_root, fetch=False, image_size=image_size)
