"""A class made from a seed: students, what they answered, wrote, trained and drew; and one that would like to be markup."""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import replace
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
FIRST = "Anna Bruno Carla Deniz Elif Felix Greta Hana Ivo Jonas Klara Leyla Mira Nils Olga Pavel Quirin Rosa Samir Tilda".split()
LAST = "Albrecht Brandt Çelik Dvořák Ebner Fuchs Gruber Haddad Ivanova Jansen Kowalski Lindqvist Moreau Novak".split()

#: id, page, text, answer, working and slips; {0} is a number that differs from variant to variant.
NUMBERS = [
    ("output-size", "02-convolution.html", "A {0}×{0} image meets a 5×5 filter with stride 1 and no padding. How many values wide is the feature map?",
     lambda n: n - 4, "{0} − 5 + 1 = {1}", [(lambda n: n - 5, "You forgot to count the first place: it is H − K + 1."), (lambda n: n, "That needs padding; there is none here."), (lambda n: n - 2, "You took off half the kernel: it loses K − 1 places, {0} − 4.")]),
    ("one-filter", "02-convolution.html", "A convolution has {0} input channels and one 3×3 filter. How many parameters has it?",
     lambda n: 9 * n + 1, "{0}·3·3 + 1 = {1}", [(lambda n: 9 * n, "You left out the bias: the filter has one."), (lambda n: 10, "A filter has weights for each of the {0} input channels.")]),
    ("dense-weights", "01-why-convolution.html", "A dense layer takes {0}×{0} pixels to 10 outputs. How many parameters are that?",
     lambda n: 10 * n * n + 10, "{0}·{0}·10 + 10 = {1}", [(lambda n: 10 * n * n, "You left out the biases: 10 more."), (lambda n: n * n, "That is one output; there are 10.")]),
    ("pooled", "04-pooling.html", "A 2×2 pool with stride 2 takes maps of {0}×{0}. How many values are left of each map?",
     lambda n: (n // 2) ** 2, "({0} / 2)² = {1}", [(lambda n: n // 2, "That is one side; a map has two."), (lambda n: n * n // 2, "Both sides are halved.")]),
    ("field", "02-convolution.html", "Two 3×3 convolutions with stride 1, on images of {0}×{0}. How many pixels wide does a unit of the second see?",
     lambda n: 5, "3 + (3 − 1) = 5", [(lambda n: 6, "The windows of neighbours overlap: the second adds K−1 pixels, not K."), (lambda n: 9, "Sizes add up, they do not multiply."), (lambda n: 3, "That is the first convolution alone.")]),
    ("steps", "10-training.html", "{0}00 images in batches of 100: how many steps has an epoch?",
     lambda n: n, "{0}00 / 100 = {1}", [(lambda n: 100 * n, "That is images, not batches.")]),
]  # fmt: skip
CHOICES = [
    ("norm-eval", "08-batch-norm.html", "In eval mode, which statistics does batch norm use?", "the running ones of training", "Running averages were kept while it trained.",
     [("those of the batch", "That is training mode: one image alone would have no spread."), ("none at all", "It normalises in both modes.")]),
    ("drop-eval", "07-dropout.html", "What does dropout do in eval mode?", "nothing", "Units are dropped in training alone.",
     [("it drops half of the units", "That is training mode."), ("it doubles what is left", "PyTorch scales in training, so that nothing is left to do.")]),
]  # fmt: skip
#: Not graded: its figures are undecided.
UNGRADED = ("which-curve", "14-regularisers.html", "Which of the four nets overfits least here?", "dropout and batch norm", "Measured: 0.21 points [−0.10, 0.52]. That is not decided with 3 seeds.")  # fmt: skip
TEXTS = [(f"homework-{n}", title) for n, title in enumerate(("Other nets", "Dropout and batch norm", "Early and late", "CNN against dense"), 1)]  # fmt: skip
TASKS = [("output-size", "Output size"), ("parameters", "Parameters"), ("net", "A net of your own"), ("maps", "Feature maps")]  # fmt: skip
SENTENCES = [
    "With a third convolution the net got 0.4 points better, which is less than two seeds differ.",
    "The first filters respond to edges; I could not say of one unit in the last layer what it is for.",
    "I chose by validation accuracy and opened the test images once.",
    "Dropout closed the gap between training and validation, batch norm made it faster, and both together were no better.",
    "The interval of the dense net ends below that of the CNN, so I say the CNN is better on these images.",
    "I am not sure whether this would be so with more images.",
]


def wilson(share: float, n: int) -> tuple[float, float]:
    z = 1.959963984540054
    centre, half = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)


def a_class(size: int = 41, *, seed: int = 5, copies: int = 1) -> ClassResults:
    """A class of so many. copies: of all questions, for a longer lesson."""
    draw = random.Random(seed)
    pairs = [(first, last) for last in LAST for first in FIRST]
    draw.shuffle(pairs)
    results = [_student(draw, row, f"{first} {last}", size, copies) for row, (first, last) in enumerate(pairs[:size])]
    # Two with the same weights, and somebody who is not in the roster.
    twins = [at for at, one in enumerate(results) if one.best][1:3]
    for at, other in (twins, twins[::-1]) if len(twins) == 2 else ():
        same = f"the same weights as {results[other].student.name}'s: {results[other].nets[0].name}"
        results[at] = replace(results[at], remarks=(*results[at].remarks, same))
    stranger = replace(results[-1].student, row=None)
    results[-1] = replace(results[-1], student=stranger)
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
        most_questions=float(len(questions_of(copies))),
        most_homework=4 * 2.0 + 2.0,
    )


