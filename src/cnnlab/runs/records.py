"""What is read from a run's folder, an experiment's or a lesson's: as if a stranger had written it.

A file is a regular one and no longer than its kind may be, JSON is one object, and every value is checked before it is
used. A key that this version does not know is refused, as a newer version may mean by it that the others are to be read
differently; nothing is written then. Lines of metrics.jsonl alone are read past such keys, each line being a record of
its own, and are kept byte for byte. JSON is read without PyTorch, which takes seconds to load.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors

from cnnlab.config import DataRecord, Record, RunConfig, checked
from cnnlab.errors import UserError
from cnnlab.plain_files import open_plain, read_plain

if TYPE_CHECKING:
    from torch import Tensor

#: The most bytes of a record: config, environment, result, diverged, saved, lesson. A thousand classes make 30,000.
RECORD_BYTES = 4_000_000
#: Of evaluation.json; 100,000 mistakes make 13 million.
EVALUATION_BYTES = 32_000_000
#: Of metrics.jsonl; 100,000 epochs make 45 million.
METRICS_BYTES = 64_000_000
#: Of one of its lines; an epoch's makes 450.
LINE_BYTES = 100_000
#: Of claims.json; that of all claims has 100,000.
ROUND_BYTES = 16_000_000
#: Of a sampler's journal; 1,000 trials make a million.
JOURNAL_BYTES = 32_000_000
#: Of a page that is handed out; an explorer with its moments has 20 million.
PAGE_BYTES = 100_000_000
#: Of the weights or the state of a net.
TENSORS_BYTES = 4_000_000_000
#: Of unlike.safetensors; 1,024 features, the components of 10 classes and 10,000 images make 25 million.
UNLIKE_BYTES = 64_000_000
#: Of what a safetensors file says of its tensors and of itself; a net of 1,000 layers makes 400,000.
HEADER_BYTES = 4_000_000


def read_record(kind: type[Record], path: Path, *, limit: int = RECORD_BYTES) -> Record:
    """The record that a JSON file holds. Raises UserError where it is missing, damaged or not of that kind."""
    return checked(kind, read_json(path, limit=limit), str(path), is_file=True)


def data_record(run_path: Path) -> DataRecord | None:
    """What a run folder says of its images; None where it is no run that can be read: `open_run` tells why."""
    try:
        return read_record(RunConfig, run_path / "config.json").data
    except UserError:
        return None


def read_json(path: Path, *, limit: int = RECORD_BYTES) -> dict[str, Any]:
    """The object that a JSON file of at most `limit` bytes holds. Raises UserError when it is missing or damaged."""
    return parse_json(read_file(path, limit=limit), str(path))


def read_file(path: Path, *, limit: int) -> bytes:
    """A file's bytes, at most `limit`. Raises UserError when it is missing, or no such file, or may not be read."""
    try:
        return read_plain(path, limit=limit)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; expected it in a finished run: go on with the run by --resume") from None
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError) -> UserError:
    """What to tell a user whose system would not open a file."""
    return UserError(
        f"{path} cannot be read ({(error.strerror or str(error)).lower()}); expected a file that you may read: check "
        "the path and who may read it"
    )


def parse_json(content: bytes | str, what: str, *, mend: str = "train the run again") -> dict[str, Any]:
    """The object that JSON holds. what: the thing at fault, as the user knows it. Raises UserError for all else."""
    try:
        text = content if isinstance(content, str) else content.decode()
        record = json.loads(text, object_pairs_hook=_each_key_once)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(record, ensure_ascii=False).encode()  # half of a pair of UTF-16 is no text and cannot be written
    except UnicodeError:
        reason = "it is not UTF-8"
    except RecursionError:
        reason = "it is nested too deeply"
    except ValueError as error:  # no JSON, a key twice, a number of thousands of digits
        reason = str(error)
    else:
        if isinstance(record, dict):
            return record
        reason = f"it is a {type(record).__name__}" if record is not None else "it is null"
    raise UserError(f"{what} is damaged: {reason[:200]}; expected a JSON object: {mend}")


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        times = Counter(key for key, _ in pairs)
        raise ValueError(f"the key {next(key for key in record if times[key] > 1)!r} stands in it twice")
    return record


def read_tensors(path: Path, *, limit: int = TENSORS_BYTES) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a safetensors file of at most `limit` bytes, mapped and so not yet in memory, and its metadata.

    Raises UserError when the file is missing or damaged.
    """
    try:
        with open_plain(path, limit=limit) as file:
            header = int.from_bytes(file.read(8), "little")
        if header > HEADER_BYTES:
            raise UserError(
                f"{path} is damaged (a header of {header:,} bytes); expected a safetensors file: train the run again"
            )
        with safetensors.safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 - not a dict
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing; expected the weights of a trained net: go on with the run by --resume"
        ) from None
    except OSError as error:
        raise unreadable(path, error) from None
    except (safetensors.SafetensorError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is damaged ({reason}); expected a safetensors file: train the run again") from None


def tensors_in(content: bytes, what: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The same of a safetensors file that is in memory. what: it, as the user knows it. Raises UserError if damaged."""
    import safetensors.torch

    header = int.from_bytes(content[:8], "little")
    if header > HEADER_BYTES:
        raise UserError(
            f"{what} is damaged (a header of {header:,} bytes); expected a safetensors file: train the run again"
        )
    try:
        tensors = safetensors.torch.load(content)
        metadata = json.loads(content[8 : 8 + header]).get("__metadata__")
    except (safetensors.SafetensorError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{what} is damaged ({reason}); expected a safetensors file: train the run again") from None
    return tensors, metadata or {}


def require_fit(what: str, got: Mapping[str, Tensor], expected: Mapping[str, Tensor], *, mend: str) -> None:
    """Raise UserError unless tensors have the names, shapes and types of those expected, of which none is read.

    what: the thing at fault, as `runs/a/weights.safetensors: its weights do not fit lenet5`.
    """
    for name in sorted(got.keys() | expected.keys()):
        if _form(got.get(name)) != _form(expected.get(name)):
            raise UserError(
                f"{what}: {name[:100]} is {_form(got.get(name))}; expected {_form(expected.get(name))}: {mend}"
            )


def _form(tensor: Tensor | None) -> str:
    if tensor is None:
        return "not there"
    shape = "×".join(map(str, tensor.shape)) or "one number"
    return f"{shape} of {str(tensor.dtype).removeprefix('torch.')}"


def are_finite(tensors: Mapping[str, Tensor]) -> bool:
    """Whether no number of them is NaN or infinite."""
    import torch

    return all(bool(torch.isfinite(value).all()) for value in tensors.values())
