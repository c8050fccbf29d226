"""Rows per second from door counts as they arrive to Parquet: ours, dlt, and the least that could be done.

The same files, on the same disk, in one process and in alternating order; the table gives medians and ratios.

- Ours does all that a run does before dbt: landing with fsync, a catalogue with a receipt per arrival, a parse that
  knows the zone and both clock changes, typed rows with an id and their lineage, rejects, equal bytes told once, and
  fsync again.
- dlt loads to a local filesystem destination as Parquet, appending, with telemetry off: CSV with its own readers (the
  pandas one, which its guide shows first, and the DuckDB one with Arrow batches, its fastest), XML with a generator
  of dicts, as its guide says for what it has no reader for. It keeps no bytes, calls no fsync, stops at a row that it
  can't read, and leaves local time, ids and rejects to its user.
- The limit is one DuckDB statement for CSV, and for XML a loop that takes the attributes as text and writes one file:
  no lineage, no rejects, no time zone, no fsync, nothing to stop halfway.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.catalogue import Arrival
from ingest.config import Configuration
from ingest.home import Home
from ingest.pipeline import Outcome, read_pending, sweep, write_receipts

ZONE = ZoneInfo("Europe/Oslo")
NOW = datetime(2026, 1, 2, 6, tzinfo=UTC)
FIRST_DAY = date(2025, 1, 1)
BRANCHES, LINES = 11, 17  # a door and a half each, as libraries of that size have
POSTS, SITE_DAYS = 5000, 60
STANDING = (1_000, 10_000, 50_000)  # posts that were read before one more comes
INBOX_BATCH = 256  # what the inbox commits at once
ROUNDS = 3
CSV_HEADER = "Avdeling;Linje;Dato;Time;Inn;Ut\n"
CSV_OPTIONS = {
    "zone": "Europe/Oslo",
    "interval_minutes": 15,
    "columns": {
        "device": ["Avdeling"],
        "line": ["Linje"],
        "date": ["Dato"],
        "time": ["Time"],
        "in": ["Inn"],
        "out": ["Ut"],
    },
}
SHOPPERTRAK_OPTIONS = {
    "zone": "Europe/Oslo",
    "user_env": "UNUSED_USER",
    "password_env": "UNUSED_SECRET",
    "sites": [f"site {n}" for n in range(BRANCHES)],
}
Side = Callable[[Path], int]


@dataclass(frozen=True)
class Contest:
    """One kind of delivery, and those who take it to Parquet.

    Attributes:
        what: how it arrives.
        sides: by name; each takes an empty folder and returns the rows that it wrote there. Ours comes first.
    """

    what: str
    sides: dict[str, Side]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="levende-ingest-") as name:
        root = Path(name)
        print(f"ingest: rows per second to Parquet; median of {ROUNDS} rounds in alternating order")
        print(
            "  delivery                                   side                      rows/s   seconds  ours against it"
        )
        for contest in contests(root):
            show(contest, measure(contest, root / "work"))
        show_one_more(root / "more")
        print(
            "  each does: ours keeps the bytes (fsync, receipt), UTC, ids, lineage, rejects, fsync; equal bytes once;\n"
            "  dlt a load id and state files, stops at a row it can't read; the limit none of that."
        )


def measure(contest: Contest, scratch: Path) -> dict[str, tuple[int, float]]:
    """Rows and median seconds per side. The first round warms up imports and the file cache and is not counted."""
    seconds: dict[str, list[float]] = {side: [] for side in contest.sides}
    rows: dict[str, int] = {}
    for turn in range(ROUNDS + 1):
        order = list(contest.sides)
        for side in order if turn % 2 else reversed(order):
            folder = scratch / side.replace(" ", "-")
            folder.mkdir(parents=True)
            os.sync()  # what another side wrote must not be waited for here
            started = time.perf_counter()
            rows[side] = contest.sides[side](folder)
            if turn:
                seconds[side].append(time.perf_counter() - started)
            shutil.rmtree(folder)
    if len(set(rows.values())) != 1:
        raise SystemExit(f"{contest.what}: the sides did not read the same rows: {rows}")
    return {side: (rows[side], statistics.median(taken)) for side, taken in seconds.items()}


def show(contest: Contest, told: dict[str, tuple[int, float]]) -> None:
    ours = next(iter(told.values()))[1]
    for n, (side, (rows, seconds)) in enumerate(told.items()):
        ratio = "" if n == 0 else f"{seconds / ours:8.2f}x as fast"
        print(f"  {contest.what if n == 0 else '':41}  {side:22}  {rows / seconds:9,.0f}  {seconds:8.2f}  {ratio}")
    sys.stdout.flush()


def show_one_more(scratch: Path) -> None:
    """Seconds from one new post to the lake, after so many had come before: landing, looking, reading, receipts."""
    print("  one new post after so many that were read            seconds (median of 5)   and to find nothing new")
    home = Home(scratch)
    configuration = _configuration(scratch, "brickstream", {})
    posts = _brickstream_posts(max(STANDING) + 5 * len(STANDING))
    came = 0
    for standing in STANDING:
        _land(home, posts[came:standing])
        _run(home, configuration)
        came = standing
        seconds: list[float] = []
        idle: list[float] = []
        for _ in range(5):
            os.sync()  # what was landed in bulk must not be waited for here
            started = time.perf_counter()
            _land(home, posts[came : came + 1])
            _run(home, configuration)
            seconds.append(time.perf_counter() - started)
            started = time.perf_counter()
            _run(home, configuration)
            idle.append(time.perf_counter() - started)
            came += 1
        print(f"  {standing:>10,} {'':41}  {statistics.median(seconds):8.3f}  {'':21}  {statistics.median(idle):8.3f}")
    home.catalogue.close()


def contests(root: Path) -> Iterator[Contest]:
    """The deliveries, each made when its turn comes."""
    rows = _csv_rows()
    for name, what in (("year", "CSV, a year in one file"), ("days", "CSV, 365 daily files")):
        folder = root / name
        folder.mkdir()
        days = list(rows.items())
        files = {"year": days} if name == "year" else {f"{day}": [(day, lines)] for day, lines in days}
        for stem, members in files.items():
            path = folder / f"{stem}.csv"
            path.write_text(CSV_HEADER + "".join(text for _, text in members))
            os.utime(path, (0, 0))  # long settled
        sides: dict[str, Side] = {"ours": _ours_from_files(folder)}
        sides |= _dlt_from_csv(folder)
        sides["limit: DuckDB copy"] = _duckdb_from_csv(folder)
        yield Contest(what, sides)
    posts = _brickstream_posts(POSTS)
    yield Contest(
        f"XML, {POSTS} Brickstream posts",
        {
            "ours": _ours_from_posts(posts),
            "dlt, dicts": _dlt_from_xml(posts, "Count"),
            "limit: plain loop": _loop_over_xml(posts, "Count"),
        },
    )
    answers = _shoppertrak_answers()
    bodies = [body for *_, body in answers]
    yield Contest(
        f"XML, {len(answers)} ShopperTrak day answers",
        {
            "ours": _ours_from_answers(answers),
            "dlt, dicts": _dlt_from_xml(bodies, "traffic"),
            "limit: plain loop": _loop_over_xml(bodies, "traffic"),
        },
    )


# --- deliveries


def _csv_rows() -> dict[date, str]:
    """A year of quarters, local wall time with both clock changes in it, by day as lines of text."""
    dice = random.Random("ingest_doors")
    told: dict[date, str] = {}
    for day in (FIRST_DAY + timedelta(days=n) for n in range(365)):
        at = datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC)
        end = datetime(day.year, day.month, day.day, tzinfo=ZONE) + timedelta(days=1)
        lines = []
        while at < end.astimezone(UTC):
            local = at.astimezone(ZONE)
            is_open = 8 <= local.hour < 20
            for line in range(LINES):
                inward, outward = (dice.randrange(40) if is_open else 0 for _ in range(2))
                lines.append(
                    f"Filial {line % BRANCHES};Dør {line // BRANCHES};{local:%d.%m.%Y;%H:%M};{inward};{outward}\n"
                )
            at += timedelta(minutes=15)
        told[day] = "".join(lines)
    return told


def _brickstream_posts(number: int) -> list[bytes]:
    """Minutes as a device posts them, from several devices in turn."""
    dice = random.Random("brickstream")
    posts = []
    for n in range(number):
        start = datetime(2025, 6, 15, 6, tzinfo=UTC) + timedelta(minutes=n // LINES)
        end, unix = start + timedelta(minutes=1), int(start.timestamp())
        local, until = start.astimezone(ZONE), end.astimezone(ZONE)
        serial = 10_000_000 + n % LINES
        posts.append(
            f'<?xml version="1.0"?><Metrics SiteId="site" Sitename="Library" DeviceId="d{serial}" Devicename="door">'
            f"<Properties><Version>5</Version><TransmitTime>{unix + 84}</TransmitTime>"
            "<MacAddress>00:b0:9d:be:30:13</MacAddress><Timezone>1</Timezone><DST>1</DST><HwPlatform>2300</HwPlatform>"
            f"<SerialNumber>{serial}</SerialNumber><SwRelease>5.9.21.621</SwRelease></Properties>"
            f'<ReportData Interval="1"><Report Date="{local:%Y-%m-%d}"><Object Id="0" ObjectType="0" Name="1">'
            f'<Count StartTime="{local:%H:%M:%S}" EndTime="{until:%H:%M:%S}" UnixStartTime="{unix}" '
            f'Enters="{dice.randrange(9)}" Exits="{dice.randrange(9)}" Status="4"/>'
            "</Object></Report></ReportData></Metrics>".encode()
        )
    return posts


def _shoppertrak_answers() -> list[tuple[str, date, bytes]]:
    """Site, day and answer: quarters of a summer's days, two entrances where a branch has two doors."""
    dice = random.Random("shoppertrak")
    answers = []
    for day in (date(2025, 5, 1) + timedelta(days=n) for n in range(SITE_DAYS)):
        for site in range(BRANCHES):
            entrances = []
            for entrance in range(1 + (site < LINES - BRANCHES)):
                quarters = "".join(
                    f'<traffic code="01" exits="{dice.randrange(40)}" enters="{dice.randrange(40)}" '
                    f'startTime="{n // 4:02}{n % 4 * 15:02}00"/>'
                    for n in range(96)
                )
                entrances.append(f'<entrance entranceName="EP 0{entrance + 1}">{quarters}</entrance>')
            text = f'<date dateValue="{day:%Y%m%d}">{"".join(entrances)}</date>'
            body = f'<sites><site siteID="site {site}">{text}</site></sites>'.encode()
            answers.append((f"site {site}", day, body))
    return answers


