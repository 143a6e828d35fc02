"""From a run's config to its folder, found again by the hash of all that decides its figures."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from cnnlab.config import RunConfig
from cnnlab.errors import UserError
from cnnlab.experiments.job import Job
from cnnlab.plain_files import place_in
from cnnlab.runs import open_run
from cnnlab.runs.folder import HoldsRun, create_run
from cnnlab.runs.identity import Identity, require_same


def config_hash(config: RunConfig) -> str:
    """Twelve hex digits of the SHA-256 of all that decides a run's figures.

    Left out is where its images lie, and what follows from them or from their name; and a field that came later, where
    it has the value by which a run is as before: runs of earlier versions are found again.
    """
    values = config.model_dump(mode="json")
    for name in ("source", "notes", "split_note", "border", "unpadded"):
        del values["data"][name]
    if config.training.balance == "none":
        del values["training"]["balance"]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def job_hash(config: RunConfig, identity: Identity) -> str:
    """Twelve hex digits of the SHA-256 of a config, but for its seed, and the identity that it is trained with.

    What an identity does not have is left out, as where it came later.
    """
    parts = [config_hash(config.model_copy(update={"seed": 0})), identity.model_dump_json(exclude_none=True)]
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:12]


def make_job(
    folder: Path, config: RunConfig, identity: Identity, *, data_root: str | None = None, own_code: str | None = None
) -> Job:
    """The job for a config, in `folder`/NET-HASH-sSEED: made anew, or found again whether finished or not.

    identity: what the engine trains it with. Raises UserError where the folder cannot be written to, and where it holds
    another config, or was begun with another identity, than its name says.
    """
    net = Path(config.net.name.rpartition(":")[2]).stem
    path = place_in(folder, f"{net}-{job_hash(config, identity)}-s{config.seed}")
    try:
        create_run(path, config)
    except HoldsRun:
        run = open_run(path)
        if config_hash(run.config) != config_hash(config):
            raise UserError(
                f"{path} holds another run than its name says; expected none or the same: move it away"
            ) from None
        begun = run.identity()
        if begun is not None:
            require_same(path, begun, identity)
        if run.is_finished:
            run.tidy()
    return Job(path, identity, data_root, own_code)
