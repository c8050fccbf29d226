"""Gates that only count up: sheets of readings, and the XML that a gate answers, over a stand-in on loopback."""

# ruff: noqa: DTZ001 - the lake's instants are UTC without a zone

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ingest_bench import accidents

from ingest.config import Configuration, load
from ingest.errors import ConfigurationError
from ingest.home import Home
from ingest.http import Limits, Session
from ingest.lake import Lake
from ingest.pipeline import poll, read_pending

OPTIONS: dict[str, Any] = {
    "zone": "Europe/Oslo",
    "columns": {
        "device": ["Port"],
        "date": ["Dato"],
        "time": ["Tid"],
        "total_in": ["Inn"],
        "total_out": ["Ut"],
        "event": ["Hendelse"],
    },
}
HEADER = "Port;Dato;Tid;Inn;Ut;Hendelse;Navn\n"
ONE_REGISTER: dict[str, Any] = {
    "zone": "Europe/Oslo",
    "device": "Hovedinngang",
    "columns": {"stamp": ["Avlest"], "total": ["Teller"]},
}
XML = b"<gate><count0>3</count0><count1>65535</count1><count2>71</count2></gate>"


def gate(*lines: str) -> str:
    return HEADER + "\n".join(lines) + "\n"


def test_a_reading_is_a_moment_with_a_register_and_no_people(read_doors: Any) -> None:
    """People come out of two readings, which may stand in two files; one alone says nothing about them."""
    reading = read_doors("gate_readings", gate("Moa;14.03.2026;17:05:30;4294967295;1 071;;Kari"), OPTIONS)
    (row,) = reading.rows
    assert row["interval_start_at"] == row["interval_end_at"] == datetime(2026, 3, 14, 16, 5, 30)
    assert (row["kind"], row["device_key"], row["line_key"]) == ("cumulative", "moa", "total")
    assert (row["total_in_count"], row["total_out_count"]) == (4294967295, 1071)
    assert (row["in_count"], row["out_count"], row["undirected_count"]) == (None, None, None)
    assert (row["value_state"], row["stamp_convention"], row["fold"]) == ("observed", "read", "exact")
    assert "Kari" not in str(reading), "a name in a column that nobody asked for must stay behind"


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("gate broken", "text_value"),
        ("closed", "text_value"),
        ("NA", "text_value"),
        ("Array", "poll_failed"),
        ("None", "poll_failed"),
        ("-1", "negative"),
        ("", "blank"),
    ],
)
def test_a_cell_without_a_number_is_a_reading_that_was_not_made(read_doors: Any, cell: str, reason: str) -> None:
    """Failed polls and broken gates are written as words and as -1; neither may become a register or a loss."""
    body = f"Avlest;Teller\n14.03.2026 10:00;500\n14.03.2026 11:00;{cell}\n"
    reading = read_doors("gate_readings", body, ONE_REGISTER)
    assert reading.rejects == []
    assert [r["total_in_count"] for r in reading.rows] == [500, None]
    assert (reading.rows[1]["value_state"], reading.rows[1]["reason_code"]) == ("not_observed", reason)


def test_one_faulty_direction_leaves_the_other_and_says_why(read_doors: Any) -> None:
    """A gate that enters by its ins alone needs no outs."""
    (row,) = read_doors("gate_readings", gate("Moa;14.03.2026;10:00;500;Array;;"), OPTIONS).rows
    assert (row["total_in_count"], row["total_out_count"]) == (500, None)
    assert (row["value_state"], row["reason_code"]) == ("observed", "poll_failed")


def test_numbers_that_may_be_two_numbers_are_refused(read_doors: Any) -> None:
    """`1.234` is a thousand or one and a bit: as a register either would invent or lose people."""
    reading = read_doors(
        "gate_readings", gate("Moa;14.03.2026;10:00;1.234;7;;", "Moa;14.03.2026;11:00;1240;9;;"), OPTIONS
    )
    assert reading.reasons == ["fraction_in_count"]
    assert reading.rejects[0]["pointer"] == "line 2, column Inn"
    assert [r["total_in_count"] for r in reading.rows] == [1240]


def test_the_word_for_a_reset_is_told_and_other_remarks_are_not_kept(read_doors: Any) -> None:
    """A register that was set to 0 is known from the sheet, not guessed; remarks hold names."""
    reading = read_doors(
        "gate_readings", gate("Moa;14.03.2026;10:00;7;7;Nullstilt;", "Moa;14.03.2026;11:00;8;8;Ola var her;"), OPTIONS
    )
    assert [r["reason_code"] for r in reading.rows] == ["reset", None]
    assert "Ola" not in str(reading)


