"""Which pictures a folder holds, of which classes and for which splits, however its archive has laid them out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from cnnlab.errors import UserError
from cnnlab.plain_files import open_plain

#: The ends of names that say which files are pictures; what is in them is opened by its content.
SUFFIXES = frozenset(
    ".png .jpg .jpeg .jpe .jfif .gif .bmp .tif .tiff .webp .ppm .pgm .pbm .pnm".split()  # noqa: SIM905
)
_BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
_OTHER_KINDS = frozenset(
    ".heic .heif .avif .jxl .jp2 .j2k .svg .psd .xcf .ico .tga .exr .hdr .dib .eps .pdf .cr2 .cr3 .nef .arw .dng .raw"  # noqa: SIM905
    .split()
)  # fmt: skip
_SYSTEM = frozenset({"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found"})

_WORDS = {
    "train": ("train", "training", "trainset", "trainingset"),
    "validation": ("validation", "val", "valid", "valset", "validset", "validationset"),
    "test": ("test", "testing", "testset", "testingset"),
}
_PART_OF = {word: part for part, words in _WORDS.items() for word in words}

_MOST_ENTRIES = 400_000  # of a folder, and images of all folders together
_MOST_OF_ALL = 1_000_000  # entries of all folders together
_MOST_OPENED = 10_000  # files of other names that are looked into
_DEEPEST = 16  # folders in folders
_NAMED = 5  # files that a note names


class Picture(NamedTuple):
    """A picture's file; `relative` (posix) to the folder that was given; part: train, validation, test or ""."""

    path: Path
    relative: str
    label: int
    part: str


@dataclass(frozen=True)
class Listing:
    """All pictures of a folder, sorted by class and path.

    given: the splits that the folder itself names; the others are to be cut from train, or of all where it names none.
    train: what messages call the folder of the training images. notes: how it was read. left_out: images that are not
    taken, a line for each reason.
    """

    classes: tuple[str, ...]
    pictures: list[Picture]
    given: frozenset[str]
    train: str
    notes: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass
class _Folder:
    path: Path
    folders: list[_Folder] = field(default_factory=list)
    images: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.path.name

    def beneath(self) -> list[Path]:
        """Its images and those of the folders in it, in the order of their paths."""
        return [*self.images, *(image for folder in self.folders for image in folder.beneath())]

    @property
    def filled(self) -> list[_Folder]:
        """The folders in it that hold images, however deep."""
        return [folder for folder in self.folders if folder.holds_images]

    @property
    def holds_images(self) -> bool:
        return bool(self.images) or any(folder.holds_images for folder in self.folders)


@dataclass
class _Seen:
    """What was met on the way and not taken, by reason."""

    base: Path
    hidden: int = 0
    entries: int = 0
    files: list[Path] = field(default_factory=list)  # no images
    other_kinds: list[Path] = field(default_factory=list)
    links: list[Path] = field(default_factory=list)
    too_deep: list[Path] = field(default_factory=list)
    loose: list[Path] = field(default_factory=list)  # beside the class folders
    outside: list[_Folder] = field(default_factory=list)  # beside the folders of the splits
    flat: list[_Folder] = field(default_factory=list)  # of a split, without class folders

    def relative(self, path: Path) -> str:
        return as_text(path.relative_to(self.base).as_posix())

    def few(self, paths: Iterable[Path]) -> str:
        names = [self.relative(path) for path in paths]
        return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else "")