# --- ours


def _configuration(folder: Path, adapter: str, options: dict[str, Any], **source: Any) -> Configuration:
    return Configuration.model_validate(
        {
            "folder": folder,
            "library": {
                "library_id": "bench",
                "name": "Bench",
                "zone": "Europe/Oslo",
                "reporting": {"start_on": FIRST_DAY},
                "areas": [],
                "branches": [],
            },
            "sources": [
                {
                    "source_id": "door_bench",
                    "family": "doors",
                    "adapter": adapter,
                    "description": "A benchmark.",
                    "options": options,
                    **source,
                }
            ],
            "partners": {},
            "figures": [],
        }
    )


def _run(home: Home, configuration: Configuration) -> Outcome:
    outcome = read_pending(home, configuration)["door_bench"]
    write_receipts(home, configuration)
    if outcome.failures or outcome.rejects:
        raise SystemExit(f"our side rejected {outcome.rejects} records: {outcome.failures}")
    return outcome


def _to_lake(home: Home, configuration: Configuration) -> int:
    outcome = _run(home, configuration)
    home.catalogue.close()
    return outcome.rows["door_observations"]


def _land(home: Home, posts: list[bytes]) -> None:
    for n in range(0, len(posts), INBOX_BATCH):  # as the inbox does under load
        home.land_many([Arrival("door_bench", "push", NOW, body) for body in posts[n : n + INBOX_BATCH]])


