"""Small valid files made wrong in the ways in which files are wrong: cut, flipped, spliced, lengthened, lied about."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

_EDGES = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)

#: JSON's text for what its writers never meant.
_ODD_JSON = (
    *("null", "true", "[]", "{}", '""', "0", "-1", "1.5", "1e400", "-1e400", "NaN", "Infinity", '"NaN"', '"Infinity"'),
    *("9" * 20, "9" * 5000, "1e-400", '"\\ud800"', '"\\u0000"', '"' + "a" * 10_000 + '"', "[" * 5000 + "]" * 5000),
    *(
        "2147483648",
        "9223372036854775808",
        '"../../outside"',
        '"/etc/passwd"',
        "[[]]",
        '{"a": {"b": []}}',
        '"folder:."',
    ),
)
_ODD_TEXT = (b"\xff\xfe", b"\x00", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"}", b"{", b",", b"\n", b"[" * 100_000, b"NaN")


def mutate_bytes(draw: Random, seeds: Sequence[bytes], tokens: Sequence[bytes] = ()) -> bytes:
    """One of the seeds with one to four changes."""
    content = bytearray(draw.choice(seeds))
    for _ in range(draw.randint(1, 4)):
        if not content:
            content = bytearray(draw.choice(seeds))
        place = draw.randrange(min(len(content), draw.choice((16, 64, 256, len(content)))))
        match draw.randrange(8):
            case 0:
                content[place] ^= 1 << draw.randrange(8)
            case 1:
                del content[draw.randrange(len(content)) :]
            case 2:
                other = draw.choice(seeds)
                start = draw.randrange(len(other))
                content[place:] = other[start : start + draw.randrange(len(other))]
            case 3:
                size, order = draw.choice((1, 2, 4, 8)), draw.choice(("little", "big"))
                content[place : place + size] = (draw.choice(_EDGES) % 256**size).to_bytes(size, order)
            case 4:
                block = content[place : place + draw.randint(1, 64)]
                content[place:place] = block * draw.choice((1, 2, 50))
            case 5:
                del content[place : place + draw.randint(1, 64)]
            case 6 if tokens:
                content[place:place] = draw.choice(tokens)
            case _:
                content[place : place + 4] = draw.randbytes(4)
    return bytes(content)


def mutate_json(draw: Random, seeds: Sequence[bytes]) -> bytes:
    """A JSON document with a value of the wrong kind or size somewhere in it, a key too many or too few, or damaged."""
    if draw.random() < 0.2:
        return mutate_bytes(draw, seeds, _ODD_TEXT)
    record = json.loads(draw.choice(seeds))
    marks: dict[str, str] = {}
    for _ in range(draw.randint(1, 3)):
        record = _with_odd_value(draw, record, marks)
    text = json.dumps(record)
    for mark, odd in marks.items():
        text = text.replace(json.dumps(mark), odd)
    return text.encode()


def _with_odd_value(draw: Random, record: Any, marks: dict[str, str]) -> Any:
    """The record with an odd thing at a random path; odd text stands behind marks until it is written."""
    mark = f"odd-{len(marks)}"
    places = list(_places(record))
    if not places or draw.random() < 0.02:
        marks[mark] = draw.choice(_ODD_JSON)
        return mark
    holder, key = draw.choice(places)
    match draw.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            marks[mark] = draw.choice(_ODD_JSON)
            holder[draw.choice(("", "more", "__class__", "a" * 1000))] = mark
        case 2 if isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
            holder[key] = draw.choice((-holder[key], holder[key] + 1, holder[key] * 10**12, float(holder[key]), True))
        case 3 if isinstance(holder[key], list):
            holder[key] = holder[key] * draw.choice((2, 100)) or [1]
        case _:
            marks[mark] = draw.choice(_ODD_JSON)
            holder[key] = mark
    return record


def _places(record: Any) -> Any:
    """Every (holder, key) of a document."""
    keys = list(record) if isinstance(record, dict) else range(len(record)) if isinstance(record, list) else ()
    for key in keys:
        yield record, key
        yield from _places(record[key])


def mutate_lines(draw: Random, seeds: Sequence[bytes]) -> bytes:
    """The same of a file with a JSON document a line."""
    lines = draw.choice(seeds).splitlines()
    place = draw.randrange(len(lines))
    match draw.randrange(4):
        case 0:
            lines.insert(place, lines[place])
        case 1:
            lines[place] = b""
        case _:
            lines[place] = mutate_json(draw, [lines[place]])
    end = draw.choice((b"\n", b"\n", b"\n", b"", b"\r\n"))
    return b"\n".join(lines) + end


def mutate_safetensors(draw: Random, seeds: Sequence[bytes]) -> bytes:
    """A safetensors file: its header, the JSON in its metadata, its tensors' bytes, or the file as it comes."""
    content = draw.choice(seeds)
    length = int.from_bytes(content[:8], "little")
    header, tensors = json.loads(content[8 : 8 + length]), content[8 + length :]
    match draw.randrange(5):
        case 0:
            return mutate_bytes(draw, seeds)
        case 1:
            text = mutate_json(draw, [json.dumps(header).encode()])
        case 2 if header.get("__metadata__"):
            name = draw.choice(list(header["__metadata__"]))
            value = header["__metadata__"][name]
            is_json = value[:1] in ("{", "[")
            odd = mutate_json(draw, [value.encode()]) if is_json else mutate_bytes(draw, [value.encode() or b"?"])
            header["__metadata__"][name] = odd.decode(errors="replace")
            text = json.dumps(header).encode()
        case 3 if tensors:
            whole = bytearray(tensors)
            for _ in range(draw.choice((1, 4, 100))):
                place = draw.randrange(len(whole))
                whole[place : place + 4] = draw.choice((b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f", draw.randbytes(4)))
            return content[: 8 + length] + bytes(whole[: len(tensors)])
        case _:
            names = [name for name in header if name != "__metadata__"]
            if len(names) > 1:
                one, other = draw.sample(names, 2)
                if draw.random() < 0.5:
                    header[one], header[other] = header[other], header[one]
                else:
                    header[one + draw.choice(("x", ".", "\u0000", ".0."))] = header.pop(one)
            text = json.dumps(header).encode()
    said = draw.choice((len(text), len(text), len(text), len(text) + 1, 2**63, 0))
    return said.to_bytes(8, "little") + text + tensors


def mutate_png(draw: Random, seeds: Sequence[bytes]) -> bytes:
    """A picture; of a PNG mostly with its chunks' sums put right, so that what is wrong is met further in."""
    content = mutate_bytes(draw, seeds)
    return _summed(content) if content[:4] == b"\x89PNG" and draw.random() < 0.7 else content


def _summed(content: bytes) -> bytes:
    parts, place = [content[:8]], 8
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        body = content[place + 4 : place + 8 + length]
        parts.append(content[place : place + 4] + body + struct.pack(">I", zlib.crc32(body)))
        place += 12 + length
    return b"".join(parts) + content[place:]


def mutate_npz(draw: Random, seeds: Sequence[bytes]) -> bytes:
    """An .npz file: as it comes, or with an array changed inside an intact archive."""
    if draw.random() < 0.3:
        return mutate_bytes(draw, seeds)
    with zipfile.ZipFile(io.BytesIO(draw.choice(seeds))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = draw.choice(list(members))
    members[name] = draw.choice((_odd_array, lambda draw, content: mutate_bytes(draw, [content])))(draw, members[name])
    if draw.random() < 0.2:
        members[draw.choice(("classes.npy", "x_train.npy", "images.npy", "labels.npy", "../a.npy", "b"))] = members[
            name
        ]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return out.getvalue()


def _odd_array(draw: Random, content: bytes) -> bytes:
    """An .npy file whose header says another shape, kind or order."""
    length = int.from_bytes(content[8:10], "little")
    header, rest = content[10 : 10 + length].decode("latin-1"), content[10 + length :]
    kinds = (
        "'|O'",
        "'<f8'",
        "'<i8'",
        "'|u1'",
        "'<U9999'",
        "'<U3'",
        "'|S3'",
        "'<M8[s]'",
        "'>i4'",
        "'|b1'",
        "'<c16'",
        "'|V7'",
    )
    shapes = (
        "(0,)",
        "()",
        "(1,)",
        "(10000000000,)",
        "(60, -1)",
        "(2**70,)",
        "(60, 28, 28, 2)",
        "(18446744073709551616,)",
    )
    match draw.randrange(3):
        case 0:
            header = header.replace(header[header.index("'descr': ") + 9 : header.index(", 'fort")], draw.choice(kinds))
        case 1:
            header = header[: header.index("'shape': ") + 9] + draw.choice(shapes) + ", }\n"
        case _:
            header = mutate_bytes(draw, [header.encode()]).decode("latin-1")
    said = header.encode("latin-1", errors="replace")
    return content[:8] + (len(said) % 65536).to_bytes(2, "little") + said + rest


def mutate_gzip(draw: Random, seeds: Sequence[bytes]) -> bytes:
    """A packed file: as it comes, or another content well packed."""
    if draw.random() < 0.5:
        return mutate_bytes(draw, seeds)
    return gzip.compress(mutate_bytes(draw, [gzip.decompress(draw.choice(seeds))]), 1)


def words(tokens: Sequence[str]) -> Callable[[Random, Sequence[bytes]], bytes]:
    """A maker of texts from tokens, besides mutations of the seeds."""

    def mutate(draw: Random, seeds: Sequence[bytes]) -> bytes:
        if draw.random() < 0.2:
            return mutate_bytes(draw, seeds)
        return "".join(draw.choice(tokens) for _ in range(draw.randint(1, 6))).encode(errors="surrogatepass")

    return mutate