def list_pictures(base: Path) -> Listing:
    """Find the pictures of a folder of class folders, with or without folders for splits around or inside them.

    Split folders are told by a word of their name in any case: train, training; validation, val, valid; test, testing.
    One folder around all others is gone through. Pictures in folders inside class folders are taken, those outside
    class folders are left out and counted; hidden files and those that systems leave behind are passed over. Links to
    folders are followed at the top and as class folders, not inside them. Classes are in the order of their names, by
    number where all names are numbers.
    Raises UserError when there are no class folders, fewer than two, an empty one, or when they differ between splits.
    """
    if not base.exists():
        raise UserError(f"folder {base} does not exist; expected a folder of class folders: mend the path")
    if not base.is_dir():
        raise UserError(f"{base} is a file; expected a folder of class folders: mend the path, or use npz:FILE")
    if base.resolve() == base.resolve().parent:
        raise UserError(f"folder {base} is the whole file system; expected a folder of class folders: mend the path")
    seen, notes = _Seen(base), []
    whole = _read(base, seen, depth=0)
    top = _unwrapped(whole)
    if top is not whole:
        notes.append(f"the class folders were found in {seen.relative(top.path)}/")
    splits = _split_folders(top, seen)
    if "train" in splits:
        for part, folder in splits.items():
            splits[part] = _unwrapped(folder)
        given, train = frozenset(splits), f"{splits['train'].name}/"
        classes, pictures = _of_splits(splits, seen)
    else:
        classes, pictures, given = _of_classes(top, seen)
        train = "the train folders" if given else ""
    folder_names, classes = classes, tuple(as_text(name) for name in classes)
    if len(set(classes)) < len(classes):  # one name in two encodings
        classes = tuple(
            name.encode(errors="surrogateescape").decode(errors="backslashreplace") for name in folder_names
        )
    if all(name.isdecimal() for name in classes):
        notes.append(f"classes {classes[0]} … {classes[-1]} are in the order of their numbers")
    deep = [picture.path for picture in pictures if _is_nested(picture, folder_names, given)]
    if deep:
        notes.append(f"{_count(len(deep), 'image')} from folders inside the class folders: {seen.few(deep)}")
    return Listing(classes, pictures, given, train, (*notes, *_passed_over(seen)), _left_out(seen))


def as_text(name: str) -> str:
    """A file's name as text: bytes that are no UTF-8, which Python keeps as signs nothing can write, as Latin-1."""
    content = name.encode(errors="surrogateescape")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _read(path: Path, seen: _Seen, *, depth: int) -> _Folder:
    folder = _Folder(path)
    for entry in sorted(_entries(path, seen), key=lambda entry: entry.name):
        if entry.name.startswith(".") or entry.name.casefold() in _SYSTEM:
            seen.hidden += 1
        elif _is_folder(entry):
            if entry.is_symlink() and (depth > 2 or path.resolve().is_relative_to(entry.resolve())):
                # Deeper than a class folder in a split in a wrapper, or around in a circle.
                seen.links.append(entry)
            elif depth == _DEEPEST:
                seen.too_deep.append(entry)
            else:
                folder.folders.append(_read(entry, seen, depth=depth + 1))
        elif entry.suffix.lower() in SUFFIXES or (len(seen.files) < _MOST_OPENED and _begins_as_a_picture(entry)):
            folder.images.append(entry)
        else:
            folder.others.append(entry)
            (seen.other_kinds if entry.suffix.lower() in _OTHER_KINDS else seen.files).append(entry)
    return folder


def _entries(path: Path, seen: _Seen) -> list[Path]:
    try:
        found = list(islice(path.iterdir(), _MOST_ENTRIES + 1))
    except OSError as error:
        raise UserError(
            f"folder {path} cannot be read ({error.strerror}); expected a readable folder: mend its permissions"
        ) from None
    seen.entries += len(found)
    if len(found) > _MOST_ENTRIES or seen.entries > _MOST_OF_ALL:
        where, most = (path, _MOST_ENTRIES) if len(found) > _MOST_ENTRIES else (seen.base, _MOST_OF_ALL)
        raise UserError(
            f"folder {where} holds more than {most:,} entries; expected at most that: take fewer images, or "
            "give them as npz:FILE"
        )
    return found


