"""A class of sixty, made by a program: its folder, what a platform's download gives, and the truth about all of it.

The truth is worked out here, from what each student was made to do; nothing of `cnnlab.classroom` is asked for it.
Hand-ins are written by this module's own hand.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import os
import sys
import unicodedata
import zipfile
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from tests.playground.test_saved import EPOCH
from torch import nn

from cnnlab.data import load
from cnnlab.runs.folder import data_record
from cnnlab.version import __version__

STUDENTS = 60
SECRET = "ab" * 32
MADE = "0123456789ab"
LESSON = {"made": "feedc0ffee00", "data": "npz:lesson.npz", "data_sha256": "0" * 64, "seed": 0, "full": False}
LESSON |= {"cnnlab": __version__, "torch": "2", "python": "3"}
DUE = datetime(2026, 12, 4, 18, 0, tzinfo=UTC)
VARIANTS = 4
NUMBERS = ("sizes", "parameters", "multiply-adds", "batches", "steps", "fields")
TEXTS = ("homework-1", "homework-2", "homework-3", "homework-4")
#: The notebook's answers that are numbers.
TASKS = {"after_conv": 26, "after_padded_conv": 28, "after_pool": 14, "parameters_conv1": 320}
TASKS |= {"parameters_conv2": 18_496, "parameters_norm": 64, "parameters_dense": 401_536}
_FIRST = ("Anna", "Bela", "Çelik", "Dmitri", "Élodie", "Farid", "Grace", "Hồng", "Ingrid", "João")
_LAST = ("Ahrens", "Brandão", "Cerny", "Dubois", "Eriksen", "Fontaine")


@dataclass
class Truth:
    """What a student's hand-ins must come to. remarks: a part of each sentence that must be said, and no other is."""

    key: str
    questions: float | None = None
    homework: float | None = None
    accuracy: float | None = None
    nets: int = 0
    tries: int = 0
    is_late: bool = False
    standings: dict[str, str] = field(default_factory=dict)
    tasks_right: int = 0
    remarks: list[str] = field(default_factory=list)


@dataclass
class MadeClass:
    """folder: of the class. download: what the platform gives, a zip. truths: in the roster's order, then strangers.

    lines: a part of each line about what is no hand-in.
    """

    folder: Path
    download: Path
    truths: list[Truth]
    lines: list[str]
    lesson_images: Path


def key_of(secret: str) -> str:
    return hmac.new(bytes.fromhex(secret), b"question numbers", hashlib.sha256).hexdigest()[:32]


def variant_of(id: str, question: str, count: int) -> int:
    plain = " ".join(unicodedata.normalize("NFKC", id).strip().lower().split())
    if not plain:
        return 0
    return int(hashlib.sha256(f"{key_of(SECRET)}\n{plain}\n{question}".encode()).hexdigest()[:8], 16) % count


def asked() -> dict[str, Any]:
    """questions.json: six questions for a number in four variants each, a choice, and one that decides nothing."""
    questions = []
    for place, name in enumerate(NUMBERS):
        variants = []
        for variant in range(VARIANTS):
            right = answer_of(place, variant)
            slips = {str(right + 7): f"the 7 of {name} was forgotten", str(right * 2): f"{name} are counted twice"}
            variants.append(_question(name, right, slips))
        questions.append({"id": name, "page": f"{place}.html", "variants": variants})
    choices = {"bigger": "", "smaller": "the other way round", "the same": "look again"}
    slips = {name: says for name, says in choices.items() if says}
    choice = _question("choice", "bigger", slips) | {"choices": list(choices)}
    questions.append({"id": "choice", "page": "6.html", "variants": [choice]})
    undecided = _question("undecided", "bigger", {}) | {"choices": list(choices), "graded": False}
    questions.append({"id": "undecided", "page": "7.html", "variants": [undecided]})
    texts = [{"id": each, "page": "h.html", "title": each.title(), "text": "Say why."} for each in TEXTS]
    return {"format": 1, "lesson": LESSON, "questions": questions, "texts": texts}


