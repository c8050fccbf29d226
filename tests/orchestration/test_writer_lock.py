"""One writer at a time, whoever it is, and the stamp that says whose build stands in the file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from ingest.errors import TransientFailure
from ingest.home import Home
from orchestration.warehouse import (
    Stamp,
    read_stamp,
    reading,
    remove_stamp,
    table_facts,
    write_stamp,
    writer_lock,
)

HOLD = """
import sys
from pathlib import Path
from ingest.home import Home
from orchestration.warehouse import writer_lock
with writer_lock(Home(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def _holder(home: Home) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def test_a_second_process_waits_and_says_for_whom(tmp_path: Path) -> None:
    """A run of the command line beside one of the daemon: the pool knows nothing of other instances."""
    home, told = Home(tmp_path), []
    holder = _holder(home)
    with (
        pytest.raises(TransientFailure, match=rf"process {holder.pid} .* stop it if it hangs"),
        writer_lock(home, patience_seconds=0.3, tell=told.append),
    ):
        pass
    assert told == [f"waiting for process {holder.pid}, which is writing the warehouse"]
    holder.communicate("")
    with writer_lock(home, patience_seconds=5):
        pass


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    """A lock file that outlives its process is a warehouse that nobody can write."""
    home = Home(tmp_path)
    holder = _holder(home)
    holder.kill()
    holder.wait()
    with writer_lock(home, patience_seconds=5):
        pass
    for stream in (holder.stdin, holder.stdout):
        assert stream is not None
        stream.close()


def test_a_stamp_is_gone_while_a_build_is_under_way(tmp_path: Path) -> None:
    """Killed half-way, what stands in the file is nobody's, and must not be published as somebody's."""
    home = Home(tmp_path)
    stamp = Stamp("run", "2024-03-12 00:00:00", "v1", "inputs")
    home.warehouse.parent.mkdir(parents=True)
    write_stamp(home, stamp)
    assert read_stamp(home) is None, "a stamp without a warehouse stamps nothing"
    home.warehouse.touch()
    assert read_stamp(home) == stamp
    remove_stamp(home)
    assert read_stamp(home) is None


def test_a_warehouse_that_somebody_holds_says_what_to_do(tmp_path: Path) -> None:
    """A report tool on the build file stops every run; its user must be sent to the published copy."""
    home = Home(tmp_path)
    home.warehouse.parent.mkdir(parents=True)
    code = (
        f"import duckdb, sys\nc = duckdb.connect({str(home.warehouse)!r})\nprint('held', flush=True)\nsys.stdin.read()"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    with pytest.raises(TransientFailure, match="readers belong on the published copy"), reading(home):
        pass
    child.communicate("")


def test_facts_of_tables_are_their_rows_and_columns_in_order(tmp_path: Path) -> None:
    """What stands in the catalogue pages; a name that is not there is left out, not invented."""
    home = Home(tmp_path)
    home.warehouse.parent.mkdir(parents=True)
    with duckdb.connect(str(home.warehouse)) as con:
        con.execute('create schema core; create table core."odd ""name" as select 1 as b, \'x\' as a from range(3)')
        con.execute('comment on column core."odd ""name".b is \'A number.\'')
    facts = table_facts(home, [("core", 'odd "name'), ("core", "absent")])
    assert set(facts) == {("core", 'odd "name')}
    found = facts["core", 'odd "name']
    assert found.row_count == 3
    assert found.columns == (("b", "INTEGER", "A number."), ("a", "VARCHAR", None))
