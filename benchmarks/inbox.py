"""How fast the inbox stores posts, with and without sharing the wait for the disk, and what 50 kills cost.

All sides run the same server on the same disk in turn; they differ in how many posts one commit may hold, and whether
each post has a file of its own or small ones go into a segment.
Every acknowledged post is fsynced. A kill shows that no acknowledged post depends on what the process still had in
hand; that it survives a power cut is a matter of fsync, which a kill can't show (tests count the calls).
"""

from __future__ import annotations

import http.client
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from ingest.errors import PermanentFailure
from ingest.home import Home
from ingest.landing import SMALL_BYTES, sha256_of

PROJECT = Path(__file__).resolve().parent.parent
SOURCE, TOKEN = "door_pushed", "benchmark-token"
ROUNDS, SECONDS, KILLS = 3, 3.0, 50
BODY_BYTES = 1000  # about what a counter's minute takes
BIG_BYTES = 100_000  # more than a segment takes
SIDES = {  # posts that one commit may hold, and the largest body that goes into a segment
    "own file, own commit": (1, -1),
    "own file, shared": (256, -1),
    "segment, shared": (256, SMALL_BYTES),
}

LIBRARY = {
    "library_id": "small",
    "name": "Small library",
    "zone": "Europe/Oslo",
    "reporting": {"start_on": "2024-01-01"},
    "areas": [{"area_id": "a1", "name": "Area", "valid_from": "2020-01-01"}],
    "branches": [
        {
            "branch_id": "main",
            "name": "Main",
            "valid_from": "2020-01-01",
            "areas": [{"area_id": "a1", "valid_from": "2020-01-01"}],
        }
    ],
}
SOURCES = [
    {
        "source_id": SOURCE,
        "family": "doors",
        "adapter": "brickstream",
        "description": "Posted counts.",
        "push": {"auth": "bearer", "secret_env": "INBOX_TOKEN", "posts_per_minute": 1_000_000},
    }
]
# Not `levende inbox`: it takes neither the size of a batch nor that of a small body.
PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ingest import config, inbox, landing
from ingest.home import Home

