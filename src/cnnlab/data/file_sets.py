"""A data set that lies in several files, found by what their names say: of which set, which part, images or labels."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from cnnlab.data.known import KMNIST, KNOWN, KnownSet
from cnnlab.errors import UserError

#: The names of LeCun's files and their kin: `train-images-idx3-ubyte.gz`, `emnist-letters-test-labels.idx1-ubyte`.
IDX = (
    re.compile(
        r"(?:(?P<set>.+?)[-_.])?(?P<part>train|test|t10k|val|valid|validation)[-_.](?P<what>images|labels)"
        r"[-_.]idx[1-9][-_.](?:ubyte|int)(?:\.gz)?",
        re.IGNORECASE,
    ),
)

#: Of arrays in a file each: `kmnist-train-imgs.npz`, `X_kannada_MNIST_train.npz`.
NPZ = (
    re.compile(
        r"(?:(?P<set>.+?)[-_.])?(?P<part>train|test|val|valid|validation)[-_.](?P<what>imgs|images|labels)\.npz",
        re.IGNORECASE,
    ),
    re.compile(r"(?P<what>X|y)_(?P<set>.+)_(?P<part>train|test|val)\.npz", re.IGNORECASE),
)

_PARTS = {"t10k": "test", "val": "validation", "valid": "validation"}
_WHATS = {"imgs": "images", "x": "images", "y": "labels"}
_MOST_ENTRIES = 100_000  # of a folder; of more only so many are looked at
_MOST_FOLDERS = 100  # inside it that are looked into


@dataclass(frozen=True)
class FileSet:
    """The files of one set. name: what stands before `train` in their names, or "". files: by part and what they hold.

    Parts are train, validation and test, or `all` where no name says test; each has images and labels.
    """

    name: str
    folder: Path
    files: dict[tuple[str, str], Path]

    @property
    def parts(self) -> list[str]:
        """In their usual order."""
        return [part for part in ("all", "train", "validation", "test") if (part, "images") in self.files]

    @property
    def like(self) -> KnownSet | None:
        """The known set that the files, or the folder of files without such a name, are called after."""
        named = self.name or (self.folder.parent if self.folder.name.casefold() == "raw" else self.folder).name
        return next((known for known in KNOWN.values() if _plain(named) == _plain(known.name)), None)

    @property
    def preparation(self) -> str:
        """How a photograph becomes such an image, by the set's name."""
        plain = _plain(self.name)
        if any(word in plain for word in ("emnist", "qmnist", "k49", "kannadamnist")):
            return KMNIST.preparation
        return self.like.preparation if self.like else "resize"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def file_set(place: Path, patterns: Sequence[re.Pattern[str]], kind: str) -> FileSet | None:
    """The set that a path means: a folder of its files, or of one folder that holds them; one of its files; or
    FOLDER/NAME, where the files' names begin with NAME. None where there is none.

    patterns: of the files' names. kind: the word before the path, for messages. Raises UserError where a folder holds
    several sets, and where files of the set are missing.
    """
    wanted = None
    if place.is_dir():
        folders = [place, *folders_in(place)]
    else:
        matched = _matched(place.name, patterns)
        wanted = matched[0] if matched else place.name.casefold()
        folders = [place.parent]
    for folder in folders:
        found = _sets_in(folder, patterns)
        if wanted is not None:
            found = {name: files for name, files in found.items() if name.casefold() == wanted.casefold()}
        if len(found) > 1:
            names = [name or "files without a name" for name in found]
            raise UserError(
                f"{folder} holds {len(found)} sets ({', '.join(names[:10])}{' …' if len(names) > 10 else ''}); "
                f"expected one: name it, such as {kind}:{folder / next(filter(None, found))}"
            )
        if found:
            name, files = next(iter(found.items()))
            return FileSet(name, folder, _checked(folder, name, files))
    return None


def holds_set(folder: Path, patterns: Sequence[re.Pattern[str]]) -> bool:
    """Whether a folder itself holds files of such names."""
    return bool(_sets_in(folder, patterns))


def _checked(folder: Path, name: str, files: dict[tuple[str, str], Path]) -> dict[tuple[str, str], Path]:
    parts = {part for part, _ in files}
    for part in sorted(parts | {"train"}):
        for what, other in (("images", "labels"), ("labels", "images")):
            if (part, what) not in files:
                beside = files.get((part, other))
                there = f"beside {beside.name}" if beside else f"as there are others of {name or 'this set'}"
                raise UserError(
                    f"{folder} holds no file of {part} {what}; expected one {there}: put it there, or take the others "
                    "of that part away"
                )
    return files if parts != {"train"} else {("all", what): path for (_, what), path in files.items()}


def _sets_in(folder: Path, patterns: Sequence[re.Pattern[str]]) -> dict[str, dict[tuple[str, str], Path]]:
    found: dict[str, dict[tuple[str, str], Path]] = {}
    for path in sorted(_entries(folder)):
        matched = _matched(path.name, patterns)
        if matched and path.is_file():
            name, part, what = matched
            found.setdefault(name, {}).setdefault((part, what), path)  # sorted: unpacked comes before .gz
    return found


def _matched(name: str, patterns: Sequence[re.Pattern[str]]) -> tuple[str, str, str] | None:
    matched = next(filter(None, (pattern.fullmatch(name) for pattern in patterns)), None)
    if matched is None or name.startswith("."):
        return None
    part, what = matched["part"].lower(), matched["what"].lower()
    return matched["set"] or "", _PARTS.get(part, part), _WHATS.get(what, what)


def folders_in(folder: Path) -> list[Path]:
    """The first hundred folders inside a folder, by name."""
    return list(islice((path for path in sorted(_entries(folder)) if path.is_dir()), _MOST_FOLDERS))


def _entries(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            yield from [Path(entry.path) for entry in islice(entries, _MOST_ENTRIES) if not entry.name.startswith(".")]
    except OSError:
        return