def _ours_from_files(folder: Path) -> Side:
    def run(scratch: Path) -> int:
        home = Home(scratch)
        configuration = _configuration(folder, "interval_csv", CSV_OPTIONS, path=str(folder))
        sweep(home, configuration, configuration.sources[0], NOW)
        return _to_lake(home, configuration)

    return run


def _ours_from_posts(posts: list[bytes]) -> Side:
    def run(scratch: Path) -> int:
        home = Home(scratch)
        _land(home, posts)
        return _to_lake(home, _configuration(scratch, "brickstream", {}))

    return run


def _ours_from_answers(answers: list[tuple[str, date, bytes]]) -> Side:
    def run(scratch: Path) -> int:
        home = Home(scratch)
        for site, day, body in answers:  # one by one, as they come from a poll
            start = datetime(day.year, day.month, day.day, tzinfo=ZONE)
            ask = {"site": site, "day": f"{day}", "interval_minutes": 15}
            home.land(
                Arrival(
                    "door_bench", "poll", NOW, body, origin=site, ask=ask,
                    window_start_at=start, window_end_at=start + timedelta(days=1), is_complete=True,
                )
            )  # fmt: skip
        return _to_lake(home, _configuration(scratch, "shoppertrak", SHOPPERTRAK_OPTIONS))

    return run


