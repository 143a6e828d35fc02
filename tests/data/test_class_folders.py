"""Folders as archives have them: every picture is taken with its class and split, or it is said that it is not."""

from __future__ import annotations

import os
import shutil
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnlab.data.class_folders import list_pictures
from cnnlab.data.loading import load
from cnnlab.errors import UserError

pytestmark = pytest.mark.usefixtures("cache")

SPLITS = ("train", "validation", "test")


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("CNNLAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Archive:
    """A folder of gray 8×8 pictures, each of which has a number of its own in its first pixels."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.count = 0

    def add(self, name: str, *, like: int | None = None) -> int:
        """Paint a picture of a new number, or one `like` another, and return the number."""
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        number = self.count if like is None else like
        self.count += like is None
        pixels = np.zeros((8, 8), np.uint8)
        pixels[0, :2] = number // 200, number % 200
        lossless = {"lossless": True} if path.suffix == ".webp" else {}
        Image.fromarray(pixels).save(path, **lossless)
        return number

    def fill(self, *folders: str, each: int = 10, suffix: str = "png") -> dict[str, list[int]]:
        """Pictures in each folder; their numbers."""
        return {folder: [self.add(f"{folder}/{i}.{suffix}") for i in range(each)] for folder in folders}

    def load(self, **options):
        return load(f"folder:{self.base}", **options)


@pytest.fixture
def archive(tmp_path) -> Archive:
    return Archive(tmp_path / "archive")


def numbers(split) -> list[int]:
    pixels = split.images[:, 0, 0, :2].int()
    return sorted((200 * pixels[:, 0] + pixels[:, 1]).tolist())


def all_numbers(images) -> list[int]:
    return sorted(number for name in SPLITS for number in numbers(images.split(name)))


@pytest.mark.parametrize(
    ("train", "test", "validation"),
    [
        ("train", "test", "valid"),
        ("training", "testing", "validation"),
        ("Train", "Test", "Val"),
        ("TRAIN", "TEST", None),
        ("seg_train/seg_train", "seg_test/seg_test", None),
        ("training_set/training_set", "test_set/test_set", None),
        ("digits/TrainData", "digits/TestData", "digits/ValidationData"),
        ("archive/data/train", "archive/data/test", None),
    ],
)
def test_folders_of_the_splits_are_known_by_their_words(archive, train, test, validation):
    held = {
        part: archive.fill(*(f"{folder}/{name}" for name in "ab"), each=12)
        for part, folder in (("train", train), ("test", test), ("validation", validation))
        if folder
    }
    (archive.base / "__MACOSX/x").mkdir(parents=True)
    images = archive.load()
    of = {part: sorted(chain(*folders.values())) for part, folders in held.items()}
    assert images.classes == ("a", "b")
    assert numbers(images.test) == of["test"]
    if validation:
        assert numbers(images.validation) == of["validation"]
        assert "as the folders say" in images.split_note
    else:
        assert sorted(numbers(images.train) + numbers(images.validation)) == of["train"]
        assert "validation 10 % of each class" in images.split_note
    assert not images.leaks


def test_splits_inside_the_class_folders(archive):
    held = archive.fill("cat/train", "cat/test", "dog/train", "dog/test")
    images = archive.load()
    assert images.classes == ("cat", "dog")
    assert numbers(images.test) == sorted(held["cat/test"] + held["dog/test"])
    assert not any("inside the class folders" in note for note in images.notes)


def test_without_a_test_folder_the_test_is_cut_from_train_and_it_is_said(archive):
    held = archive.fill("train/a", "train/b", "valid/a", "valid/b", each=20)
    images = archive.load()
    assert numbers(images.validation) == sorted(held["valid/a"] + held["valid/b"])
    assert len(images.test) == 4
    assert set(numbers(images.test)) < set(held["train/a"] + held["train/b"])
    assert "test 10 % of each class of train/, as no folder is for the test" in images.split_note


@pytest.mark.parametrize("validation", [True, False])
def test_a_test_folder_without_classes_is_left_out_and_it_is_said(archive, validation):
    held = archive.fill("train/a", "train/b", *(("val/a", "val/b") if validation else ()))
    archive.fill("test", each=7)
    images = archive.load()
    assert all_numbers(images) == sorted(chain(*held.values()))
    assert any("left out 7 images without class folders" in line and "test/0.png" in line for line in images.leaks)
    assert "of train/" in images.split_note


def test_one_folder_around_all_is_gone_through(archive):
    held = archive.fill("digits/images/a", "digits/images/b")
    (archive.base / "digits/README.txt").write_text("by me")
    images = archive.load()
    assert all_numbers(images) == sorted(chain(*held.values()))
    assert images.classes == ("a", "b")
    assert "the class folders were found in digits/images/" in images.notes


def test_pictures_deeper_in_a_class_folder_are_taken_and_named(archive):
    held = archive.fill("a", "a/more/2019", "b")
    images = archive.load()
    assert all_numbers(images) == sorted(chain(*held.values()))
    assert sum(int((images.split(name).labels == 0).sum()) for name in SPLITS) == 20
    assert any("10 images from folders inside the class folders: a/more/2019/0.png" in note for note in images.notes)


@pytest.mark.parametrize("suffix", ["PNG", "webp", "bmp", "gif", "GIF", "tif", "TIFF", "pgm", "ppm"])
def test_kinds_of_files(archive, suffix):
    held = archive.fill("a", "b", suffix=suffix)
    images = archive.load()
    assert all_numbers(images) == sorted(chain(*held.values()))
    assert images.image_shape == (1, 8, 8)


def test_a_picture_of_another_name_is_taken_for_what_it_is(archive):
    archive.fill("a", "b")
    (archive.base / "a/0.png").rename(archive.base / "a/photo 0")
    (archive.base / "b/0.png").rename(archive.base / "b/0.picture")
    assert all_numbers(archive.load()) == list(range(20))


def test_what_systems_leave_behind_is_passed_over(archive):
    held = archive.fill("a", "b")
    for name in (".DS_Store", "a/.DS_Store", "a/._0.png", "b/Thumbs.db", "b/desktop.ini", "__MACOSX/a/._0.png"):
        path = archive.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\0\5\26\7")
    images = archive.load()
    assert all_numbers(images) == sorted(chain(*held.values()))
    assert "passed over 6 hidden or system files" in images.notes


def test_images_left_out_are_counted_and_named_among_the_warnings(archive):
    archive.fill("a", "b")
    for i in range(7):
        (archive.base / f"b/{i}.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
        archive.add(f"loose {i}.png")
    images = archive.load()
    assert len(all_numbers(images)) == 20
    loose, heic = images.leaks
    assert "left out 7 images beside the class folders: loose 0.png" in loose
    assert "and 2 more" in loose
    assert "left out 7 images of kinds that are not opened (.heic): b/0.HEIC" in heic


def test_a_folder_beside_those_of_the_splits_is_left_out_and_named(archive):
    held = archive.fill("train/a", "train/b", "test/a", "test/b")
    archive.fill("extra/a")
    images = archive.load()
    assert all_numbers(images) == sorted(chain(*held.values()))
    assert any("left out 10 images outside the folders of the splits: extra/a/0.png" in line for line in images.leaks)


def test_links_in_a_circle_and_links_inside_class_folders_are_not_followed(archive, tmp_path):
    held = archive.fill("a", "b")
    outside = Archive(tmp_path / "outside")
    outside.count = 100
    outside.fill("pictures", each=10)
    (archive.base / "a/again").symlink_to(archive.base / "a")
    (archive.base / "b/up").symlink_to(archive.base)
    (archive.base / "c").symlink_to(tmp_path / "outside/pictures")  # a class folder may be one
    images = archive.load()
    assert all_numbers(images) == sorted([*chain(*held.values()), *range(100, 110)])
    assert any("left out 2 folders, links" in line for line in images.leaks)


def test_classes_are_in_the_order_of_their_numbers_where_all_are_numbers(archive):
    archive.fill(*(str(number) for number in range(12)), each=3)
    images = archive.load()
    assert images.classes == tuple(str(number) for number in range(12))
    assert "classes 0 … 11 are in the order of their numbers" in images.notes
    archive.fill("ten", each=3)
    assert archive.load().classes[:3] == ("0", "1", "10")


class TestEqualImages:
    def copies(self, archive: Archive, *pairs: tuple[str, str]) -> None:
        for one, other in pairs:
            (archive.base / other).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(archive.base / one, archive.base / other)

    def test_every_image_twice_stays_in_one_split(self, archive):
        archive.fill("a", "b", each=30)
        self.copies(archive, *((f"{name}/{i}.png", f"{name}/{i} copy.png") for name in "ab" for i in range(30)))
        images = archive.load()
        assert not images.leaks
        for name in SPLITS:
            found = numbers(images.split(name))
            assert found[::2] == found[1::2]
        assert [len(images.split(name)) for name in SPLITS] == [96, 12, 12]
        assert any("60 images are there more than once" in note and "a/0 copy.png" in note for note in images.notes)

    def test_one_copy_moves_no_other(self, archive):
        archive.fill("a", "b", each=50)
        before = archive.load()
        for i in range(50):
            self.copies(archive, (f"b/{i}.png", "b/again.png"))
            after = archive.load()
            holding = [name for name in SPLITS if i + 50 in numbers(after.split(name))]
            assert len(holding) == 1
            assert numbers(after.split(holding[0])).count(i + 50) == 2
            moved = set(numbers(before.test)) ^ set(numbers(after.test))
            assert len(moved - {i + 50}) <= 2
            assert any("b/again.png" in note for note in after.notes)

    def test_equal_images_of_two_classes_are_named_among_the_warnings(self, archive):
        archive.fill("a", "b")
        self.copies(archive, ("a/3.png", "b/wrong.png"))
        (line,) = archive.load().leaks
        assert "different classes, 1 time: b/wrong.png = a/3.png" in line

    def test_a_class_of_too_few_different_images_is_refused(self, archive, refused):
        archive.fill("a", "b")
        self.copies(archive, *(("a/0.png", f"c/{i}.png") for i in range(9)))
        assert "class c has 9 images, of which 1 differ; expected at least 3" in refused(archive.load)

    def test_validation_cut_from_train_keeps_them_together(self, archive):
        archive.fill("train/a", "train/b", "test/a", "test/b", each=20)
        self.copies(archive, *((f"train/a/{i}.png", f"train/a/{i} copy.png") for i in range(20)))
        images = archive.load()
        assert not images.leaks
        assert set(numbers(images.train)).isdisjoint(numbers(images.validation))


class TestDamaged:
    @pytest.fixture
    def damaged(self, archive) -> Archive:
        archive.fill("a", "b", each=12)
        whole = (archive.base / "a/3.png").read_bytes()
        (archive.base / "a/3.png").write_bytes(whole[:40])
        (archive.base / "b/0.png").write_bytes(b"")
        (archive.base / "b/odd\nname.png").write_bytes(b"no picture")
        return archive

    def test_all_names_are_in_a_file_and_removing_these_helps(self, damaged, refused):
        text = refused(damaged.load)
        assert "a/3.png and 2 more of 25 images cannot be read" in text
        listed = Path(text.partition("all listed in ")[2].partition(");")[0])
        lines = listed.read_text().splitlines()
        assert len(lines) == 3
        assert [line.partition("  (")[0] for line in lines] == [
            str(damaged.base / "a/3.png"), str(damaged.base / "b/0.png"), f"{damaged.base}/b/odd\\nname.png"
        ]  # fmt: skip
        for name in ("a/3.png", "b/0.png", "b/odd\nname.png"):
            (damaged.base / name).unlink()
        assert len(all_numbers(damaged.load())) == 22

    def test_they_are_left_out_when_asked_and_named(self, damaged):
        images = load(f"folder:{damaged.base}+skip-damaged")
        assert all_numbers(images) == [number for number in range(24) if number not in (3, 12)]
        assert images.name == f"folder:{damaged.base}+skip-damaged"
        (line,) = images.leaks
        assert "left out 3 of 25 images, which cannot be read: a/3.png (" in line
        again = load(images.name)  # from the cache
        assert (again.sha256, again.leaks) == (images.sha256, images.leaks)
        fewer = load(f"{images.name}@10+shuffled-labels")
        assert (len(fewer.train), fewer.leaks) == (10, images.leaks)

    def test_a_whole_folder_is_the_same_with_it(self, archive):
        archive.fill("a", "b")
        assert load(f"folder:{archive.base}+skip-damaged").sha256 == archive.load().sha256

    def test_the_list_goes_with_the_cache(self, damaged, refused, cache):
        from cnnlab.data.clearing import clear_cache

        refused(damaged.load)
        assert {path.suffix for path in (cache / "folder").iterdir()} == {".npz", ".txt"}
        clear_cache(cache)
        assert not (cache / "folder").exists()

    def test_only_a_folder_has_damaged_files(self, refused):
        assert "expected +skip-damaged after folder:PATH" in refused(load, "mnist-5k+skip-damaged")


def test_names_that_are_no_utf_8_are_text_that_can_be_written(archive):
    held = archive.fill("a", "b")
    os.rename(archive.base / "a", os.fsencode(archive.base) + b"/caf\xe9")
    shutil.copy(os.fsencode(archive.base) + b"/caf\xe9/0.png", os.fsencode(archive.base) + b"/caf\xe9/\xe9.png")
    images = archive.load()
    assert sorted(set(all_numbers(images))) == sorted(chain(*held.values()))
    assert images.classes == ("b", "café")
    said = " ".join((*images.notes, *images.leaks))
    assert "café/é.png = café/0.png" in said
    said.encode()


def test_the_whole_file_system_is_no_data_set():
    with pytest.raises(UserError, match=r"^folder / is the whole file system; expected a folder of class folders"):
        list_pictures(Path("/"))


def test_a_link_to_where_one_may_not_look_is_a_file_left_out(tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("L", (8, 8)).save(tmp_path / name / "1.png")
    (tmp_path / "a" / "link").symlink_to("/proc/1/cwd")
    is_dir = Path.is_dir

    def refused(path):
        if path.name == "link":
            raise PermissionError(13, "Permission denied")
        return is_dir(path)

    monkeypatch.setattr(Path, "is_dir", refused)
    assert len(list_pictures(tmp_path).pictures) == 2
