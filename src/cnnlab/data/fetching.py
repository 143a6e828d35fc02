"""Fetching a known set's files from its mirrors into the cache."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnlab.data.known import IdxFile, KnownSet
from cnnlab.data.places import read_known_file, verify
from cnnlab.errors import UserError
from cnnlab.whole_files import whole_file

if TYPE_CHECKING:
    from cnnlab.data.imageset import Progress

_TIMEOUT_S = (10, 30)  # to connect, between two chunks


class _Bar:
    """What pooch calls a progress bar, speaking to a `Progress`."""

    def __init__(self, what: str, progress: Progress) -> None:
        self.total = 0
        self._what = what
        self._progress = progress
        self._done = 0
        self._most = 0

    def update(self, count: int) -> None:
        self._done += count
        self._most = max(self._most, self._done)
        if self._done < self.total:
            self._progress(self._what, self._done, self.total)

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        size = self.total or self._most
        self._progress(self._what, size, size)


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
    from requests import RequestException
    from urllib3.exceptions import HTTPError

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
        except (RequestException, HTTPError, ConnectionError, TimeoutError) as error:
            failures.append(f"{url} ({_reason(error)})")
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
    from pooch import HTTPDownloader

    bar: Any = _Bar(what, progress) if progress else False
    # A server that packs or unpacks on the way would change the archive's hash: ask for the bytes as they
    # are.
    download = HTTPDownloader(
        progressbar=bar, chunk_size=1 << 16, timeout=_TIMEOUT_S, headers={"Accept-Encoding": "identity"}
    )
    with whole_file(target) as partial:
        download(url, partial, None)
        partial.seek(0)
        data = partial.read()
        _, verified = verify(file, data, name=url)
        if not verified:
            raise UserError(
                f"{url} is not the published archive: its SHA-256 is {hashlib.sha256(data).hexdigest()}, "
                f"expected {file.archive_sha256}: replace it by the original"
            )


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
