"""Landing: bytes as received, stored once by their content, never changed. The only room that must not be lost.

A blob is on disk before anyone is told that it arrived: it is written beside its place, fsynced, renamed, and
its folder fsynced. Two writers of the same bytes meet on the same name and both succeed. What arrived, when and
why stands in the catalogue (`ingest.catalogue`); a blob without a receipt is the trace of a killed writer and
harmless.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ingest.errors import PermanentFailure

# Files that wait for the disk at the same time: a journal commits them together, which is some ten times faster than
# one after the other. More threads gain nothing.
SYNC_THREADS = 8


def sha256_of(body: bytes) -> str:
    """The content hash by which a blob is known, hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def fsync_directory(path: Path) -> None:
    """Make renames inside `path` survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_directory(path: Path) -> None:
    """Create a folder and its missing parents so that they, too, survive a power cut."""
    if path.is_dir():
        return
    make_directory(path.parent)
    path.mkdir(exist_ok=True)
    fsync_directory(path.parent)


def write_atomically(path: Path, body: bytes, *, durable: bool = True) -> None:
    """Write `body` to `path` so that a reader sees the old file, or the new one whole, and never a part.

    Args:
        durable: whether it survives a power cut once this returns; without, only `make_durable` promises that.
    """
    make_directory(path.parent)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as out:
            out.write(body)
            if durable:
                out.flush()
                os.fsync(out.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        fsync_directory(path.parent)


def make_durable(paths: Iterable[Path]) -> None:
    """Bring files that were written with `durable=False`, and removals beside them, to disk, each folder once."""
    files = list(paths)
    _sync(files)
    _sync(sorted({path.parent for path in files}))


def _sync(paths: list[Path]) -> None:
    """fsync files or folders, many at once; what is gone has nothing to bring to disk."""
    if len(paths) < 2:
        _sync_in_turn(paths)
        return
    shares = [paths[n::SYNC_THREADS] for n in range(min(SYNC_THREADS, len(paths)))]
    with ThreadPoolExecutor(len(shares)) as threads:
        list(threads.map(_sync_in_turn, shares))  # the list, because it raises what a thread raised


def _sync_in_turn(paths: list[Path]) -> None:
    for path in paths:
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class BlobStore:
    """Content-addressed bytes under `<home>/landing/blobs/<first two digits>/<sha256>`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._rooted: set[str] = set()  # folders whose names this store has brought to disk

    def path(self, sha256: str) -> Path:
        return self.root / sha256[:2] / sha256

    def put(self, body: bytes) -> str:
        """Store the bytes and return their hash. On return they are on disk.

        Raises:
            TypeError: when given text; a blob is what the wire carried, not an interpretation of it.
        """
        if not isinstance(body, bytes):
            raise TypeError(f"a blob is bytes as received, not {type(body).__name__}")
        sha256 = sha256_of(body)
        target = self.path(sha256)
        if self._holds(target, body):
            # The other writer may have renamed but not yet synced: our caller is owed the same promise.
            make_durable([target])
        else:
            write_atomically(target, body)
        self._root([sha256])
        return sha256

    def _root(self, names: Iterable[str]) -> None:
        """Bring the names of blobs' folders to disk: whoever made them may not have done it. Once done stays done."""
        folders = {name[:2] for name in names}
        if not folders <= self._rooted:
            fsync_directory(self.root)
            self._rooted |= folders

    def put_many(self, bodies: Iterable[bytes]) -> list[str]:
        """Store many bodies with few waits for the disk, and return their hashes in order. On return all are on disk.

        Raises:
            TypeError: when given text.
        """
        names: list[str] = []
        for body in bodies:
            if not isinstance(body, bytes):
                raise TypeError(f"a blob is bytes as received, not {type(body).__name__}")
            names.append(sha256_of(body))
            target = self.path(names[-1])
            if not self._holds(target, body):
                write_atomically(target, body, durable=False)
        if names:
            make_durable(sorted({self.path(name) for name in names}))
            self._root(names)
        return names

    @staticmethod
    def _holds(target: Path, body: bytes) -> bool:
        """Whether the bytes are there and whole. A redelivery of damaged bytes heals them."""
        try:
            return target.read_bytes() == body
        except OSError:
            return False

    def get(self, sha256: str) -> bytes:
        """The bytes behind a hash, proved against it.

        Raises:
            PermanentFailure: the blob is gone, or is no longer what was landed.
        """
        try:
            body = self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise PermanentFailure(
                f"landed blob {sha256} is missing from {self.root}.",
                reason="blob_missing",
                next_action="Restore landing/ from its backup; nothing else can bring these bytes back.",
            ) from None
        except OSError as error:
            raise PermanentFailure(
                f"landed blob {sha256} can't be read ({error.strerror}).",
                reason="blob_unreadable",
                next_action="Check the permissions of landing/ and the disk; restore the file from the backup.",
            ) from None
        if sha256_of(body) != sha256:
            raise PermanentFailure(
                f"landed blob {sha256} no longer has the content it was landed with.",
                reason="blob_damaged",
                next_action="Restore this file from the backup of landing/ and check the disk.",
            )
        return body
