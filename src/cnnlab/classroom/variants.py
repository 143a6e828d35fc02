"""Whose numbers a question has, from the class's secret and a student's id: here as in the lesson's pages."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata

#: What Python or JavaScript takes for white space; the two differ.
_BLANKS = re.compile("[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+")


def numbers_key(secret: str) -> str:
    """What decides about numbers and may be known: 32 hexadecimal digits, from a class's secret of 64.

    Raises ValueError for a secret that is not hexadecimal.
    """
    return hmac.new(bytes.fromhex(secret), b"question numbers", hashlib.sha256).hexdigest()[:32]


def order_key(secret: str) -> str:
    """What decides about the order of students on the page without names, which nobody else can work out.

    Raises as `numbers_key`.
    """
    return hmac.new(bytes.fromhex(secret), b"order without names", hashlib.sha256).hexdigest()[:32]


def plain_id(id: str) -> str:
    """An id as it counts: in one form of Unicode, small letters, one blank between words and none around them."""
    normal = unicodedata.normalize("NFKC", _whole(id)).lower()
    return _BLANKS.sub(" ", normal).strip(" ")


def variant_of(key: str, id: str, question: str, count: int) -> int:
    """Which of a question's `count` (at least 1) numbers an id has: 0 for the plain ones, which no id has, too.

    key: from `numbers_key`. id: as it was written. question: its id.
    """
    plain = plain_id(id)
    if not plain:
        return 0
    digest = hashlib.sha256(_whole(f"{key}\n{plain}\n{question}").encode()).hexdigest()
    return int(digest[:8], 16) % count


def _whole(text: str) -> str:
    """The text with U+FFFD for halves of a UTF-16 pair, which JSON can hold and UTF-8 cannot."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
