"""A stranger's words as a part of a sentence."""

from __future__ import annotations


def one_line(text: str, *, most: int = 100) -> str:
    """A text in one line of at most `most` letters and an ellipsis; what cannot be printed or encoded is replaced."""
    text = text.encode("utf-8", "replace").decode()
    text = "".join(letter if letter.isprintable() else "�" for letter in text)
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most // 2) :]}"