def _question(id: str, answer: object, slips: dict[str, str]) -> dict[str, Any]:
    return {
        "id": id, "text": f"How many {id}?", "answer": str(answer), "worked": "Count.", "choices": [], "slips": slips,
        "unit": "", "tolerance": 0.0, "graded": True,
    }  # fmt: skip


def answer_of(place: int, variant: int) -> int:
    return 1000 * (place + 1) + 10 * variant


def answered(student: int, id: str) -> tuple[list[dict[str, Any]], dict[str, str], float]:
    """What a student answers, how that stands, and the points for it."""
    answers, standings, points = [], {}, 0.0
    for place, name in enumerate(NUMBERS):
        right = answer_of(place, variant_of(id, name, VARIANTS))
        way = (student + place * (student // 6)) % 6
        given: list[str] = [
            [f"{right:,}"],
            [str(right + 7), f"{right - 1} + 1"],
            [str(right + 7), str(right * 2), str(right)],
            [""],
            [],
            [f"{right}"],
        ][way]
        standing = ["right at the first try", "right later", "not right", "shown without an answer", "open"]
        standings[name] = (*standing, "right at the first try")[way]
        points += (1.0, 0.5, 0.0, 0.0, 0.0, 1.0)[way]
        if given:
            answers.append({"id": name, "variant": 99, "given": _tries(given)})
    chosen = ("bigger", "smaller")[student % 2]
    answers.append({"id": "choice", "variant": 0, "given": _tries([chosen])})
    standings["choice"] = "right at the first try" if chosen == "bigger" else "not right"
    points += chosen == "bigger"
    answers.append({"id": "undecided", "variant": 0, "given": _tries(["smaller"])})
    standings["undecided"] = "not decided"
    return answers, standings, points


def _tries(given: list[str]) -> list[dict[str, Any]]:
    """As a file says it, which claims that all is right."""
    return [
        {"given": text, "right": True, "when": f"2026-11-30T10:0{place}:00.000Z"} for place, text in enumerate(given)
    ]


def hand_in(content: dict[str, Any], key: str | None) -> bytes:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(f"{key or ''}\n{text}".encode()).hexdigest()
    return f'{{"kind":"cnnlab hand-in","format":1,"sha256":"{digest}","content":{text}}}\n'.encode()


def content(**changes: Any) -> dict[str, Any]:
    """What a hand-in holds that was begun and left."""
    return {
        "made_by": "lesson page", "cnnlab": __version__, "class": {"name": "Nets", "made": MADE}, "lesson": LESSON,
        "student": {"id": "", "name": ""}, "saved": "2026-12-01T10:00:00Z", "covers": "all pages", "answers": [],
        "texts": [], "playground": [], "weights": [], "runs": [], "notebook": None, "text": "",
    } | changes  # fmt: skip


def record(nets: dict[str, bytes], drawn: list[bytes]) -> dict[str, Any]:
    """A record of the playground's page."""
    return {
        "kind": "cnnlab playground record", "format": 2, "id": "", "name": "", "saved": "2026-12-01T10:00:00Z",
        "page": __version__, "data": {"name": "mnist-5k", "sha256": "0" * 64}, "runs": [], "test_openings": 0,
        "homework": [],
        "nets": [{"file": name, "base64": base64.b64encode(file).decode()} for name, file in nets.items()],
        "drawn": [{"label": "7", "shape": [1, 28, 28], "pixels": base64.b64encode(each).decode()} for each in drawn],
    }  # fmt: skip


@cache
def trained() -> nn.Sequential:
    """Layers as of `mlp` with a hidden layer of 16, trained for a moment on mnist-5k by a loop of their own."""
    data = load("mnist-5k")
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 16), nn.ReLU(), nn.Dropout(0.0), nn.Linear(16, 10))
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for start in range(0, 3000, 100):
        optimizer.zero_grad()
        x = (data.train.images[start : start + 100] / 255 - data.mean[0]) / data.std[0]
        torch.nn.functional.cross_entropy(net(x), data.train.labels[start : start + 100]).backward()
        optimizer.step()
    return net.eval()


