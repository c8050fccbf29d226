"""One version, whole, or the one before it: what readers of `published/` are promised."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from published_library import Rooms, make_build, make_rooms

from publishing import manifest, snapshot
from publishing.errors import NothingPublished, PublishError
from publishing.manifest import Check, ManifestInputs
from publishing.reader import LOCKED, open_snapshot

HERE = Path(__file__).parent


def whole_version(published: Path) -> str:
    """The data version that a reader finds, after proving that all of it is there and belongs together."""
    folder = (published / "current").resolve()
    facts = manifest.read(folder / "MANIFEST.json")
    on_disk = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} - {"MANIFEST.json"}
    assert on_disk == set(facts.files)
    for name, described in facts.files.items():
        assert manifest.sha256_of(folder / name) == described["sha256"], name
        assert manifest.sha256_of(published / name) == described["sha256"], f"{name} by its stable name"
    with duckdb.connect(str(published / "levende.duckdb"), read_only=True, config=LOCKED) as con:
        versions = con.execute("select distinct data_version from kpi.figures").fetchall()
    assert versions == [(facts.data_version,)]
    return facts.data_version


def test_a_publication_holds_both_schemas_and_nothing_private(published: Rooms) -> None:
    """Staging may hold what is not checked; only `core` and `kpi` may leave."""
    with duckdb.connect(str(published.published / "levende.duckdb"), read_only=True, config=LOCKED) as con:
        schemas = {row[0] for row in con.execute("select distinct schema_name from duckdb_tables()").fetchall()}
        views = con.execute("select count(*) from duckdb_views() where not internal").fetchone()
        from_view = con.execute("select count(*) from kpi.visits_year").fetchone()
    assert schemas == {"core", "kpi"}
    assert views == (0,)
    assert from_view == (5,)


def test_comments_and_not_null_travel_with_the_tables(published: Rooms) -> None:
    """BI people read the meaning of a column in their tool; a plain CREATE TABLE AS would lose it."""
    with duckdb.connect(str(published.published / "levende.duckdb"), read_only=True, config=LOCKED) as con:
        tables = dict(con.execute("select table_name, comment from duckdb_tables()").fetchall())
        column = con.execute(
            "select comment, is_nullable from duckdb_columns() where table_name = 'figures' and column_name = 'value'"
        ).fetchone()
        key = con.execute(
            "select is_nullable from duckdb_columns() where table_name = 'figures' and column_name = 'figure_id'"
        ).fetchone()
    assert tables["figures"] == "One row per figure, area, branch and period; it's the long table."
    assert tables["visits_year"] == "Visits by year."
    assert column == ("The value; null when unknown, never 0.", True)
    assert key == (False,)


def test_the_published_file_is_of_the_storage_version_that_bi_drivers_read(published: Rooms) -> None:
    """DuckDB 1.5 reads storage numbers 64 to 68; the default of DuckDB 2 is 999 and unreadable for it."""
    database = published.published / "levende.duckdb"
    assert snapshot.storage_number(database) == 68
    with duckdb.connect(str(database), read_only=True) as con:
        tags = con.execute("select tags['storage_version'] from duckdb_databases() where not internal").fetchone()
    assert tags == ("v1.5.0+",)
    assert snapshot.storage_number(published.build) != 68


def test_every_published_file_is_read_only(published: Rooms) -> None:
    """A BI tool that opens the file for writing must fail at once, not lock out everybody else."""
    folder = (published.published / "current").resolve()
    assert {p.stat().st_mode & 0o777 for p in folder.rglob("*") if p.is_file()} == {0o444}


def test_the_manifest_says_what_was_published_and_hashes_every_file(published: Rooms) -> None:
    """The manifest is what an auditor holds against the files."""
    raw = json.loads((published.published / "MANIFEST.json").read_text())
    assert (raw["data_version"], raw["as_of"], raw["is_simulated"]) == ("d1", "2024-03-01T00:00:00Z", True)
    assert (raw["published_at"], raw["code_version"], raw["config_hash"]) == ("2024-03-01T04:30:00Z", "abc123", "cfg")
    assert raw["tables"]["kpi.figures"] == {"parquet": "parquet/kpi/figures.parquet", "rows": 11}
    assert "staging.secret" not in raw["tables"]
    assert whole_version(published.published) == "d1"


def test_tables_say_that_data_are_simulated_also_to_those_who_see_no_manifest(published: Rooms) -> None:
    """A dashboard sees only tables; invented numbers must carry their mark there as well."""
    with open_snapshot(published.published) as version:
        assert version.rows("select is_simulated, data_version from core.publication") == [
            {"is_simulated": True, "data_version": "d1"}
        ]


def test_equal_tables_give_equal_parquet_bytes(tmp_path: Path, inputs: ManifestInputs) -> None:
    """dbt promises no order of rows; a changed hash must mean changed data."""
    hashes = []
    for name, reverse in (("a", False), ("b", True)):
        rooms = make_rooms(tmp_path / name, reverse=reverse)
        files = snapshot.publish(rooms.build, rooms.published, inputs).manifest.files
        hashes.append({path: said["sha256"] for path, said in files.items() if path.endswith(".parquet")})
    assert len(hashes[0]) > 10
    assert hashes[0] == hashes[1]


def test_a_failed_blocking_check_publishes_nothing(published: Rooms, inputs: ManifestInputs) -> None:
    """Write, audit, publish: the last good version stays, and the message names the check."""
    make_build(published.build, "d2")
    checks = (Check("visits_not_negative", "error", False), Check("eleventh_branch_named", "warn", False))
    with pytest.raises(PublishError, match="visits_not_negative"):
        snapshot.publish(published.build, published.published, replace(inputs, checks=checks))
    assert whole_version(published.published) == "d1"


def test_a_failed_warning_is_published_and_told(rooms: Rooms, inputs: ManifestInputs) -> None:
    """A warning is a decision not to stop; hiding it would undo the decision."""
    checks = (Check("eleventh_branch_named", "warn", False),)
    snapshot.publish(rooms.build, rooms.published, replace(inputs, checks=checks))
    assert manifest.read(rooms.published / "MANIFEST.json").checks == checks


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("delete from kpi.figures", "kpi.figures is empty"),
        ("drop table core.bridge_figure_input", "lacks core.bridge_figure_input"),
        ("update kpi.figures set data_version = 'x' where figure_id = 'followers'", "data version d2, x"),
        ("create table core.publication (a int)", "core.publication"),
    ],
)
def test_a_build_that_is_not_whole_is_refused(
    published: Rooms, inputs: ManifestInputs, damage: str, message: str
) -> None:
    """Half a build looks like a library that lost its visitors."""
    make_build(published.build, "d2")
    with duckdb.connect(str(published.build)) as con:
        con.execute(damage)
    with pytest.raises(PublishError, match=message):
        snapshot.publish(published.build, published.published, inputs)
    assert whole_version(published.published) == "d1"


def test_a_manifest_can_not_contradict_the_figures(rooms: Rooms, inputs: ManifestInputs) -> None:
    """A manifest that names another data version than the tables do would defend the wrong numbers."""
    with pytest.raises(PublishError, match="data version d1, the publication of d9"):
        snapshot.publish(rooms.build, rooms.published, replace(inputs, data_version="d9"))
    with pytest.raises(NothingPublished), open_snapshot(rooms.published):
        pass


def test_a_copy_that_lost_rows_is_not_swapped_in(
    published: Rooms, inputs: ManifestInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy is verified as a reader would see it, before any reader can."""
    make_build(published.build, "d2")
    write = snapshot._write_parquet

    def lossy(database: Path, folder: Path, tables: list[str]) -> None:
        with duckdb.connect(str(database)) as con:
            con.execute("delete from kpi.figures where branch_id is not null")
        write(database, folder, tables)

    monkeypatch.setattr(snapshot, "_write_parquet", lossy)
    with pytest.raises(PublishError, match=r"kpi.figures has 7 rows instead of 11"):
        snapshot.publish(published.build, published.published, inputs)
    assert whole_version(published.published) == "d1"
    assert not (published.published / "versions" / ".staging").exists()


