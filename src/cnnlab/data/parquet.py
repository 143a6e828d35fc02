"""`parquet:PATH`: images as Hugging Face hands them out, columns of image files and their labels."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cnnlab.data.arrays import LabelledArrays, set_of_arrays
from cnnlab.data.imageset import MOST_CLASSES, ImageSet, Progress
from cnnlab.data.parquet_pages import Column, pages, row_groups
from cnnlab.data.pictures import decode_all, shared_square_size
from cnnlab.errors import UserError
from cnnlab.plain_files import open_plain

#: The most bytes of a file, of the list at its end, and of a column in one row group, unpacked.
LONGEST = 20_000_000_000
LONGEST_LIST = 16_000_000
LARGEST_GROUP = 1_000_000_000

#: The most images, and the most bytes of them when they are decoded, three a pixel.
MOST_IMAGES = 400_000
LARGEST = 500_000_000

_IMAGES = ("image", "img", "images", "picture", "png", "jpg")
_LABELS = ("label", "fine_label", "labels", "class", "target", "category", "digit")
_AT_ONCE = 256  # rows
_BYTES_AT_ONCE = 256_000_000  # that rows read together may have where each is as long as its column in a row group
_MOST_TIMES, _BESIDE = 100, 10_000_000  # times the file's length, and bytes more, that its image files may have
_DEFAULT_SIZE, _LARGEST_OWN_SIZE = 32, 96

_WORDS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
_WORDS |= dict.fromkeys(("validation", "valid", "val"), "validation")
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.parquet", re.IGNORECASE)


def load_parquet(path: str | Path, *, image_size: int | None = None, progress: Progress | None = None) -> ImageSet:
    """Load a Parquet file of images, or a folder of them; needs pyarrow (`pip install 'cnnlab[parquet]'`).

    path: a file, which is split 80/10/10 % by class, by a fixed shuffle; or a folder of files whose names, or whose
    folders' names, begin with train, test or validation, such as `data/train-00000-of-00002.parquet`. What is missing
    of test and validation is cut from the training images, 10 % of each class.
    Columns: `image` or `img`, image files as bytes, alone or in a struct's field `bytes`; `label` or `fine_label`,
    integers or words. The classes' names are those of Hugging Face's metadata, where there are some.
    image_size: side in pixels, as of `load_folder`: None keeps the size that all images share, up to 96, else takes 32.
    Raises UserError when files, columns or images will not do, and where pyarrow is missing.
    """
    if not str(path):
        raise UserError("parquet: names no file; expected parquet:PATH: give a Parquet file, or a folder of them")
    if image_size is not None and not 4 <= image_size <= 1024:
        raise UserError(f"image size {image_size}; expected 4 to 1024 pixels: choose one of those")
    place = Path(os.path.expanduser(path))
    files = _files(place)
    tables = {part: [_table(file) for file in found] for part, found in files.items()}
    everything = [table for found in tables.values() for table in found]
    names = everything[0].names
    for table in everything:
        if table.names != names:
            raise UserError(
                f"{table.file} names other classes than {everything[0].file}; expected the same in all files: take "
                "files of one set"
            )
    count = sum(table.rows for table in everything)
    if count > MOST_IMAGES:
        raise UserError(f"{place} holds {count:,} images; expected at most {MOST_IMAGES:,}: take fewer files")
    decoded, size, is_own = _decoded(tables, image_size, count, progress)
    channels = 3 if any(block.shape[1] == 3 for part in decoded.values() for block in part.blocks) else 1
    how = "the images' own size" if is_own else "scaled to cover it, antialiased, centre cut"
    notes = [f"{size}×{size}, {how}", "one channel: all images are gray" if channels == 1 else "three channels: RGB"]
    return set_of_arrays(
        {
            part: LabelledArrays(_Blocks(of.blocks, channels), of.labels, f"{place}: {part}", f"{place}: {part} labels")
            for part, of in decoded.items()
        },
        np.array(names) if names else None,
        name=f"parquet:{path}",
        where=str(place),
        source=f"parquet: {place.resolve()}",
        by="as the files say",
        notes=tuple(notes),
    )


class _Table(NamedTuple):
    """A file whose list of columns was read. image, label: columns; names: of the classes, or ()."""

    file: Path
    rows: int
    image: str
    label: str
    names: tuple[str, ...]


class _Part(NamedTuple):
    """blocks: uint8 (n, 1 or 3, S, S) each. labels: integers or words (N,)."""

    blocks: list[np.ndarray]
    labels: np.ndarray


@dataclass(frozen=True)
class _Blocks:
    """Images as they were decoded, gray ones as often as there are channels."""

    blocks: list[np.ndarray]
    channels: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (sum(map(len, self.blocks)), self.channels, *self.blocks[0].shape[2:])

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8)

    def chunks(self) -> Iterator[np.ndarray]:
        """The images, in order."""
        for block in self.blocks:
            yield np.broadcast_to(block, (len(block), self.channels, *block.shape[2:]))


def parquet_files(folder: Path) -> list[Path]:
    """The Parquet files of a folder, of its folder `data`, or of folders called train, test and validation."""
    for place in (folder, folder / "data"):
        found = _in(place)
        if found:
            return found
    try:
        parts = sorted(each for each in folder.iterdir() if each.name.casefold() in _WORDS and each.is_dir())
    except OSError:
        return []
    return [file for part in parts for file in _in(part)]


def _in(folder: Path) -> list[Path]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return []
    return [folder / name for name in names if name.casefold().endswith(".parquet") and not name.startswith(".")]


def _files(place: Path) -> dict[str, list[Path]]:
    if place.is_file():
        return {"all": [place]}
    found = parquet_files(place) if place.is_dir() else []
    if not found:
        what = (
            "holds no Parquet files" if place.is_dir() else "is no regular file" if place.exists() else "does not exist"
        )
        raise UserError(f"{place} {what}; expected a .parquet file, or a folder of them: mend the path")
    _check_shards(found)
    parts: dict[str, list[Path]] = {}
    for file in found:
        word = re.match(r"[a-z]*", file.name.casefold())
        part = _WORDS.get(word[0] if word else "") or _WORDS.get(file.parent.name.casefold(), "all")
        parts.setdefault(part, []).append(file)
    if set(parts) == {"train"}:
        return {"all": parts["train"]}
    if len(parts) > 1 and "all" in parts:
        raise UserError(
            f"{parts['all'][0]} does not say of which split it is, others do; expected names that begin with train, "
            "test or validation: rename it, or take it away"
        )
    if "train" not in parts and "all" not in parts:
        raise UserError(f"{place} holds no file whose name begins with train; expected one: put it there")
    return parts


def _check_shards(files: list[Path]) -> None:
    shards: dict[tuple[str, int], int] = {}
    for file in files:
        found = _SHARD.search(file.name)
        if found:
            whole = file.name[: found.start()], int(found[2])
            shards[whole] = shards.get(whole, 0) + 1
    for (name, wanted), there in shards.items():
        if there != wanted:
            raise UserError(
                f"{files[0].parent} holds {there} of {wanted} files {name}-…-of-{wanted:05d}.parquet; expected all: "
                "put the others there"
            )


def _table(file: Path) -> _Table:
    with _opened(file) as opened:
        fields = {field.name: field.type for field in opened.schema_arrow}
        metadata = (opened.schema_arrow.metadata or {}).get(b"huggingface", b"")
        rows = opened.metadata.num_rows
    listing = ", ".join(f"{name[:50]!r}" for name in list(fields)[:20])
    image = next((name for name in _IMAGES if name in fields), None)
    label = next((name for name in _LABELS if name in fields), None)
    if image is None or label is None:
        raise UserError(
            f"{file} has the columns {listing}; expected image and label, or {', '.join(_IMAGES[1:])} and "
            f"{', '.join(_LABELS[1:])}: rename the columns"
        )
    kind = str(fields[image])
    is_struct = kind.startswith("struct<") and "bytes" in {each.name for each in fields[image]}
    if not is_struct and kind not in ("binary", "large_binary", "binary_view"):
        raise UserError(
            f"{file}: column {image} is {kind[:100]}; expected image files as bytes, alone or in a struct's field "
            "bytes: write the set with its images in it"
        )
    if not re.fullmatch(r"u?int(8|16|32|64)|bool|(large_)?string(_view)?", str(fields[label])):
        raise UserError(
            f"{file}: column {label} is {str(fields[label])[:100]}; expected integers or words, one an image: write "
            "such a column"
        )
    return _Table(file, rows, f"{image}.bytes" if is_struct else image, label, _names(metadata, label))


def _names(metadata: bytes, label: str) -> tuple[str, ...]:
    """The classes' names in Hugging Face's metadata; none where it says nothing that can be read."""
    try:
        names = json.loads(metadata)["info"]["features"][label]["names"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ()
    is_right = isinstance(names, list) and 1 < len(names) <= MOST_CLASSES
    return tuple(names) if is_right and all(isinstance(name, str) and 0 < len(name) <= 200 for name in names) else ()


def _decoded(
    tables: dict[str, list[_Table]], image_size: int | None, count: int, progress: Progress | None
) -> tuple[dict[str, _Part], int, bool]:
    """All parts, the side of their images, and whether it is their own."""
    size = image_size
    if size is None:
        size = _own_size(tables) or _DEFAULT_SIZE
        own = _decoded_at(tables, size, count, progress, is_own=True)
        if own is not None:
            return own, size, True
        size = _DEFAULT_SIZE
    found = _decoded_at(tables, size, count, progress, is_own=False)
    assert found is not None  # only images of another size end it
    return found, size, False


def _own_size(tables: dict[str, list[_Table]]) -> int | None:
    """The side of the first images, where it is one that is kept."""
    for found in tables.values():
        for table in found:
            for _, images, _ in _batches(table):
                own = shared_square_size(images)
                return own if own is not None and own <= _LARGEST_OWN_SIZE else None
    return None


def _decoded_at(
    tables: dict[str, list[_Table]], size: int, count: int, progress: Progress | None, *, is_own: bool
) -> dict[str, _Part] | None:
    """All parts with images of this side; None where is_own and an image has another one. Raises UserError."""
    if 3 * size * size * count > LARGEST:
        raise UserError(
            f"{count:,} images of {size}×{size} pixels, of three bytes each, are more than {LARGEST:,} bytes; expected "
            "at most that: take fewer files, or a smaller --image-size"
        )
    parts, done = {}, 0
    for part, found in tables.items():
        blocks, labels = [], []
        for table in found:
            for row, images, values in _batches(table):
                if is_own and shared_square_size(images) != size:
                    return None
                block = decode_all(images, size=size)
                if block.unreadable:
                    index, reason = next(iter(block.unreadable.items()))
                    raise UserError(
                        f"{table.file}: the image in row {row + index:,} cannot be read ({reason}); expected intact "
                        "image files: leave the row out"
                    )
                blocks.append(block.images)
                labels.append(values)
                done += len(images)
                if progress:
                    progress("decoding images", done, count)
        if not blocks:
            raise UserError(f"{found[0].file} holds no row; expected images: take another file")
        parts[part] = _Part(blocks, np.concatenate(labels))
    return parts


def _batches(table: _Table) -> Iterator[tuple[int, list[Path | bytes], np.ndarray]]:
    """Number of the first row, image files and labels of some rows at a time. Raises UserError where one is missing."""
    row, left = 0, _MOST_TIMES * os.stat(table.file).st_size + _BESIDE
    with _opened(table.file) as opened:
        groups = row_groups(_footer(table.file))
        if len(groups) != opened.metadata.num_row_groups:
            raise ValueError(f"{len(groups)} row groups, or {opened.metadata.num_row_groups}")
        for group, (rows, columns) in enumerate(groups):
            for batch in opened.iter_batches(
                batch_size=_rows_at_once(rows, columns, table),
                row_groups=[group],
                columns=[table.image, table.label],
                use_threads=False,
            ):
                whole = batch.column(table.image.partition(".")[0])
                images = [each["bytes"] if isinstance(each, dict) else each for each in whole.to_pylist()]
                labels = batch.column(table.label)
                left -= sum(len(image) for image in images if image)
                if left < 0:
                    raise UserError(
                        f"{table.file} unpacks to image files of more than {_MOST_TIMES} times its length; expected at "
                        "most that: write it with each image once"
                    )
                for index, image in enumerate(images):
                    if not image:
                        raise UserError(
                            f"{table.file}: row {row + index:,} has no image in it, at most a path; expected the image "
                            "file's bytes: write the set with its images in it, or leave the row out"
                        )
                if labels.null_count:
                    raise UserError(
                        f"{table.file}: a label is missing among rows {row:,} to {row + len(images) - 1:,}; expected "
                        "one for each image: leave such rows out"
                    )
                yield row, images, np.array(labels.to_pylist())
                row += len(images)
    if row != table.rows:
        raise UserError(f"{table.file} holds {row:,} rows, {table.rows:,} by its list; expected as many: copy it again")


def _rows_at_once(rows: int, columns: list[Column], table: _Table) -> int:
    """Few where rows may be long: a column's dictionary lets each be as long as the column in this row group.

    Raises UserError where the column is larger than fits, ValueError where its pages do not say how large they are, or
    hold another number of values than the row group has rows: by these pyarrow makes room and counts.
    """
    size = 0
    for column in columns:
        if column.path not in (table.image, table.label):
            continue
        with open_plain(table.file, limit=LONGEST) as plain:
            found = pages(plain, column.start, column.packed)
        values = sum(page.values for page in found if not page.is_dictionary)
        words = [page.values for page in found if page.is_dictionary]
        if values != rows or len(words) > 1 or max(words, default=0) > rows:
            raise ValueError(f"{values:,} values and {sum(words):,} words of them in {rows:,} rows")
        size = max(size, column.unpacked, sum(page.unpacked for page in found))
    if size > LARGEST_GROUP:
        raise UserError(
            f"{table.file} has a row group of {size:,} bytes of images; expected at most {LARGEST_GROUP:,}: write it "
            "with smaller row groups"
        )
    return max(1, min(_AT_ONCE, _BYTES_AT_ONCE // max(1, size)))


def _footer(file: Path) -> bytes:
    """The list of columns at a file's end. Raises ValueError where it is none, or too long."""
    with open_plain(file, limit=LONGEST) as plain:
        size = os.fstat(plain.fileno()).st_size
        plain.seek(max(0, size - 8))
        end = plain.read(8)
        if len(end) < 8 or end[4:] != b"PAR1":
            raise ValueError("it does not end as one")
        length = int.from_bytes(end[:4], "little")
        if length > min(LONGEST_LIST, size - 8):
            raise ValueError(f"a list of columns of {length:,} bytes")
        plain.seek(size - 8 - length)
        return plain.read(length)


@contextmanager
def _opened(file: Path) -> Generator[Any]:
    """A Parquet file of which the list of columns was read; whatever is wrong while it is open becomes a UserError."""
    try:
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError:
        raise UserError(
            "parquet: pyarrow is not installed; expected it for Parquet files: pip install 'cnnlab[parquet]'"
        ) from None
    try:
        with open_plain(file, limit=LONGEST) as plain:
            _footer(file)
            with ParquetFile(
                plain, pre_buffer=False, buffer_size=1 << 20, thrift_string_size_limit=LONGEST_LIST, memory_map=False
            ) as opened:
                yield opened
    except (UserError, MemoryError):
        raise
    except PermissionError as error:
        raise UserError(
            f"{file} cannot be read ({error.strerror}); expected a readable file: mend its permissions"
        ) from None
    except Exception as error:  # pyarrow raises some ten kinds for a damaged or hostile file
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"{file} is not an intact Parquet file ({reason or type(error).__name__}); expected one: write or copy it "
            "again"
        ) from None
