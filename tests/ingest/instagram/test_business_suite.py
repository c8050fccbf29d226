"""The export of Business Suite: nothing about a file is guessed, and no row is lost to its form."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from exports import ACCOUNT_ID, SOMEBODY, make_source, metrics, posts, read, reasons, survives, values

from ingest.adapters import Parsed, adapter_for, adapters
from ingest.errors import ConfigurationError
from ingest.instagram.business_suite import LANGUAGES
from ingest.instagram.export_text import NumberForm, read_count

HEADERS = (
    "Post ID", "Account ID", "Account username", "Account name", "Description", "Duration (sec)", "Publish time",
    "Permalink", "Post type", "Data comment", "Date", "Views", "Reach", "Likes", "Shares", "Follows", "Comments",
    "Saves",
)  # fmt: skip
PACIFIC = "America/Los_Angeles"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def code_of(moment: datetime) -> str:
    """The code that a post made at this moment has in its address."""
    number = (int(moment.timestamp() * 1000) - 1_314_220_021_721) << 23
    signs = ""
    while number:
        number, sign = divmod(number, 64)
        signs = ALPHABET[sign] + signs
    return signs


def row(
    number: int, moment: datetime, *, written: str | None = None, code: str | None = None, **more: str
) -> list[str]:
    """One post, published at a moment, as the export writes it."""
    told = {
        "Post ID": f"1790000000000{number:04d}",
        "Account ID": ACCOUNT_ID,
        "Account username": "moa_bibliotek",
        "Account name": "Moa bibliotek",
        "Description": f"{SOMEBODY} leser #Moa",
        "Duration (sec)": "0",
        "Publish time": written or moment.astimezone(ZoneInfo(PACIFIC)).strftime("%m/%d/%Y %H:%M"),
        "Permalink": f"https://www.instagram.com/p/{code or code_of(moment)}/",
        "Post type": "IG image",
        "Data comment": "",
        "Date": "Lifetime",
        **dict(zip(HEADERS[11:], ("900", "400", "40", "3", "1", "4", "2"), strict=True)),
    }
    told.update(more)
    return [told[h] for h in HEADERS]


def file(*rows: Sequence[str], headers: Sequence[str] = HEADERS, delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([headers, *rows])
    return out.getvalue()


def told(text: str | bytes, **options: Any) -> Parsed:
    return read("instagram_business_suite", text if isinstance(text, bytes) else text.encode(), **options)


MARCH_4 = datetime(2026, 3, 4, 18, 30, tzinfo=UTC)
MARCH_24 = datetime(2026, 3, 24, 18, 30, tzinfo=UTC)
LIFE = {
    "views": (900, "measured"),
    "reach": (400, "measured"),
    "likes": (40, "measured"),
    "shares": (3, "measured"),
    "follows": (1, "measured"),
    "comments": (4, "measured"),
    "saved": (2, "measured"),
}


def test_an_english_export_gives_posts_and_their_metrics() -> None:
    """With the id that the API has and the code that its address has, on every row."""
    parsed = told(file(row(1, MARCH_24)))
    (post,) = posts(parsed)
    assert parsed.rejects == []
    assert {k: v for k, v in post.items() if k not in ("content_hash", "pointer")} == {
        "account_id": ACCOUNT_ID,
        "post_id": "17900000000000001",
        "shortcode": code_of(MARCH_24),
        "posted_at": datetime(2026, 3, 24, 18, 30, tzinfo=UTC).replace(tzinfo=None),
        "media_type": "IMAGE",
        "product_type": "FEED",
        "hashtags": "moa",
        "caption_references": "",
    }
    assert values(parsed) == LIFE
    assert {m["shortcode"] for m in metrics(parsed)} == {post["shortcode"]}
    assert SOMEBODY not in str(parsed.rows)


def test_reordered_columns_a_multi_line_caption_and_a_byte_order_mark_change_nothing() -> None:
    """Meta writes the columns in any order; a map by position once put likes into reach."""
    plain = told(file(row(1, MARCH_24, Description='Linje 1\r\n\r\n"Linje, 3" #Moa 📚'), row(2, MARCH_24)))
    order = sorted(range(len(HEADERS)), key=lambda i: HEADERS[i][::-1])
    turned = [
        [cells[i] for i in order]
        for cells in (
            HEADERS,
            row(1, MARCH_24, Description='Linje 1\r\n\r\n"Linje, 3" #Moa 📚'),
            row(2, MARCH_24),
        )
    ]
    text = file(*turned[1:], headers=turned[0])
    for body in (text.encode("utf-8-sig"), text.encode("utf-16"), text.replace(",", "\t").encode("utf-16")):
        parsed = told(body)
        assert len(posts(parsed)) == 2
        assert [{**p, "pointer": "", "content_hash": ""} for p in posts(parsed)] == [
            {**p, "pointer": "", "content_hash": ""} for p in posts(plain)
        ]
        assert {(m["subject_id"], m["metric"], m["value"]) for m in metrics(parsed)} == {
            (m["subject_id"], m["metric"], m["value"]) for m in metrics(plain)
        }


def test_the_pointer_of_a_row_behind_a_long_caption_is_its_line() -> None:
    """A person looks a reject up by its line."""
    parsed = told(file(row(1, MARCH_24, Description="a\nb\nc"), row(2, MARCH_24, Likes="many")))
    assert [r.pointer for r in parsed.rejects] == ["line 5, column Likes"]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("12,400", "en", (12400, "measured")),
        ("12.345", "de", (12345, "measured")),
        ("12\u00a0345", "nb", (12345, "measured")),
        ("1\u202f012\u202f345", "en", (1012345, "measured")),
        ("0", "en", (0, "measured")),
        ("", "en", (None, "missing")),
        ("--", "en", (None, "missing")),
        ("\u00a0", "en", (None, "missing")),
        ("1.234", "en", (None, "mixed_separators")),
        ("12,345", "de", (None, "mixed_separators")),
        ("1.234,567", "en", (None, "mixed_separators")),
        ("1,234.567", "de", (None, "mixed_separators")),
        ("12,34", "en", (None, "mixed_separators")),
        ("12.5", "en", (None, "fraction_in_count")),
        ("12,5", "nb", (None, "fraction_in_count")),
        ("-4", "en", (None, "negative")),
        ("mange", "en", (None, "no_number")),
        ("9" * 30, "en", (None, "too_large")),
    ],
)
def test_a_number_is_read_by_the_language_of_the_file_or_not_at_all(
    text: str, language: str, expected: tuple[int | None, str]
) -> None:
    """`1.234` is a thousand in one language and one and a bit in another; empty is missing, never 0."""
    table = LANGUAGES[language]
    assert read_count(text, NumberForm(tuple(table["thousands"]), table["decimal"])) == expected


def test_a_blank_cell_is_missing_and_a_bad_one_costs_only_itself() -> None:
    """Unknown is not zero, and six good numbers are not lost to a bad one."""
    parsed = told(file(row(1, MARCH_24, Saves="", Shares="0", Views="1.234")))
    assert (values(parsed)["saved"], values(parsed)["shares"]) == ((None, "missing"), (0, "measured"))
    assert "views" not in values(parsed)
    assert [(r.reason, r.pointer) for r in parsed.rejects] == [("mixed_separators", "line 2, column Views")]


def test_a_header_in_an_unknown_language_fails_loudly() -> None:
    """Norwegian headers are known to nobody yet: all unmatched columns are told, and nothing is loaded."""
    headers = ["Innleggs-ID", "Publiseringstidspunkt", "Permanent lenke", "Innleggstype", "Rekkevidde"]
    parsed = told(file([*row(1, MARCH_24)[:5]], headers=headers))
    assert (posts(parsed), metrics(parsed), reasons(parsed)) == ([], [], ["unknown_columns"])
    assert all(f"“{name}”" in parsed.rejects[0].message for name in headers)
    assert "Nothing of the file was loaded" in parsed.rejects[0].next_action


def test_a_header_that_changed_is_told_with_the_one_it_resembles() -> None:
    """Loaded without it, `Views` would look as if nobody had measured them."""
    parsed = told(file(row(1, MARCH_24), headers=[h.replace("Views", "Viewz") for h in HEADERS]))
    assert (posts(parsed), reasons(parsed)) == ([], ["unknown_columns"])
    assert "“Viewz” (nearest known: “Views”)" in parsed.rejects[0].message


def test_headers_that_look_like_data_are_not_told() -> None:
    """A file without a header must not have its first row quoted."""
    parsed = told(file(["kari@example.org", "91234567 Kari"], headers=["kari@example.org", "91234567 Kari"]))
    assert "kari" not in parsed.rejects[0].message.casefold()
    assert reasons(parsed) == ["no_header"]


def test_staff_can_name_the_headers_of_their_language() -> None:
    """The options are the way in until somebody has seen a Norwegian file."""
    headers = [
        "Innleggs-ID", "Konto-ID", "Brukernavn", "Kontonavn", "Beskrivelse", "Varighet", "Publisert", "Lenke", "Type",
        "Kommentar", "Dato", "Visninger", "Rekkevidde", "Likerklikk", "Delinger", "Følger", "Kommentarer", "Lagringer",
    ]  # fmt: skip
    roles = (
        "post_id", "account_id", "username", "ignored", "caption", "ignored", "publish_time", "permalink", "post_type",
        "ignored", "date", "views", "reach", "likes", "shares", "follows", "comments", "saved",
    )  # fmt: skip
    names: dict[str, list[str]] = {}
    for role, name in zip(roles, headers, strict=True):
        names.setdefault(role, []).append(name)
    local = MARCH_24.astimezone(ZoneInfo("Europe/Oslo")).strftime("%d.%m.%Y %H:%M")
    cells = row(1, MARCH_24, written=local, Date="Levetid", Views="12\u00a0400")
    parsed = told(file(cells, headers=headers), language="nb", headers=names, lifetime=["Levetid"])
    assert (values(parsed)["views"], parsed.rejects) == ((12400, "measured"), [])
    assert posts(parsed)[0]["posted_at"] == MARCH_24.replace(tzinfo=None)


def test_the_word_lifetime_is_no_date_and_loses_no_row() -> None:
    """A public parser reads `Date` as the day, and loses every row to it."""
    parsed = told(file(row(1, MARCH_24), row(2, MARCH_24, Date="03/24/2026")))
    assert ([p["post_id"][-1] for p in posts(parsed)], reasons(parsed)) == (["1"], ["not_lifetime"])


# --- dates


def test_a_day_above_twelve_proves_the_order_of_all_dates() -> None:
    """One row that can be read in one way only says how to read the others; they need no address."""
    rows = [
        row(1, MARCH_4, code="AAAAA"),
        row(2, MARCH_24, code="AAAAA"),
    ]
    parsed = told(file(*rows))
    assert [p["posted_at"] for p in posts(parsed)] == [m.replace(tzinfo=None) for m in (MARCH_4, MARCH_24)]
    day_first = [
        row(1, MARCH_4, code="AAAAA", written="04/03/2026 10:30"),
        row(2, MARCH_24, code="AAAAA", written="24/03/2026 10:30"),
    ]
    turned = told(file(*day_first))
    assert posts(turned)[0]["posted_at"] == datetime(2026, 3, 4, 18, 30, tzinfo=UTC).replace(tzinfo=None)
    assert "unexpected_date_form" in reasons(turned)


def test_a_date_with_two_readings_is_decided_by_the_posts_own_address() -> None:
    """03/04 is 4 March where the code says so; where it says 3 April it is that, and a person is told."""
    assert posts(told(file(row(1, MARCH_4, written="03/04/2026 10:30"))))[0]["posted_at"] == MARCH_4.replace(
        tzinfo=None
    )
    april = datetime(2026, 4, 3, 17, 30, tzinfo=UTC)
    parsed = told(file(row(1, april, written="03/04/2026 10:30")))
    assert posts(parsed)[0]["posted_at"] == april.replace(tzinfo=None)
    assert reasons(parsed) == ["unexpected_date_form"]


def test_dates_that_nothing_proves_load_nothing() -> None:
    """Half the posts would land in another month. The person is told how to get out of it."""
    cells = row(1, MARCH_4, written="03/04/2026 10:30", code="AAAAA")
    parsed = told(file(cells))
    assert (posts(parsed), reasons(parsed)) == ([], ["ambiguous_dates"])
    assert "date_form" in parsed.rejects[0].next_action
    assert "Export a longer period" in parsed.rejects[0].next_action
    assert posts(told(file(cells), date_form="dmy"))[0]["posted_at"].month == 4


def test_a_date_that_is_the_same_either_way_needs_no_proof() -> None:
    """3 March is 03/03 for everybody."""
    assert len(posts(told(file(row(1, MARCH_4, written="03/03/2026 10:30", code="AAAAA"))))) == 1


def test_a_file_that_mixes_two_orders_is_refused() -> None:
    """Only an edited file does that, and then no row can be believed."""
    rows = [row(1, MARCH_24, written="24/03/2026 10:30"), row(2, MARCH_24, written="03/24/2026 10:30")]
    assert reasons(told(file(*rows))) == ["mixed_dates"]


def test_most_posts_decide_the_zone_and_the_rest_is_told_and_kept() -> None:
    """Meta names no zone. A scheduled post was made before it was published: it is told, not dropped."""
    oslo = ZoneInfo("Europe/Oslo")
    rows = [
        row(n, m, written=m.astimezone(oslo).strftime("%m/%d/%Y %H:%M"))
        for n, m in enumerate((MARCH_24, MARCH_24 + timedelta(days=90), MARCH_24 + timedelta(days=91)), 1)
    ]
    rows.append(row(4, MARCH_24, code=code_of(MARCH_24 - timedelta(hours=20)), written="03/24/2026 19:30"))
    parsed = told(file(*rows))
    assert [p["posted_at"] for p in posts(parsed)][:2] == [
        m.replace(tzinfo=None) for m in (MARCH_24, MARCH_24 + timedelta(days=90))
    ]
    assert len(posts(parsed)) == 4
    assert [(r.reason, r.pointer) for r in parsed.rejects] == [
        ("contradicted_publish_time", "line 5, column publish_time")
    ]


@pytest.mark.parametrize("fold", [0, 1])
def test_in_the_hour_that_autumn_repeats_the_address_decides(fold: int) -> None:
    """Two posts an hour apart carry one local time."""
    moment = datetime(2026, 11, 1, 1, 30, tzinfo=ZoneInfo(PACIFIC), fold=fold).astimezone(UTC)
    rows = [row(1, moment), row(2, MARCH_24)]
    assert posts(told(file(*rows)))[0]["posted_at"] == moment.replace(tzinfo=None)


def test_in_the_hour_that_autumn_repeats_nothing_but_the_first_is_known_without_an_address() -> None:
    """Without a code nothing tells the two apart; the same one is taken at every reading."""
    cells = row(1, MARCH_24, written="11/01/2026 01:30", code="AAAAA")
    assert posts(told(file(cells, row(2, MARCH_24))))[0]["posted_at"] == datetime(
        2026, 11, 1, 8, 30, tzinfo=UTC
    ).replace(tzinfo=None)


# --- files that somebody opened


@pytest.mark.parametrize("lost", ["1.79E+16", "1,79E+16"])
def test_an_id_that_a_spreadsheet_has_rounded_refuses_the_file(lost: str) -> None:
    """The other ids of the file are as wrong, only less visibly."""
    parsed = told(file(row(1, MARCH_24), row(2, MARCH_24, **{"Post ID": lost})))
    assert (posts(parsed), reasons(parsed)) == ([], ["rounded_ids"])
    assert "without opening it" in parsed.rejects[0].next_action


def test_ids_that_all_end_in_zeros_were_rounded_too() -> None:
    """Formatted as whole numbers they look like ids, and name other posts."""
    rows = [row(n, MARCH_24, **{"Post ID": f"1790000000{n:05d}00"}) for n in range(1, 4)]
    assert reasons(told(file(*rows))) == ["rounded_ids"]


def test_semicolons_say_that_the_file_was_saved_again() -> None:
    """Meta writes commas; what a spreadsheet did to ids and dates before can't be seen."""
    assert reasons(told(file(row(1, MARCH_24), delimiter=";"))) == ["saved_again"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"\xff\xfeP", "undecodable"),
        (b"Post ID\xe5", "undecodable"),
        (b"a\x00b", "undecodable"),
        (b'"Post ID', "no_header"),
        (b"Post ID,Reach\n", "missing_column"),
        (b"Post ID,Publish time,Permalink,Post type\n", "missing_column"),
        (b"Post ID,Reach,Reach\n", "doubled_column"),
    ],
)
def test_a_file_of_another_form_is_one_reject(body: bytes, reason: str) -> None:
    """Told for the file, with what to do; half a file is never loaded as a whole one."""
    parsed = told(body)
    assert reasons(parsed) == [reason]
    assert parsed.rejects[0].scope == "blob"


