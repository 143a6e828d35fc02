from __future__ import annotations

import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cnnlab.data import folder as folder_module
from cnnlab.data.loading import load
from cnnlab.data.pictures import decode


def paint(path: Path, array: np.ndarray, mode: str | None = None, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def gray(value: int, side: int = 8) -> np.ndarray:
    return np.full((side, side), value, np.uint8)


@pytest.fixture
def pets(tmp_path) -> Path:
    """Ten gray 8×8 PNGs in each of cat/ and dog/; a cat's pixels are its number, a dog's 100 more."""
    base = tmp_path / "pets"
    for i in range(10):
        paint(base / f"cat/{i}.png", gray(i))
        paint(base / f"dog/{i}.PNG", gray(100 + i))
    return base


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("CNNLAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def values(split) -> list[int]:
    return split.images[:, 0, 0, 0].tolist()


@pytest.mark.usefixtures("cache")
class TestASplitFolder:
    def test_every_image_lands_once_with_its_label(self, pets):
        images = load(f"folder:{pets}")
        assert images.classes == ("cat", "dog")
        assert images.image_shape == (1, 8, 8)
        assert [len(images.split(s)) for s in ("train", "validation", "test")] == [16, 2, 2]
        everything = values(images.train) + values(images.validation) + values(images.test)
        assert sorted(everything) == [*range(10), *range(100, 110)]
        for split in (images.train, images.validation, images.test):
            assert [value >= 100 for value in values(split)] == [label == 1 for label in split.labels]
            assert torch.bincount(split.labels).tolist() == [len(split) // 2] * 2

    def test_the_split_depends_on_relative_paths_alone(self, pets, tmp_path, monkeypatch):
        first = load(f"folder:{pets}")
        elsewhere = tmp_path / "elsewhere"
        shutil.copytree(pets, elsewhere)
        listing = Path.iterdir
        monkeypatch.setattr(Path, "iterdir", lambda path: iter(sorted(listing(path), reverse=True)))
        second = load(f"folder:{elsewhere}")
        assert first.sha256 == second.sha256

    def test_a_new_file_moves_few_others(self, pets):
        before = load(f"folder:{pets}")
        paint(pets / "cat/new.png", gray(50))
        after = load(f"folder:{pets}")
        kept = set(values(before.test)) & set(values(after.test))
        assert len(kept) >= len(before.test) - 1

    def test_train_and_test_folders_are_honoured(self, pets, tmp_path):
        base = tmp_path / "given"
        shutil.copytree(pets, base / "train")
        for i in range(3):
            paint(base / f"test/cat/t{i}.png", gray(200 + i))
            paint(base / f"test/dog/t{i}.png", gray(210 + i))
        images = load(f"folder:{base}")
        assert sorted(values(images.test)) == [200, 201, 202, 210, 211, 212]
        assert len(images.validation) == 2
        assert sorted(values(images.train) + values(images.validation)) == [*range(10), *range(100, 110)]
        assert "10 %" in images.split_note

    @pytest.mark.parametrize("name", ["val", "validation"])
    def test_a_validation_folder_is_honoured(self, pets, tmp_path, name):
        base = tmp_path / "given"
        shutil.copytree(pets, base / "train")
        for part, value in ((name, 200), ("test", 220)):
            paint(base / part / "cat/a.png", gray(value))
            paint(base / part / "dog/a.png", gray(value + 1))
        images = load(f"folder:{base}")
        assert sorted(values(images.validation)) == [200, 201]
        assert len(images.train) == 20

    def test_classes_called_train_and_test_are_classes(self, tmp_path):
        for i in range(3):
            paint(tmp_path / f"pics/train/{i}.png", gray(i))
            paint(tmp_path / f"pics/test/{i}.png", gray(i))
        assert load(f"folder:{tmp_path / 'pics'}").classes == ("test", "train")

    def test_other_files_are_passed_over_and_counted(self, pets):
        for name in ("cat/.hidden.png", "cat/notes.txt", "readme.md"):
            (pets / name).write_bytes(b"x")
        (pets / ".git").mkdir()
        images = load(f"folder:{pets}")
        assert len(images.train) == 16
        assert "passed over 2 hidden or system files" in images.notes
        assert "2 files that are no images: cat/notes.txt, readme.md" in images.notes

    def test_progress_ends_with_all_done(self, pets):
        seen = []
        load(f"folder:{pets}", progress=lambda *step: seen.append(step[1:]))
        assert seen == [(i, 20) for i in range(1, 21)]


@pytest.mark.usefixtures("cache")
class TestSize:
    def test_a_common_square_size_up_to_96_is_kept(self, pets):
        assert load(f"folder:{pets}").image_shape == (1, 8, 8)

    def test_mixed_sizes_become_32(self, pets):
        paint(pets / "cat/wide.png", np.full((20, 60), 50, np.uint8))
        images = load(f"folder:{pets}")
        assert images.image_shape == (1, 32, 32)
        assert any("32×32" in note for note in images.notes)

    def test_large_images_become_32(self, tmp_path):
        for value, name in enumerate(("a/1", "a/2", "a/3", "b/1", "b/2", "b/3")):
            paint(tmp_path / f"big/{name}.png", gray(value, 97))
        assert load(f"folder:{tmp_path / 'big'}").image_shape == (1, 32, 32)

    def test_an_image_size_is_obeyed(self, pets):
        assert load(f"folder:{pets}", image_size=20).image_shape == (1, 20, 20)

    @pytest.mark.parametrize("size", [0, -3, 5_000])
    def test_an_absurd_image_size_is_refused(self, pets, size, refused):
        assert "expected 4 to 1024" in refused(load, f"folder:{pets}", image_size=size)

    def test_the_centre_is_cut_and_not_squeezed(self, tmp_path):
        # black | white | black thirds: the centre square is all white
        bars = np.zeros((30, 90), np.uint8)
        bars[:, 30:60] = 255
        picture = decode(paint(tmp_path / "bars.png", bars), size=10)
        assert picture.shape == (10, 10)
        assert picture.min() > 230

    def test_shrinking_is_antialiased(self, tmp_path):
        checks = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
        picture = decode(paint(tmp_path / "checks.png", checks), size=8)
        assert np.abs(picture.astype(int) - 127).max() < 12


class TestModes:
    @pytest.mark.parametrize("name", ["1", "L", "P", "RGB", "CMYK"])
    def test_gray_in_every_mode_is_one_channel(self, tmp_path, name):
        pixels = np.where(np.indices((8, 8))[1] < 4, 0, 255).astype(np.uint8)
        suffix = "jpg" if name == "CMYK" else "png"
        picture = decode(paint(tmp_path / f"x.{suffix}", pixels, name), size=8)
        assert picture.shape == (8, 8)
        assert np.abs(picture.astype(int) - pixels).max() <= 2

    def test_colour_in_a_palette_is_three_channels(self, tmp_path):
        pixels = np.zeros((8, 8, 3), np.uint8)
        pixels[:4] = (255, 0, 0)
        assert np.array_equal(decode(paint(tmp_path / "x.png", pixels, "P"), size=8), pixels)

    def test_sixteen_bits_keep_their_scale(self, tmp_path):
        pixels = np.array([[0, 65_535], [257 * 100, 257 * 200 + 20]], np.uint16)
        picture = decode(paint(tmp_path / "x.png", pixels), size=2)
        assert picture.tolist() == [[0, 255], [100, 200]]

    @pytest.mark.parametrize("mode", ["LA", "RGBA"])
    def test_alpha_is_laid_on_white(self, tmp_path, mode):
        pixels = np.zeros((1, 3, 4), np.uint8)
        pixels[0, :, 3] = (0, 255, 128)
        path = tmp_path / "x.png"
        Image.fromarray(pixels).convert(mode).resize((9, 9), Image.Resampling.NEAREST).save(path)
        picture = decode(path, size=9)
        assert picture.ndim == 2
        assert picture[4, 0] == 255
        assert picture[4, 4] == 0
        assert abs(int(picture[4, 8]) - 127) <= 1

    def test_a_transparent_palette_entry_is_white(self, tmp_path):
        image = Image.new("P", (8, 8), 0)
        image.putpalette([10, 20, 30] + [0] * 765)
        image.save(tmp_path / "x.png", transparency=0)
        assert (decode(tmp_path / "x.png", size=8) == 255).all()

    @pytest.mark.parametrize("mode", ["L", "I;16"])
    def test_exif_orientation_is_honoured(self, tmp_path, mode):
        pixels = np.zeros((8, 8), np.uint16 if mode == "I;16" else np.uint8)
        pixels[0, :] = 65_535 if mode == "I;16" else 255
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned a quarter clockwise: the top row becomes the right column
        picture = decode(paint(tmp_path / "x.png", pixels, exif=exif), size=8)
        assert (picture[:, 7] == 255).all()
        assert (picture[:, :7] == 0).all()

    @pytest.mark.usefixtures("cache")
    def test_one_coloured_image_makes_all_three_channels(self, pets):
        pixels = np.zeros((8, 8, 3), np.uint8)
        pixels[..., 2] = 200
        paint(pets / "dog/blue.png", pixels)
        images = load(f"folder:{pets}")
        assert images.image_shape == (3, 8, 8)
        whole = torch.cat([images.split(s).images for s in ("train", "validation", "test")])
        coloured = whole[(whole[:, 0] != whole[:, 2]).flatten(1).any(1)]
        assert len(coloured) == 1
        assert np.array_equal(coloured[0].permute(1, 2, 0), pixels)


class TestCache:
    def decoded(self, monkeypatch) -> list[int]:
        counts = []
        real = folder_module.decode_all
        monkeypatch.setattr(folder_module, "decode_all", lambda p, **k: counts.append(len(p)) or real(p, **k))
        return counts

    def test_a_second_load_decodes_nothing(self, pets, cache, monkeypatch):
        counts = self.decoded(monkeypatch)
        first, second = load(f"folder:{pets}"), load(f"folder:{pets}")
        assert counts == [20]
        assert first.sha256 == second.sha256
        assert first.notes == second.notes

    def test_a_changed_file_or_size_is_decoded_anew(self, pets, cache, monkeypatch):
        counts = self.decoded(monkeypatch)
        load(f"folder:{pets}")
        paint(pets / "cat/3.png", gray(77))
        os.utime(pets / "cat/3.png", ns=(1, 1))
        images = load(f"folder:{pets}")
        assert 77 in values(images.train) + values(images.validation) + values(images.test)
        load(f"folder:{pets}", image_size=9)
        assert counts == [20, 20, 20]

    def test_a_picture_changed_in_place_is_noticed_though_its_length_and_time_stay(self, pets, cache):
        path = pets / "cat/3.bmp"
        paint(path, gray(201))
        times = os.stat(path)
        load(f"folder:{pets}")
        content = bytearray(path.read_bytes())
        content[-64:] = bytes([77]) * 64
        with path.open("r+b") as file:
            file.write(content)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert (os.stat(path).st_size, os.stat(path).st_mtime_ns) == (times.st_size, times.st_mtime_ns)
        images = load(f"folder:{pets}")
        everything = values(images.train) + values(images.validation) + values(images.test)
        assert 77 in everything
        assert 201 not in everything

    def test_a_damaged_cache_is_rebuilt(self, pets, cache, monkeypatch):
        counts = self.decoded(monkeypatch)
        first = load(f"folder:{pets}")
        (kept,) = (cache / "folder").iterdir()
        whole = kept.read_bytes()
        for damage in (b"", b"rubbish", whole[: len(whole) // 2], whole[:200] + b"?" + whole[201:]):
            kept.write_bytes(damage)
            assert load(f"folder:{pets}").sha256 == first.sha256
            assert kept.read_bytes() == whole
        assert counts == [20] * 5

    def test_without_a_writable_cache_it_goes_on(self, pets, tmp_path):
        (tmp_path / "file").write_text("")
        assert len(load(f"folder:{pets}", cache=tmp_path / "file").train) == 16


@pytest.mark.usefixtures("cache")
class TestBadInput:
    def test_no_such_path(self, tmp_path, refused):
        assert "does not exist" in refused(load, f"folder:{tmp_path / 'nowhere'}")
        assert "names no folder" in refused(load, "folder:")

    def test_a_file(self, tmp_path, refused):
        (tmp_path / "f").write_text("")
        assert "is a file" in refused(load, f"folder:{tmp_path / 'f'}")

    def test_no_class_folders(self, tmp_path, refused):
        paint(tmp_path / "flat/a.png", gray(1))
        assert "holds no class folders" in refused(load, f"folder:{tmp_path / 'flat'}")

    def test_one_class_only(self, pets, refused):
        shutil.rmtree(pets / "dog")
        assert "one class only (cat)" in refused(load, f"folder:{pets}")

    def test_an_empty_class(self, pets, refused):
        (pets / "bird").mkdir()
        (pets / "bird/notes.txt").write_text("")
        text = refused(load, f"folder:{pets}")
        assert str(pets / "bird") in text
        assert "no PNG or JPEG" in text

    def test_a_class_with_too_few_images(self, pets, refused):
        paint(pets / "bird/1.png", gray(1))
        paint(pets / "bird/2.png", gray(1))
        text = refused(load, f"folder:{pets}")
        assert "class bird has 2 images" in text
        assert "at least 3" in text

    def test_unreadable_images_are_all_counted(self, pets, refused, tmp_path):
        noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
        (pets / "cat/a_text.png").write_text("no picture")
        whole = paint(tmp_path / "n.jpg", noise).read_bytes()
        (pets / "cat/b_cut.jpg").write_bytes(whole[: len(whole) // 2])
        whole = paint(tmp_path / "n.png", noise).read_bytes()
        (pets / "dog/c_cut.png").write_bytes(whole[: len(whole) // 2])
        (pets / "dog/d_empty.png").write_bytes(b"")
        (pets / "dog/e_link.png").symlink_to(tmp_path / "nowhere.png")
        paint(tmp_path / "x.gif", gray(3)).rename(pets / "dog/f_gif.png")  # opened by its content
        text = refused(load, f"folder:{pets}")
        assert "a_text.png" in text
        assert "4 more of 26 images" in text
        assert "not an image, or of a kind that is not opened" in text

    def test_a_decompression_bomb_is_unreadable(self, pets, refused):
        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
        bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99)))
        (pets / "cat/bomb.png").write_bytes(bomb + chunk(b"IEND", b""))
        text = refused(load, f"folder:{pets}")
        assert "bomb.png" in text
        assert "too many pixels" in text

    def test_classes_that_differ_between_splits(self, pets, tmp_path, refused):
        base = tmp_path / "given"
        shutil.copytree(pets, base / "train")
        shutil.copytree(pets, base / "test")
        (base / "test/dog").rename(base / "test/wolf")
        text = refused(load, f"folder:{base}")
        assert "class dog is only in" in text
        assert str(base / "train") in text

    def test_two_validation_folders(self, pets, tmp_path, refused):
        for part in ("train", "test", "val", "validation"):
            shutil.copytree(pets, tmp_path / "given" / part)
        assert "both validation/ and val/" in refused(load, f"folder:{tmp_path / 'given'}")

    def test_a_folder_without_permission(self, pets, refused, monkeypatch):
        def deny(path: Path) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, "iterdir", deny)
        assert "Permission denied" in refused(load, f"folder:{pets}")
