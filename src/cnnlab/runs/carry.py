"""A run's files taken to another machine and back, where the two share no disk."""

from __future__ import annotations

from cnnlab.config import checked
from cnnlab.runs.folder import Run, RunResult
from cnnlab.runs.records import TENSORS_BYTES, parse_json, read_file

#: What a run comes to hold besides its config, in an order in which a kill between two files leaves a run that resumes:
#: a state never before the weights that belong to it, and last what says that the run is finished.
_ORDER = (
    "environment.json",
    "metrics.jsonl",
    "weights.safetensors",
    "resume.safetensors",
    "test-openings.jsonl",
    "evaluation.json",
    "diverged.json",
    "result.json",
)


def pack_run(run: Run) -> dict[str, bytes]:
    """All that training has written of a run so far, by file name; its config and its page are left out.

    Raises UserError where one of them may not be read.
    """
    return {name: read_file(run.path / name, limit=TENSORS_BYTES) for name in _ORDER if (run.path / name).exists()}


def unpack_run(run: Run, files: dict[str, bytes]) -> None:
    """Write packed files into a run's folder, whole, and the result, which names the folder, last.

    Raises UserError when the disk refuses.
    """
    for name in _ORDER:
        if name == "result.json" and name in files:
            record = checked(RunResult, parse_json(files[name], name), name)
            run.write_result(record.model_copy(update={"run": str(run.path)}))
        elif name in files:
            run.write(name, files[name])
