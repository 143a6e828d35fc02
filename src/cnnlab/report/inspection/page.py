"""What is doubtful in a data set as a page: pairs of images that are alike, and images whose labels look wrong."""

from __future__ import annotations

from dataclasses import dataclass

from cnnlab.data.origin import without_folders
from cnnlab.inspection.copies import ACROSS, SPLITS, Pair, Place
from cnnlab.inspection.inspecting import Inspection, Suspect
from cnnlab.report.pages import render
from cnnlab.report.pictures import LARGEST_SIDE, photograph
from cnnlab.version import __version__

#: Pairs of each kind, suspects of each kind and rows of the table of confusions that the page shows.
PAIRS, SUSPECTS, CONFUSIONS = 24, 60, 12


@dataclass(frozen=True)
class Pictured:
    """An image as the page shows it: its picture, its label, and where it stands."""

    picture: str
    label: str
    where: str


@dataclass(frozen=True)
class PicturedPair:
    """Two images that are alike; is_conflict: their labels differ."""

    both: tuple[Pictured, Pictured]
    likeness: float
    is_conflict: bool


@dataclass(frozen=True)
class PicturedSuspect:
    """An image whose label looks wrong, what it looks like, and what the net gave to each (0–1)."""

    image: Pictured
    likely: str
    given_probability: float
    likely_probability: float


@dataclass(frozen=True)
class Confused:
    """How many images of one label confidently are of another class."""

    given: str
    likely: str
    images: int


def inspection_page(found: Inspection) -> str:
    """The page, as HTML that loads nothing from elsewhere. The same findings give the same page."""
    data, labels = found.data, found.labels
    confused = []
    if labels is not None:
        for given, row in enumerate(labels.joint.tolist()):
            confused += [
                Confused(data.classes[given], data.classes[likely], count)
                for likely, count in enumerate(row)
                if count and likely != given
            ]
        confused.sort(key=lambda each: -each.images)
    return render(
        "inspection/page.html",
        data=data,
        source=without_folders(data.source),
        splits=SPLITS,
        across=ACROSS,
        equal=found.equal,
        equal_total=sum(found.equal.within.values()) + sum(found.equal.across.values()),
        near=found.near,
        near_total=sum(found.near.across.values()),
        labels=labels,
        equal_pairs=[_pair(found, pair) for pair in found.equal.pairs[:PAIRS]],
        near_pairs=[_pair(found, pair) for pair in found.near.pairs[:PAIRS]],
        suspects=_suspects(found, [] if labels is None else labels.probable),
        doubtful=_suspects(found, [] if labels is None else labels.doubtful),
        confused=confused[:CONFUSIONS],
        confused_left_out=max(0, len(confused) - CONFUSIONS),
        shrunk=max(data.image_shape[1:]) > LARGEST_SIDE,
        version=__version__,
    )


def _suspects(found: Inspection, those: list[Suspect]) -> list[PicturedSuspect]:
    return [
        PicturedSuspect(
            _pictured(found, one.place), found.data.classes[one.likely], one.given_probability, one.likely_probability
        )
        for one in those[:SUSPECTS]
    ]


def _pair(found: Inspection, pair: Pair) -> PicturedPair:
    one, other = _pictured(found, pair.first), _pictured(found, pair.second)
    return PicturedPair((one, other), pair.likeness, one.label != other.label)


def _pictured(found: Inspection, place: Place) -> Pictured:
    pixels = found.data.split(place.split).images[place.index].numpy()
    file = found.file_of(place)
    where = f"{place.split} #{place.index}" if file is None else f"{place.split} #{place.index}, {file}"
    return Pictured(photograph(pixels), found.label_of(place), where)
