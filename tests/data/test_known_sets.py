from __future__ import annotations

import gzip
import http.server
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from cnnlab.data import loading, places
from cnnlab.data.fetching import fetch
from cnnlab.data.known import KNOWN
from cnnlab.data.loading import load


@pytest.fixture
def place(tiny, monkeypatch) -> Iterator[Callable[..., None]]:
    """Make `load("tiny")` known, with the mirrors given."""
    monkeypatch.setattr(loading, "VALIDATION", 5)

    def know(*mirrors: str, **kwargs: bool) -> None:
        monkeypatch.setitem(KNOWN, "tiny", tiny.known(*mirrors, **kwargs))

    know()
    return know


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """Serve a folder on 127.0.0.1; the requested paths are collected in `serve.asked`."""
    servers = []

    def start(folder: Path) -> str:
        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args: object) -> None:
                super().__init__(*args, directory=str(folder))

            def log_message(self, format: str, *args: object) -> None:
                start.asked.append(self.path)

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/"

    start.asked = []
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def nobody() -> str:
    """An address at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/"


@pytest.mark.parametrize("packed", [True, False])
def test_loads_from_the_data_root(tiny, place, tmp_path, packed):
    tiny.write(tmp_path / "root/Tiny/raw", packed=packed)
    images = load("tiny", root=tmp_path / "root", cache=tmp_path / "cache", fetch=False)
    train, train_labels, test, test_labels = tiny.arrays
    assert torch.equal(images.train.images, torch.from_numpy(train[:25, None]))
    assert torch.equal(images.validation.images, torch.from_numpy(train[25:, None]))
    assert torch.equal(images.test.images, torch.from_numpy(test[:, None]))
    assert images.train.labels.tolist() == train_labels[:25].tolist()
    assert images.validation.labels.tolist() == train_labels[25:].tolist()
    assert images.test.labels.tolist() == test_labels.tolist()
    assert images.train.images.dtype == torch.uint8
    assert images.train.labels.dtype == torch.int64
    assert images.mean[0] == pytest.approx(train[:25].mean() / 255)
    assert images.std[0] == pytest.approx(train[:25].std() / 255)
    assert images.source.startswith("data root: ")
    assert images.notes == ()


def test_the_data_root_comes_from_the_environment_too(tiny, place, tmp_path, monkeypatch):
    tiny.write(tmp_path / "root/Tiny/raw")
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path / "root"))
    assert load("tiny", cache=tmp_path / "cache", fetch=False).source.startswith("data root")


def test_places_are_tried_in_order(tiny, tmp_path):
    import dataclasses

    known = dataclasses.replace(tiny.known(), installed=tmp_path / "installed")

    def origin() -> str | None:
        found = places.search(known, root=tmp_path / "root", cache=tmp_path / "cache").found
        return found and found.origin

    (tmp_path / "root").mkdir()
    assert origin() is None
    tiny.write(tmp_path / "installed")
    assert origin() == "Debian package"
    tiny.write(tmp_path / "cache/Tiny/raw")
    assert origin() == "cache"
    tiny.write(tmp_path / "root/Tiny/raw", packed=False)
    assert origin() == "data root"


def test_a_damaged_cache_is_passed_over_and_reported(tiny, tmp_path):
    known = tiny.known()
    raw = tiny.write(tmp_path / "cache/Tiny/raw")
    (raw / f"{tiny.names[2]}.gz").unlink()
    outcome = places.search(known, cache=tmp_path / "cache")
    assert outcome.found is None
    assert tiny.names[2] in (outcome.problem or "")


def corrupt_content(tiny, raw: Path) -> None:
    content = bytearray(tiny.contents[0])
    content[40] ^= 1
    (raw / f"{tiny.names[0]}.gz").write_bytes(gzip.compress(bytes(content)))


def truncate(tiny, raw: Path) -> None:
    (raw / f"{tiny.names[0]}.gz").write_bytes(tiny.archives[0][:100])


def cut_the_content(tiny, raw: Path) -> None:
    (raw / f"{tiny.names[0]}.gz").write_bytes(gzip.compress(tiny.contents[0][:-7]))


def lengthen_the_content(tiny, raw: Path) -> None:
    (raw / f"{tiny.names[0]}.gz").write_bytes(gzip.compress(tiny.contents[0] + b"more"))


def swap(tiny, raw: Path) -> None:
    (raw / f"{tiny.names[0]}.gz").write_bytes(tiny.archives[2])


def write_a_page(tiny, raw: Path) -> None:
    (raw / f"{tiny.names[0]}.gz").write_bytes(b"<html>404</html>")


def remove(tiny, raw: Path) -> None:
    (raw / f"{tiny.names[0]}.gz").unlink()


def empty(tiny, raw: Path) -> None:
    (raw / f"{tiny.names[0]}.gz").write_bytes(b"")


def replace_by_a_folder(tiny, raw: Path) -> None:
    (raw / f"{tiny.names[0]}.gz").unlink()
    (raw / f"{tiny.names[0]}.gz").mkdir()


def replace_by_a_dead_link(tiny, raw: Path) -> None:
    (raw / f"{tiny.names[0]}.gz").unlink()
    (raw / f"{tiny.names[0]}.gz").symlink_to(raw / "nowhere")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (corrupt_content, "SHA-256"),
        (truncate, "truncated gzip"),
        (cut_the_content, "is truncated: 489 bytes, expected 496"),
        (lengthen_the_content, "holds more than 496 bytes"),
        (swap, "has the shape (10, 4, 4); expected (30, 4, 4)"),
        (write_a_page, "is not an idx file"),
        (empty, "begins with nothing"),
        (remove, "is missing"),
        (replace_by_a_folder, "is a folder"),
        (replace_by_a_dead_link, "cannot be read"),
    ],
)
def test_a_bad_file_in_the_data_root_is_an_error_even_when_the_cache_is_good(
    tiny, place, tmp_path, refused, damage, words
):
    raw = tiny.write(tmp_path / "root/Tiny/raw")
    tiny.write(tmp_path / "cache/Tiny/raw")
    damage(tiny, raw)
    text = refused(load, "tiny", root=tmp_path / "root", cache=tmp_path / "cache")
    assert words in text
    assert str(raw / tiny.names[0]) in text


def test_a_file_without_permission_is_an_error(tiny, place, tmp_path, refused, monkeypatch):
    tiny.write(tmp_path / "root/Tiny/raw")

    def deny(path: Path, **_: object) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("cnnlab.data.places.read_plain", deny)
    assert "Permission denied" in refused(load, "tiny", root=tmp_path / "root")


def test_a_folder_without_permission_is_an_error(tiny, place, tmp_path, refused, monkeypatch):
    tiny.write(tmp_path / "root/Tiny/raw")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "mend its permissions" in refused(load, "tiny", root=tmp_path / "root")


def test_a_data_root_that_does_not_exist_is_an_error(tiny, place, tmp_path, refused, monkeypatch):
    assert "--data-root" in refused(load, "tiny", root=tmp_path / "nowhere")
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path / "nowhere"))
    assert "CNNLAB_DATA" in refused(load, "tiny")


def test_without_fetching_an_absent_set_is_an_error(place, tmp_path, refused):
    assert "--data-root" in refused(load, "tiny", cache=tmp_path, fetch=False)


def test_a_set_known_by_its_archives_is_verified_only_as_published(tiny, place, tmp_path):
    place(by_archive=True)
    tiny.write(tmp_path / "a/Tiny/raw")
    assert load("tiny", root=tmp_path / "a").notes == ()
    tiny.write(tmp_path / "b/Tiny/raw", packed=False)
    (note,) = load("tiny", root=tmp_path / "b").notes
    assert "not verified" in note


def test_fetches_whole_files_with_progress(tiny, place, tmp_path, serve):
    place(serve(tiny.write(tmp_path / "server")))
    seen: list[tuple[str, int, int]] = []
    images = load("tiny", cache=tmp_path / "cache", progress=lambda *step: seen.append(step))
    assert images.source.startswith("cache: ")
    assert len(images.train) == 25
    raw = tmp_path / "cache/Tiny/raw"
    assert sorted(path.name for path in raw.iterdir()) == sorted(f"{name}.gz" for name in tiny.names)
    for name, archive in zip(tiny.names, tiny.archives, strict=True):
        steps = [(done, total) for what, done, total in seen if name in what]
        assert steps.count((len(archive), len(archive))) == 1
        assert steps[-1] == (len(archive), len(archive))
    asked = len(serve.asked)
    load("tiny", cache=tmp_path / "cache")
    assert len(serve.asked) == asked


def test_a_large_file_reports_progress_on_the_way(tmp_path, serve, tiny, monkeypatch):
    from cnnlab.data import fetching

    big = os.urandom(300_000)
    (tmp_path / "server").mkdir()
    (tmp_path / "server/big.gz").write_bytes(big)
    monkeypatch.setattr(fetching, "verify", lambda *_, **__: (np.zeros(1), True))
    seen: list[tuple[int, int]] = []
    fetching._download(
        tiny.known().files[0],
        serve(tmp_path / "server") + "big.gz",
        tmp_path / "big.gz",
        "big",
        lambda _, done, total: seen.append((done, total)),
    )
    assert (tmp_path / "big.gz").read_bytes() == big
    assert len(seen) >= 4
    assert seen == sorted(set(seen))
    assert {total for _, total in seen} == {300_000}
    assert seen[-1] == (300_000, 300_000)


def test_a_failing_mirror_leads_to_the_next(tiny, place, tmp_path, serve):
    (tmp_path / "nothing").mkdir()
    wrong = tiny.write(tmp_path / "wrong")
    corrupt_content(tiny, wrong)
    (wrong / f"{tiny.names[1]}.gz").write_bytes(tiny.archives[1][:20])
    good = tiny.write(tmp_path / "good")
    place(nobody(), serve(tmp_path / "nothing"), serve(wrong), serve(good))
    assert len(load("tiny", cache=tmp_path / "cache").test) == 10


def test_when_all_mirrors_fail_the_error_names_each_and_nothing_is_left(tiny, place, tmp_path, serve, refused):
    (tmp_path / "nothing").mkdir()
    wrong = tiny.write(tmp_path / "wrong")
    corrupt_content(tiny, wrong)
    mirrors = [nobody(), serve(tmp_path / "nothing"), serve(wrong)]
    place(*mirrors)
    text = refused(load, "tiny", cache=tmp_path / "cache")
    for mirror in mirrors:
        assert mirror in text
    for words in ("no connection", "HTTP 404", "SHA-256", "--data-root"):
        assert words in text
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_an_archive_of_another_hash_is_not_taken(tiny, place, tmp_path, serve, refused):
    server = tiny.write(tmp_path / "server")
    (server / f"{tiny.names[0]}.gz").write_bytes(gzip.compress(tiny.contents[0], 1, mtime=5))
    place(serve(server), by_archive=True)
    assert "is not the published archive" in refused(load, "tiny", cache=tmp_path / "cache")


@pytest.mark.parametrize("packed", [True, False])
def test_a_damaged_file_in_the_cache_alone_is_fetched_again(tiny, place, tmp_path, serve, packed):
    place(serve(tiny.write(tmp_path / "server")))
    raw = tiny.write(tmp_path / "cache/Tiny/raw", packed=packed)
    (raw / f"{tiny.names[0]}{'.gz' if packed else ''}").write_bytes(b"\x1f\x8bdamaged")
    assert len(load("tiny", cache=tmp_path / "cache").train) == 25
    assert len(serve.asked) == 1


def test_a_cache_that_cannot_be_written_is_done_without(tiny, place, tmp_path, serve):
    place(serve(tiny.write(tmp_path / "server")))
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert len(load("tiny", cache=tmp_path / "cache").train) == 25
    assert (tmp_path / "cache").read_text() == "a file where the folder should be"


def test_a_full_disk_leaves_nothing_behind(tiny, place, tmp_path, serve, refused, monkeypatch):
    place(serve(tiny.write(tmp_path / "server")))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in refused(load, "tiny", cache=tmp_path / "cache")
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_an_interruption_leaves_nothing_behind(tiny, tmp_path, serve):
    known = tiny.known(serve(tiny.write(tmp_path / "server")))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(known, tmp_path / "raw", progress=interrupt)
    assert list((tmp_path / "raw").iterdir()) == []


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_real_sets(full_sets, name):
    images = load(name, root=full_sets, fetch=False)
    assert images.image_shape == (1, 28, 28)
    assert [len(images.split(s)) for s in ("train", "validation", "test")] == [55_000, 5_000, 10_000]
    assert torch.bincount(images.test.labels).tolist() == [1_000] * 10 or name == "mnist"
    raw = full_sets / KNOWN[name].folder / "raw"
    pixels = np.frombuffer(gzip.decompress((raw / "train-images-idx3-ubyte.gz").read_bytes()), np.uint8)[16:]
    assert np.array_equal(images.train.images.numpy().ravel(), pixels[: 55_000 * 784])
    labels = np.frombuffer(gzip.decompress((raw / "train-labels-idx1-ubyte.gz").read_bytes()), np.uint8)[8:]
    assert images.validation.labels.tolist() == labels[-5_000:].tolist()
    assert images.mean[0] == pytest.approx(pixels[: 55_000 * 784].mean() / 255, abs=1e-12)


def test_an_unknown_name_gets_the_nearest(refused, tmp_path):
    assert "did you mean mnist?" in refused(load, "mnits")
    assert f"did you mean folder:{tmp_path}?" in refused(load, str(tmp_path))
    (tmp_path / "x.npz").write_bytes(b"")
    assert "did you mean npz:" in refused(load, str(tmp_path / "x.npz"))
    assert "known: mnist-5k" in refused(load, "imagenet:full")


def test_an_image_size_lays_zeros_round_the_images_of_any_set(refused):
    padded = load("mnist-5k@200", image_size=32)
    assert (padded.name, padded.image_shape, padded.unpadded) == ("mnist-5k@200+padded-to-32", (1, 32, 32), (28, 28))
    assert load(padded.name, image_size=32) == padded
    assert load("mnist-5k@200", image_size=28) == load("mnist-5k@200")
    assert "expected a side of 28 to 4096" in refused(load, "mnist-5k@200", image_size=20)
