"""Every reader of what others may have made: small valid inputs, how they are made wrong, and how they are read."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import struct
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import safetensors.torch
import tests.classroom.reading
from PIL import Image
from tests.classroom import test_hand_in
from tests.playground import test_saved
from tests.trust import mutations

import cnnlab.runs.saved
from cnnlab.claims.rounds import read_round
from cnnlab.classroom.hand_in import read_hand_in
from cnnlab.classroom.notebook import check_notebook
from cnnlab.classroom.packing import without_pictures
from cnnlab.config import NetSpec
from cnnlab.data import load
from cnnlab.data.cifar import load_cifar
from cnnlab.data.csv_pixels import load_csv
from cnnlab.data.idx import gunzip, parse_idx
from cnnlab.data.idx_sets import load_idx
from cnnlab.data.npz import load_npz
from cnnlab.data.parquet import load_parquet
from cnnlab.data.pictures import decode_all, shared_square_size
from cnnlab.data.views import split_name, view
from cnnlab.errors import Stopped, UserError
from cnnlab.experiments.space import read_space
from cnnlab.experiments.variants import own_variant
from cnnlab.features.unlike import fit, unpack
from cnnlab.lesson.record import LessonRecord
from cnnlab.lesson.sizes import quick
from cnnlab.nets.resolve import build_net
from cnnlab.own_code import read_code
from cnnlab.prepare import prepare, read_image
from cnnlab.report.run.page import run_page
from cnnlab.runs import execute, open_run
from cnnlab.runs.checkpoints import read_checkpoints
from cnnlab.runs.make import make_run, reopen_run
from cnnlab.runs.plan import Plan

DATA = "mnist-5k@200"
_NET = NetSpec(name="conv-net", options={"widths": (2,), "hidden": 4, "dropout": 0.2})


class Reader(NamedTuple):
    """seeds: valid inputs. mutate: makes one wrong. read: takes it; UserError is the one right way to refuse.

    share: of all inputs, beside the other readers'.
    """

    seeds: Sequence[bytes]
    mutate: Callable[[Random, Sequence[bytes]], bytes]
    read: Callable[[bytes], object]
    share: float = 1.0


@cache
def _data(name: str = DATA, **_: Any) -> Any:
    return load(name)


def readers(folder: Path) -> dict[str, Reader]:
    """All readers, with their files in `folder`."""
    found: dict[str, Reader] = {}
    found |= _pictures(folder)
    found |= _arrays(folder)
    found |= _of_a_class(folder)
    found |= _of_a_run(folder)
    found |= _records(folder)
    found |= _handed_in()
    found |= _texts(folder)
    found |= _notebooks()
    return found


def _pictures(folder: Path) -> dict[str, Reader]:
    photo, class_folder = folder / "photo", folder / "photo.png"

    def look(content: bytes) -> object:
        photo.write_bytes(content)
        return prepare(read_image(photo), preparation="digit", shape=(1, 28, 28))

    def decode(content: bytes) -> object:
        class_folder.write_bytes(content)
        shared_square_size([class_folder])
        found = decode_all([class_folder], size=32)
        if found.unreadable:  # a folder refuses it, or leaves it out, with this reason
            raise UserError(found.unreadable[0])
        return found

    seeds = list(_small_pictures())
    return {
        "image file": Reader(seeds, mutations.mutate_png, look, 3),
        "image of a folder": Reader(seeds, mutations.mutate_png, decode, 3),
    }


def _small_pictures() -> Any:
    gray = np.full((24, 24), 255, np.uint8)
    gray[6:18, 10:14] = 0
    image = Image.fromarray(gray)
    kinds: list[tuple[str, Image.Image, dict[str, Any]]] = [
        ("PNG", image, {}),
        ("PNG", image.convert("RGBA"), {"dpi": (72, 72)}),
        ("PNG", image.convert("P"), {"transparency": 3}),
        ("PNG", Image.fromarray(gray.astype(np.uint16) * 257), {}),
        ("PNG", image.convert("1"), {}),
        ("JPEG", image.convert("RGB"), {"exif": _exif(6), "quality": 80}),
        ("JPEG", image.convert("CMYK"), {"progressive": True}),
        ("GIF", image, {"save_all": True, "append_images": [image]}),
        ("BMP", image, {}),
        ("TIFF", image, {"compression": "tiff_lzw"}),
        ("WEBP", image.convert("RGB"), {}),
        ("PPM", image, {}),
    ]
    for kind, picture, options in kinds:
        out = io.BytesIO()
        picture.save(out, kind, **options)
        yield out.getvalue()


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _arrays(folder: Path) -> dict[str, Reader]:
    file = folder / "arrays.npz"
    pixels = np.random.default_rng(0).integers(0, 256, (40, 6, 6), dtype=np.uint8)
    labels = np.arange(40) % 2
    seeds = []
    for arrays in (
        {"images": pixels, "labels": labels, "classes": np.array(["a", "b"])},
        {"x_train": pixels, "y_train": labels, "x_test": pixels, "y_test": labels},
        {
            "train_images": pixels,
            "train_labels": labels[:, None],
            "test_images": pixels,
            "test_labels": labels[:, None],
        },
        {"images": (pixels / 255).astype(np.float32), "labels": np.array(["owl", "cat"])[labels]},
        {"train_images": pixels, "train_labels": np.eye(2)[labels], "val_images": pixels, "val_labels": labels == 1},
        {"arr_0": pixels.astype(np.int32), "arr_1": labels * 7 - 3.0},
    ):
        out = io.BytesIO()
        np.savez(out, **arrays)
        seeds.append(out.getvalue())

    def read_npz(content: bytes) -> object:
        file.write_bytes(content)
        return load_npz(file)

    several = folder / "several"
    several.mkdir(exist_ok=True)
    in_files = {"train-imgs": pixels, "train-labels": labels, "test-imgs": pixels[::-1] // 2, "test-labels": labels}
    for name, array in in_files.items():
        np.savez(several / f"kmnist-{name}.npz", array)
    whole = (several / "kmnist-train-imgs.npz").read_bytes()

    def read_several(content: bytes) -> object:
        (several / "kmnist-train-imgs.npz").write_bytes(content)
        return load_npz(several)

    letters = folder / "letters"
    letters.mkdir(exist_ok=True)
    of_idx = {
        "images-idx3-ubyte": struct.pack(">BBBBIII", 0, 0, 8, 3, 40, 6, 6) + pixels.tobytes(),
        "labels-idx2-int": struct.pack(">BBBBII", 0, 0, 12, 2, 40, 8) + np.repeat(labels, 8).astype(">i4").tobytes(),
    }
    for name, content in of_idx.items():
        (letters / f"emnist-train-{name}").write_bytes(content)
        (letters / f"emnist-test-{name}").write_bytes(content)
    others = of_idx["images-idx3-ubyte"][:16] + (255 - pixels).tobytes()
    (letters / "emnist-test-images-idx3-ubyte").write_bytes(others)
    mapping = b"0 65 97\n1 66 98\n"
    whole_idx = of_idx | {"mapping.txt": mapping}

    def of_letters(name: str) -> Callable[[bytes], object]:
        def read_letters(content: bytes) -> object:
            for each, right in whole_idx.items():
                place = letters / (f"emnist-{each}" if each == "mapping.txt" else f"emnist-train-{each}")
                place.write_bytes(content if each == name else right)
            return load_idx(letters)

        return read_letters

    batches = folder / "batches"
    batches.mkdir(exist_ok=True)
    colours = np.random.default_rng(1).integers(0, 256, (50, 3073), dtype=np.uint8)
    colours[:, 0] = np.arange(50) % 10
    (batches / "test_batch.bin").write_bytes(colours[:10].tobytes())

    def read_cifar(content: bytes) -> object:
        (batches / "data_batch_1.bin").write_bytes(content)
        return load_cifar(batches)

    columns = folder / "columns.parquet"
    seeds_of_parquet = list(_parquets(pixels, labels))

    def read_parquet(content: bytes) -> object:
        columns.write_bytes(content)
        return load_parquet(columns)

    table = folder / "table.csv"
    tables = [
        names
        + b"".join(
            b"%d%b%b\n" % (i % 2, sign, sign.join(b"%d" % value for value in image.ravel()))
            for i, image in enumerate(pixels)
        )
        for names, sign in ((b"label," + b",".join(b"p%d" % i for i in range(36)) + b"\n", b","), (b"", b";"))
    ]

    def read_csv(content: bytes) -> object:
        table.write_bytes(content)
        return load_csv(table)

    tokens = (
        b",",
        b"\n",
        b"\r\n",
        b'"',
        b"-1",
        b"256",
        b"1e400",
        b"nan",
        b"9" * 5000,
        b"\xef\xbb\xbf",
        b"\xff",
        b"label",
    )
    idx = [
        struct.pack(">BBBBI", 0, 0, 8, 1, 12) + bytes(range(12)),
        struct.pack(">BBBBIII", 0, 0, 8, 3, 3, 4, 5) + bytes(60),
    ]
    return {
        "npz": Reader(seeds, mutations.mutate_npz, read_npz, 3),
        "npz of several files": Reader([whole], mutations.mutate_npz, read_several, 1),
        "csv": Reader(tables, lambda draw, seeds: mutations.mutate_bytes(draw, seeds, tokens), read_csv, 2),
        "cifar": Reader([colours[10:].tobytes()], mutations.mutate_bytes, read_cifar, 1),
        "parquet": Reader(seeds_of_parquet, mutations.mutate_bytes, read_parquet, 2),
        "idx images of a set": Reader(
            [of_idx["images-idx3-ubyte"], gzip.compress(of_idx["images-idx3-ubyte"], 1)],
            mutations.mutate_bytes,
            of_letters("images-idx3-ubyte"),
            1,
        ),
        "idx labels of a set": Reader(
            [of_idx["labels-idx2-int"], gzip.compress(of_idx["labels-idx2-int"], 1)],
            mutations.mutate_bytes,
            of_letters("labels-idx2-int"),
            1,
        ),
        "idx mapping": Reader([mapping], mutations.mutate_bytes, of_letters("mapping.txt"), 0.5),
        "idx": Reader(idx, mutations.mutate_bytes, lambda content: parse_idx(content, name="a"), 2),
        "idx.gz": Reader(
            [gzip.compress(each, 1) for each in idx],
            mutations.mutate_gzip,
            lambda content: parse_idx(gunzip(content, name="a", limit=1000), name="a"),
            2,
        ),
    }


def _parquets(pixels: np.ndarray, labels: np.ndarray) -> Any:
    import pyarrow
    from pyarrow import parquet

    files = []
    for image in pixels:
        out = io.BytesIO()
        Image.fromarray(image).save(out, "PNG")
        files.append({"bytes": out.getvalue(), "path": "a.png"})
    names = {"info": {"features": {"label": {"names": ["a", "b"], "_type": "ClassLabel"}}}}
    of_hub = pyarrow.table({"image": files, "label": labels}).replace_schema_metadata(
        {"huggingface": json.dumps(names)}
    )
    of_words = pyarrow.table({"img": [file["bytes"] for file in files], "label": [f"kind {label}" for label in labels]})
    for table, options in (
        (of_hub, {"compression": "snappy"}),
        (of_words, {"compression": "none", "row_group_size": 9}),
    ):
        out = io.BytesIO()
        parquet.write_table(table, out, **options)
        yield out.getvalue()


def _of_a_class(folder: Path) -> dict[str, Reader]:
    """A teacher's own files: the roster or the gradebook, and what a class's folder holds."""
    reading = tests.classroom.reading
    tokens = (b'"', b'""', b",", b";", b"\t", b"\r", b"\n", b"sep=;\n", b"\xff\xfe", b"\0", b"Points Possible", b'="1"')
    tables, of_zips = [*reading.TABLES], (b"PK\x03\x04", b"PK\x05\x06", b"../", b"{", b"\0")
    return {
        "a roster or gradebook": Reader(
            tables, lambda draw, seeds: mutations.mutate_bytes(draw, seeds, tokens), reading.read_and_fill, 3
        ),
        "class.json": Reader([reading.CLASS], mutations.mutate_json, reading.class_in(folder), 1),
        "questions.json": Reader([reading.QUESTIONS], mutations.mutate_json, reading.questions_in(folder), 1),
        "a platform's download": Reader(
            [*reading.DOWNLOADS],
            lambda draw, seeds: mutations.mutate_bytes(draw, seeds, of_zips),
            reading.download_in(folder),
            2,
        ),
        "marks of a class": Reader([reading.MARKS], mutations.mutate_json, reading.marks_in(folder), 1),
        "arrivals.json": Reader([reading.ARRIVALS], mutations.mutate_json, reading.arrivals_in(folder), 1),
    }


def _of_a_run(folder: Path) -> dict[str, Reader]:
    """The files of a run folder, each made wrong alone in a whole one, and read by all that reads it."""
    data, path = _data(), folder / "run"
    plan = Plan(net=_NET, data=DATA, recipe="fast", epochs=2)
    run, net = make_run(path, plan, data)
    execute(run, net, data, keeps_checkpoints=True)
    run.write_unlike(*fit(net, data).pack())
    whole = {file.relative_to(path): file.read_bytes() for file in path.rglob("*") if file.is_file()}

    def of(name: str, read: Callable[[Any], object]) -> Callable[[bytes], object]:
        def with_it(content: bytes) -> object:
            (path / name).write_bytes(content)
            try:
                return read(open_run(path))
            finally:
                (path / name).write_bytes(whole[Path(name)])

        return with_it

    def go_on(_: Any) -> object:
        (path / "result.json").unlink()
        try:
            again, module = reopen_run(path, data)
            return execute(again, module, data, should_stop=lambda: True)
        except Stopped as stopped:
            return stopped
        finally:
            for name, content in whole.items():
                (path / name).write_bytes(content)

    def show(shown: Any) -> object:
        return run_page(shown, data, shown.load_net())

    def likeness(opened: Any) -> object:
        fitted = unpack(*opened.read_unlike(), opened.unlike_path, opened.config.data)
        return fitted.p_values(net, data.test.images[:3], mean=data.mean, std=data.std)

    def everything(opened: Any) -> object:
        return opened.result(), opened.evaluations(), opened.epochs(), opened.identity(), opened.load_net()

    diverged = {"epoch": 1, "learning_rate": 0.1, "kept_epoch": 0, "says": "the loss became NaN"}
    whole[Path("diverged.json")] = json.dumps(diverged).encode()
    checkpoint = next(str(name) for name in whole if name.parent.name == "checkpoints")
    as_json, as_tensors = mutations.mutate_json, mutations.mutate_safetensors
    table: dict[str, tuple[str, Any, Callable[[Any], object], float]] = {
        "config": ("config.json", as_json, everything, 3),
        "environment": ("environment.json", as_json, lambda run: (run.identity(), run.environment()), 1),
        "evaluation": ("evaluation.json", as_json, lambda run: run.evaluations(), 2),
        "result": ("result.json", as_json, lambda run: run.result(), 1),
        "metrics": ("metrics.jsonl", mutations.mutate_lines, lambda run: run.epochs(), 2),
        "test openings": ("test-openings.jsonl", mutations.mutate_lines, lambda run: run.test_openings(), 0.5),
        "diverged": ("diverged.json", as_json, lambda run: run.divergence(), 1),
        "weights": ("weights.safetensors", as_tensors, lambda run: run.load_net(), 2),
        "unlike": ("unlike.safetensors", as_tensors, likeness, 1),
        "checkpoints": (checkpoint, as_tensors, read_checkpoints, 2),
        "resume state": ("resume.safetensors", as_tensors, go_on, 1),
        "resume after metrics": ("metrics.jsonl", mutations.mutate_lines, go_on, 0.3),
        "resume after environment": ("environment.json", as_json, go_on, 0.3),
        "page after evaluation": ("evaluation.json", as_json, show, 0.05),
        "page after metrics": ("metrics.jsonl", mutations.mutate_lines, show, 0.05),
        "page after config": ("config.json", as_json, show, 0.05),
    }
    found = {
        name: Reader([whole[Path(file)]], mutate, of(file, read), share)
        for name, (file, mutate, read, share) in table.items()
    }
    return found | _saved_file(folder)


def _saved_file(folder: Path) -> dict[str, Reader]:
    """A file that the playground saved, and the note in the folder that it becomes."""
    cnnlab.runs.saved.load = _data
    path, run = folder / "mine.safetensors", folder / "mine"
    net = build_net(_NET, image_shape=(1, 28, 28), num_classes=10, seed=3)
    options = {"widths": [2], "hidden": 4, "dropout": 0.2}
    said = json.dumps(test_saved.description() | {"net": "conv-net", "options": options})
    seed = safetensors.torch.save(net.state_dict(), {"format": "pt", "cnnlab": said})

    def read_saved(content: bytes) -> object:
        path.write_bytes(content)
        shutil.rmtree(run, ignore_errors=True)
        return open_run(path)

    read_saved(seed)
    note = (run / "saved.json").read_bytes()

    def read_note(content: bytes) -> object:
        path.write_bytes(seed)
        run.mkdir(exist_ok=True)
        (run / "saved.json").write_bytes(content)
        return open_run(path)

    return {
        "playground's file": Reader([seed], mutations.mutate_safetensors, read_saved, 1),
        "playground's note": Reader([note], mutations.mutate_json, read_note, 0.3),
    }


def _records(folder: Path) -> dict[str, Reader]:
    lesson, claims = folder / "lesson.json", folder / "claims.json"
    record = LessonRecord(lesson, quick(DATA, DATA), _data(), seed=0)
    with record.part("trainings"):
        pass
    whole_round = json.loads((Path(__file__).parents[2] / "results" / "claims-quick.json").read_text())
    round_seed = json.dumps(whole_round | {"claims": whole_round["claims"][:8:3]}).encode()

    def read_lesson(content: bytes) -> object:
        lesson.write_bytes(content)
        return LessonRecord(lesson, quick(DATA, DATA), _data(), seed=0)

    def read_claims(content: bytes) -> object:
        claims.write_bytes(content)
        return read_round(claims)

    return {
        "lesson.json": Reader([lesson.read_bytes()], mutations.mutate_json, read_lesson, 2),
        "claims.json": Reader([round_seed], mutations.mutate_json, read_claims, 2),
    }


def _handed_in() -> dict[str, Reader]:
    """What a student hands in: the file of all, a playground's record alone, the answers of a lesson."""
    whole = (
        test_hand_in.of_a_page(),
        *map(_as_json, (test_hand_in.playground_record(), test_hand_in.lesson_answers())),
    )

    def read(content: bytes) -> object:
        return read_hand_in(content, test_hand_in.KEY)

    return {"a hand-in": Reader(whole, mutations.mutate_json, read, 3)}