# --- dlt


def _dlt(scratch: Path, resource: Callable[[Any], Any]) -> int:
    """One load by a new pipeline; the rows that stand in its Parquet files."""
    # Before the import: it reads its settings there. Nothing may phone home, and no progress bar may cost time.
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
    try:
        import dlt
        from dlt.destinations import filesystem
    except ImportError as error:
        raise SystemExit(
            f"dlt, which this measures beside, is not installed ({error.name}). "
            "Run `make bench`, or install the project with its `bench` extra."
        ) from None
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(scratch / "pipelines"),
        destination=filesystem(bucket_url=(scratch / "out").as_uri()),
        dataset_name="doors",
    )
    load = pipeline.run(resource(dlt), table_name="counts", loader_file_format="parquet", write_disposition="append")
    load.raise_on_failed_jobs()
    return sum(int(pq.read_metadata(path).num_rows) for path in (scratch / "out/doors/counts").rglob("*.parquet"))


def _dlt_from_csv(folder: Path) -> dict[str, Side]:
    def dicts(dlt: Any) -> Any:
        from dlt.sources.filesystem import readers

        return readers(bucket_url=folder.as_uri(), file_glob="*.csv").read_csv(sep=";")

    def batches(dlt: Any) -> Any:
        from dlt.sources.filesystem import readers

        source = readers(bucket_url=folder.as_uri(), file_glob="*.csv")
        return source.read_csv_duckdb(chunk_size=100_000, use_pyarrow=True, sep=";", header=True)

    return {
        "dlt, pandas reader": lambda scratch: _dlt(scratch, dicts),
        "dlt, Arrow batches": lambda scratch: _dlt(scratch, batches),
    }


def _dlt_from_xml(bodies: list[bytes], element: str) -> Side:
    def resource(dlt: Any) -> Any:
        return dlt.resource(_records(bodies, element), name="counts")

    return lambda scratch: _dlt(scratch, resource)


# --- limits


def _duckdb_from_csv(folder: Path) -> Side:
    def run(scratch: Path) -> int:
        out = scratch / "counts.parquet"
        with duckdb.connect() as con:
            con.execute(f"copy (select * from read_csv('{folder}/*.csv', delim=';', header=true)) to '{out}'")
        return int(pq.read_metadata(out).num_rows)

    return run


def _records(bodies: list[bytes], element: str) -> Iterator[dict[str, str]]:
    """The attributes of every element of a name, with those of the elements above it."""
    for body in bodies:
        # Not defusedxml: these bytes are our own, and the limit may not carry a guard that the other side lacks.
        yield from _below(ElementTree.fromstring(body), element, {})


def _below(node: ElementTree.Element, element: str, above: dict[str, str]) -> Iterator[dict[str, str]]:
    told = above | {f"{node.tag}_{name}": value for name, value in node.attrib.items()}
    if node.tag == element:
        yield told
    for child in node:
        yield from _below(child, element, told)


def _loop_over_xml(bodies: list[bytes], element: str) -> Side:
    def run(scratch: Path) -> int:
        rows = pa.Table.from_pylist(list(_records(bodies, element)))
        pq.write_table(rows, scratch / "counts.parquet")
        return int(rows.num_rows)

    return run


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
