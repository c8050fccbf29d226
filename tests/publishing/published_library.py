"""A small build file, lake and landing made by hand, with the warehouse's real table and column names.

Two branches of area 1507. `main` is counted all year; `moa` has a hole in 2023, so the whole area's 2023 visits have
no value in one scenario and a value in the other. Also: a closed day, a whole-area figure without branch (followers),
a series break in 2024 (area 1508).
"""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

AS_OF = "2024-03-01 00:00:00"
PUBLISHED_AT = datetime(2024, 3, 1, 4, 30, tzinfo=UTC)

BODIES = {
    1: ("door_brickstream_main", b"2023-05-02 10:00,12,11\n", "drop", "main.csv"),
    2: ("door_brickstream_main", b"2022-05-02 10:00,10,9\n", "drop", "main-2022.csv"),
    3: ("door_smart_moa", b"<sensor/>", "push", "moa.xml"),
    4: ("instagram_graph_city", b'{"followers_count": 4210}', "poll", "https://127.0.0.1/me"),
    5: ("events_ical_city", b"BEGIN:VCALENDAR\nEND:VCALENDAR\n", "poll", "https://127.0.0.1/feed"),
}

_FIGURES_CSV = """
figure,area,branch,kind,start,end,value,low,high,unit,observed,quantity,method,status,publication,break,note
visits,1507,,year,2022-01-01,2023-01-01,200000.4,,,visits,0.999999,1,counted,A,_,_,
visits,1507,,year,2023-01-01,2024-01-01,220000.5,215000,225000,visits,0.97,0.96,estimate,E,P,_,3 days estimated
visits,1507,main,year,2023-01-01,2024-01-01,150000,,,visits,1,1,counted,A,P,_,
visits,1507,moa,year,2023-01-01,2024-01-01,,,,visits,0.62,,none,L,P,_,"counter down, see log"
visits,1508,,year,2024-01-01,2025-01-01,90000,,,visits,1,1,counted,A,P,B,
visits,1507,main,day,2023-05-01,2023-05-02,,,,visits,,,none,H,_,_,rebuilding
visits,1507,main,month,2023-05-01,2023-06-01,12,,,visits,1,1,counted,A,P,_,
visits_per_open_hour,1507,,year,2023-01-01,2024-01-01,42.25,,,visits/hour,0.97,0.96,estimate,E,P,_,
events_held,1507,,year,2023-01-01,2024-01-01,0,,,events,,,counted,A,_,_,
partners_new,1507,,year,2023-01-01,2024-01-01,,,,partners,,,none,O,_,_,no baseline list
followers,1507,,year,2023-01-01,2024-01-01,4210,,,followers,,,counted,A,_,_,
"""  # `_` is the empty text; an empty cell is null
_FIGURES: list[list[str | None]] = [
    [None if cell == "" else "" if cell == "_" else cell for cell in row]
    for row in list(csv.reader(io.StringIO(_FIGURES_CSV.strip())))[1:]
]
_GROWTH = [
    ("visits", "1507", None, 2023, 220000.5, 200000.4, 0.10000028, "", "E"),
    ("visits", "1507", "moa", 2023, None, 61234.0, None, "", "L"),
    ("visits", "1508", None, 2024, 90000.0, 220000.5, None, "B", "A"),
    ("followers", "1507", None, 2023, 4210.0, None, None, "", "A"),
]


@dataclass(frozen=True)
class Rooms:
    """The rooms of one home."""

    build: Path
    lake: Path
    landing: Path
    published: Path

    @classmethod
    def of(cls, root: Path) -> Rooms:
        """The rooms of the home at `root`."""
        return cls(root / "warehouse" / "build.duckdb", root / "lake", root / "landing", root / "published")


def sha256(number: int) -> str:
    return hashlib.sha256(BODIES[number][1]).hexdigest()


def make_build(
    path: Path, data_version: str = "d1", *, area_2023: float | None = 220000.5, reverse: bool = False
) -> Path:
    """Write the build file.

    Args:
        area_2023: the whole area's visits in 2023; None makes that year incomplete.
        reverse: put the rows in the other way round: the same tables to any reader.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    rows = [list(row) for row in _FIGURES]
    growth = [list(row) for row in _GROWTH]
    if area_2023 is None:
        rows[1][6:10] = [None, None, None, "visits"]
        rows[1][12:14] = ["none", "L"]
        growth[0][4], growth[0][6], growth[0][8] = None, None, "L"
    bridge = [
        ("visits", "2023-05-02", "main", 1),
        ("visits", "2022-05-02", "main", 2),
        ("visits", "2023-05-02", "moa", 3),
        ("social", "2023-05-02", None, 4),
        ("events", "2023-05-04", "main", 5),
        ("events", "2023-05-05", "moa", 5),
        ("partners", "2023-05-04", "main", 5),
        ("visits", "2024-05-02", "moa", 3),  # after moa left the area: must not lead to area 1508
    ]
    with duckdb.connect(str(path)) as con:
        con.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("{catalog}", path.stem))
        for row in reversed(rows) if reverse else rows:
            head, tail = [row[0], "1", *row[1:]], [AS_OF, data_version]
            con.execute(f"insert into kpi.figures values ({', '.join('?' * 20)})", head + tail)
        for row in reversed(growth) if reverse else growth:
            con.execute(f"insert into kpi.yearly_growth values ({', '.join('?' * 9)}, null, default)", row)
        for domain, day, branch, number in reversed(bridge) if reverse else bridge:
            con.execute(
                "insert into core.bridge_figure_input values (?, ?, ?, ?, ?, ?, 3)",
                [domain, day, branch, BODIES[number][0], number, sha256(number)],
            )
    return path


def make_rooms(root: Path, **options: object) -> Rooms:
    """A build file with the lake and landing that it speaks of; nothing is published yet."""
    rooms = Rooms.of(root)
    make_build(rooms.build, **options)  # type: ignore[arg-type]
    receipts = []
    for number, (source_id, body, how, origin) in BODIES.items():
        blob = rooms.landing / "blobs" / sha256(number)[:2] / sha256(number)
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(body)
        table = {"door": "door_observations", "inst": "social_account_observations"}.get(
            source_id[:4], "event_observations"
        )
        file = rooms.lake / table / source_id / f"part-{number:012d}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect() as con:
            con.execute(f"copy (select '{sha256(number)}' as blob_sha256) to '{file}' (format parquet)")
        receipts.append((number, source_id, how, origin, sha256(number), len(body)))
    receipts.append((9, *receipts[0][1:3], "main-again.csv", *receipts[0][4:]))  # a redelivery of the first blob
    (rooms.lake / "fetches").mkdir()
    with duckdb.connect() as con:
        con.execute(
            "create table f (receipt_id bigint, source_id varchar, how varchar, origin varchar, blob_sha256 varchar, "
            "byte_count bigint, received_at timestamp, error varchar)"
        )
        for receipt in receipts:
            moment = f"2024-01-{receipt[0]:02d} 06:00:00"
            con.execute("insert into f values (?, ?, ?, ?, ?, ?, ?, null)", [*receipt, moment])
        con.execute(f"copy f to '{rooms.lake / 'fetches' / 'block-000000.parquet'}' (format parquet)")
    return rooms