def test_hourly_readings_of_the_repeated_hour_are_two_moments(read_doors: Any) -> None:
    """In local time the second 02:00 looks like a twin of the first; its larger register is no contradiction."""
    body = "Avlest;Teller\n" + "".join(f"25.10.2026 {h}:00;{n}\n" for n, h in enumerate(["01", "02", "02", "03"], 100))
    reading = read_doors("gate_readings", body, ONE_REGISTER)
    assert reading.rejects == []
    times = [r["interval_end_at"] for r in reading.rows]
    assert times == [datetime(2026, 10, 24, 23) + timedelta(hours=n) for n in range(4)]
    assert [r["fold"] for r in reading.rows] == ["exact", "first", "second", "exact"]


def test_a_time_that_the_clock_change_skipped_is_refused(read_doors: Any) -> None:
    """02:30 never was on that night: the date or the zone is wrong."""
    reading = read_doors("gate_readings", "Avlest;Teller\n29.03.2026 02:30;5\n29.03.2026 03:30;6\n", ONE_REGISTER)
    assert reading.reasons == ["nonexistent_local_time"]
    assert [r["interval_end_at"] for r in reading.rows] == [datetime(2026, 3, 29, 1, 30)]


def test_dates_are_read_only_as_configured_and_never_guessed(read_doors: Any) -> None:
    """Sheets mix formats row by row; 3/4 is two days, and one of them is wrong."""
    options = {**ONE_REGISTER, "date_formats": ["%d/%m/%Y", "%m/%d/%Y", "%m-%d-%Y"]}
    body = (
        "Avlest;Teller\n08-16-2021 7:49:10;1\n22/8/2026, 10:34:23 a.m.;2\n3/4/2026 10:00;3\n2026-03-04 10:00;4\n"
        "5/5/2026 10:00;5\n6/13/2026 12:05 p.m.;6\n22/8/2026;7\n7/7/2026 25:00;8\n"
    )
    reading = read_doors("gate_readings", body, options)
    assert [(r["total_in_count"], r["interval_end_at"]) for r in reading.rows] == [
        (1, datetime(2021, 8, 16, 5, 49, 10)),
        (2, datetime(2026, 8, 22, 8, 34, 23)),
        (5, datetime(2026, 5, 5, 8)),
        (6, datetime(2026, 6, 13, 10, 5)),
    ]
    assert [(r["pointer"], r["reason"]) for r in reading.rejects] == [
        ("line 4, column Avlest", "ambiguous_date"),
        ("line 5, column Avlest", "bad_date"),
        ("line 8, column Avlest", "bad_time"),
        ("line 9, column Avlest", "bad_time"),
    ]


def test_offsets_are_believed_and_later_than_now_is_a_typing_error(read_doors: Any) -> None:
    """A date a year ahead would stand as the newest reading and hide all that follow."""
    body = "Avlest;Teller\n2026-03-14T10:00:00+02:00;5\n14.03.2062 10:00;6\n"
    reading = read_doors("gate_readings", body, ONE_REGISTER)
    assert [(r["interval_end_at"], r["zone"]) for r in reading.rows] == [(datetime(2026, 3, 14, 8), "+02:00")]
    assert reading.reasons == ["future_reading"]


def test_of_two_readings_of_one_moment_that_disagree_the_first_is_kept(read_doors: Any) -> None:
    """Either may be right; the sheet's owner must say which."""
    body = "Avlest;Teller\n14.03.2026 10:00;5\n14.03.2026 10:00;5\n14.03.2026 10:00;6\n"
    reading = read_doors("gate_readings", body, ONE_REGISTER)
    assert [r["total_in_count"] for r in reading.rows] == [5]
    assert [(r["pointer"], r["reason"]) for r in reading.rejects] == [("line 4", "duplicate_conflict")]


def test_rejects_stand_in_the_order_of_the_file(read_doors: Any) -> None:
    """Whoever mends a sheet goes down it once; a cut row is seen before the values of those above it are read."""
    body = "Avlest;Teller\n14.03.2026 10:00;5\n14.03.2026 10:00;6\n14.03.2026\n14.03.2026 12:00;7\n15.03.2026\n"
    rejects = read_doors("gate_readings", body, ONE_REGISTER).rejects
    assert [r["pointer"].split(",")[0] for r in rejects] == ["line 3", "line 4", "line 6"]


def test_totals_headers_and_cut_rows_cost_themselves(read_doors: Any) -> None:
    """Sheets are pasted together and end with sums."""
    reading = read_doors(
        "gate_readings", gate("Moa;14.03.2026;10:00;5;6;;", HEADER.strip(), "Moa;14.03.2026", "Totalt;;;5;6;;"), OPTIONS
    )
    assert len(reading.rows) == 1
    assert [(r["pointer"], r["reason"]) for r in reading.rejects] == [("line 4", "ragged_row")]


