"""What a run is: frozen, strict records that are written into its folder and read back from it.

A misspelt key is an error (`extra="forbid"`), a value out of range is an error, and nothing changes after it was
made: a variant is a new record.
"""

from __future__ import annotations

from reprlib import Repr
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from cnnlab.errors import UserError, nearest

Optimizer = Literal["adam", "adamw", "nadam", "radam", "adamax", "adagrad", "rmsprop", "sgd", "muon"]
Schedule = Literal["constant", "one-cycle", "cosine", "step"]
Precision = Literal["auto", "fp32", "bf16"]
Balance = Literal["none", "weights", "draws"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Scalar = bool | int | float | str
Record = TypeVar("Record")

#: Images in a step, at most.
LARGEST_BATCH = 1_000_000
# What cnnlab measured and wrote down itself is read back as that kind alone: "3", true and 3.0 are no count.
Count = Annotated[int, Field(strict=True, ge=0, lt=2**53)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Seconds = Annotated[float, Field(strict=True, ge=0, lt=1e10)]
#: A mean cross-entropy that is a number: of float32 logits it is never larger.
Loss = Annotated[float, Field(strict=True, ge=0, lt=1e39)]

#: The recipe that a run is written down under that the playground's page trained.
PLAYGROUND = "playground"
#: The longest side of an image, in pixels, that a run's config may name.
LONGEST_SIDE = 4096

_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxlong, _SHORT.maxother = 3, 200, 100, 200


class Strict(BaseModel):
    """A frozen record that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Augmentation(Strict):
    """Random changes of a training image, drawn anew each time it is seen."""

    shift: int = Field(0, ge=0, description="shift by up to this many pixels along each axis")
    rotate_degrees: float = Field(0.0, ge=0, le=180, description="rotate by up to this many degrees")
    scale: float = Field(0.0, ge=0, lt=1, description="enlarge or shrink by up to this share (0.1: 0.9 to 1.1)")
    erase: int = Field(0, ge=0, description="blank one square of this side at a random place")
    flip: bool = Field(False, description="mirror every other image, chosen at random, left to right")


class Training(Strict):
    """How a net is trained. The defaults are plain Adam at a constant rate, as in the recipe `lesson`, in float32."""

    epochs: float = Field(3, gt=0, le=100_000, description="passes over the training images; 0.5 is half a pass")
    batch_size: int = Field(
        64, ge=1, le=LARGEST_BATCH, description="images in a step, about: an epoch's are shared out evenly"
    )
    optimizer: Optimizer = Field(
        "adam", description="from torch.optim; muon: filters and matrices by Muon, the rest by Adam"
    )
    learning_rate: float = Field(1e-3, gt=0, le=1e30, description="the (peak) learning rate")
    betas: tuple[float, float] = Field(
        (0.9, 0.999), description="averaging of Adam and its relatives, and of what Muon leaves to Adam"
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="of sgd and muon")
    weight_decay: float = Field(
        0.0,
        ge=0,
        le=1e30,
        description="decay of filters and matrices, not of biases, γ and β; L2 but for adamw and muon",
    )
    schedule: Schedule = Field("constant", description="how the learning rate moves over the run")
    warmup: float = Field(0.2, ge=0, lt=1, description="share of one-cycle and cosine spent rising to the peak")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="probability mass spread over all classes")
    balance: Balance = Field(
        "none",
        description="for uneven classes: with weights an image of a rare class counts more in the loss, with draws an "
        "epoch sees each class as often",
    )
    augmentation: Augmentation = Augmentation()
    crop: int | None = Field(None, ge=1, description="early in the run see only the central crop×crop pixels")
    crop_share: float = Field(0.7, ge=0, le=1, description="the share of steps that see the crop only")
    patience: int | None = Field(
        None, ge=1, le=100_000, description="stop after this many epochs without a better validation"
    )
    precision: Precision = Field("fp32", description="bf16 where the machine is quick at it: auto")
    channels_last: bool = Field(False, description="store images as (N, H, W, C) in memory")
    device: Device = Field("auto", description="where the arithmetic happens")

    @model_validator(mode="after")
    def _betas_in_range(self) -> Training:
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas: got {self.betas}, expected two numbers from 0 to below 1")
        return self


class NetSpec(Strict):
    """A net by name, with the options that differ from its defaults.

    name: a registered name, or `path/to/file.py:ClassName` for the user's own.
    """

    name: str
    options: dict[str, Scalar | tuple[int, ...]] = {}


def given_training(training: object) -> Training:
    """A training as the Python API's functions take it. Raises UserError for anything else, with the way to one."""
    if isinstance(training, Training):
        return training
    raise UserError(
        f"training: got {type(training).__name__}; expected a Training: cnnlab.Training(epochs=3), or "
        'cnnlab.recipe("fast", net, data, epochs=3)'
    )


def net_spec(name: str, options: dict[str, Any]) -> NetSpec:
    """A net with options as a user gave them. Raises UserError for one that is out of range."""
    return checked(NetSpec, {"name": name, "options": options}, f"{name}: its options")


_Side = Annotated[int, Field(strict=True, ge=1, le=LONGEST_SIDE)]
_Images = Annotated[int, Field(strict=True, ge=1, lt=2**53)]
_Deviation = Annotated[float, Field(strict=True, gt=1e-9, le=1)]


class DataRecord(Strict):
    """The data a run saw: enough to find it again, to notice that it changed, and to prepare new images like its own.

    image_shape: (C, H, W). images: of each split. mean, std: of the training split, one a channel, on a scale of 0–1.
    unpadded: (H, W) of the images before zeros were laid round them, where that was done.
    border: between which brightnesses the borders of most training images lie, 0–1; None in runs of earlier versions.
    """

    name: str
    sha256: str
    source: str
    split_note: str
    classes: tuple[str, ...] = Field(min_length=1)
    image_shape: tuple[_Side, _Side, _Side]
    images: dict[Literal["train", "validation", "test"], _Images] = Field(min_length=3)
    mean: tuple[Share, ...]
    std: tuple[_Deviation, ...]
    preparation: str = Field(pattern="^(digit|garment|resize|none)$")
    notes: tuple[str, ...] = ()
    unpadded: tuple[_Side, _Side] | None = None
    border: tuple[Share, Share] | None = None

    @model_validator(mode="after")
    def _padding_lies_round(self) -> DataRecord:
        if self.unpadded is not None and any(a > b for a, b in zip(self.unpadded, self.image_shape[1:], strict=True)):
            raise ValueError(f"unpadded: got {self.unpadded}, which is larger than the images, {self.image_shape[1:]}")
        return self

    @model_validator(mode="after")
    def _one_of_each_a_channel(self) -> DataRecord:
        channels = self.image_shape[0]
        if not len(self.mean) == len(self.std) == channels:
            raise ValueError(
                f"mean, std: got {len(self.mean)} and {len(self.std)} numbers, expected {channels}: one a channel"
            )
        return self


class RunConfig(Strict):
    """All that decides a run's figures, short of versions and the machine."""

    net: NetSpec
    data: DataRecord
    recipe: str
    training: Training
    seed: int = Field(ge=0, lt=2**63)


def checked(kind: type[Record], values: Any, what: str, *, is_file: bool = False) -> Record:
    """Build a record, and turn pydantic's report into one line of the user's words.

    kind: a `Strict` record or a dataclass. values: what JSON holds of it. what: the thing at fault, as the user knows
    it (`"runs/a/config.json"`, `"training options"`). is_file: whether that is a file, which a newer version may have
    written.
    Raises UserError naming the first field at fault, what was got and what was expected.
    """
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part)[:100] for part in first["loc"]) or "value"
        if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            hint = nearest(field.rsplit(".", 1)[-1], getattr(kind, "model_fields", ()))
            newer = "; if a newer cnnlab wrote it, read it with that" if is_file else ""
            raise UserError(f"{what}: unknown key {field}; {hint}{newer}") from None
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "missing":
            raise UserError(f"{what}: {field} is missing; expected a whole record: make it again") from None
        got = _SHORT.repr(first["input"])
        got = got if len(got) <= 200 else f"{got[:200]}…"
        raise UserError(f"{what}: {field}: got {got}; {message[0].lower()}{message[1:]}") from None