def test_a_build_that_is_being_written_is_told_as_such(published: Rooms, inputs: ManifestInputs) -> None:
    """One writer: publishing beside a running dbt must fail with words, and cost nothing."""
    code = "import duckdb,sys; c=duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(published.build)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdin is not None
        writer.stdout.readline()
        with pytest.raises(PublishError, match="Wait for the run"):
            snapshot.publish(published.build, published.published, inputs)
        writer.stdin.close()
    assert whole_version(published.published) == "d1"


def test_two_publications_at_once_are_refused(published: Rooms, inputs: ManifestInputs) -> None:
    """They would clean up each other's staging folder."""
    with (
        snapshot._alone(published.published),
        pytest.raises(PublishError, match="another process is publishing"),
    ):
        snapshot.publish(published.build, published.published, inputs)


def test_a_moment_without_zone_is_refused(rooms: Rooms, inputs: ManifestInputs) -> None:
    """A naive time in the manifest would be read as anybody's local time."""
    with pytest.raises(PublishError, match="no time zone"):
        snapshot.publish(
            rooms.build,
            rooms.published,
            replace(inputs, published_at=datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)),
        )


def test_the_version_before_is_kept_and_older_ones_go(rooms: Rooms, inputs: ManifestInputs) -> None:
    """A reader between the manifest and the files has one whole publication of time."""
    for n in range(1, 5):
        make_build(rooms.build, f"d{n}")
        snapshot.publish(rooms.build, rooms.published, inputs)
    assert sorted(p.name for p in (rooms.published / "versions").iterdir()) == ["000003-d3", "000004-d4"]