def test_a_lost_column_and_an_empty_sheet_stop_the_file(read_doors: Any) -> None:
    """A register that is not there any more must be noticed, and silence is no empty library."""
    assert read_doors("gate_readings", "Port;Dato;Tid;Inn\nMoa;14.03.2026;10:00;5\n", OPTIONS).reasons == [
        "missing_column"
    ]
    assert read_doors("gate_readings", HEADER, OPTIONS).reasons == ["no_records"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": {"device": ["a"], "date": ["b"], "total": ["c"]}}, "`stamp`, or `date` and `time`"),
        ({"columns": {"device": ["a"], "stamp": ["b"], "total": ["c"], "total_in": ["d"]}}, "either `total`"),
        ({"columns": {"device": ["a"], "stamp": ["b"]}}, "either `total`"),
        ({"columns": {"device": ["a"], "stamp": ["b"], "total": ["a"]}}, "stands for both"),
        ({"columns": {"device": ["a"], "stamp": ["b"], "total": ["c"], "count": ["d"]}}, "the role 'count'"),
        ({"columns": {"stamp": ["b"], "total": ["c"]}}, "option `device`"),
        ({"zone": "Oslo"}, "not an IANA time zone"),
        ({"date_formats": ["%d %B %Y"]}, "must be made of"),
    ],
)
def test_options_that_say_too_little_are_refused_before_any_file(
    read_doors: Any, change: dict[str, Any], message: str
) -> None:
    """A wrong column map must not be found out file by file."""
    with pytest.raises(ConfigurationError, match=message):
        read_doors("gate_readings", HEADER, {**OPTIONS, **change})


# -- gates that answer ----------------------------------------------------------------------------------------------