home, description, batch, landing.SMALL_BYTES = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
inbox.serve(
    Home(home), config.load(description), lambda: datetime.now(UTC), port=0,
    tell=lambda line: print(line, flush=True), capacity=inbox.Capacity(max_batch=batch),
)
"""


def describe(folder: Path) -> Path:
    """Write a description with one source that pushes."""
    folder.mkdir(parents=True)
    (folder / "library.yaml").write_text(yaml.safe_dump(LIBRARY))
    (folder / "sources.yaml").write_text(yaml.safe_dump({"sources": SOURCES}))
    (folder / "figures.yaml").write_text("figures: []\n")
    return folder


@contextmanager
def inbox(
    home: Path, description: Path, batch: int = 256, small_bytes: int = SMALL_BYTES
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """An inbox in a process of its own, and its port. Stopped by SIGTERM unless it is dead already."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(home), str(description), str(batch), str(small_bytes)],
        cwd=PROJECT,
        env={"INBOX_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        yield process, int(first.split("127.0.0.1:")[1].split(",")[0])
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()


def post(connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
    connection.request("POST", f"/inbox/{SOURCE}", body, {"Authorization": f"Bearer {TOKEN}"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def load(port: int, posters: int, seconds: float, seed: int) -> list[float]:
    """Post from several connections at once; the seconds that each acknowledged post took."""
    taken: list[float] = []
    until = time.monotonic() + seconds

    def work(number: int) -> None:
        bytes_of = random.Random(f"{seed}/{number}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while time.monotonic() < until:
            body = bytes_of.randbytes(BODY_BYTES)
            started = time.perf_counter()
            status, answer = post(connection, body)
            if status != 200:
                raise SystemExit(f"the inbox answered {status}: {answer!r}")
            taken.append(time.perf_counter() - started)
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(posters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


@dataclass
class KillReport:
    """What 50 kills left.

    Attributes:
        acknowledged: posts that were answered 200, by hash and receipt number.
        broken: posts whose connection died before an answer; each was posted again.
        missing: acknowledged posts without their receipt, or with another's bytes under it.
        torn: acknowledged posts whose blob is gone or is not what was posted.
        unindexed: those that would be gone if the catalogue had to find them again from the segments alone.
        receipts: receipts in the end; more than posts where one was stored and the answer was lost.
    """

    kills: int
    acknowledged: list[tuple[str, int]] = field(default_factory=list)
    broken: int = 0
    missing: int = 0
    torn: int = 0
    unindexed: int = 0
    receipts: int = 0
    temporary_files: int = 0


def survive_kills(root: Path, kills: int, *, posters: int = 4, seed: int = 1) -> KillReport:
    """Kill -9 the inbox again and again while devices post, each until it is acknowledged; look at what is left."""
    description, home = describe(root / "config"), Home(root / "home")
    report, moments = KillReport(kills), random.Random(seed)
    port: list[int] = []  # of the inbox that lives; empty while there is none
    done = threading.Event()

    def work(number: int) -> None:
        bytes_of = random.Random(f"{seed}/{number}")
        body = bytes_of.randbytes(BODY_BYTES)
        count = 0
        while not done.is_set():
            if not port:
                time.sleep(0.005)
                continue
            connection = http.client.HTTPConnection("127.0.0.1", port[0], timeout=10)
            try:
                while not done.is_set():
                    status, answer = post(connection, body)
                    if status == 200:
                        receipt_id = int(answer.split(b":")[1].strip(b" }"))
                        report.acknowledged.append((sha256_of(body), receipt_id))
                        count += 1
                        body = bytes_of.randbytes(BODY_BYTES if count % 10 else BIG_BYTES)
            except (OSError, http.client.HTTPException):
                report.broken += 1
            finally:
                connection.close()
            time.sleep(0.01)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(posters)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(kills):
            with inbox(home.root, description) as (process, listening):
                port[:] = [listening]
                time.sleep(moments.uniform(0.05, 0.35))
                process.kill()
                process.wait()
                port.clear()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    receipts = {receipt.receipt_id: receipt for receipt in home.catalogue.receipts()}
    report.receipts = len(receipts)
    places = dict(home.blobs.records())
    for sha256, receipt_id in report.acknowledged:
        receipt = receipts.get(receipt_id)
        if receipt is None or (receipt.blob_sha256, receipt.status, receipt.how) != (sha256, "ok", "push"):
            report.missing += 1
        try:
            home.blobs.get(sha256)
        except PermanentFailure:
            report.torn += 1
        report.unindexed += sha256 not in places and not home.blobs.path(sha256).is_file()
    report.temporary_files = len(list(home.landing.rglob(".*.tmp")))
    return report


def throughput(root: Path) -> None:
    """Posts per second and latency, one commit per post beside one per batch, files beside segments, in turn."""
    description = describe(root / "config")
    print(f"inbox: posts of {BODY_BYTES} bytes, fsynced and committed before the answer; median of {ROUNDS} rounds")
    print("  posters  each post has         posts/s   p50 ms   p99 ms   posts/s against the first and second line")
    for posters in (1, 8, 32):
        told: dict[str, list[tuple[float, float, float]]] = {side: [] for side in SIDES}
        for turn in range(ROUNDS):
            for side in list(SIDES) if turn % 2 else reversed(SIDES):
                home = root / f"home-{posters}-{side.replace(' ', '-')}-{turn}"
                with inbox(home, description, *SIDES[side]) as (_, port):
                    load(port, posters, 0.5, seed=-1 - turn)  # makes the folders, which is once in a landing's life
                    taken = sorted(load(port, posters, SECONDS, seed=turn))
                told[side].append(
                    (len(taken) / SECONDS, taken[len(taken) // 2] * 1000, taken[int(len(taken) * 0.99)] * 1000)
                )
        middle = {
            side: [statistics.median(column) for column in zip(*rows, strict=True)] for side, rows in told.items()
        }
        first, second = (middle[side][0] for side in list(SIDES)[:2])
        for side, (rate, p50, p99) in middle.items():
            ratios = f"{rate / first:6.2f}x  {rate / second:6.2f}x"
            print(f"  {posters:7}  {side:20}  {rate:7.0f}  {p50:7.1f}  {p99:7.1f}   {ratios}", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="levende-inbox-") as name:
        root = Path(name)
        throughput(root / "throughput")
        report = survive_kills(root / "kills", KILLS)
        distinct = len({sha256 for sha256, _ in report.acknowledged})
        print(
            f"  {report.kills} kills: {len(report.acknowledged)} posts acknowledged ({distinct} different), "
            f"{report.broken} cut off and posted again; {report.missing} without receipt, {report.torn} torn, "
            f"{report.unindexed} that the segments alone would not bring back; "
            f"{report.receipts - len(report.acknowledged)} stored without their answer arriving"
        )
        if report.missing or report.torn or report.unindexed:
            raise SystemExit("an acknowledged post was lost")


if __name__ == "__main__":
    main()