def questions_of(copies: int) -> list[str]:
    """The ids of a lesson's questions, those that are not graded left out."""
    return [f"{id}{copy or ''}" for copy in range(copies) for id, *_ in (*NUMBERS, *CHOICES)]


def _student(draw: random.Random, row: int, name: str, size: int, copies: int) -> StudentResult:
    id = f"{3_100_000 + 37 * row}"
    plain = name.translate(str.maketrans("Çřák", "Crak")).lower().replace(" ", ".")
    student = Student(key=f"s{hashlib.sha256(id.encode()).hexdigest()[:10]}", id=id, email=f"{plain}@school.example", name=name, row=row)  # fmt: skip
    if draw.random() < 0.08 and row not in (0, size - 1):
        return StudentResult(student)
    arrived = DUE - timedelta(minutes=draw.randint(-600, 9000))
    late = arrived > DUE
    skill = draw.uniform(0.25, 0.9)
    variant = 0 if row == 0 else draw.randint(0, 5)
    answered = tuple(each for copy in range(copies) for each in _answers(draw, skill, variant, copy))
    texts = tuple(
        WrittenText(id, title, "\n\n".join(draw.sample(SENTENCES, draw.randint(1, 4))), draw.choice([None, None, 1.0, 1.5, 2.0]), 2.0, "")
        for id, title in TEXTS if draw.random() < 0.9
    )  # fmt: skip
    texts = tuple(replace(text, remark="Say how many seeds that was.") if text.points == 1.0 else text for text in texts)
    nets, best = _nets(draw, row, skill)
    remarks = (["late: after the day by which it was due"] if late else []) + (["edited since it was saved"] if draw.random() < 0.06 else [])  # fmt: skip
    return StudentResult(
        student=student,
        file=f"submissions/{name.replace(' ', '_')}_{id}_assignsubmission_file_/hand-in-{id}.json",
        tries=draw.choice([1, 1, 1, 2, 3]),
        arrived=arrived,
        is_late=late,
        answered=answered,
        texts=texts,
        tasks=_tasks(draw, skill) if draw.random() < 0.6 else (),
        nets=nets,
        drawings=tuple(_drawing(draw, str(label)) for label in draw.sample(range(10), draw.randint(0, 3))),
        remarks=tuple(remarks),
        question_points=sum(one.points for one in answered),
        homework_points=None if any(text.points is None for text in texts) else sum(text.points or 0 for text in texts),
        best=best,
    )


def _answers(draw: random.Random, skill: float, variant: int, copy: int) -> list[AnsweredQuestion]:
    found = []
    for at, (id, page, text, right, worked, slips) in enumerate(NUMBERS):
        n = 28 + 2 * variant
        answer = str(right(n))
        wrong = [(str(value(n)), hint.format(n)) for value, hint in slips if str(value(n)) != answer]
        text, worked = text.format(n), worked.format(n, answer)
        found.append(_answered(draw, skill - 0.07 * at, id, page, text, answer, worked, variant, wrong, copy))
    for id, page, text, answer, worked, slips in CHOICES:
        found.append(_answered(draw, skill, id, page, text, answer, worked, 0, slips, copy))
    if copy == 0:
        id, page, text, answer, worked = UNGRADED
        given = (draw.choice([answer, "dropout alone", "neither"]),)
        found.append(AnsweredQuestion(id, page, text, answer, worked, 0, given, ("",), "not decided", 0.0, 0.0))
    return found