def _as_json(record: dict[str, Any]) -> bytes:
    return json.dumps(record, indent=2).encode()


def _texts(folder: Path) -> dict[str, Reader]:
    """What is typed: names of sets, values of options, ranges of a sweep, a net's file."""
    base = Plan(net=_NET, data=DATA, recipe="fast", epochs=1)
    own = folder / "own.py"

    def as_text(content: bytes) -> str:
        return content.decode(errors="surrogateescape")

    def set_of(content: bytes) -> object:
        name = as_text(content)
        known, count, changes = split_name(name)
        return view(_data("mnist-5k"), count, changes) if known == "mnist-5k" else load(name, fetch=False)

    def vary(content: bytes) -> object:
        return own_variant(as_text(content)).change(base).meet(_data(), 0)

    def sweep(content: bytes) -> object:
        plan, fields = read_space(base, as_text(content).split("|"))
        return [own_variant(setting).change(plan) for one in fields for setting in one.settings]

    def net_of(content: bytes) -> object:
        name = as_text(content)
        spec = NetSpec(name=f"{folder}/{name}.py:Net")
        return build_net(spec, image_shape=(1, 28, 28), num_classes=10, seed=0, own_code=spec.name)

    def code_of(content: bytes) -> object:
        own.write_bytes(content)
        return read_code(str(own))

    numbers = (
        "0",
        "1",
        "-1",
        "8",
        "0.5",
        "1e400",
        "nan",
        "inf",
        "9" * 20,
        "9" * 5000,
        "１",
        "1_0",
        " ",
        "",
        "true",
        "none",
    )
    signs = (",", "=", "@", "+", ":", "/", "..", "|", "\0", "\n", "\udcff", "é", "a" * 5000, "-")
    fields = (*Plan.model_fields, "widths=", "hidden=", "dropout=", "kernel-size=", "shift=", "crop=", "batch-size=")
    fields += (
        "learning-rate=",
        "epochs=",
        "betas=",
        "net=",
        "data=",
        "recipe=",
        "pool=",
        "seed=",
        "precision=",
        "patience=",
    )
    names = (
        "mnist-5k",
        "mnist",
        "folder:",
        "npz:",
        "csv:",
        "+skip-damaged",
        "+shuffled-labels",
        "+permuted-pixels",
        "kmnist",
        str(folder),
        "~",
    )
    settings = (b"widths=2,4", b"dropout=0.5", b"shift=2", b"learning-rate=0.01", b"batch-norm=false", b"epochs=2")
    code = b"""import torch
from torch import nn
from . import other


class Net(nn.Module):
    def forward(self, x):
        return torch.relu(x)
"""
    source_tokens = (
        "(" * 300,
        "import a.b\n",
        "from ... import c\n",
        "\0",
        "\t",
        "    ",
        "# coding: latin-9\n",
        "'''",
        "\udcff",
        "9" * 5000,
    )
    return {
        "a set's name": Reader(
            [b"mnist-5k@100+shuffled-labels", b"folder:a", b"npz:a.npz"],
            mutations.words((*names, *numbers, *signs)),
            set_of,
            2,
        ),
        "an option's value": Reader(settings, mutations.words((*fields, *numbers, *signs)), vary, 1),
        "a sweep's values": Reader(
            [b"|".join(settings), b"widths=2|4|8"], mutations.words((*fields, *numbers, *signs)), sweep, 2
        ),
        "a net's file": Reader([b"a", b"../a"], mutations.words((*numbers, *signs, "photo", "run")), net_of, 0.5),
        "a net's code": Reader([code], mutations.words((code.decode(), *source_tokens)), code_of, 2),
    }