def test_a_data_version_with_odd_signs_can_not_leave_the_folder(rooms: Rooms, inputs: ManifestInputs) -> None:
    """It becomes part of a folder's name."""
    make_build(rooms.build, "../../up 2024:03")
    done = snapshot.publish(rooms.build, rooms.published, inputs)
    assert done.folder == rooms.published / "versions" / "000001-.._.._up_2024_03"
    assert done.manifest.data_version == "../../up 2024:03"


def test_a_plain_file_at_the_stable_name_is_replaced(rooms: Rooms, inputs: ManifestInputs) -> None:
    """Somebody's copy must not stand in the way for ever."""
    rooms.published.mkdir()
    (rooms.published / "levende.duckdb").write_bytes(b"old")
    snapshot.publish(rooms.build, rooms.published, inputs)
    assert whole_version(rooms.published) == "d1"


def test_a_folder_at_a_stable_name_is_an_error_with_a_next_action(rooms: Rooms, inputs: ManifestInputs) -> None:
    """Deleting a folder that somebody made is not ours to do."""
    (rooms.published / "parquet").mkdir(parents=True)
    (rooms.published / "parquet" / "mine.txt").write_text("mine")
    with pytest.raises(PublishError, match="publish again"):
        snapshot.publish(rooms.build, rooms.published, inputs)
    assert (rooms.published / "parquet" / "mine.txt").read_text() == "mine"


def test_a_locked_reader_can_not_touch_the_server(published: Rooms) -> None:
    """Read-only alone lets a query read and write files; the locked configuration does not."""
    with open_snapshot(published.published) as version:
        for sql in (
            "select * from read_text('/etc/hostname')",
            f"copy kpi.figures to '{published.published / 'x.csv'}'",
            "set enable_external_access = true",
            "delete from kpi.figures",
        ):
            with pytest.raises(duckdb.Error):
                version.connection.execute(sql)


def test_one_process_that_reconnects_sees_the_new_version_while_an_old_connection_lives(
    published: Rooms, inputs: ManifestInputs
) -> None:
    """DuckDB caches databases by path inside a process; the link's target is what it goes by."""
    database = str(published.published / "levende.duckdb")
    sql = "select data_version from core.publication"
    with duckdb.connect(database, read_only=True, config=LOCKED) as old:
        make_build(published.build, "d2")
        snapshot.publish(published.build, published.published, inputs)
        with duckdb.connect(database, read_only=True, config=LOCKED) as new:
            assert (old.execute(sql).fetchone(), new.execute(sql).fetchone()) == (("d1",), ("d2",))