def net_of(student: int) -> dict[str, torch.Tensor]:
    """The trained net's weights with noise, the more the later the student."""
    net = trained()  # first, as it seeds, too
    torch.manual_seed(100 + student)
    return {
        f"layers.{name}": value.detach() + 0.004 * student * torch.randn_like(value)
        for name, value in net.state_dict().items()
    }


@cache
def _record_of_data() -> dict[str, Any]:
    return data_record(load("mnist-5k")).model_dump(mode="json")


def saved(tensors: dict[str, torch.Tensor], **changes: Any) -> bytes:
    """A file as the playground saves it."""
    said = {
        "format": 1, "page": __version__, "net": "mlp", "options": {"hidden": [16]}, "data": _record_of_data(),
        "settings": {"net": "mlp"}, "training": {"epochs": 1.0}, "seed": 3, "epochs": [EPOCH], "steps": 4,
        "test_openings": [], "taught": [], "beside": [],
    } | changes  # fmt: skip
    return safetensors.torch.save(tensors, {"format": "pt", "cnnlab": json.dumps(said)})


def opening(accuracy: float) -> dict[str, Any]:
    return {"opened": "2026-12-01T10:00:00Z", "step": 4, "accuracy": accuracy, "loss": 1.0, "images": 500}


def accuracy_of(tensors: dict[str, torch.Tensor], left_out: set[bytes]) -> float:
    """Over mnist-5k's test images but those that the lesson shows, by a loop of its own."""
    data = load("mnist-5k")
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 16), nn.ReLU(), nn.Linear(16, 10))
    places = {"1": "1", "3": "4"}
    net.load_state_dict(
        {
            f"{ours}.{each}": tensors[f"layers.{theirs}.{each}"]
            for ours, theirs in places.items()
            for each in ("weight", "bias")
        }
    )
    kept = [place for place, image in enumerate(data.test.images) if image.numpy().tobytes() not in left_out]
    with torch.no_grad():
        answers = net((data.test.images[kept] / 255 - data.mean[0]) / data.std[0]).argmax(dim=1)
    return float((answers == data.test.labels[kept]).double().mean())


def notebook(right: int) -> dict[str, Any]:
    """A notebook with so many right answers, one that is off, and blanks; a cell is broken."""
    lines = [f"{name} = {value if place < right else 5}" for place, (name, value) in enumerate(TASKS.items())]
    sources = ["import torch\nthis is no Python", *lines[: right + 1]]
    cells = [
        {"cell_type": "code", "source": source, "outputs": [], "metadata": {}, "execution_count": None}
        for source in sources
    ]
    text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    return {"name": "lesson.ipynb", "text": text}


def zipped(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, (2026, 12, 1, 9, 0, 0)), data)
    return buffer.getvalue()


def drawing(student: int) -> bytes:
    return np.random.default_rng(student).integers(0, 256, 784, dtype=np.uint8).tobytes()


