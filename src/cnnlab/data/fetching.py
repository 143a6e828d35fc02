"""Fetching a known set's files from its mirrors into the cache."""

from __future__ import annotations

import hashlib
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

from cnnlab.data.known import IdxFile, KnownSet
from cnnlab.data.places import PACKED, read_known_file, verify
from cnnlab.errors import UserError
from cnnlab.whole_files import whole_file

if TYPE_CHECKING:
    from cnnlab.data.imageset import Progress

_TIMEOUT_S = (10, 30)  # to connect, between two packets
_PATIENCE_S = 30  # before a mirror's speed is judged
_SLOWEST = 10_000  # bytes a second, on the average


def fetch(known: KnownSet, folder: Path, *, progress: Progress | None = None) -> None:
    """Bring the files of `known` that `folder` lacks, or holds wrongly, from the first mirror that has them.

    A file appears in `folder` only when it is whole and its SHA-256 is right.
    Raises UserError when no mirror gave a file, or when the folder cannot be written.
    """
    mirrors = list(known.mirrors)
    for file in known.files:
        try:
            read_known_file(file, folder)
        except UserError:
            _fetch_file(known, file, folder, mirrors, progress)


def _fetch_file(known: KnownSet, file: IdxFile, folder: Path, mirrors: list[str], progress: Progress | None) -> None:
    failures = []
    for mirror in tuple(mirrors):
        url = f"{mirror}{file.name}.gz"
        try:
            _download(file, url, folder / f"{file.name}.gz", f"{known.name}: {file.name}.gz", progress)
            # An unpacked file that was wrong would hide the one just fetched.
            (folder / file.name).unlink(missing_ok=True)
            return
        except UserError as error:
            failures.append(str(error).removesuffix(": replace it by the original"))
        except OSError as error:
            raise UserError(
                f"{folder} cannot be written ({error.strerror or error}); expected room for {known.name}: "
                "free space, mend its permissions or set CNNLAB_CACHE to another folder"
            ) from None
        # The files still to come ask a mirror that failed last.
        mirrors.remove(mirror)
        mirrors.append(mirror)
    raise UserError(
        f"{known.name}: no mirror gave {file.name}.gz; tried {'; '.join(failures)}; expected one to answer "
        f"with the published file: go online, or put the four files into ROOT/{known.folder}/raw and give "
        "--data-root ROOT (or set CNNLAB_DATA)"
    )


def _download(file: IdxFile, url: str, target: Path, what: str, progress: Progress | None) -> None:
    with whole_file(target) as partial:  # where that cannot be, nothing is fetched
        data = _received(url, limit=file.length + PACKED, what=what, progress=progress)
        _, verified = verify(file, data, name=url)
        if not verified:
            raise UserError(
                f"{url} is not the published archive: its SHA-256 is {hashlib.sha256(data).hexdigest()}, "
                f"expected {file.archive_sha256}: replace it by the original"
            )
        partial.write(data)


def _received(url: str, *, limit: int, what: str, progress: Progress | None) -> bytes:
    """What a mirror sends, at most `limit` bytes. Raises UserError where it sends more, too slowly or not at all."""
    sent: SimpleQueue[bytes | Exception] = SimpleQueue()
    total, given_up = [0], Event()

    def receive() -> None:
        import requests

        try:
            # A server that packs or unpacks on the way would change the archive's hash: ask for the bytes as they are.
            headers = {"Accept-Encoding": "identity"}
            with requests.get(url, stream=True, timeout=_TIMEOUT_S, headers=headers) as response:
                response.raise_for_status()
                total[0] = int(response.headers.get("Content-Length", "0"))
                room = limit
                while not given_up.is_set() and (packet := response.raw.read1(1 << 16)):
                    room -= len(packet)
                    if room < 0:
                        raise UserError(f"{url} sends more than {limit:,} bytes")
                    sent.put(packet)
            sent.put(b"")
        except Exception as error:
            sent.put(error)

    # Nobody waits for a mirror that says a byte now and then: a thread of its own does.
    Thread(target=receive, daemon=True).start()
    began, content = monotonic(), bytearray()
    try:
        while True:
            try:
                packet = sent.get(timeout=1)
            except Empty:
                packet = None
            if isinstance(packet, UserError):
                raise packet
            if isinstance(packet, Exception):
                raise UserError(f"{url} ({_reason(packet)})")
            if packet == b"":
                break
            content += packet or b""
            if progress and packet and len(content) < total[0]:
                progress(what, len(content), total[0])
            waited = monotonic() - began
            if waited > _PATIENCE_S and len(content) < _SLOWEST * waited:
                raise UserError(f"{url} sent {len(content):,} bytes in {waited:.0f} s")
    finally:
        given_up.set()
    if progress:
        progress(what, len(content), len(content))
    return bytes(content)


def _reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP {response.status_code}"
    text = type(error).__name__
    return {
        "ConnectionError": "no connection",
        "ConnectTimeout": "no answer",
        "ReadTimeout": "no answer",
    }.get(text, text)