def test_a_header_alone_is_not_a_library_without_posts() -> None:
    """The wrong period or account looks like this."""
    assert reasons(told(file())) == ["no_records"]


def test_an_open_quote_costs_what_stands_behind_it() -> None:
    """What came before is good; the rest can't be told apart."""
    text = file(row(1, MARCH_24), row(2, MARCH_24)) + '"17900000000000003","1784'
    parsed = told(text)
    assert (len(posts(parsed)), reasons(parsed)) == (2, ["broken_quotes"])


# --- rows


def test_equal_rows_are_one_and_unequal_ones_are_told() -> None:
    """Two overlapping exports joined by hand tell posts twice."""
    rows = [row(1, MARCH_24), row(1, MARCH_24), row(1, MARCH_24, Likes="41")]
    parsed = told(file(*rows))
    assert values(parsed)["likes"] == (40, "measured")
    assert [(r.reason, r.pointer) for r in parsed.rejects] == [("duplicate_conflict", "line 4")]


def test_sums_and_repeated_headers_are_no_posts() -> None:
    """A total read as a post would double everything."""
    total = ["Total", *[""] * 10, "1800", "800", "80", "6", "2", "8", "4"]
    parsed = told(file(row(1, MARCH_24), HEADERS, total))
    assert (len(posts(parsed)), values(parsed), parsed.rejects) == (1, LIFE, [])


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("IG image", ("IMAGE", "FEED")),
        ("IG carousel", ("CAROUSEL_ALBUM", "FEED")),
        ("IG reel", ("VIDEO", "REELS")),
        ("ig\u00a0story", (None, "STORY")),
    ],
)
def test_the_exports_kinds_are_the_platforms(word: str, kind: tuple[str | None, str]) -> None:
    """A story counted as a post would raise the number of posts."""
    (post,) = posts(told(file(row(1, MARCH_24, **{"Post type": word}))))
    assert (post["media_type"], post["product_type"]) == kind


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"Post type": "Photos"}, "unknown_post_type"),
        ({"Post ID": ""}, "no_post_id"),
        ({"Account ID": "17841400000000009"}, "wrong_account"),
        ({"Publish time": "yesterday"}, "bad_publish_time"),
        ({"Publish time": "13/32/2026 10:00"}, "bad_publish_time"),
    ],
)
def test_a_row_that_can_not_be_read_costs_only_itself(more: dict[str, str], reason: str) -> None:
    """Its neighbours are good."""
    parsed = told(file(row(1, MARCH_24), row(2, MARCH_24, **more)), account_id=ACCOUNT_ID)
    assert ([p["post_id"][-1] for p in posts(parsed)], reasons(parsed)) == (["1"], [reason])