@pytest.mark.slow
def test_readers_survive_ten_publications_and_never_see_a_torn_version(
    published: Rooms, inputs: ManifestInputs
) -> None:
    """A reader never blocks a run, and a run never breaks a reader."""
    readers = {
        how: subprocess.Popen(
            [sys.executable, str(HERE / "publish_reader.py"), str(published.published), how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for how in ("hold", "reconnect")
    }
    try:
        for reader in readers.values():
            assert reader.stdout is not None
            assert reader.stdout.readline() == "ready\n"
        for n in range(2, 12):
            make_build(published.build, f"d{n}")
            snapshot.publish(published.build, published.published, inputs)
            time.sleep(0.05)
        said = {how: json.loads(reader.communicate("stop\n", timeout=60)[0]) for how, reader in readers.items()}
    finally:
        for reader in readers.values():
            reader.kill()
    assert {how: reader.returncode for how, reader in readers.items()} == {"hold": 0, "reconnect": 0}
    assert said["hold"]["seen"] == [["d1", "d1", "d1", 11]]
    assert said["hold"]["reads"] > 10
    for low, high, publication, count in said["reconnect"]["seen"]:
        assert (low, high, count) == (publication, publication, 11)
    assert len(said["reconnect"]["seen"]) > 2
    assert whole_version(published.published) == "d11"


def _worker(rooms: Rooms, when: str = "never") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(HERE / "publish_worker.py"), str(rooms.build), str(rooms.published), when],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_kill_at_a_chosen_step_leaves_the_old_or_the_new_version_whole(rooms: Rooms, inputs: ManifestInputs) -> None:
    """The power may go at any moment: never a mixture, and the next publication goes on from what it finds."""
    out, _ = _worker(rooms).communicate(timeout=60)
    steps = int(out.split()[-1])
    current = whole_version(rooms.published)
    early = [str(n) for n in random.Random(7).sample(range(1, steps - 5), 5)]
    late = ["swap+0", "swap+1", "swap+2", "swap+3", "swap+5", "swap+20"]
    for n, when in enumerate(early + late):
        new = f"k{n}"
        make_build(rooms.build, new)
        worker = _worker(rooms, when)
        worker.communicate(timeout=60)
        found = whole_version(rooms.published)
        assert (worker.returncode, found) == (-9, new if when in late[1:] else current), when
        current = found
    make_build(rooms.build, "healed")
    snapshot.publish(rooms.build, rooms.published, inputs)
    assert whole_version(rooms.published) == "healed"
    assert len(list((rooms.published / "versions").iterdir())) == 2
    assert {p.name for p in rooms.published.iterdir()} == {
        ".publish.lock", "MANIFEST.json", "current", "levende.duckdb", "parquet", "versions",
    }  # fmt: skip


@pytest.mark.slow
def test_a_kill_at_a_random_moment_leaves_a_whole_version(rooms: Rooms, inputs: ManifestInputs) -> None:
    """The same at moments that no list of steps foresees: in the middle of DuckDB's writing."""
    snapshot.publish(rooms.build, rooms.published, inputs)
    current, killed = "d1", 0
    rng = random.Random(11)
    for n in range(10):
        new = f"r{n}"
        make_build(rooms.build, new)
        worker = _worker(rooms)
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, 0.2))
        os.kill(worker.pid, 9)
        worker.communicate(timeout=60)
        killed += worker.returncode == -9
        found = whole_version(rooms.published)
        assert found in (current, new)
        current = found
    assert killed >= 5
    make_build(rooms.build, "healed")
    snapshot.publish(rooms.build, rooms.published, inputs)
    assert whole_version(rooms.published) == "healed"


@pytest.mark.slow
@pytest.mark.parametrize("when", ["20", "swap+0"])
def test_a_killed_first_publication_shows_nothing_and_the_next_one_works(
    rooms: Rooms, inputs: ManifestInputs, when: str
) -> None:
    """Before the first version there is no old one to fall back on: readers are told so, and never shown a half."""
    worker = _worker(rooms, when)
    worker.communicate(timeout=60)
    assert worker.returncode == -9
    assert not (rooms.published / "levende.duckdb").exists()
    with pytest.raises(NothingPublished, match="levende run"), open_snapshot(rooms.published):
        pass
    snapshot.publish(rooms.build, rooms.published, inputs)
    assert whole_version(rooms.published) == "d1"
