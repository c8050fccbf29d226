"""Landing: bytes as received, stored once by their content, never changed. The only room that must not be lost.

A blob is on disk before anyone is told that it arrived. Where its bytes go:

- What comes alone (a poll, a dropped file), and what is big, has a file of its own, `<two digits>/<sha256>`: written
  beside its place, fsynced, renamed, and its folder fsynced. Two writers of the same bytes meet on the same name.
- Small bodies that come together (the inbox's posts) are appended to a segment, `segments/<sha256 of its first>.tar`:
  one fsync for all of them. Each process writes segments of its own. A segment is a tar file whose members are named
  by their hash, so any tar program reads it, and where each blob lies (`Place`) is found again from segments alone.

What arrived, when and why, and where in which segment a blob lies, stands in the catalogue (`ingest.catalogue`). A blob
without a receipt, and a segment's torn end, are traces of a killed writer and harmless.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import tarfile
import threading
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import PermanentFailure

# Files that wait for the disk at the same time: a journal commits them together, which is some ten times faster than
# one after the other. More threads gain nothing.
SYNC_THREADS = 8
# Up to here a body of `put_many` goes into a segment: a file of its own would cost more than it holds.
SMALL_BYTES = 64 * 1024
# Length at which the next segment is begun: what a backup copies again while one grows, and some 1,500 a year from
# sixteen cameras that post each minute.
SEGMENT_BYTES = 8 * 1024 * 1024
SEGMENTS = "segments"
# Blobs that are asked for with one question to the catalogue.
LOOK_UP = 500


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


@dataclass(frozen=True)
class Place:
    """Where a blob lies inside a segment.

    Attributes:
        segment: the segment's file name.
        offset: of the blob's first byte in it.
        length: how many bytes the blob has.
    """

    segment: str
    offset: int
    length: int


Places = Callable[[Collection[str]], Mapping[str, Place]]


def _nowhere(_: Collection[str]) -> Mapping[str, Place]:
    return {}


class BlobStore:
    """Content-addressed bytes under `<home>/landing/blobs/`, in files of their own and in segments.

    Safe for many processes and threads at once.
    """

    def __init__(self, root: Path, places: Places = _nowhere) -> None:
        """Open a store; nothing is created yet.

        Args:
            root: its folder.
            places: finds where blobs lie in segments, as `Catalogue.places` does; those it leaves out lie in none.
        """
        self.root = root
        self._ask = places
        self._rooted: set[str] = set()  # folders whose names this store has brought to disk
        self._lock = threading.Lock()  # of the segment that is being appended to
        self._segment: Path | None = None
        self._segment_of = 0  # the process that began it: what is forked from it begins its own

    def path(self, sha256: str) -> Path:
        """Where a blob's own file is, for one that has any."""
        return self.root / sha256[:2] / sha256

    def segment(self, name: str) -> Path:
        """Where a segment is."""
        return self.root / SEGMENTS / name

    def _places(self, hashes: Collection[str]) -> Mapping[str, Place]:
        return self._ask(hashes) if (self.root / SEGMENTS).is_dir() else {}

    def put(self, body: bytes) -> str:
        """Store the bytes, in a file of their own unless a segment holds them, and return their hash.

        On return they are on disk.

        Raises:
            TypeError: when given text; a blob is what the wire carried, not an interpretation of it.
        """
        sha256 = _named(body)
        target = self.path(sha256)
        standing = self._own(sha256)
        if standing is None and self._place_holds(self._places([sha256]).get(sha256), body):
            return sha256  # a place is only known of what is on disk
        if standing == body:
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

    def put_many(self, bodies: Iterable[bytes]) -> tuple[list[str], dict[str, Place]]:
        """Store many bodies with few waits for the disk: small ones in a segment. On return all are on disk.

        Returns:
            The hashes in order, and where those lie that were newly written to a segment. `Catalogue.record` must be
            given both: a blob in a segment is found by what the catalogue knows of its place.

        Raises:
            TypeError: when given text.
        """
        names: list[str] = []
        told: dict[str, bytes] = {}
        for body in bodies:
            names.append(_named(body))
            told[names[-1]] = body
        known = self._places(told)
        files: list[str] = []
        small: dict[str, bytes] = {}
        for sha256, body in told.items():
            if self._place_holds(known.get(sha256), body):
                continue
            standing = self._own(sha256)
            if standing is None and len(body) <= SMALL_BYTES:
                small[sha256] = body
                continue
            if standing != body:
                write_atomically(self.path(sha256), body, durable=False)
            files.append(sha256)
        if files:
            make_durable([self.path(sha256) for sha256 in sorted(files)])
            self._root(files)
        return names, self._append(small)

    def _append(self, bodies: Mapping[str, bytes]) -> dict[str, Place]:
        """Append records to this process's segment, and wait once until they are on disk."""
        places: dict[str, Place] = {}
        waiting = list(bodies.items())[::-1]
        with self._lock:
            try:
                while waiting:
                    segment = self._segment_for(waiting[-1][0])
                    with segment.open("r+b") as out:
                        out.seek(0, os.SEEK_END)
                        while waiting and out.tell() < SEGMENT_BYTES:
                            sha256, body = waiting.pop()
                            out.write(_header(sha256, len(body)))
                            places[sha256] = Place(segment.name, out.tell(), len(body))
                            out.write(body + bytes(-len(body) % tarfile.BLOCKSIZE))
                        out.flush()
                        os.fsync(out.fileno())
                        if out.tell() >= SEGMENT_BYTES:
                            self._segment = None
            except BaseException:
                self._segment = None  # its end may be torn: nothing is appended to it any more
                raise
        return places

    def _segment_for(self, first: str) -> Path:
        """The segment that this process appends to; a new one is named after its first blob."""
        if self._segment is not None and self._segment_of == os.getpid():
            return self._segment
        folder = self.root / SEGMENTS
        make_directory(folder)
        # The same blob may be the first of several: written by two at once, or healed.
        names = itertools.chain([f"{first}.tar"], (f"{first}-{n}.tar" for n in itertools.count(1)))
        path = next(folder / name for name in names if _is_created(folder / name))
        fsync_directory(folder)
        self._segment, self._segment_of = path, os.getpid()
        return path

    def _own(self, sha256: str) -> bytes | None:
        """What is in a blob's own file; nothing where it can't be read, None where there is none."""
        try:
            with open(f"{self.root}/{sha256[:2]}/{sha256}", "rb") as file:  # noqa: PTH123 - most are not there
                return file.read()
        except FileNotFoundError:
            return None
        except OSError:
            return b""

    def _place_holds(self, place: Place | None, body: bytes) -> bool:
        """Whether the bytes are there and whole. A redelivery of damaged bytes heals them."""
        try:
            return place is not None and self._read(place) == body
        except OSError:
            return False

    def _read(self, place: Place) -> bytes:
        handle = os.open(f"{self.root}/{SEGMENTS}/{place.segment}", os.O_RDONLY)  # a Path takes longer than the rest
        try:
            return os.pread(handle, place.length, place.offset)
        finally:
            os.close(handle)

    def get(self, sha256: str) -> bytes:
        """The bytes behind a hash, proved against it.

        Raises:
            PermanentFailure: the blob is gone, or is no longer what was landed.
        """
        return self._get(sha256, self._places([sha256]).get(sha256))

    def get_many(self, hashes: Iterable[str]) -> Iterator[bytes | PermanentFailure]:
        """As `get`, one after the other and with few questions to the catalogue; yields what `get` would raise."""
        wanted = iter(hashes)
        while some := list(itertools.islice(wanted, LOOK_UP)):
            places = self._places(some)
            for sha256 in some:
                try:
                    body: bytes | PermanentFailure = self._get(sha256, places.get(sha256))
                except PermanentFailure as failure:
                    body = failure
                yield body

    def _get(self, sha256: str, place: Place | None) -> bytes:
        """A blob from wherever it is whole: its place in a segment, or its own file."""
        failure = None
        for where in (place, sha256):
            if where is None:
                continue
            try:
                body = self._read(where) if isinstance(where, Place) else self.path(where).read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                failure = failure or PermanentFailure(
                    f"landed blob {sha256} can't be read ({error.strerror}).",
                    reason="blob_unreadable",
                    next_action="Check the permissions of landing/ and the disk; restore the file from the backup.",
                )
                continue
            if sha256_of(body) == sha256:
                return body
            name = where.segment if isinstance(where, Place) else "this file"
            failure = failure or PermanentFailure(
                f"landed blob {sha256} no longer has the content it was landed with.",
                reason="blob_damaged",
                next_action=f"Restore {name} from the backup of landing/ and check the disk.",
            )
        raise failure or PermanentFailure(
            f"landed blob {sha256} is missing from {self.root}.",
            reason="blob_missing",
            next_action="Restore landing/ from its backup; nothing else can bring these bytes back.",
        )

    def missing(self, hashes: Iterable[str]) -> set[str]:
        """Those of some blobs that have neither a file nor a segment that reaches so far; no content is looked at."""
        lengths = {path.name: path.stat().st_size for path in self.segments()}
        wanted, gone = iter(hashes), set()
        while some := list(itertools.islice(wanted, LOOK_UP)):
            places = self._places(some)
            for sha256 in some:
                place = places.get(sha256)
                reaches = place is not None and place.offset + place.length <= lengths.get(place.segment, 0)
                if not reaches and not self.path(sha256).is_file():
                    gone.add(sha256)
        return gone

    def spans(self, hashes: Collection[str]) -> dict[str, tuple[Path, int, int]]:
        """Where the bytes lie of those of some blobs that are in segments: file, offset in it, length."""
        told = self._places(hashes)
        return {sha256: (self.segment(p.segment), p.offset, p.length) for sha256, p in told.items()}

    def segments(self) -> list[Path]:
        """All segments, by name."""
        return sorted((self.root / SEGMENTS).glob("*.tar"))

    def records(self) -> Iterator[tuple[str, Place]]:
        """Every whole record of every segment, proved by its hash: the index, from the bytes alone.

        What is torn or damaged is passed over, up to the next record that is whole.
        """
        for path in self.segments():
            data, at = path.read_bytes(), 0
            while at + tarfile.BLOCKSIZE <= len(data):
                begin = at + tarfile.BLOCKSIZE
                at = begin
                with suppress(tarfile.HeaderError):
                    head = tarfile.TarInfo.frombuf(data[begin - tarfile.BLOCKSIZE : begin], "ascii", "replace")
                    if sha256_of(data[begin : begin + head.size]) == head.name:
                        yield head.name, Place(path.name, begin, head.size)
                        at = begin + head.size + -head.size % tarfile.BLOCKSIZE


def _named(body: bytes) -> str:
    if not isinstance(body, bytes):
        raise TypeError(f"a blob is bytes as received, not {type(body).__name__}")
    return sha256_of(body)


def _is_created(path: Path) -> bool:
    """Whether an empty file could be made: no second writer ever gets the same one."""
    try:
        path.open("xb").close()
    except FileExistsError:
        return False
    return True


_BLANK_HEADER = tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT)


def _header(sha256: str, length: int) -> bytes:
    """A tar member's header. As `tarfile` makes it, which takes ten times as long."""
    header = bytearray(_BLANK_HEADER)
    header[0:64] = sha256.encode("ascii")
    header[124:135] = b"%011o" % length
    header[148:156] = b" " * 8
    header[148:155] = b"%06o\0" % sum(header)
    return bytes(header)
