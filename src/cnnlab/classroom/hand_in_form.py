"""What the JSON of a hand-in must hold: kinds, lengths and names, of what is read of it and of nothing else.

Other keys are left alone: pages write more than is read, and what an editor added counts for nothing.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

#: Letters of a text: an answer, words on a homework.
_Text = Annotated[str, Field(max_length=100_000)]
#: Of a name, an id or a date.
_Short = Annotated[str, Field(max_length=200)]
#: The longest side of an image that was drawn, in pixels.
_LONGEST_SIDE = 512
_Side = Annotated[int, Field(strict=True, ge=1, le=_LONGEST_SIDE)]


def _one_name(name: str) -> str:
    """A name that leads to no other folder, on any system."""
    is_one = not set(name) & set('/\\:*?"<>|') and name.isprintable() and name == name.strip() and name.strip(".")
    if not is_one or len(name.encode()) > 240:
        raise ValueError("expected the name of a single file, without slashes, colons and signs that cannot be printed")
    return name


def _decoded(given: Any) -> bytes:
    if not isinstance(given, str):
        raise ValueError("expected text in base64")
    try:
        return base64.b64decode(given, validate=True)
    except ValueError:
        raise ValueError("expected base64: letters, digits, + and /, in groups of four") from None


def _at_most(most: int) -> BeforeValidator:
    """Of a list, before any of it is looked at: a million wrong entries would be a million errors."""

    def counted(given: Any) -> Any:
        if isinstance(given, list) and len(given) > most:
            raise ValueError(f"expected at most {most:,}, got {len(given):,}")
        return given

    return BeforeValidator(counted)


def _once(what: str, found: Iterable[Any]) -> None:
    """Raise ValueError where one of several stands there twice."""
    twice = next((name for name, times in Counter(found).items() if times > 1), None)
    if twice is not None:
        raise ValueError(f"expected each {what} once, got {str(twice)[:100]} again")


_Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_one_name)]
_Base64 = Annotated[bytes, BeforeValidator(_decoded)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class _Group(_Part):
    """A class or a lesson: what tells it from another."""

    name: _Short = ""
    made: _Short
    cnnlab: _Short = ""


class _Student(_Part):
    id: _Short
    name: _Short


class _Given(_Part):
    given: _Text
    when: _Short = ""


class _Answer(_Part):
    id: _Short
    given: Annotated[tuple[_Given, ...], _at_most(50)]


class _Written(_Part):
    id: _Short
    text: _Text


class _Weights(_Part):
    name: _Name
    content: _Base64 = Field(alias="base64")


class _Net(_Part):
    name: _Name = Field(alias="file")
    content: _Base64 = Field(alias="base64")


class _Drawn(_Part):
    """label: what it is. shape: (C, H, W). pixels: C·H·W bytes, a channel after the other."""

    label: _Short
    shape: tuple[Annotated[int, Field(strict=True)], _Side, _Side]
    pixels: _Base64

    @model_validator(mode="after")
    def _pixels_fill_it(self) -> _Drawn:
        channels, height, width = self.shape
        if channels not in (1, 3):
            raise ValueError(f"shape: expected 1 or 3 channels, got {channels}")
        if len(self.pixels) != channels * height * width:
            raise ValueError(f"pixels: expected {channels * height * width:,} for its shape, got {len(self.pixels):,}")
        return self


class _Tried(_Part):
    """A run of the page."""

    test_openings: Annotated[tuple[Any, ...], _at_most(1000)]


class _Words(_Part):
    number: Annotated[int, Field(strict=True, ge=1, le=1000)]
    words: _Text


class _Images(_Part):
    name: _Short


def _known_format(given: Any) -> Any:
    if type(given) is int and given > 2:
        raise ValueError("made by a newer cnnlab, expected 1 or 2")
    return given


class PlaygroundForm(_Part):
    """A record of the playground's page. Format 1 has no nets and no drawings."""

    kind: Literal["cnnlab playground record"]
    format: Annotated[Literal[1, 2], BeforeValidator(_known_format)]
    page: _Short = ""
    id: _Short = ""
    name: _Short
    saved: _Short
    data: _Images
    runs: Annotated[tuple[_Tried, ...], _at_most(1000)]
    homework: Annotated[tuple[_Words, ...], _at_most(100)]
    nets: Annotated[tuple[_Net, ...], _at_most(20)] = ()
    drawn: Annotated[tuple[_Drawn, ...], _at_most(500)] = ()

    @model_validator(mode="after")
    def _each_homework_once(self) -> PlaygroundForm:
        _once("homework", (each.number for each in self.homework))
        return self


class _RunFile(_Part):
    """text or base64, one of the two: the run's records are text, its weights are not."""

    name: _Name
    text: str | None = None
    content: _Base64 | None = Field(None, alias="base64")

    @model_validator(mode="after")
    def _one_of_both(self) -> _RunFile:
        if (self.text is None) == (self.content is None):
            raise ValueError("expected either text or base64")
        return self

    def whole(self) -> bytes:
        """The file's bytes."""
        return (self.text or "").encode() if self.content is None else self.content


class _Run(_Part):
    name: _Name
    files: Annotated[tuple[_RunFile, ...], _at_most(100)]

    @model_validator(mode="after")
    def _each_file_once(self) -> _Run:
        _once("file", (each.name.casefold() for each in self.files))
        return self


class _Notebook(_Part):
    name: _Name
    text: str


class ContentForm(_Part):
    """What a hand-in holds under `content`."""

    made_by: _Short
    cnnlab: _Short
    group: _Group | None = Field(alias="class")
    lesson: _Group | None
    student: _Student
    saved: _Short
    answers: Annotated[tuple[_Answer, ...], _at_most(500)]
    texts: Annotated[tuple[_Written, ...], _at_most(100)]
    playground: Annotated[tuple[PlaygroundForm, ...], _at_most(20)]
    weights: Annotated[tuple[_Weights, ...], _at_most(20)]
    runs: Annotated[tuple[_Run, ...], _at_most(20)]
    notebook: _Notebook | None
    text: _Text

    @model_validator(mode="after")
    def _each_once(self) -> ContentForm:
        _once("question", (each.id for each in self.answers))
        _once("text", (each.id for each in self.texts))
        return self


class HandInForm(_Part):
    """A hand-in without its frame, which is looked at before."""

    content: ContentForm


class _Asked(_Part):
    """A question of the answers' file, answered or not."""

    id: _Short
    given: Annotated[tuple[_Given, ...], _at_most(50), Field(alias="answers")]


class AnswersForm(_Part):
    """What the lesson's pages saved before there were hand-ins."""

    name: _Short
    saved: _Short
    lesson: _Group
    questions: Annotated[tuple[_Asked, ...], _at_most(500)]

    @model_validator(mode="after")
    def _each_once(self) -> AnswersForm:
        _once("question", (each.id for each in self.questions))
        return self
