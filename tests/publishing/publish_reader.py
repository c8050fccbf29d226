"""A BI client: reads until its standard input closes, then says what it saw as JSON.

Usage: publish_reader.py PUBLISHED hold|reconnect. `hold` keeps one connection; `reconnect` opens per query.
"""

from __future__ import annotations

import json
import select
import sys

import duckdb

LOCKED = {"enable_external_access": "false", "lock_configuration": "true", "memory_limit": "1GB", "threads": "1"}
# Two tables in one query: a torn file would answer with two data versions.
SQL = (
    "select (select min(data_version) from kpi.figures), (select max(data_version) from kpi.figures), "
    "(select data_version from core.publication), (select count(*) from kpi.figures)"
)


def main(published: str, how: str) -> None:
    database = f"{published}/levende.duckdb"
    held = duckdb.connect(database, read_only=True, config=LOCKED) if how == "hold" else None
    seen: set[tuple[str, ...]] = set()
    reads = 0
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not select.select([sys.stdin], [], [], 0)[0]:
        con = held or duckdb.connect(database, read_only=True, config=LOCKED)
        row = con.execute(SQL).fetchone()
        assert row is not None
        seen.add(row)
        reads += 1
        if held is None:
            con.close()
    sys.stdout.write(json.dumps({"reads": reads, "seen": sorted(seen)}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