def _answered(
    draw: random.Random, skill: float, id: str, page: str, text: str, answer: str, worked: str, variant: int,
    wrong: list[tuple[str, str]], copy: int,
) -> AnsweredQuestion:  # fmt: skip
    chance = draw.random()
    slip = draw.choices(wrong, [3, 2, 1][: len(wrong)])[0]
    if draw.random() < 0.15:
        slip = (draw.choice(["17", "17", "42"]), "")
    given: tuple[str, ...]
    slips: tuple[str, ...]
    standing: Standing
    if chance < 0.05:
        given, slips, standing, points = (), (), "open", 0.0
    elif chance < 0.1:
        given, slips, standing, points = ("",), ("",), "shown without an answer", 0.0
    elif draw.random() < skill:
        given, slips, standing, points = (answer,), ("",), "right at the first try", 1.0
    elif draw.random() < 0.6:
        given, slips, standing, points = (slip[0], answer), (slip[1], ""), "right later", 0.5
    else:
        given, slips, standing, points = (slip[0], "0"), (slip[1], ""), "not right", 0.0
    return AnsweredQuestion(f"{id}{copy or ''}", page, text, answer, worked, variant, given, slips, standing, points, 1.0)  # fmt: skip


def _tasks(draw: random.Random, skill: float) -> tuple[CheckedTask, ...]:
    found = []
    for id, title in TASKS[:2]:
        if draw.random() < skill:
            found.append(CheckedTask(id, title, "right", "24, as it is.", 1.0, 1.0))
        elif draw.random() < 0.8:
            found.append(CheckedTask(id, title, "off", "Got 23; a 5×5 filter fits into 28 in 28 − 5 + 1 places.", 0.0, 1.0))  # fmt: skip
        else:
            found.append(CheckedTask(id, title, "not filled in", "", 0.0, 1.0))
    says = "net comes from code, which is not run here: read the notebook, run it (jupyter execute --inplace NOTEBOOK.ipynb), and see what check_net says"
    says += draw.choice(["", "; the file says: ✓ 61,706 parameters"])
    return (*found, CheckedTask("net", "A net of your own", "to be run by you", says, 0.0, 0.0))


def _nets(draw: random.Random, row: int, skill: float) -> tuple[tuple[MeasuredNet, ...], MeasuredNet | None]:
    if draw.random() < 0.12:
        return (), None
    if row % 13 == 7:
        says = f"its net is the student's own code, which is not run here: to be run by you: cnnlab evaluate run-{row} --data mnist --net net.py:Net"
        return (MeasuredNet(f"run-{row}", "own", "", None, None, None, 0, says, 0.991),), None
    found = []
    for at in range(draw.choice([1, 1, 2])):
        correct = round(2000 * draw.uniform(0.935, 0.965 + 0.03 * skill))
        low, high = wilson(correct / 2000, 2000)
        digest = hashlib.sha256(f"{row}{at}".encode()).hexdigest()
        name = ("lenet5.safetensors", "simple-cnn.safetensors")[at]
        found.append(MeasuredNet(name, name[:-12], digest, correct / 2000, low, high, 2000, "", round(correct / 2000 + 0.004, 4)))  # fmt: skip
    return tuple(found), max(found, key=lambda net: net.accuracy or 0)


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
                    replace(each, given=(evil, *each.given[1:]), standing="not right", slips=("", "")) for each in one.answered  # fmt: skip
                ),
                texts=tuple(replace(each, title=evil, text=evil, remark=evil) for each in one.texts),
                tasks=tuple(replace(each, says=evil) for each in one.tasks),
                nets=tuple(replace(each, name=evil, net=evil) for each in one.nets),
                drawings=tuple(replace(each, label=evil) for each in one.drawings),
                remarks=(evil,),
            )
        )
    return replace(results, name=EVIL[0], lines=EVIL, withheld=EVIL[3], results=tuple(changed))
