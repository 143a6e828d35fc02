"""The public data sets that cnnlab knows by name: facts only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class IdxFile:
    """One file of a known set.

    sha256: of its decompressed content; None where nobody published one.
    archive_sha256: of the published .gz, used where the content's is not known.
    """

    name: str
    shape: tuple[int, ...]
    sha256: str | None
    archive_sha256: str | None = None

    @property
    def length(self) -> int:
        """Bytes of the decompressed file."""
        return 4 + 4 * len(self.shape) + math.prod(self.shape)


@dataclass(frozen=True)
class KnownSet:
    """A public set of 28×28 gray images in four idx files: images and labels to train on, and to test on.

    folder: the name that PyTorch users have on disk: ROOT/folder/raw.
    mirrors: addresses to which a file's name and .gz are appended; tried in this order.
    installed: where a system package puts the files.
    best_published: the highest test accuracy (0–1) that anybody has published, by an ensemble where there is one; None
    where we know of none. A net of ours above it is more likely wrong than better.
    """

    name: str
    description: str
    folder: str
    classes: tuple[str, ...]
    preparation: str
    mirrors: tuple[str, ...]
    files: tuple[IdxFile, IdxFile, IdxFile, IdxFile]
    installed: Path | None = None
    best_published: float | None = None


#: Images cut from the end of a known set's training file for validation.
VALIDATION = 5_000

_NAMES = (
    ("train-images-idx3-ubyte", (60_000, 28, 28)),
    ("train-labels-idx1-ubyte", (60_000,)),
    ("t10k-images-idx3-ubyte", (10_000, 28, 28)),
    ("t10k-labels-idx1-ubyte", (10_000,)),
)


def _files(
    contents: tuple[str | None, ...] = (None,) * 4, archives: tuple[str | None, ...] = (None,) * 4
) -> tuple[IdxFile, IdxFile, IdxFile, IdxFile]:
    a, b, c, d = (
        IdxFile(name, shape, content, archive)
        for (name, shape), content, archive in zip(_NAMES, contents, archives, strict=True)
    )
    return a, b, c, d


MNIST = KnownSet(
    name="mnist",
    description="70,000 handwritten digits (LeCun, Cortes, Burges)",
    folder="MNIST",
    classes=tuple("0123456789"),
    preparation="digit",
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    files=_files(
        (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        )
    ),
    best_published=0.9991,  # An et al. 2020, "An ensemble of simple convolutional neural network models for MNIST"
)

FASHION_MNIST = KnownSet(
    name="fashion-mnist",
    description="70,000 photographs of clothes from Zalando's catalogue (Xiao, Rasul, Vollgraf 2017)",
    folder="FashionMNIST",
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    preparation="garment",
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    files=_files(
        (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        )
    ),
    installed=Path("/usr/share/datasets/fashion-mnist"),
    best_published=0.9691,  # Tanveer et al. 2020, "Fine-Tuning DARTS for Image Classification"
)

KMNIST = KnownSet(
    name="kmnist",
    description="70,000 cursive Japanese hiragana from old books (Clanuwat et al. 2018)",
    folder="KMNIST",
    classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    preparation="digit",
    mirrors=(
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    ),
    files=_files(
        archives=(
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        )
    ),
)

KNOWN: dict[str, KnownSet] = {known.name: known for known in (MNIST, FASHION_MNIST, KMNIST)}