def test_a_row_of_another_width_costs_only_itself() -> None:
    """A comma inside an unquoted caption shifts every number by one column."""
    parsed = told(file(row(1, MARCH_24), row(2, MARCH_24)[:-1], row(3, MARCH_24)))
    assert (len(posts(parsed)), reasons(parsed)) == (2, ["ragged_row"])


def test_an_edited_caption_is_a_new_version_and_a_new_count_is_not() -> None:
    """What changes at every export would make every export a new version."""
    first, counted, edited = (
        posts(told(file(row(1, MARCH_24, **more))))[0]["content_hash"]
        for more in ({}, {"Likes": "41"}, {"Description": "Uten merke"})
    )
    assert first == counted != edited


@pytest.mark.parametrize(
    "options",
    [
        {"language": "xx"},
        {"zones": ["Mars/Olympus"]},
        {"headers": {"likez": ["Likes"]}},
        {"headers": {"likes": ["A"], "reach": ["a"]}},
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any]) -> None:
    """A typing error here would surface as a missing figure."""
    with pytest.raises(ConfigurationError):
        adapter_for(make_source("instagram_business_suite", **options))


def test_a_change_of_the_headers_table_is_a_new_version() -> None:
    """Files that failed are read again only if the adapter's version says so. Raise it, then mend this line."""
    table = (resources.files("ingest.instagram") / "business_suite.yaml").read_bytes()
    assert (adapters()["instagram_business_suite"].version, hashlib.sha256(table).hexdigest()[:8]) == (1, "7eeee191")


def test_a_thousand_spoiled_exports_end_as_rows_or_rejects() -> None:
    """Whatever a program or a person does to the file, it must not end a run or vanish."""
    rows = [row(n, MARCH_24 + timedelta(days=n), Description=f"a,\n#b {SOMEBODY}") for n in range(1, 5)]
    with_rows, with_rejects = survives("instagram_business_suite", file(*rows).encode(), 20260902)
    assert with_rows > 100
    assert with_rejects > 300
