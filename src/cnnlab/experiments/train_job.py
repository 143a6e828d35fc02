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
    images: ImageSet | None = None,
    on_step: Callable[[Step], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> RunResult:
    """Train a job's run from where it stands; its result. Raises Stopped and UserError.

    images: the job's, where they are at hand.
    """
    run, net, data = open_job(job, images)
    return execute(
        run,
        net,
        data,
        on_step=on_step,
        should_stop=should_stop,
        keeps_checkpoints=job.keeps_checkpoints,
        promised=job.identity,
    )


def open_job(job: Job, images: ImageSet | None = None) -> tuple[Run, nn.Module, ImageSet]:
    """A job's run, its net with its initial weights and its images. Raises UserError."""
    data = images or images_of(job)
    return *reopen_run(job.path, data, own_code=job.own_code), data


def images_of(job: Job) -> ImageSet:
    """The images that a job's run is trained on. Raises UserError."""
    return _images(*place_of(job))


def place_of(job: Job) -> tuple[str, str | None, int | None]:
    """What tells a job's images from others: the set's name, where sets lie, the images' side where it is a choice."""
    record = open_run(job.path).config.data
    return record.name, job.data_root, record.image_shape[1] if record.name.startswith("folder:") else None


def load_images(name: str, data_root: str | None, image_size: int | None) -> ImageSet:
    """The images of a place, loaded anew. Raises UserError."""
    return load(name, root=data_root, fetch=False, image_size=image_size)


#: Loaded once a process: an experiment's jobs share a set or two.
_images = lru_cache(maxsize=4)(load_images)
