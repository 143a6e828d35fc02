"""What an exported file says of itself: all that somebody needs who has the file and nothing else."""

from __future__ import annotations

import json

from cnnlab.prepare import PREPARATIONS
from cnnlab.prepare.steps import preparation_steps
from cnnlab.runs import Run
from cnnlab.version import __version__


def description(run: Run) -> dict[str, str]:
    """Name → text; what is not a text by nature is JSON.

    `mean` and `std`, one a channel, belong to pixels on a scale of 0–1: what the net takes is
    `(pixel / 255 - mean) / std`.
    """
    config, data = run.config, run.config.data
    return {
        "input_layout": "NCHW",
        "input_shape": json.dumps(["batch", *data.image_shape]),
        "input_dtype": "float32",
        "pixel_range": json.dumps([0, 255]),
        "normalisation": "(pixel / 255 - mean) / std",
        "mean": json.dumps(data.mean),
        "std": json.dumps(data.std),
        "preparation": data.preparation,
        "preparation_says": PREPARATIONS[data.preparation],
        "preparation_steps": json.dumps(
            preparation_steps(data.preparation, data.image_shape, data.unpadded), ensure_ascii=False
        ),
        "output": "logits, one a class; softmax makes them probabilities",
        "classes": json.dumps(data.classes, ensure_ascii=False),
        "net": config.net.name,
        "net_options": json.dumps(config.net.options),
        "run": run.path.resolve().name,
        "data": data.name,
        "data_sha256": data.sha256,
        "cnnlab": __version__,
    }