def _notebooks() -> dict[str, Reader]:
    """A student's notebook, and the code in one; nothing of it runs."""
    lesson = Path(__file__).parents[2] / "notebooks" / "lesson3_Pytorch_MNIST_cnn.ipynb"
    whole = without_pictures(lesson.read_text())

    def check(content: bytes) -> object:
        return check_notebook(content.decode(errors="replace"))

    def check_code(content: bytes) -> object:
        source = content.decode(errors="replace")
        return check_notebook(json.dumps({"cells": [{"cell_type": "code", "source": source}]}))

    names = ("after_conv = ", "after_pool += ", "comparison['both'] = ", "my_cnn = ", "after_conv, after_pool = ")
    values = ("26", "9**9**9", "...", "-" * 5000, "(" * 50, "[0] * 10**9", "'26'", "lambda: ", "1/0", "9" * 5000)
    signs = ("\n", "\t", "    ", "%%time\n", "!ls\n", "\0", "\u202e", "'" * 3, "\\", "def f():\n ", "if 1:\n ")
    return {
        "a notebook": Reader([whole.encode()], mutations.mutate_json, check, 1),
        "a notebook's code": Reader(
            [b"after_conv = (28 - 3) // 1 + 1"], mutations.words((*names, *values, *signs)), check_code, 1
        ),
    }