def _is_folder(path: Path) -> bool:
    """Whether it is a folder, or a link to one; of a link to where the user may not look, no."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _begins_as_a_picture(path: Path) -> bool:
    """Whether a file of another name begins as a picture does, which counts for more."""
    if path.suffix.lower() in _OTHER_KINDS:
        return False
    try:
        with open_plain(path, limit=2**62) as file:
            begin = file.read(12)
    except (OSError, UserError):
        return False
    return begin.startswith(_BEGINNINGS) or (begin[:4] == b"RIFF" and begin[8:] == b"WEBP")


def _unwrapped(folder: _Folder) -> _Folder:
    """The folder, or the one inside it that is all it holds and has the class folders."""
    while not folder.images and len(folder.filled) == 1:
        (inner,) = folder.filled
        empty = [other for other in folder.folders if other is not inner and not other.others]
        if empty or not (len(inner.filled) > 1 or (inner.filled and not inner.images)):
            break
        folder = inner
    return folder


def _part(name: str) -> str | None:
    """The split that a folder's name means: `seg_train`, `TestData` and `Validation` each have such a word."""
    parts = {_PART_OF.get(word.casefold()) for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)} - {None}
    return parts.pop() if len(parts) == 1 else None


def _split_folders(top: _Folder, seen: _Seen) -> dict[str, _Folder]:
    """The folders of the splits among those in `top`, in the order of the splits; {} where these are classes."""
    found: dict[str, list[_Folder]] = {}
    for folder in top.filled:
        part = _part(folder.name)
        if part and folder.filled:
            found.setdefault(part, []).append(folder)
    named = [folder for folders in found.values() for folder in folders]
    flat = [folder for folder in top.filled if _part(folder.name) and folder not in named]
    others = [folder for folder in top.filled if folder not in named and folder not in flat]
    if "train" not in found or (len(found) == 1 and (others or not flat)):
        return {}
    for part, folders in found.items():
        exact = [folder for folder in folders if folder.name.casefold() in _PART_OF]
        if len(folders) > 1 and len(exact) == 1:
            others += [folder for folder in folders if folder not in exact]
            folders[:] = exact
        if len(folders) > 1:
            names = sorted((f"{folder.name}/" for folder in folders), key=lambda name: (-len(name), name))
            raise UserError(
                f"folder {top.path} has both {names[0]} and {names[1]}, which mean {part}; expected one: rename or "
                "remove the other"
            )
    seen.flat += flat
    seen.outside += others
    seen.loose += top.images
    return {part: found[part][0] for part in _WORDS if part in found}


def _of_splits(splits: dict[str, _Folder], seen: _Seen) -> tuple[tuple[str, ...], list[Picture]]:
    pictures: list[Picture] = []
    classes: tuple[str, ...] = ()
    train = splits["train"]
    for part, folder in splits.items():
        class_folders = _class_folders(folder, seen)
        found = tuple(each.name for each in class_folders)
        classes = classes or found
        if found != classes:
            odd = sorted(set(found) ^ set(classes))[0]
            has, lacks = (folder, train) if odd in found else (train, folder)
            raise UserError(
                f"class {odd} is only in {has.path}, not in {lacks.path}; expected the same class folders in both: "
                "add or remove it"
            )
        pictures += _pictures(((each, part) for each in class_folders), classes, seen)
    return classes, pictures


def _of_classes(top: _Folder, seen: _Seen) -> tuple[tuple[str, ...], list[Picture], frozenset[str]]:
    """Class folders alone, or with folders for the splits inside each of them."""
    class_folders = _class_folders(top, seen)
    classes = tuple(folder.name for folder in class_folders)
    inner = [{_part(each.name) for each in folder.filled} for folder in class_folders]
    is_split = all(
        "train" in parts and len(parts) > 1 and None not in parts and len(parts) == len(folder.filled)
        for parts, folder in zip(inner, class_folders, strict=True)
    )
    if not is_split or any(parts != inner[0] for parts in inner) or any(folder.images for folder in class_folders):
        return classes, _pictures(((folder, "") for folder in class_folders), classes, seen), frozenset()
    pieces = [
        (_Folder(folder.path, [split]), _part(split.name) or "") for folder in class_folders for split in folder.filled
    ]
    return classes, _pictures(pieces, classes, seen), frozenset(part for part in inner[0] if part)


