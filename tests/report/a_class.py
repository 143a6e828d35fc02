"""A class made from a seed: who answered, wrote, trained and drew what; and one that would like to be markup."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from cnnlab.classroom.results import (
    AnsweredQuestion,
    CheckedTask,
    ClassResults,
    Drawing,
    MeasuredNet,
    Standing,
    Student,
    StudentResult,
    WrittenText,
)

DUE = datetime(2026, 12, 4, 17, 0, tzinfo=UTC)
FIRST = ("Anna", "Bruno", "Carla", "Deniz", "Elif", "Felix", "Greta", "Hana", "Ivo", "Jonas", "Klara", "Leyla", "Mira")
LAST = ("Albrecht", "Brandt", "Çelik", "Dvořák", "Ebner", "Fuchs", "Gruber", "Haddad", "Ivanova", "Jansen", "Kowalski")
LAST += ("Lindqvist", "Moreau", "Novak", "Okafor", "Petrov", "Quist", "Rossi", "Santos", "Tanaka", "Ulrich", "Vasquez")
LAST += ("Weber", "Yilmaz")


@dataclass(frozen=True)
class Asked:
    """A question of the lesson. {n}: a number that differs from variant to variant; {answer}: the right one."""

    id: str
    page: str
    text: str
    answer: Callable[[int], object]
    worked: str
    slips: tuple[tuple[Callable[[int], object], str], ...]
    is_graded: bool = True


ASKED = (
    Asked(
        "output-size",
        "02-convolution.html",
        "A {n}×{n} image meets a 5×5 filter with stride 1 and no padding. How many values wide is the feature map?",
        lambda n: n - 4,
        "{n} − 5 + 1 = {answer}",
        (
            (lambda n: n - 5, "You forgot to count the first place: it is H − K + 1."),
            (lambda n: n, "That needs padding; there is none here."),
            (lambda n: n - 2, "You took off half the kernel: it loses K − 1 places, {n} − 4."),
        ),
    ),
    Asked(
        "one-filter",
        "02-convolution.html",
        "A convolution has {n} input channels and one 3×3 filter. How many parameters has it?",
        lambda n: 9 * n + 1,
        "{n}·3·3 + 1 = {answer}",
        (
            (lambda n: 9 * n, "You left out the bias: the filter has one."),
            (lambda n: 10, "A filter has weights for each of the {n} input channels."),
        ),
    ),
    Asked(
        "dense-weights",
        "01-why-convolution.html",
        "A dense layer takes {n}×{n} pixels to 10 outputs. How many parameters are that?",
        lambda n: 10 * n * n + 10,
        "{n}·{n}·10 + 10 = {answer}",
        (
            (lambda n: 10 * n * n, "You left out the biases: 10 more."),
            (lambda n: n * n, "That is one output; there are 10."),
        ),
    ),
    Asked(
        "pooled",
        "04-pooling.html",
        "A 2×2 pool with stride 2 takes maps of {n}×{n}. How many values are left of each map?",
        lambda n: (n // 2) ** 2,
        "({n} / 2)² = {answer}",
        (
            (lambda n: n // 2, "That is one side; a map has two."),
            (lambda n: n * n // 2, "Both sides are halved."),
        ),
    ),
    Asked(
        "field",
        "02-convolution.html",
        "Two 3×3 convolutions with stride 1, on images of {n}×{n}. How many pixels wide does a unit of the second see?",
        lambda n: 5,
        "3 + (3 − 1) = 5",
        (
            (lambda n: 6, "The windows of neighbours overlap: the second adds K−1 pixels, not K."),
            (lambda n: 9, "Sizes add up, they do not multiply."),
            (lambda n: 3, "That is the first convolution alone."),
        ),
    ),
    Asked(
        "norm-eval",
        "08-batch-norm.html",
        "In eval mode, which statistics does batch norm use?",
        lambda n: "the running ones of training",
        "Running averages were kept while it trained.",
        (
            (lambda n: "those of the batch", "That is training mode: one image alone would have no spread."),
            (lambda n: "none at all", "It normalises in both modes."),
        ),
    ),
    Asked(
        "which-curve",
        "14-regularisers.html",
        "Which of the four nets overfits least here?",
        lambda n: "dropout and batch norm",
        "Measured: 0.21 points [−0.10, 0.52]. That is not decided with 3 seeds.",
        ((lambda n: "dropout alone", ""), (lambda n: "neither", "")),
        is_graded=False,
    ),
)
GRADED = tuple(one for one in ASKED if one.is_graded)
TITLES = ("Other nets", "Dropout and batch norm", "Early and late", "CNN against dense")
TEXTS = tuple((f"homework-{number}", title) for number, title in enumerate(TITLES, start=1))
TASKS = (("output_size", "Output size"), ("parameters", "Parameters"))
SENTENCES = (
    "With a third convolution the net got 0.4 points better, which is less than two seeds differ.",
    "The first filters respond to edges; I could not say of one unit in the last layer what it is for.",
    "I chose by validation accuracy and opened the test images once.",
    "Dropout closed the gap between training and validation, batch norm made it faster, both together did no more.",
    "The interval of the dense net ends below that of the CNN, so I say the CNN is better on these images.",
    "I am not sure whether this would be so with more images.",
)


def wilson(share: float, n: int) -> tuple[float, float]:
    z = 1.959963984540054
    centre, half = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)


def a_class(size: int = 41, *, seed: int = 5, copies: int = 1) -> ClassResults:
    """A class of so many; the last one is not in the roster. copies: of all questions, for a longer lesson."""
    draw = random.Random(seed)
    names = [f"{first} {last}" for last in LAST for first in FIRST]
    draw.shuffle(names)
    results = [_student(draw, row, name, size, copies) for row, name in enumerate(names[:size])]
    with_nets = [at for at, one in enumerate(results) if one.best]
    for at, other in ((with_nets[0], with_nets[1]), (with_nets[1], with_nets[0])):
        same = f"lenet5.safetensors has the same weights as of {results[other].student.name}, number for number"
        results[at] = replace(results[at], remarks=(*results[at].remarks, same))
    results[-1] = replace(results[-1], student=replace(results[-1].student, row=None))
    return ClassResults(
        name="CNNs, autumn 2026",
        made="a1b2c3d4e5f6",
        due=DUE,
        results=tuple(results),
        lines=(
            "Huber_Vera_77120_assignsubmission_file_/photo.heic: no hand-in; expected a file that “Hand in” saved",
            "late/hand-in-0815.json: damaged: it ends in the middle of a text; ask for it again",
        ),
        withheld="2,000 images of mnist's test split, none of which stands in mnist-5k",
        most_questions=float(len(GRADED) * copies),
        most_homework=4 * 2.0 + 2.0,
    )


def _student(draw: random.Random, row: int, name: str, size: int, copies: int) -> StudentResult:
    id = str(3_100_000 + 37 * row)
    plain = "".join(letter for letter in name.lower().replace(" ", ".") if letter.isascii())
    key = f"s{hashlib.sha256(id.encode()).hexdigest()[:10]}"
    student = Student(key, id, f"{plain}@school.example", name, row)
    if draw.random() < 0.08 and row not in (0, size - 1):
        return StudentResult(student)
    arrived = DUE - timedelta(minutes=draw.randint(-300, 9000))
    file = f"submissions/{name.replace(' ', '_')}_{id}_assignsubmission_file_/hand-in-{id}.json"
    remarks = [f"{file} came 2 h after it was due"] if arrived > DUE else []
    remarks += [f"{file} was edited since it was saved"] if draw.random() < 0.08 else []
    skill = draw.uniform(0.25, 0.9)
    variant = 0 if row == 0 else draw.randint(0, 5)
    answered = tuple(
        _answered(draw, one, skill - 0.07 * at, variant, f"{one.id}{copy or ''}")
        for copy in range(copies)
        for at, one in enumerate(ASKED)
    )
    texts = tuple(_text(draw, *each) for each in TEXTS)
    tasks = _tasks(draw, skill) if draw.random() < 0.6 else ()
    nets = _nets(draw, row, skill)
    measured = [net for net in nets if net.accuracy is not None]
    marks = [text.points for text in texts]
    return StudentResult(
        student=student,
        file=file,
        tries=draw.choice([1, 1, 1, 2, 3]),
        arrived=arrived,
        is_late=arrived > DUE,
        answered=answered,
        texts=texts,
        tasks=tasks,
        nets=nets,
        drawings=tuple(_drawing(draw, str(label)) for label in draw.sample(range(10), draw.randint(0, 3))),
        remarks=tuple(remarks),
        question_points=sum(one.points for one in answered),
        homework_points=None if None in marks else sum(mark or 0 for mark in marks) + sum(one.points for one in tasks),
        best=max(measured, key=lambda net: net.accuracy or 0, default=None),
    )


def _answered(draw: random.Random, asked: Asked, skill: float, variant: int, id: str) -> AnsweredQuestion:
    n = 28 + 2 * variant
    answer = str(asked.answer(n))
    text, worked = asked.text.format(n=n), asked.worked.format(n=n, answer=answer)
    variant = variant if "{n}" in asked.text else 0
    if not asked.is_graded:
        given = draw.choice([answer, *(str(value(n)) for value, _ in asked.slips)])
        return AnsweredQuestion(id, asked.page, text, answer, worked, 0, (given,), ("",), "not decided", 0.0, 0.0)
    wrong = [(str(value(n)), hint.format(n=n)) for value, hint in asked.slips]
    wrong.append((draw.choice(["17", "17", "42"]), ""))
    slip = draw.choices(wrong, [4, 3, 2, 1][-len(wrong) :])[0]
    chance = draw.random()
    if chance < 0.05:
        how: tuple[tuple[str, ...], tuple[str, ...], Standing, float] = (), (), "open", 0.0
    elif chance < 0.1:
        how = ("",), ("",), "shown without an answer", 0.0
    elif draw.random() < skill:
        how = (answer,), ("",), "right at the first try", 1.0
    elif draw.random() < 0.5:
        how = (slip[0], answer), (slip[1], ""), "right later", 0.5
    elif draw.random() < 0.7:
        how = (slip[0], "0"), (slip[1], ""), "not right", 0.0
    else:
        how = (slip[0], ""), (slip[1], ""), "shown without an answer", 0.0
    return AnsweredQuestion(id, asked.page, text, answer, worked, variant, *how, 1.0)


def _text(draw: random.Random, id: str, title: str) -> WrittenText:
    if draw.random() < 0.1:
        return WrittenText(id, title, "", 0.0, 2.0, "")
    text = "\n\n".join(draw.sample(SENTENCES, draw.randint(1, 4)))
    points = draw.choice([None, 1.0, 1.5, 2.0])
    return WrittenText(id, title, text, points, 2.0, "Say how many seeds that was." if points == 1.0 else "")


def _tasks(draw: random.Random, skill: float) -> tuple[CheckedTask, ...]:
    found = []
    for id, title in TASKS:
        if draw.random() < skill:
            found.append(CheckedTask(id, title, "right", "✓ 24, as it is.", 1.0, 1.0))
        elif draw.random() < 0.8:
            says = "✗ Got 23; a 5×5 filter fits into 28 in 28 − 5 + 1 places."
            found.append(CheckedTask(id, title, "off", says, 0.0, 1.0))
        else:
            found.append(CheckedTask(id, title, "not filled in", "not filled in yet", 0.0, 1.0))
    says = "net comes from code, which is not run here: read the notebook, run it, and see what check_net says"
    says += draw.choice(["", "; the file says: ✓ 61,706 parameters"])
    return (*found, CheckedTask("net", "A net of your own", "to be run by you", says, 0.0, 0.0))


def _nets(draw: random.Random, row: int, skill: float) -> tuple[MeasuredNet, ...]:
    if draw.random() < 0.12:
        return ()
    if row % 13 == 7:
        says = "its net is the student's own code, which is not run here: to be run by you: "
        says += f"cnnlab evaluate run-{row} --data mnist --net net.py:Net"
        return (MeasuredNet(f"run-{row}", "own", "", None, None, None, 0, says, 0.991),)
    found = []
    for net in ("lenet5", "simple-cnn")[: draw.choice([1, 1, 2])]:
        share = round(2000 * draw.uniform(0.935, 0.965 + 0.03 * skill)) / 2000
        digest = hashlib.sha256(f"{row}{net}".encode()).hexdigest()
        claimed = round(share + 0.004, 4)
        found.append(MeasuredNet(f"{net}.safetensors", net, digest, share, *wilson(share, 2000), 2000, "", claimed))
    return tuple(found)


def _drawing(draw: random.Random, label: str) -> Drawing:
    image = np.zeros((28, 28), np.uint8)
    x, y = draw.randint(9, 18), draw.randint(4, 8)
    for _ in range(60):
        x, y = min(24, max(3, x + draw.randint(-1, 1))), min(24, max(3, y + draw.choice([0, 0, 1, -1, 1])))
        image[y : y + 2, x : x + 2] = draw.randint(150, 255)
    return Drawing(label, 28, 28, image.tobytes(), hashlib.sha256(image.tobytes()).hexdigest())


#: What would like to be markup, a template, or written from right to left.
EVIL = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "{{ 7*7 }}{% raw %}",
    '"><img src=x onerror=alert(3)>',
    "\u202eevil \u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "half \ud800 a pair & a `back` tick",
)


def hostile_class() -> ClassResults:
    """Every text that a student or a file can write is one of EVIL."""
    results = a_class(6, seed=9)
    changed = []
    for one, evil in zip(results.results, EVIL, strict=True):
        changed.append(
            replace(
                one,
                student=replace(one.student, name=evil, id=evil, email=evil),
                file=one.file and evil,
                answered=tuple(
                    replace(each, given=(evil, *each.given[1:]), standing="not right", slips=("", ""))
                    for each in one.answered
                ),
                texts=tuple(replace(each, title=evil, text=evil, remark=evil) for each in one.texts),
                tasks=tuple(replace(each, says=evil) for each in one.tasks),
                nets=tuple(replace(each, name=evil, net=evil) for each in one.nets),
                drawings=tuple(replace(each, label=evil) for each in one.drawings),
                remarks=(evil,),
            )
        )
    return replace(results, name=EVIL[0], lines=EVIL, withheld=EVIL[3], results=tuple(changed))
