"""How much there is to do for a training, to be told before it is trained."""

from __future__ import annotations

from collections.abc import Sequence

from cnnlab.anatomy import describe
from cnnlab.config import RunConfig
from cnnlab.errors import UserError
from cnnlab.experiments.job import Job
from cnnlab.nets import build_net
from cnnlab.own_code import own_mistakes
from cnnlab.runs import open_run
from cnnlab.training.loop import REMEASURED

#: Multiply-adds that an image costs besides those of the net, in its batch and on its way there.
_AN_IMAGE = 300_000


def work_of(config: RunConfig, costs: dict[str, int], *, own_code: str | None = None) -> float:
    """What a training costs, in multiply-adds, roughly. costs: of nets that were asked about before, filled here.

    A step costs three forward passes of its batch; each epoch measures training images again, and validation. own_code:
    the user's own net, if it is one. Raises UserError where that cannot be made.
    """
    net = config.net.model_dump_json()
    if net not in costs:
        shape, classes = config.data.image_shape, len(config.data.classes)
        module = build_net(config.net, image_shape=shape, num_classes=classes, seed=0, own_code=own_code)
        costs[net] = describe(module, shape).macs + _AN_IMAGE
    images = config.data.images
    an_epoch = 3 * images["train"] + min(images["train"], REMEASURED) + images["validation"]
    return costs[net] * (config.training.epochs * an_epoch + images["validation"] + images["test"])


def longest_first(jobs: Sequence[Job], costs: dict[str, int]) -> list[Job]:
    """The jobs with the most work before those with less, equal ones as they come: the last to end is then a short one.

    costs: as for `work_of`. A net that cannot be taken apart comes last; who trains it says why, if it matters.
    """
    work = {}
    for job in jobs if len(jobs) > 1 else ():
        try:
            with own_mistakes():
                work[job] = work_of(open_run(job.path).config, costs, own_code=job.own_code)
        except UserError:
            pass
    return sorted(jobs, key=lambda job: -work.get(job, 0.0))