def _class_folders(folder: _Folder, seen: _Seen) -> list[_Folder]:
    if not folder.folders:
        raise UserError(
            f"folder {folder.path} holds no class folders; expected a folder for each class, with image files in "
            "it: sort the images into such folders"
        )
    if len(folder.folders) == 1:
        raise UserError(
            f"folder {folder.path} holds one class only ({folder.folders[0].name}); expected at least two: add "
            "another class folder"
        )
    seen.loose += folder.images
    for each in folder.folders:
        if not each.holds_images:
            held = f" ({_count(len(each.others), 'other file')})" if each.others else ""
            raise UserError(
                f"class folder {each.path} holds no PNG or JPEG image, nor one of another kind that is opened{held}; "
                "expected at least one: add images or remove it"
            )
    numbered = all(each.name.isdecimal() for each in folder.folders)
    return sorted(folder.folders, key=lambda each: (int(each.name) if numbered else 0, each.name))


def _pictures(pieces: Iterable[tuple[_Folder, str]], classes: tuple[str, ...], seen: _Seen) -> list[Picture]:
    label_of = {name: label for label, name in enumerate(classes)}
    pictures = [
        Picture(image, image.relative_to(seen.base).as_posix(), label_of[folder.name], part)
        for folder, part in pieces
        for image in folder.beneath()
    ]
    if len(pictures) > _MOST_ENTRIES:
        raise UserError(
            f"folder {seen.base} holds more than {_MOST_ENTRIES:,} images; expected at most that: take fewer, or give "
            "them as npz:FILE"
        )
    return pictures


def _is_nested(picture: Picture, classes: tuple[str, ...], given: frozenset[str]) -> bool:
    """Whether it lies deeper than in its class folder, or than in a split's folder inside that."""
    inside = picture.relative.split("/")[:-1]
    after = inside[len(inside) - inside[::-1].index(classes[picture.label]) :]
    return bool(after) and not (given and len(after) == 1 and _part(after[0]) == picture.part)


def _passed_over(seen: _Seen) -> Iterator[str]:
    if seen.hidden:
        yield f"passed over {_count(seen.hidden, 'hidden or system file')}"
    if seen.files:
        yield f"{_count(len(seen.files), 'file')} that are no images: {seen.few(seen.files)}"


def _left_out(seen: _Seen) -> tuple[str, ...]:
    lines = []
    for paths, why, mend in (
        (seen.loose, "beside the class folders", "put them into class folders"),
        (seen.other_kinds, f"of kinds that are not opened ({_suffixes(seen.other_kinds)})", "save them as PNG or JPEG"),
        (
            [image for folder in seen.flat for image in folder.beneath()],
            "without class folders, so that nothing says what they show",
            "sort them into class folders",
        ),
        (
            [image for folder in seen.outside for image in folder.beneath()],
            "outside the folders of the splits",
            "put them into one of these",
        ),
    ):
        if paths:
            lines.append(f"left out {_count(len(paths), 'image')} {why}: {seen.few(paths)}: {mend} if they belong here")
    for paths, why in (
        (seen.links, "links, which are not followed inside class folders"),
        (seen.too_deep, f"more than {_DEEPEST} folders deep"),
    ):
        if paths:
            lines.append(f"left out {_count(len(paths), 'folder')}, {why}: {seen.few(paths)}")
    return tuple(lines)


def _suffixes(paths: list[Path]) -> str:
    return ", ".join(sorted(Counter(path.suffix.lower() for path in paths)))


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
