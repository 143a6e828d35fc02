"""Whether an image is like anything that a net was trained on: three scores of it, held against the validation split.

    answer    the energy, -ln Σ exp(logit): high where no class answers (Liu et al. 2020)
    features  the distance to the 10th nearest of some training images, in what the last linear layer gets (Sun et al.
              2022, but of features as they are: on these nets lengths tell as well)
    pixels    what the principal components of its nearest class leave of the image itself

Each finds what another misses. Every fifth validation image says how wide a score spreads; in that measure what is
above the middle is squared and summed over the scores. The sum is ranked among the other validation images, and that
rank, the image itself counted in, is its p-value. Of images like the validation images a share of RATE at most has one
of RATE or less, whatever the net and the scores (conformal p-values; Bates et al. 2023).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from cnnlab.config import Count, DataRecord, Share, Strict, checked
from cnnlab.data.imageset import ImageSet, Split
from cnnlab.errors import UserError
from cnnlab.evaluation import BATCH, evaluate, fit_temperature
from cnnlab.features.penultimate import MOST_FEATURES, answers_and_features

#: Share of images like those of the validation split that are called unlike, where nobody chooses another (0–1).
FALSE_ALARMS = 0.01

#: Training images that the scores are fitted to and validation images that they are measured on, at most.
FITTED, MEASURED = 5000, 10_000

#: Training images among which neighbours are sought, at most, and which neighbour's distance counts.
AMONG, NEIGHBOUR = 2000, 10

#: Which share of the validation images measures the spread, and up to which share of them it reaches.
SPREAD_BY, SPREAD_TO = 5, 0.95

#: Principal components of a class's images, and the longest side in pixels that images are shrunk to before.
COMPONENTS, SIDE = 20, 32

#: Images that are shrunk at once.
SHRUNK_AT_ONCE = 50

#: Numbers of all components together, at most: beyond, the classes share theirs, and images are shrunk further.
MOST_NUMBERS = 4_000_000

#: The names of the scores, in their order; `features` is missing for a net that shows none.
SCORES = ("answer", "features", "pixels")


class _Kept(Strict):
    format: Literal[1]
    net: str
    data: str
    temperature: Annotated[float, Field(strict=True, gt=0, lt=1e6)]
    ece: tuple[Share, Share]
    classes: Annotated[Count, Field(ge=1)]
    side: tuple[Annotated[Count, Field(ge=1, le=SIDE)], Annotated[Count, Field(ge=1, le=SIDE)]]


@dataclass(frozen=True)
class Unlike:
    """What was fitted to a net and its data.

    net, data: the SHA-256 of its weights and of the images. temperature: what the logits are divided by for calibrated
    probabilities. ece: the expected calibration error (0–1) on validation, before and after. classes: how many the net
    has. side: (H, W) that images are shrunk to. middle, spread: float32 (S,), of each score. sums: float32 (N,), of the
    validation images, in ascending order. pixel_means, pixel_components: float32 (K, P) and (K, R, P), a class each or
    one for all. neighbours: float32 (M, D), None for a net that shows no features.
    """

    net: str
    data: str
    temperature: float
    ece: tuple[float, float]
    classes: int
    side: tuple[int, int]
    middle: Tensor
    spread: Tensor
    sums: Tensor
    pixel_means: Tensor
    pixel_components: Tensor
    neighbours: Tensor | None

    @property
    def score_names(self) -> tuple[str, ...]:
        """The names of the scores, in the order in which `scores` has them."""
        return SCORES if self.neighbours is not None else (SCORES[0], SCORES[2])

    @property
    def lowest_rate(self) -> float:
        """The lowest rate of false alarms (0–1) that so many validation images can hold."""
        return 1 / (len(self.sums) + 1)

    def p_values(self, net: nn.Module, images: Tensor, *, mean: Sequence[float], std: Sequence[float]) -> Tensor:
        """What share of the validation images and the image itself is at least as strange: float64 (N,), 0–1.

        An image is called unlike at a rate of false alarms when this is at most that rate. images: uint8 (N, C, H, W)
        of the shape that the net takes. Raises UserError where the net shows other features than it was fitted to.
        """
        sums = self.sums_of(self.scores(net, images, mean=mean, std=std))
        at_least = len(self.sums) - torch.searchsorted(self.sums, sums, side="left")
        return (at_least.double() + 1) / (len(self.sums) + 1)

    def scores(self, net: nn.Module, images: Tensor, *, mean: Sequence[float], std: Sequence[float]) -> Tensor:
        """The scores of images, higher where they are stranger: float32 (N, S). Arguments and errors as `p_values`."""
        answers, features = answers_and_features(net, images, mean=mean, std=std)
        got, expected = (None if values is None else values.shape[1] for values in (features, self.neighbours))
        if expected is not None and got != expected:
            raise UserError(
                f"the net shows {got or 'no'} features; expected {expected}, as it did when it was fitted: put its "
                "code back, or fit it again; of a net that takes other ways for other images this cannot be told"
            )
        return self.scores_of(answers, features, images)

    def sums_of(self, scores: Tensor) -> Tensor:
        """One number of each image's scores, higher where it is stranger: float32 (N,)."""
        above = ((scores.double() - self.middle.double()) / self.spread.double()).clamp(min=0)
        return above.square().sum(dim=1).float()

    def require_rate(self, rate: float) -> None:
        """Raise UserError where the validation images are too few for a rate of false alarms (0–1)."""
        if rate < self.lowest_rate:
            raise UserError(
                f"a rate of {rate:g} false alarms cannot be held by the {len(self.sums):,} validation images that are "
                f"ranked (four in five); expected at least {ceil(1 / rate) - 1:,} of them: choose --false-alarms "
                f"{_rounded_up(self.lowest_rate):g} or more, or train on more images"
            )

    def scores_of(self, answers: Tensor, features: Tensor | None, images: Tensor) -> Tensor:
        """`scores` from what `answers_and_features` gave."""
        columns = [-answers.double().logsumexp(dim=1)]
        if features is not None and self.neighbours is not None:
            columns.append(_to_neighbour(features, self.neighbours))
        columns.append(self._left_of_pixels(images))
        scores = torch.stack(columns, dim=1).float()
        return torch.where(scores.isnan(), torch.inf, scores)

    def _left_of_pixels(self, images: Tensor) -> Tensor:
        """The squared length of what the nearest class's components leave of each image: float64 (N,)."""
        means, components = self.pixel_means.double(), self.pixel_components.double()
        found = []
        for part in images.split(BATCH):
            pixels = shrunk(part, self.side)
            nearest = torch.full((len(part),), torch.inf, dtype=torch.float64)
            for mean, basis in zip(means, components, strict=True):
                rest = pixels - mean
                left = rest.square().sum(dim=1) - (rest @ basis.T).square().sum(dim=1)
                nearest = torch.minimum(nearest, left)
            found.append(nearest)
        return torch.cat(found)

    def pack(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The tensors and the record of it, as `unpack` takes them."""
        names = ("middle", "spread", "sums", "pixel_means", "pixel_components", "neighbours")
        tensors = {name: getattr(self, name).contiguous() for name in names if getattr(self, name) is not None}
        kept = _Kept(
            format=1,
            net=self.net,
            data=self.data,
            temperature=self.temperature,
            ece=self.ece,
            classes=self.classes,
            side=self.side,
        )
        return tensors, json.loads(kept.model_dump_json())


def of_kept(
    kept: tuple[Mapping[str, Tensor], Mapping[str, Any]] | None, path: Path, data: DataRecord, net: nn.Module
) -> Unlike | None:
    """What a run's folder keeps in the file `path`, if it is of the net's weights; None for no file, and for others.

    kept, data: as `unpack` takes them, and None where there is no file. Raises UserError as `unpack` does.
    """
    if kept is None:
        return None
    unlike = unpack(*kept, path, data)
    return unlike if unlike.net == weights_digest(net) else None


def unpack(tensors: Mapping[str, Tensor], record: Mapping[str, Any], path: Path, data: DataRecord) -> Unlike:
    """What `Unlike.pack` made. path: the file at fault. data: what the run was trained on.

    Raises UserError for what cannot be of such data: the file may be anybody's.
    """
    kept = checked(_Kept, dict(record), str(path), is_file=True)
    forms = {name: tuple(value.shape) for name, value in tensors.items()}
    values, classes = data.image_shape[0] * kept.side[0] * kept.side[1], len(data.classes)
    first = {name: form[0] if form else 0 for name, form in forms.items()}
    components = forms.get("pixel_components", ())[1:2]
    count = 2 + ("neighbours" in forms)
    expected: dict[str, tuple[int, ...]] = {
        "middle": (count,),
        "spread": (count,),
        "sums": (min(first.get("sums", 0), MEASURED),),
    }
    expected |= {"pixel_means": (min(first.get("pixel_means", 0), classes), values)}
    expected |= {"pixel_components": (*expected["pixel_means"][:1], min(*components, COMPONENTS, COMPONENTS), values)}
    if "neighbours" in forms:
        width = forms["neighbours"][-1] if forms["neighbours"] else 0
        expected |= {"neighbours": (min(first["neighbours"], AMONG), min(width, MOST_FEATURES))}
    is_of_floats = all(value.dtype == torch.float32 for value in tensors.values())
    if forms != expected or not is_of_floats or any(0 in form for form in forms.values()):
        raise UserError(f"{path}: {_short(forms)} are not what is fitted to the run's images; {_MEND}")
    if kept.classes != classes or kept.data != data.sha256:
        raise UserError(f"{path} was fitted to other data than config.json names; {_MEND}")
    if not all(bool(value.isfinite().all()) for value in tensors.values()):
        raise UserError(f"{path}: numbers are NaN or infinite; {_MEND}")
    if bool((tensors["spread"] <= 0).any()) or bool((tensors["sums"].diff() < 0).any()):
        raise UserError(f"{path}: a spread is not positive, or the sums are not in order; {_MEND}")
    return Unlike(
        net=kept.net,
        data=kept.data,
        temperature=kept.temperature,
        ece=kept.ece,
        classes=kept.classes,
        side=kept.side,
        **{name: tensors.get(name) for name in (*expected, "neighbours")},  # ty: ignore[invalid-argument-type]
    )


_MEND = "expected what cnnlab evaluate keeps: remove the file, and evaluate the run where its data are"


def fit(net: nn.Module, data: ImageSet) -> Unlike:
    """Fit the scores to training images of what a net was trained on, and rank its validation images by them.

    At most FITTED training images are taken, evenly spaced, and MEASURED validation images. The net stays as it was.
    Raises UserError where the net answers NaN or infinite numbers, and for fewer than two validation images.
    """
    train, validation = data.train.evenly_spaced(FITTED), data.validation.evenly_spaced(MEASURED)
    if len(validation) < 2:
        raise UserError(
            "got one validation image; expected two at least, or what is unlike them cannot be told: add images"
        )
    answers, features = answers_and_features(net, train.evenly_spaced(AMONG).images, mean=data.mean, std=data.std)
    own, own_features = answers_and_features(net, validation.images, mean=data.mean, std=data.std)
    for values in (answers, features, own, own_features):
        if values is not None and not bool(values.isfinite().all()):
            raise UserError(
                "the net answers NaN or infinite numbers to images that it was trained on; expected numbers: what is "
                "unlike them cannot be told"
            )
    side, pixel_means, components = pixel_shapes(train)
    nothing = torch.empty(0)
    temperature = fit_temperature(own, validation.labels)
    before, after = (
        evaluate(own.double() / by, validation.labels, classes=data.classes).ece for by in (1.0, temperature)
    )
    fitted = Unlike(
        net=weights_digest(net),
        data=data.sha256,
        temperature=temperature,
        ece=(before, after),
        classes=len(data.classes),
        side=side,
        middle=nothing,
        spread=nothing,
        sums=nothing,
        pixel_means=pixel_means,
        pixel_components=components,
        neighbours=features,
    )
    scores = fitted.scores_of(own, own_features, validation.images)
    measures = torch.arange(len(scores)) % SPREAD_BY == 0
    middle, end = scores[measures].double().quantile(torch.tensor([0.5, SPREAD_TO], dtype=torch.float64), dim=0)
    spread = (end - middle).clamp(min=1e-6 * (1 + middle.abs().max()))
    fitted = replace(fitted, middle=middle.float(), spread=spread.float())
    return replace(fitted, sums=fitted.sums_of(scores[~measures]).sort().values)


def pixel_shapes(train: Split, *, most: int = MOST_NUMBERS) -> tuple[tuple[int, int], Tensor, Tensor]:
    """What the pixels of training images are made of: the side that they are shrunk to, means and principal components.

    The last two are float32 (K, P) and (K, R, P), of a class each or, where images are few or these would be more than
    `most` numbers, of all in one. At most FITTED images are taken, evenly spaced.
    """
    taken = train.evenly_spaced(FITTED)
    _, channels, height, width = taken.images.shape
    side = _side((channels, height, width))
    return side, *_pixels(shrunk(taken.images, side), taken.labels, most)


def weights_digest(net: nn.Module) -> str:
    """SHA-256 over the names, forms and values of a net's weights."""
    digest = hashlib.sha256()
    for name, value in sorted(net.state_dict().items()):
        value = value.detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def shrunk(images: Tensor, side: tuple[int, int]) -> Tensor:
    """Images uint8 (N, C, H, W) as float64 (N, C·h·w) on a scale of 0–1, each pixel the mean of those it stands for."""
    found = []
    for part in images.split(SHRUNK_AT_ONCE):  # a photograph in double precision has a megabyte and more
        pixels = part.float() / 255
        found.append((pixels if pixels.shape[2:] == side else F.adaptive_avg_pool2d(pixels, side)).flatten(1).double())
    return torch.cat(found)


def _side(image_shape: tuple[int, int, int]) -> tuple[int, int]:
    channels, height, width = image_shape
    most = SIDE
    while most > 1 and channels * min(height, most) * min(width, most) * (COMPONENTS + 1) > MOST_NUMBERS:
        most //= 2
    return min(height, most), min(width, most)


def _to_neighbour(features: Tensor, neighbours: Tensor) -> Tensor:
    """The distance to the NEIGHBOUR-th nearest of `neighbours`, or to the farthest of fewer: float64 (N,)."""
    among, which = neighbours.double(), min(NEIGHBOUR, len(neighbours))
    lengths = among.square().sum(dim=1)
    found = []
    for part in features.double().split(BATCH):
        squares = part.square().sum(dim=1, keepdim=True) + lengths - 2 * part @ among.T
        found.append(squares.topk(which, largest=False).values[:, -1].clamp(min=0).sqrt())
    return torch.cat(found)


def _pixels(pixels: Tensor, labels: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Means and principal components, of each class or, where images are few or classes many, of all in one."""
    groups = [pixels[labels == label] for label in labels.unique()]
    is_by_class = len(groups) * (COMPONENTS + 1) * pixels.shape[1] <= most
    if not is_by_class or min(map(len, groups)) < 2 * COMPONENTS:
        groups = [pixels]
    found = [_principal(group) for group in groups]
    return torch.stack([mean for mean, _ in found]).float(), torch.stack([basis for _, basis in found]).float()


def _principal(values: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of values (N, P) and their COMPONENTS first principal components (R, P), zeros where none are."""
    mean = values.mean(dim=0)
    rest = values - mean
    basis = torch.zeros(min(COMPONENTS, values.shape[1]), values.shape[1], dtype=torch.float64)
    is_wide = len(rest) < values.shape[1]
    lengths, found = torch.linalg.eigh(rest @ rest.T if is_wide else rest.T @ rest)
    count = min(len(basis), int((lengths > 1e-9 * max(float(lengths[-1]), 1e-12)).sum()))
    if count:
        first = found[:, -count:].flip(1)
        basis[:count] = ((rest.T @ first) / lengths[-count:].flip(0).sqrt() if is_wide else first).T
    return mean, basis


def _rounded_up(rate: float) -> float:
    """A rate as a user would type it that is no lower."""
    return ceil(rate * 1000) / 1000


def _short(forms: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name[:40]} {'×'.join(map(str, form[:4]))}" for name, form in sorted(forms.items())[:6])[:300]
