"""From a trained net to a file, which takes its name only when it answers as the net does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from cnnlab.data import Split
from cnnlab.data.normalise import normalise
from cnnlab.errors import UserError
from cnnlab.evaluation import eval_mode
from cnnlab.exchange.describing import description
from cnnlab.exchange.format import Format
from cnnlab.exchange.formats import find_format
from cnnlab.exchange.tracing import first_sentence
from cnnlab.runs import Run
from cnnlab.whole_files import disk_error, whole_file

#: Numbers of images at once in which a file must answer as the net does.
BATCHES = (1, 3, 64)

#: How far a logit may be from the net's, as a share of the largest logit (at least 1). Another order of the same sums
#: in float32 costs about 1e-6 of it; a layer left out or in training mode costs far more.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Exported:
    """A file that was written, opened again and compared.

    reader: what opened it. images: how many were compared. largest_difference: between its logits and the net's;
    largest_logit: the net's, by size; tolerance: the difference up to which the file is kept.
    """

    path: Path
    size_bytes: int
    reader: str
    images: int
    largest_difference: float
    largest_logit: float
    tolerance: float


def export(run: Run, net: nn.Module, images: Split, *, to: str, path: Path) -> Exported:
    """Write the trained net of `run` to `path` in a format of `FORMATS`.

    The file is read back from the disk and opened by its own reader, and answers the split's first images in batches of
    1, 3 and 64. Raises UserError when the net cannot be exported, when what the format needs is not installed, and when
    an answer differs by more than the tolerance; then no file is left under the name.
    """
    chosen = find_format(to)
    data = run.config.data
    order = torch.arange(sum(BATCHES)) % len(images)
    x = normalise(images.images[order], data.mean, data.std)
    with eval_mode(net):
        content = chosen.write(net, x[:2], description(run))
        expected = [net(batch) for batch in x.split(BATCHES)]
        largest = max(float(each.abs().max()) for each in expected)
        tolerance = TOLERANCE * max(1.0, largest)
        try:
            with whole_file(path) as file:
                file.write(content)
                file.seek(0)
                found = _answers(chosen, file.read(), net, x, path)
                difference = max(float((one - other).abs().max()) for one, other in zip(found, expected, strict=True))
                if not difference <= tolerance:  # NaN is no answer
                    raise UserError(
                        f"{path}: opened by {chosen.reader} it answers up to {difference:.1e} away from the net; "
                        f"expected at most {tolerance:.1e}: the file was not kept; try another --to, and see whether "
                        "the net gives the same answer twice"
                    )
        except OSError as error:
            raise disk_error(path, error) from error
    return Exported(path, len(content), chosen.reader, len(x), difference, largest, tolerance)


def _answers(chosen: Format, content: bytes, net: nn.Module, images: Tensor, path: Path) -> list[Tensor]:
    """What a file's content answers to images in batches of `BATCHES`."""
    try:
        answer = chosen.open(content, net)
        return [answer(batch) for batch in images.split(BATCHES)]
    except Exception as error:  # each reader has errors of its own
        raise UserError(
            f"{path}: {chosen.reader} cannot run it in batches of {', '.join(map(str, BATCHES))}: "
            f"{first_sentence(error)}; expected it to: the file was not kept; try another --to"
        ) from error