class Download:
    """A platform's zip: a folder a student, as Moodle names it."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, bytes, datetime]] = []

    def add(self, name: str, number: int, file: str, data: bytes, time: datetime) -> None:
        self.entries.append((f"{name}_{9000 + number}_assignsubmission_file_/{file}", data, time))

    def write(self, path: Path, entries: list[tuple[str, bytes, datetime]] | None = None) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data, time in self.entries if entries is None else entries:
                local = time.astimezone()
                info = zipfile.ZipInfo(
                    name, (local.year, local.month, local.day, local.hour, local.minute, local.second)
                )
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, data)
        return path


def make(folder: Path) -> MadeClass:
    """Write the class below `folder`."""
    place = folder / "nets"
    (place / "marks").mkdir(parents=True)
    key = key_of(SECRET)
    lesson_images = folder / "lesson.npz"
    data = load("mnist-5k")
    ten_each = torch.cat([(data.test.labels == label).nonzero().flatten()[:10] for label in range(10)])
    shown = data.test.images[ten_each, 0].numpy()
    np.savez(lesson_images, images=shown, labels=data.test.labels[ten_each].numpy())
    left_out = {image.tobytes() for image in shown}
    questions = asked()
    questions["lesson"] = LESSON | {"data": f"npz:{lesson_images}"}
    (place / "questions.json").write_text(json.dumps(questions))
    names = [(_FIRST[number % 10], _LAST[number // 10]) for number in range(STUDENTS)]
    ids = [f"s{1000 + number}" for number in range(STUDENTS)]
    rows = [f'{first},"{last}",{id},{id}@school.example' for (first, last), id in zip(names, ids, strict=True)]
    (place / "roster.csv").write_text("\n".join(["First name,Last name,ID number,Email address", *rows, ""]))
    (place / "class.json").write_text(
        json.dumps(
            {
                "format": 1, "name": "Nets", "made": MADE, "secret": SECRET, "due": DUE.isoformat(),
                "points": {"first": 1.0, "later": 0.5, "text": 2.0, "task": 1.0},
                "withheld": {"data": "mnist-5k", "images": 2000},
                "columns": {"questions": "q", "homework": "h", "accuracy": "a"},
                "roster": {
                    "file": "roster.csv", "id": "ID number", "email": "Email address",
                    "name": ["First name", "Last name"],
                },
            }
        )
    )  # fmt: skip
    os.chmod(place / "class.json", 0o600)

    download, truths, lines = Download(), [], []
    marks: dict[str, Any] = defaultdict(dict)
    in_time = DUE - timedelta(days=1)
    for student, ((first, last), id) in enumerate(zip(names, ids, strict=True)):
        truth = Truth(id)
        truths.append(truth)
        if student == 59:  # hands in nothing
            continue
        name = f"{first} {last}"
        file, time, file_name = content(), in_time, f"hand-in-{id}.json"
        typed = {"id": id, "name": name}
        if student == 10:
            typed = {"id": "s1011", "name": name}
            truth.remarks += [
                "names the id s1011; the roster has s1010",
                "same id, s1011, stands in hand-ins of Bela Brandão",
            ]
        if student == 11:
            truth.remarks.append("same id, s1011, stands in hand-ins of Anna Brandão")
        if student == 12:
            typed = {"id": f"  {id.upper()} ", "name": "<script>alert(1)</script>"}
            truth.remarks.append("names <script>alert(1)</script>; the roster has")
        if student == 13:
            typed = {"id": id, "name": f"=HYPERLINK(1) {name}"}
        if student == 14:  # no id: the plain numbers
            typed = {"id": "", "name": ""}
            truth.remarks.append("names no id: the plain numbers count")
        answers, standings, points = answered(student, typed["id"])
        texts = [
            {"id": each, "text": f"{name} says why, {number}"}
            for number, each in enumerate(TEXTS)
            if (student + number) % 3
        ]
        file |= {"student": typed, "answers": answers, "texts": texts}
        truth.questions, truth.standings, truth.tries = points, standings, 1
        if student % 2 == 0:  # marked, the texts that there are
            for number, one in enumerate(texts):
                marks[id][one["id"]] = {"points": 0.5 * number, "remark": f"good, {number}"}
            truth.homework = sum(0.5 * number for number in range(len(texts)))

        if student < 20:
            tensors = net_of(student)
            truth.accuracy, truth.nets = accuracy_of(tensors, left_out), 1
            claim = [opening(truth.accuracy + 0.01)]
            if student == 5:
                claim = [opening(0.999)]
                truth.remarks.append("mine.safetensors claims 99.9")
            if student == 6:
                claim = [opening(truth.accuracy)] * 5
                truth.remarks.append("mine.safetensors had its test images looked at 5 times")
            file["playground"] = [
                record({"mine.safetensors": saved(tensors, test_openings=claim)}, [drawing(student), bytes(784)])
            ]
        if student == 20:  # somebody else's net, under other claims, and somebody's drawing
            file["weights"] = [
                {"name": "ours.safetensors", "base64": base64.b64encode(saved(net_of(3), seed=9)).decode()}
            ]
            file["playground"] = [record({}, [drawing(4)])]
            truth.accuracy, truth.nets = truths[3].accuracy, 1
            truth.remarks += [
                "ours.safetensors has the same weights as of Dmitri Ahrens",
                "drawing of 7 is the same as of Élodie Ahrens",
            ]
            truths[3].remarks.append("mine.safetensors has the same weights as of Anna Cerny")
            truths[4].remarks.append("drawing of 7 is the same as of Anna Cerny")
        if student == 21:
            broken = {each: torch.full_like(value, torch.nan) for each, value in net_of(0).items()}
            file["weights"] = [{"name": "nan.safetensors", "base64": base64.b64encode(saved(broken)).decode()}]
            truth.nets = 1
        if student == 22:
            file["weights"] = [{"name": "junk.safetensors", "base64": base64.b64encode(b"\x08" + b"\0" * 40).decode()}]
            truth.nets = 1
        if student == 23:
            own = json.dumps(
                {
                    "net": {"name": "mine.py:Net; rm -rf /", "options": {}},
                    "data": _record_of_data(),
                    "recipe": "lesson",
                    "training": {},
                    "seed": 0,
                }
            )
            weights = base64.b64encode(safetensors.torch.save(net_of(1))).decode()
            looks = '{"when": "x", "by": "cnnlab train"}\n' * 4
            files = [
                {"name": "config.json", "text": own},
                {"name": "model.safetensors", "base64": weights},
                {"name": "test-openings.jsonl", "text": looks},
            ]
            file["runs"] = [{"name": "my run", "files": files}]
            truth.nets = 1
            truth.remarks += [
                "my run had its test images looked at 4 times",
                "my run has the same weights as of Bela Ahrens",
            ]
            truths[1].remarks.append("mine.safetensors has the same weights as of Dmitri Cerny")
        if student == 24:  # a run of one of cnnlab's nets
            config = {
                "net": {"name": "mlp", "options": {"hidden": [16]}},
                "data": _record_of_data(),
                "recipe": "lesson",
                "training": {},
                "seed": 0,
            }
            weights = base64.b64encode(safetensors.torch.save(net_of(24))).decode()
            file["runs"] = [
                {
                    "name": "run",
                    "files": [
                        {"name": "config.json", "text": json.dumps(config)},
                        {"name": "weights.safetensors", "base64": weights},
                    ],
                }
            ]
            truth.accuracy, truth.nets = accuracy_of(net_of(24), left_out), 1
        if student == 25:
            file["lesson"] = LESSON | {"made": "another00000"}
            truth.questions, truth.standings = None, {}
            truth.remarks.append(
                "is of another lesson, another00000; expected feedc0ffee00: its answers are not marked"
            )
        if student == 26:
            file["cnnlab"] = "0.1.9"
            truth.remarks.append("was made by cnnlab 0.1.9; this is")
        if student == 27:
            for one in file["answers"]:
                for number, each in enumerate(one["given"]):
                    each["when"] = f"2026-11-30T10:{50 - number}:00Z"
            truth.remarks.append("the times of answers run backwards in")
        if student == 28:
            time = DUE + timedelta(days=2, hours=3, minutes=5)
            truth.is_late = True
            truth.remarks.append("came 2 days 3 h after it was due")
        written = hand_in(file, key)
        if student == 29:  # 1,234 where something else stood, and nothing else
            written = written.replace(b'"saved":"2026-12-01', b'"saved":"2026-11-01')
            truth.remarks.append("was edited since it was saved")
        if student == 30:  # an editor's work: written anew, with other bytes around it
            written = json.dumps(json.loads(written), indent=2).encode()
            truth.remarks.append("was edited since it was saved")
        if student == 31:  # an early try with nothing in it, and a late one
            download.add(name, student, "first.json", hand_in(content(student=typed), key), in_time - timedelta(days=2))
            worse = hand_in(content(student=typed, answers=answers[:1]), key)
            download.add(name, student, "after all.json", worse, DUE + timedelta(hours=1))
            truth.tries = 3
            truth.remarks.append("3 files from the lesson page were handed in: the last one that came in time")
        if student == 32:  # two late ones
            download.add(name, student, "late.json", hand_in(content(student=typed), key), DUE + timedelta(minutes=5))
            time, truth.is_late, truth.tries = DUE + timedelta(minutes=90), True, 2
            truth.remarks += [
                "came 1 h 30 min after it was due",
                "2 files from the lesson page were handed in: the last one,",
            ]
        if student == 33:  # twice the same
            download.add(name, student, "again.json", written, time + timedelta(hours=1))
        if student == 34:  # a lesson's page that was not handed out to the class
            file |= {"class": None, "answers": answered(student, "")[0]}
            written = hand_in(file, None)
            truth.remarks.append("comes from pages that were not handed out to this class")
        if student == 35:  # what no question takes, between answers that it does
            file["answers"] = [
                one | {"given": [{"given": "dunno", "when": ""}, *one["given"]]} for one in answers[:2]
            ] + answers[2:]
            written = hand_in(file, key)
            truth.remarks.append("2 answers are none that their questions take: left out")
        if student == 36:  # in a zip of the student's own, in another
            written, file_name = zipped("inner.zip", zipped("hand-in.json", written)), "all.zip"
        if student == 37:
            file_name = "hand in (3).json.txt"
        if student in (40, 41, 42):  # in Python, beside the page
            right = (student - 38) % 7
            python = content(
                made_by="cnnlab hand-in", student=typed, notebook=notebook(right), text="My notes.", lesson=None
            )
            download.add(name, student, "python.json", hand_in(python, key), in_time)
            truth.tasks_right, truth.tries = right, 2
            if truth.homework is not None:
                truth.homework += right
        if student == 43:
            download.add(name, student, "broken.json", written[: len(written) // 2], time)
            lines.append("broken.json: the hand-in is damaged")
        if student == 44:
            download.add(name, student, "essay.pdf", b"%PDF-1.7", time)
            lines.append("essay.pdf: a PDF")
        if student == 45:
            download.add(name, student, "bomb.json", b"{" + b" " * 64_000_001, time)
            lines.append("bomb.json: 64,000,002 bytes; expected at most")
        if student == 46:
            download.add(name, student, "nothing.zip", b"PK\x05\x06" + bytes(18), time)
            lines.append("nothing.zip: an empty zip")
        if student == 47:
            download.add(name, student, "run/config.json", b"{}", time)
            download.add(name, student, "run/weights.safetensors", b"", time)
            lines.append("/run: a run folder as files")
        if student == 48:
            download.add(name, student, "deep.json", b"[" * 100_000, time)
            lines.append("deep.json: the hand-in is damaged")
        if student == 49:
            download.add(name, student, "__MACOSX/._hand-in.json", b"junk", time)
            download.add(name, student, ".DS_Store", b"junk", time)
        download.add(name, student, file_name, written, time)

    stranger = content(student={"id": "x77", "name": "Guest"}, answers=answered(1, "x77")[0])
    download.entries.append(("guest.json", hand_in(stranger, key), in_time))
    truths.append(Truth("x77", questions=answered(1, "x77")[2], homework=0.0, tries=1, standings=answered(1, "x77")[1]))
    marking = {"kind": "cnnlab marks", "format": 1, "class": MADE, "marks": marks}
    (place / "marks" / "1.json").write_text(json.dumps(marking))
    (place / "marks" / "2.json").write_text("[1, 2")
    lines.append("marks/2.json is damaged")
    return MadeClass(place, download.write(folder / "download.zip"), truths, lines, lesson_images)


if __name__ == "__main__":
    made = make(Path(sys.argv[1]))
    print(made.folder, made.download)