@pytest.fixture
def answering() -> Iterator[tuple[str, list[tuple[int, bytes]]]]:
    """A gate on loopback: its address, and the answers that it gives one after the other."""
    answers: list[tuple[int, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/counts.xml?key=hidden", answers
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def configured(tmp_path: Path) -> Callable[[str], Configuration]:
    """A library with one gate at an address."""

    def configure(url: str) -> Configuration:
        (tmp_path / "library.yaml").write_text(
            "library_id: l\nname: L\nzone: Europe/Oslo\nreporting: {start_on: 2026-01-01}\nareas: []\nbranches: []\n"
        )
        (tmp_path / "figures.yaml").write_text("figures: []\n")
        (tmp_path / "sources.yaml").write_text(
            "sources:\n- source_id: door_gate_moa\n  family: doors\n  adapter: gate_xml\n  description: A gate.\n"
            f"  options: {{device: Moa, url: '{url}', allow_loopback: true}}\n"
        )
        return load(tmp_path)

    return configure


def test_equal_registers_at_two_times_are_two_readings(
    tmp_path: Path, answering: tuple[str, list[tuple[int, bytes]]], configured: Callable[[str], Configuration]
) -> None:
    """The same bytes an hour later say that nobody came, which is not the same as saying nothing."""
    url, answers = answering
    answers += [(200, XML), (200, XML), (200, b"<gate><count1>gate broken</count1><count2>-1</count2></gate>")]
    home, configuration = Home(tmp_path / "home"), configured(url)
    source = configuration.source("door_gate_moa")
    start = datetime(2026, 3, 14, 9, 0, 2, 5000, tzinfo=UTC)
    for hour in range(3):
        outcome = poll(home, configuration, source, start + timedelta(hours=hour))
        assert outcome.failures == []
    told = read_pending(home, configuration, "doors")["door_gate_moa"]
    assert (told.blobs, told.rows, told.rejects) == (3, {"door_observations": 3}, 0)
    import pyarrow.dataset as ds

    rows = ds.dataset(Lake(home.lake).root / "door_observations" / "door_gate_moa").to_table().to_pylist()
    rows.sort(key=lambda r: r["interval_end_at"])
    assert [r["interval_end_at"] for r in rows] == [(start + timedelta(hours=n)).replace(tzinfo=None) for n in range(3)]
    assert [(r["total_in_count"], r["total_out_count"], r["value_state"]) for r in rows] == [
        (65535, 71, "observed"),
        (65535, 71, "observed"),
        (None, None, "not_observed"),
    ]
    assert rows[2]["reason_code"] == "negative"
    assert len({r["observation_id"] for r in rows}) == 3
    assert "hidden" not in str([r.origin for r in home.catalogue.receipts()])


def test_a_gate_that_refuses_is_a_failed_receipt_and_the_next_reading_spans_it(
    tmp_path: Path, answering: tuple[str, list[tuple[int, bytes]]], configured: Callable[[str], Configuration]
) -> None:
    """A register loses nothing while nobody can read it; what must not be lost is that it was silent."""
    url, answers = answering
    answers += [(404, b""), (200, XML)]
    home, configuration = Home(tmp_path / "home"), configured(url)
    source = configuration.source("door_gate_moa")
    now = datetime(2026, 3, 14, 9, tzinfo=UTC)
    session = Session(Limits(tries=1), allow_loopback=True)
    assert [f.reason for f in poll(home, configuration, source, now, session).failures] == ["http_404"]
    assert poll(home, configuration, source, now + timedelta(hours=1), session).failures == []
    assert [r.status for r in home.catalogue.receipts()] == ["failed", "ok"]


def test_a_gate_without_out_register_has_no_outs_and_a_namespace_does_no_harm(read_doors: Any) -> None:
    """Null is not 0: an in-only gate never says that nobody left."""
    body = b'<g xmlns="http://gate.example/x"><count1>12</count1></g>'
    (row,) = read_doors("gate_xml", body, {"device": "Moa", "out_element": None}, how="push").rows
    assert (row["total_in_count"], row["total_out_count"], row["reason_code"]) == (12, None, None)


@pytest.mark.parametrize(
    ("body", "how", "reason"),
    [
        (b"", "push", "empty"),
        (b"<html><body>Login</body></html>", "push", "wrong_document"),
        (b"<gate><count1>5", "push", "not_xml"),
        (b"<!DOCTYPE g [<!ENTITY a 'b'>]><g><count1>&a;</count1><count2>1</count2></g>", "push", "forbidden_xml"),
        (b"<g><count1>1</count1><count1>2</count1><count2>3</count2></g>", "push", "ambiguous_register"),
        (b"<g><count1>1.5</count1><count2>3</count2></g>", "push", "fraction_in_count"),
        (XML, "drop", "no_read_time"),
    ],
)
def test_answers_that_are_no_reading_are_one_reject(read_doors: Any, body: bytes, how: str, reason: str) -> None:
    """A login page is not an empty gate, and a saved answer does not know when it was read."""
    reading = read_doors("gate_xml", body, {"device": "Moa"}, how=how)
    assert reading.rows == []
    assert reading.reasons == [reason]
    assert reading.rejects[0]["next_action"]


# -- damage ---------------------------------------------------------------------------------------------------------

PIECES = [
    b"", b";", b",", b'"', b"\n", b"\x00", b"\xff", b"\xef\xbf\xbd", b"\xc2\xa0", b"-1", b"x", b"1e5", b"9" * 30,
    b"24:00", b"25.10.2026", b"29.03.2026 02:30", b"0001-01-01", b"9999-12-31", b"12 p.m.", b"<", b"&a;", b"</count1>",
    b"\xd9\xa1", b"Array", b"NaN", b"+02:00", b"Z",
]  # fmt: skip
SHEET = gate(
    "Moa;25.10.2026;02:00;100;90;;", "Moa;25.10.2026;02:00;120;99;;", "Nørve;14.03.2026;kl 17.05;1 000;Array;reset;",
    "Moa;2026-03-14;5:00 p.m.;-1;;;", '"Spjelkavik";14.03.2026;23:59:59;gate broken;7;;', "Totalt;;;1;2;;",
).encode()  # fmt: skip


@pytest.mark.parametrize(
    ("adapter", "body", "options"),
    [
        pytest.param("gate_readings", SHEET, OPTIONS, id="sheet"),
        pytest.param(
            "gate_readings",
            b"Avlest;Teller\n14.03.2026 10:00;5\n2026-03-14T10:00Z;x\n",
            ONE_REGISTER,
            id="one_register",
        ),
        pytest.param("gate_xml", XML, {"device": "Moa"}, id="xml"),
    ],
)
def test_mutated_readings_end_as_rows_or_rejects(
    read_doors: Any, adapter: str, body: bytes, options: dict[str, Any]
) -> None:
    """Cut copies and foreign pieces are everyday; a parser that raises on them stops a source."""
    dice = random.Random(f"{adapter}{len(body)}")
    for _ in range(300):
        damaged = accidents(body, dice, PIECES, most=4)
        reading = read_doors(adapter, damaged, options, how="push")
        assert reading == read_doors(adapter, damaged, options, how="push")
        assert reading.rows or reading.rejects, "nothing said at all"
        for reject in reading.rejects:
            assert reject["reason"] not in {"parser_fault", "contract_broken"}, reject
            assert reject["message"]
            assert reject["next_action"]
        for row in reading.rows:
            assert row["interval_start_at"] == row["interval_end_at"]
            told = [row[n] for n in ("total_in_count", "total_out_count") if row[n] is not None]
            assert all(n >= 0 for n in told)
            assert (row["value_state"] == "observed") == bool(told)
            assert row["value_state"] == "observed" or row["reason_code"]
        ids = [row["observation_id"] for row in reading.rows]
        assert len(ids) == len(set(ids)), "one moment told twice"
