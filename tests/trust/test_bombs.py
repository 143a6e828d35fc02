"""Sizes are read before bytes are unpacked; nothing without end is waited for; a bad file is its own error alone."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import socketserver
import struct
import subprocess
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cnnlab.data import fetching, load
from cnnlab.data.idx import gunzip, parse_idx
from cnnlab.data.known import IdxFile, KnownSet
from cnnlab.errors import UserError
from cnnlab.prepare import prepare, read_image
from cnnlab.prepare.reading import FORMATS


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, pixels: bytes, *, colour: int = 0, before: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + before + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def says(function: Callable[..., object], *arguments: Any, **options: Any) -> str:
    """The one line of the UserError that a call ends in."""
    with pytest.raises(UserError) as caught:
        function(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


#: A palette of 256 colours with 257 transparencies, of which Pillow raises ValueError in converting.
ODD = png(8, 8, (b"\0" + bytes(range(8))) * 8, colour=3, before=chunk(b"PLTE", bytes(768)) + chunk(b"tRNS", bytes(257)))


class TestImages:
    def test_only_the_kinds_listed_are_opened(self, tmp_path: Path) -> None:
        for kind in ("PNG", "JPEG", "GIF", "BMP", "PPM", "TIFF", "WEBP"):
            Image.new("RGB", (9, 7), "red").save(tmp_path / "a.png", kind)
            assert read_image(tmp_path / "a.png").size == (9, 7)
        for kind in ("EPS", "PDF", "ICO", "TGA", "SGI", "PCX", "JPEG2000", "IM"):
            Image.new("RGB", (32, 32), "red").save(tmp_path / "a.png", kind)
            assert "not an image, or of a kind" in says(read_image, tmp_path / "a.png")

    @pytest.mark.parametrize("size", [(40, 3_735_588), (2_000_000_000, 1), (65_000, 65_000), (120_000_001, 1)])
    def test_pixels_are_counted_before_they_are_unpacked(self, tmp_path: Path, size: tuple[int, int]) -> None:
        (tmp_path / "a.png").write_bytes(png(*size, bytes(161)))
        assert "120 million pixels" in says(read_image, tmp_path / "a.png")

    def test_a_large_photograph_comes_at_half_its_size(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("cnnlab.prepare.reading._LARGE", 400_000)
        monkeypatch.setattr("cnnlab.prepare.reading._TILE", 128)
        shown = Image.new("L", (700, 601), 255)
        shown.paste(0, (300, 100, 350, 500))
        for name, saved in {"a.jpg": shown, "a.png": shown, "b.png": shown.convert("P")}.items():
            saved.save(tmp_path / name)
            read = read_image(tmp_path / name)
            assert read.size == (350, 301)
            gray = np.asarray(read.convert("L"))
            assert gray[100, [148, 152, 172, 177]].tolist() == pytest.approx([255, 0, 0, 255], abs=8)
        assert prepare(read_image(tmp_path / "a.jpg"), preparation="digit", shape=(1, 28, 28)).max() == 255

    def test_a_file_in_many_pieces_is_soon_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "scans.jpg").write_bytes(_jpeg() + b"\xff\xda\0\x08\1\1\0\1\x3f\x10" * 200)
        assert "100 scans" in says(read_image, tmp_path / "scans.jpg")
        (tmp_path / "text.ppm").write_bytes(b"P3 100 100 255\n" + b"7 " * 30_000)
        assert read_image(tmp_path / "text.ppm").size == (100, 100)
        monkeypatch.setattr("cnnlab.prepare.reading._MOST_TEXT", 50_000)
        assert "too many parts" in says(read_image, tmp_path / "text.ppm")
        monkeypatch.setattr("cnnlab.prepare.reading._MOST_BEFORE", {b"II": 400_000, b"\xff\xd8": 400_000})
        monkeypatch.setattr("cnnlab.prepare.reading._MOST_READS", 1_000)
        exif = b"\xff\xe1\xff\xff" + b"Exif\0\0II*\0\x08\0\0\0".ljust(65_533, b"\0")
        (tmp_path / "exif.jpg").write_bytes(_jpeg()[:2] + exif * 10 + _jpeg()[2:])
        assert "too many parts" in says(read_image, tmp_path / "exif.jpg")
        (tmp_path / "strips.tif").write_bytes(_tiff_of_strips(60_000))
        assert "too many parts" in says(read_image, tmp_path / "strips.tif")
        (tmp_path / "chunks.png").write_bytes(png(2, 2, bytes(6), before=chunk(b"abCd", b"") * 2_000))
        assert "too many parts" in says(read_image, tmp_path / "chunks.png")

    @pytest.mark.parametrize("preparation", ["digit", "garment", "resize"])
    @pytest.mark.parametrize("size", [(1, 1), (1, 30_000), (30_000, 1), (3, 30_000), (2, 2), (1, 399), (401, 2)])
    def test_any_size_is_prepared_or_refused(self, preparation: str, size: tuple[int, int]) -> None:
        for colour in ("white", "black"):
            image = Image.new("RGB", size, colour)
            image.putpixel((0, size[1] - 1), (90, 200, 30))
            try:
                assert prepare(image, preparation=preparation, shape=(1, 28, 28)).shape == (1, 28, 28)
            except UserError:
                assert preparation != "resize"

    def test_whatever_pillow_raises_is_the_files_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "odd.png").write_bytes(ODD)
        assert "odd.png: cannot be decoded" in says(read_image, tmp_path / "odd.png")
        (tmp_path / "good.png").write_bytes(png(2, 2, bytes(6)))
        for error in (RuntimeError("a"), MemoryError(), RecursionError("b"), AssertionError(), KeyError("c")):

            def fail(*_: object, error: Exception = error, **__: object) -> None:
                raise error

            monkeypatch.setattr(Image.Image, "getexif", fail)
            assert "good.png" in says(read_image, tmp_path / "good.png")

    def test_mutilated_files_end_in_an_image_or_one_line(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        rng = np.random.default_rng(0)
        picture = Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8))
        for kind in ("PNG", "JPEG", "GIF", "BMP", "PPM", "WEBP", "TIFF"):
            content = io.BytesIO()
            picture.save(content, kind, **{"compression": "tiff_lzw"} if kind == "TIFF" else {})
            for _ in range(40):
                spoilt = bytearray(content.getvalue())
                for place in rng.integers(0, len(spoilt), 4):
                    spoilt[place] = rng.integers(0, 256)
                (tmp_path / "a").write_bytes(bytes(spoilt))
                with suppress(UserError):
                    prepare(read_image(tmp_path / "a"), preparation="resize", shape=(3, 28, 28))
        assert capfd.readouterr().err == "", "a decoder's own lines"


def _jpeg() -> bytes:
    content = io.BytesIO()
    Image.new("L", (8, 8)).save(content, "JPEG")
    return content.getvalue()


def _tiff_of_strips(count: int) -> bytes:
    fields = [(256, 1, 100), (257, 1, 60_000), (258, 1, 8), (259, 1, 1), (262, 1, 1), (273, count, 110), (278, 1, 1)]
    fields.append((279, count, 110))
    entries = b"".join(struct.pack("<HHII", tag, 4, number, value) for tag, number, value in fields)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(fields)) + entries + bytes(4) + struct.pack("<I", 8) * count


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
class TestPipes:
    def test_images_and_arrays(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        assert "named pipe" in says(read_image, tmp_path / "pipe")
        assert "named pipe" in says(load, f"npz:{tmp_path / 'pipe'}")

    def test_folders_with_a_good_image_beside(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            for number in range(3):
                Image.new("L", (8, 8), 60 * number).save(tmp_path / name / f"{number}.png")
        os.mkfifo(tmp_path / "a/pipe.png")
        (tmp_path / "b/odd.png").write_bytes(ODD)
        said = says(load, f"folder:{tmp_path}")
        assert "pipe.png and 1 more of 8 images" in said
        assert "named pipe" in said


def npz(
    path: Path, members: dict[str, tuple[str, tuple[int, ...], int]], *, packing: int = zipfile.ZIP_DEFLATED
) -> str:
    """Write arrays by hand: dtype, shape and as many zeros as are really there."""
    with zipfile.ZipFile(path, "w", packing) as archive:
        for key, (dtype, shape, size) in members.items():
            head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
            archive.writestr(f"{key}.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + bytes(size))
    return f"npz:{path}"


IMAGES = ("|u1", (10, 4, 4), 160)
LABELS = ("<i8", (10,), 80)


class TestArrays:
    @pytest.mark.parametrize(
        ("members", "words"),
        [
            ({"images": ("|u1", (10**6, 10**3, 10**3), 160), "labels": LABELS}, "1,000,000,000,000 by its header"),
            ({"images": ("|u1", (10, 4, 4), 10**7), "labels": LABELS}, "160 by its header"),
            ({"images": ("|u1", (2**62, 4, 4), 0), "labels": LABELS}, "by its header"),
            ({"images": ("|u1", (-10, -4, 4), 160), "labels": LABELS}, "intact"),
            ({"images": IMAGES, "labels": ("<i8", (11,), 88)}, "10 images, labels 11"),
            ({"images": IMAGES, "labels": ("|V0", (10**18,), 0)}, "at most 1,000,000"),
            ({"images": ("|O", (10,), 80), "labels": LABELS}, "never unpickled"),
            ({"images": IMAGES, "labels": LABELS, "classes": ("<U9000000", (1,), 36_000_000)}, "36,000,000 bytes"),
            ({"images": ("|u1", (1_000_001, 1, 1), 1_000_001), "labels": LABELS}, "at most 1,000,000"),
        ],
    )
    def test_headers_decide(self, tmp_path: Path, members: dict[str, Any], words: str) -> None:
        assert words in says(load, npz(tmp_path / "a.npz", members))

    def test_a_labels_size_allocates_nothing(self, tmp_path: Path) -> None:
        images = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
        np.savez(tmp_path / "a.npz", images=images, labels=np.arange(60) % 2 * 10**18)
        assert load(f"npz:{tmp_path / 'a.npz'}").classes == ("0", str(10**18))
        np.savez(tmp_path / "b.npz", images=images, labels=np.arange(60), classes=np.array(["a", "b"]))
        assert "labels run to 59 but classes names 2" in says(load, f"npz:{tmp_path / 'b.npz'}")

    def test_archives_that_numpy_does_not_write(self, tmp_path: Path) -> None:
        packed = npz(tmp_path / "a.npz", {"images": IMAGES, "labels": LABELS}, packing=zipfile.ZIP_LZMA)
        assert "packed in a way" in says(load, packed)
        many = npz(tmp_path / "b.npz", {"images": IMAGES, "labels": LABELS})
        with zipfile.ZipFile(tmp_path / "b.npz", "a") as archive:
            for number in range(6_000):
                archive.writestr(f"{number:0300d}", b"")
        assert "list of members" in says(load, many)

    def test_images_by_columns_and_in_chunks_are_the_same(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rng = np.random.default_rng(0)
        labels = np.arange(60) % 3
        for shape in ((60, 5, 4), (60, 5, 4, 3), (60, 3, 5, 4)):
            images = rng.integers(0, 256, shape, dtype=np.uint8)
            np.savez(tmp_path / "rows.npz", images=images, labels=labels)
            np.savez(tmp_path / "columns.npz", images=np.asfortranarray(images), labels=labels)
            with monkeypatch.context() as patch:
                whole = load(f"npz:{tmp_path / 'rows.npz'}").sha256
                patch.setattr("cnnlab.data.unread._CHUNK", 130)
                assert load(f"npz:{tmp_path / 'rows.npz'}").sha256 == whole
                assert load(f"npz:{tmp_path / 'columns.npz'}").sha256 == whole

    def test_idx_and_gzip(self) -> None:
        header = bytes([0, 0, 8, 65]) + struct.pack(">I", 1) * 65
        assert "number of dimensions, 1 to 8" in says(parse_idx, header + b"a", name="x")
        overflow = bytes([0, 0, 8, 4]) + struct.pack(">I", 2**32 - 1) * 4
        assert "truncated" in says(parse_idx, overflow, name="x")
        assert "1,000 gzip members" in says(gunzip, gzip.compress(b"") * 5_000, name="x", limit=10)


class _Endless(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
        try:
            while True:
                self.wfile.write(bytes(1 << 16))
        except OSError:
            pass


class _Dripping(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        try:
            for byte in b"HTTP/1.0 200 OK\r\nA: " + b"a" * 10**6:
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)
        except OSError:
            pass


class _Short(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 1000000000000000000000\r\n\r\nabc")


class _Circular(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"HTTP/1.0 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n")


@pytest.fixture
def mirror() -> Iterator[Callable[[type[socketserver.StreamRequestHandler]], str]]:
    servers = []

    def start(handler: type[socketserver.StreamRequestHandler]) -> str:
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/"

    yield start
    for server in servers:
        server.shutdown()
        server.socket.close()


@pytest.mark.parametrize("handler", [_Endless, _Dripping, _Short, _Circular])
def test_a_hostile_mirror_is_named_and_the_next_is_tried(
    tmp_path: Path, mirror: Callable[..., str], monkeypatch: pytest.MonkeyPatch, handler: Any
) -> None:
    monkeypatch.setattr(fetching, "_PATIENCE_S", 0.5)
    content = bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9])
    good = gzip.compress(content)

    class Good(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + good)

    file = IdxFile("labels", (3,), hashlib.sha256(content).hexdigest())
    mirrors = (mirror(handler), mirror(Good))
    known = KnownSet("tiny", "", "Tiny", ("a", "b"), "none", mirrors, (file,) * 4)
    fetching.fetch(known, tmp_path / "raw")
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["labels.gz"]
    (tmp_path / "raw/labels.gz").unlink()
    bad = KnownSet("tiny", "", "Tiny", ("a", "b"), "none", mirrors[:1], (file,) * 4)
    assert mirrors[0] in says(fetching.fetch, bad, tmp_path / "raw")
    assert list((tmp_path / "raw").iterdir()) == []


_PEAK = """
import sys
from pathlib import Path
from cnnlab.errors import UserError
from cnnlab.prepare import prepare, read_image
try:
    prepare(read_image(sys.argv[1]), preparation="digit", shape=(1, 28, 28))
except UserError as error:
    print(error)
# ru_maxrss would count the memory of the process that started this one, too.
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(int(peak.split()[1]) * 1024 / 1e9)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_largest_image_takes_less_than_a_gigabyte_and_a_fifth(tmp_path: Path) -> None:
    most = FORMATS["PNG"]
    (tmp_path / "a.png").write_bytes(png(10_000, most // 10_000, bytes(most * 3 + most // 10_000), colour=2))
    command = [sys.executable, "-c", _PEAK, str(tmp_path / "a.png")]
    said, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "no ink found" in said
    assert float(peak) < 1.2
