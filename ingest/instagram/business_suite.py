"""Meta Business Suite: the CSV that staff export under Insights, Content. For libraries without access to the API.

What belongs here: this one file. What does not: which source is believed where an export and the API differ, and the
headers themselves, which are data (`business_suite.yaml` and the source's options).

Nothing about the file is guessed. A header that nobody knows refuses the file, since a figure under a new name would
otherwise vanish without a sound. The order of day and month is proved by the rows: a day above 12, or the moment that
the post's own address holds. Meta does not say in which zone it writes `Publish time`; the addresses decide that, too.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from ingest.adapters import Adapter, Options, Parsed, Reject, register
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.errors import UnreadableBody
from ingest.home import naive_utc
from ingest.instagram.captions import CaptionOptions, hashtags, references
from ingest.instagram.export_text import (
    NUMBER_FAULTS,
    NumberForm,
    header_key,
    looks_like_data,
    number_form,
    read_count,
    shown,
    tables,
    with_nearest,
)
from ingest.instagram.post_identity import content_hash, created_at, media_id, shortcode_of
from ingest.zones import known_zone

_TABLE = tables("business_suite.yaml")
LANGUAGES: dict[str, Any] = _TABLE["languages"]
METRICS: tuple[str, ...] = tuple(_TABLE["metrics"])
KINDS: dict[str, tuple[str | None, str]] = {header_key(word): tuple(kind) for word, kind in _TABLE["kinds"].items()}
LABELS = ("post_id", "account_id", "username", "caption", "publish_time", "permalink", "post_type", "date", "ignored")
REQUIRED = ("post_id", "publish_time", "permalink", "post_type")
IGNORED = "ignored"
# Told by an export, and saying nothing: Europe's stories have no count of replies.
NOT_APPLICABLE = frozenset({("STORY", "replies")})

PACIFIC = "America/Los_Angeles"  # what the public files show; Meta documents none
# A publication lags its upload by seconds, and the file tells minutes.
_NEAR = timedelta(minutes=15)
# Day and month swapped move a date by four weeks and more; a zone moves it by hours.
_SAME_DAY = timedelta(hours=26)
_RE_EXPORT = "Export the file again, and drop it as it was downloaded, without opening it in a spreadsheet program."

DateForm = Literal["mdy", "dmy", "ymd"]
_STAMP = re.compile(
    r"(?P<a>[0-9]{1,4})(?P<sep>[-/.])(?P<b>[0-9]{1,2})(?P=sep)(?P<c>[0-9]{1,4})[ T,]+"
    r"(?P<hour>[0-9]{1,2})[:.](?P<minute>[0-9]{2})(?:[:.](?P<second>[0-9]{2}))?(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_LOST_ID = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE]\+?[0-9]+")


class BusinessSuiteOptions(CaptionOptions):
    """Options of `instagram_business_suite`.

    Attributes:
        account_id: the account that the file must be about, as text; without it the file's own column says.
        language: of the headers; `auto` takes the one that knows them.
        headers: more header names per role: the labels and metrics of `business_suite.yaml`, and `ignored`.
        lifetime: more words that `Date` may hold to say that the figures are of the post's whole life.
        date_form: order of day and month; `auto` has it proved by the file.
        zones: IANA zones in which `Publish time` may be written. The one that agrees with most posts' addresses is
            taken; where no post can tell, the first.
    """

    account_id: Annotated[str, Field(pattern=r"^\d{5,25}$")] | None = None
    language: str = "auto"
    headers: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    lifetime: tuple[str, ...] = ()
    date_form: Literal["auto"] | DateForm = "auto"
    zones: tuple[str, ...] = Field(default=(PACIFIC, "Europe/Oslo", "UTC"), min_length=1)

    @field_validator("language")
    @classmethod
    def _known_language(cls, value: str) -> str:
        if value != "auto" and value not in LANGUAGES:
            raise ValueError(f"{value!r} is not one of auto, {', '.join(LANGUAGES)}")
        return value

    @field_validator("zones")
    @classmethod
    def _known_zones(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(known_zone(zone) for zone in value)

    @model_validator(mode="after")
    def _known_roles(self) -> BusinessSuiteOptions:
        owners: dict[str, str] = {}
        for role, names in self.headers.items():
            if role not in (*LABELS, *METRICS):
                raise ValueError(f"headers names the role {role!r}; known are {', '.join((*LABELS, *METRICS))}")
            for name in names:
                if owners.setdefault(header_key(name), role) != role:
                    raise ValueError(f"the header {name!r} stands for both {owners[header_key(name)]} and {role}")
        return self


@dataclass(frozen=True)
class _Layout:
    """Which column is what, and the language that says so."""

    language: str
    at: dict[str, int]
    headers: tuple[str, ...]
    numbers: NumberForm
    lifetime: frozenset[str]
    totals: frozenset[str]

    def cell(self, cells: Sequence[str], role: str) -> str:
        return cells[self.at[role]].replace("\u00a0", " ").strip() if role in self.at else ""


@dataclass
class _Record:
    """One line of the file that has the right width, with what could be told of its time so far."""

    number: int
    cells: Sequence[str]
    post_id: str
    shortcode: str | None
    made_at: datetime | None
    product_type: str
    media_type: str | None
    readings: dict[str, datetime]


@register
class BusinessSuite(Adapter):
    """Reads one exported file: posts, and the metrics of their whole life."""

    name: ClassVar[str] = "instagram_business_suite"
    family: ClassVar[str] = "instagram"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("social_post_observations", "social_metric_observations")
    options: ClassVar[type[Options]] = BusinessSuiteOptions

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: BusinessSuiteOptions) -> Parsed:
        """One row per post, and one per post and metric. The export says nowhere when it was made, so its first receipt
        does: an observation is no newer than that, and the same file dropped again says nothing new.

        Raises:
            UnreadableBody: no export, unknown or doubled columns, ids that a spreadsheet program has rounded, or dates
                whose order can't be proved.
        """
        return _File(_text(body), options, naive_utc(receipt.received_at)).parsed()


def _text(body: bytes) -> str:
    """The body as text. A byte order mark is believed; without one it is UTF-8 or nothing."""
    encoding = "utf-8"
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if body.startswith(mark):
            encoding = name
    try:
        text = body.decode(encoding)
    except UnicodeError:
        text = "\x00"
    if "\x00" in text:
        raise UnreadableBody(
            f"the file is not text in {encoding.upper()}, or it was cut.", reason="undecodable", next_action=_RE_EXPORT
        )
    if not text.strip():
        raise UnreadableBody("the file is empty.", reason="empty", next_action=_RE_EXPORT)
    return text


class _File:
    """One export being read."""

    def __init__(self, text: str, options: BusinessSuiteOptions, received_at: datetime) -> None:
        self.options, self.received_at = options, received_at
        self.rejects: list[tuple[int, Reject]] = []
        first = text.lstrip("\r\n").split("\n", 1)[0]
        if first.count(";") > max(first.count(","), first.count("\t")):
            raise UnreadableBody(
                "the columns are set apart by semicolons: a spreadsheet program has saved the file again, and may "
                "have changed ids and dates.",
                reason="saved_again",
                next_action=_RE_EXPORT,
            )
        self._reader = csv.reader(
            io.StringIO(text, newline=""), delimiter="\t" if first.count("\t") > first.count(",") else ",", strict=True
        )
        self.layout = _layout(self._header(), options)

    def _header(self) -> list[str]:
        try:
            for cells in self._reader:
                if any(map(str.strip, cells)):
                    return cells
        except csv.Error:
            pass
        raise UnreadableBody("the file has no header.", reason="no_header", next_action=_RE_EXPORT)

    def parsed(self) -> Parsed:
        """All rows and rejects."""
        records = [record for number, cells in self._lines() if (record := self._record(number, cells)) is not None]
        self._refuse_rounded_ids(records)
        form = self._date_form(records)
        zone = self._zone(records, form)
        posts: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}
        for record in records:
            told = self._rows(record, form, zone)
            if told is None:
                continue
            first = posts.setdefault(record.post_id, told)
            if first is not told and _without_pointers(first) != _without_pointers(told):
                self._reject(
                    record.number,
                    "duplicate_conflict",
                    "an earlier row tells the same post with other content; that one was kept.",
                    "Export each period once, and not with two languages or filters in one file.",
                )
        rejects = [reject for _, reject in sorted(self.rejects, key=lambda r: r[0])]
        if not posts and not rejects:
            rejects.append(
                Reject(
                    "(whole file)",
                    "no_records",
                    "the file has the right form and holds no posts.",
                    "Check the period and the account that the export was asked for.",
                    scope="blob",
                )
            )
        return Parsed(
            {
                "social_post_observations": [post for post, _ in posts.values()],
                "social_metric_observations": [row for _, metrics in posts.values() for row in metrics],
            },
            rejects,
        )

    # --- lines

    def _reject(self, number: int, reason: str, message: str, action: str, column: str = "") -> None:
        pointer = f"line {number}" + (f", column {column}" if column else "")
        self.rejects.append((number, Reject(pointer, reason, message, action)))

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        """Records with the line at which each begins. A caption may have many lines."""
        number = self._reader.line_num + 1
        try:
            for cells in self._reader:
                if any(map(str.strip, cells)):
                    yield number, cells
                number = self._reader.line_num + 1
        except csv.Error:
            self._reject(
                number,
                "broken_quotes",
                "a quote is not closed, so nothing from here to the end of the file can be told apart.",
                _RE_EXPORT,
            )

    def _record(self, number: int, cells: list[str]) -> _Record | None:
        layout = self.layout
        if len(cells) != len(layout.headers):
            self._reject(number, "ragged_row", "the row has more or fewer cells than the header.", _RE_EXPORT)
            return None
        keys = [header_key(c) for c in cells]
        if keys == [header_key(h) for h in layout.headers]:
            return None  # the header once more, where somebody has joined two files
        told_id = layout.cell(cells, "post_id")
        if _LOST_ID.fullmatch(told_id):
            raise UnreadableBody(
                f"the post's id in line {number} was rounded by a spreadsheet program, and can't be restored.",
                reason="rounded_ids",
                next_action=_RE_EXPORT,
            )
        if not told_id.isdecimal() and layout.totals & {keys[i] for r, i in layout.at.items() if r in LABELS}:
            return None  # a sum of the others
        post_id = media_id(told_id)
        if post_id is None:
            self._reject(number, "no_post_id", "the row has no post id of digits.", _RE_EXPORT, "post_id")
            return None
        account_id = layout.cell(cells, "account_id")
        expected = self.options.account_id
        if (account_id or expected) is None or not (media_id(account_id) or (not account_id and expected)):
            self._reject(
                number,
                "no_account_id",
                "the row does not say which account it is about.",
                "Name the account in account_id in the source's options, or export the file again.",
                "account_id",
            )
            return None
        if expected is not None and account_id and account_id != expected:
            self._reject(
                number,
                "wrong_account",
                "the row is about another account than the source's options name.",
                "Choose the library's account in the export, or mend account_id.",
                "account_id",
            )
            return None
        if "date" in layout.at and (said := layout.cell(cells, "date")) and header_key(said) not in layout.lifetime:
            self._reject(
                number,
                "not_lifetime",
                "the figures are of one day or span, not of the post's whole life.",
                "Export with the data level Lifetime; if this word means that, add it to lifetime in the options.",
                "date",
            )
            return None
        kind = KINDS.get(header_key(layout.cell(cells, "post_type")))
        if kind is None:
            self._reject(
                number,
                "unknown_post_type",
                "the post's type is none of " + ", ".join(_TABLE["kinds"]) + ".",
                "Leave Facebook posts out of the export; if it is a new kind on Instagram, add it to "
                "ingest/instagram/business_suite.yaml.",
                "post_type",
            )
            return None
        readings = _readings(layout.cell(cells, "publish_time"))
        if not readings:
            self._reject(
                number, "bad_publish_time", "the time of publication can't be read.", _RE_EXPORT, "publish_time"
            )
            return None
        shortcode = shortcode_of(layout.cell(cells, "permalink"))
        made_at = created_at(shortcode) if shortcode else None
        return _Record(number, cells, post_id, shortcode, made_at, str(kind[1]), kind[0], readings)

    def _refuse_rounded_ids(self, records: Sequence[_Record]) -> None:
        # Spreadsheets keep 15 digits. Three ids in a row that end in 00 by chance: one in a million.
        long = {r.post_id for r in records if len(r.post_id) > 15}
        if len(long) >= 3 and all(set(post_id[15:]) == {"0"} for post_id in long):
            raise UnreadableBody(
                "all post ids end in zeros: a spreadsheet program has rounded them to 15 digits.",
                reason="rounded_ids",
                next_action=_RE_EXPORT,
            )

    # --- what the whole file proves

    def _date_form(self, records: Sequence[_Record]) -> str:
        """The order of day and month in all rows, proved by rows that allow one order only."""
        if self.options.date_form != "auto":
            return self.options.date_form
        certain: Counter[str] = Counter()
        likely: Counter[str] = Counter()
        undecided = False
        for record in records:
            if len(record.readings) == 1:
                certain.update(list(record.readings))
                continue
            if len(set(record.readings.values())) == 1:
                continue  # 03/03: the same day either way
            undecided = True
            if record.made_at is not None:
                made = record.made_at.replace(tzinfo=None)
                near = [f for f, moment in record.readings.items() if abs(moment - made) <= _SAME_DAY]
                likely.update(near if len(near) == 1 else [])
        if len(certain) > 1:
            raise UnreadableBody(
                "some dates can only be read with the day first, others only with the month first.",
                reason="mixed_dates",
                next_action=_RE_EXPORT,
            )
        if certain:
            form = next(iter(certain))
        elif likely and (len(likely) == 1 or likely.most_common(2)[0][1] > likely.most_common(2)[1][1]):
            form = likely.most_common(1)[0][0]
        elif undecided:
            raise UnreadableBody(
                "the dates can be read with the day or the month first, and nothing in the file says which.",
                reason="ambiguous_dates",
                next_action="Export a longer period, so that it holds a day after the 12th; or set date_form to mdy "
                "or dmy in the source's options, after comparing one post with Instagram.",
            )
        else:
            return "mdy"  # no rows, or only such as are the same either way
        documented = LANGUAGES[self.layout.language]["date_form"]
        if documented not in (None, form) and form != "ymd":
            self.rejects.append(
                (
                    0,
                    Reject(
                        "(whole file)",
                        "unexpected_date_form",
                        f"the dates prove to be {form}, where files of this language have {documented}; "
                        "they were read as proved.",
                        "Compare one post's day with Instagram; set date_form if it is wrong.",
                    ),
                )
            )
        return form

    def _zone(self, records: Sequence[_Record], form: str) -> ZoneInfo:
        """The zone whose reading agrees with most posts' own moments; of equals the one that stands first."""
        zones = [ZoneInfo(name) for name in self.options.zones]
        votes: Counter[str] = Counter()
        for record in records:
            told = record.readings.get(form)
            if told is not None and record.made_at is not None:
                votes.update(z.key for z in zones if abs(_moment(told, z, record.made_at) - record.made_at) <= _NEAR)
        best = max(zones, key=lambda z: votes[z.key])
        if records and not votes:
            self.rejects.append(
                (
                    0,
                    Reject(
                        "(whole file)",
                        "zone_not_proved",
                        f"no post's address agrees with its time of publication in {' or '.join(self.options.zones)}; "
                        f"the times were read as {best.key}.",
                        "Compare one post's hour with Instagram; name the right zone first in zones.",
                    ),
                )
            )
        return best

    # --- rows

    def _rows(self, record: _Record, form: str, zone: ZoneInfo) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
        told = record.readings.get(form)
        if told is None:
            self._reject(
                record.number,
                "bad_publish_time",
                f"the time of publication can't be read as the rest of the file is ({form}).",
                _RE_EXPORT,
                "publish_time",
            )
            return None
        posted_at = _moment(told, zone, record.made_at)
        if record.made_at is None:
            if record.product_type != "STORY":
                self._reject(
                    record.number,
                    "unproved_publish_time",
                    "the post's address does not say when it was made, so its time could not be checked; it was read.",
                    "Nothing, if the address opens the post.",
                    "permalink",
                )
        elif abs(posted_at - record.made_at) > _NEAR:
            self._reject(
                record.number,
                "contradicted_publish_time",
                "the post's address says that it was made at another time; the row was read as it stands.",
                "Nothing if the post was scheduled; otherwise compare its day with Instagram.",
                "publish_time",
            )
        layout, cells = self.layout, record.cells
        account_id = layout.cell(cells, "account_id") or str(self.options.account_id)
        # The caption as it stands: trimming would be a change of the post.
        caption = cells[layout.at["caption"]] if "caption" in layout.at else None
        pointer = f"line {record.number}"
        post = {
            "account_id": account_id,
            "post_id": record.post_id,
            "shortcode": record.shortcode,
            "posted_at": naive_utc(posted_at),
            "media_type": record.media_type,
            "product_type": record.product_type,
            "hashtags": " ".join(hashtags(caption)),
            "caption_references": " ".join(references(caption, self.options.caption_references)),
            "content_hash": content_hash(record.post_id, posted_at, record.media_type, record.product_type, caption),
            "pointer": pointer,
        }
        metrics = []
        for metric in (m for m in METRICS if m in layout.at):
            value, status = read_count(cells[layout.at[metric]], layout.numbers)
            column = layout.headers[layout.at[metric]].strip()
            if status in NUMBER_FAULTS:
                message, action = NUMBER_FAULTS[status]
                self._reject(record.number, status, f"{message}; the row's other cells were read.", action, column)
                continue
            if (record.product_type, metric) in NOT_APPLICABLE:
                value, status = None, "not_applicable"
            metrics.append(
                {
                    "account_id": account_id,
                    "subject_kind": "post",
                    "subject_id": record.post_id,
                    "shortcode": record.shortcode,
                    "metric": metric,
                    "period": "lifetime",
                    "breakdown": "",
                    "value": None if value is None else float(value),
                    "value_status": status,
                    "observed_at": self.received_at,
                    "pointer": f"{pointer}, column {column}",
                }
            )
        return post, metrics


def _without_pointers(told: tuple[dict[str, Any], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "pointer"} for row in (told[0], *told[1])]


def _readings(text: str) -> dict[str, datetime]:
    """A time of publication in every order of its parts that gives a day, naive local."""
    found = _STAMP.fullmatch(text)
    if found is None:
        return {}
    a, b, c = (int(found[name]) for name in "abc")
    hour = int(found["hour"])
    if found["half"]:
        if not 1 <= hour <= 12:
            return {}
        hour = hour % 12 + (12 if found["half"] in "pP" else 0)
    if len(found["a"]) == 4:
        orders = {"ymd": (a, b, c)}
    elif len(found["c"]) == 4:
        orders = {"mdy": (c, a, b), "dmy": (c, b, a)}
    else:
        return {}
    readings = {}
    for form, (year, month, day) in orders.items():
        try:
            moment = datetime(year, month, day, hour, int(found["minute"]), int(found["second"] or 0))  # noqa: DTZ001 - local
        except ValueError:
            continue
        if 2010 <= year < 2100:
            readings[form] = moment
    return readings


def _moment(told: datetime, zone: ZoneInfo, made_at: datetime | None) -> datetime:
    """A local time as a moment; in the hour that a clock change repeats the post's own moment decides."""
    both = [told.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return both[0] if made_at is None else min(both, key=lambda m: abs(m - made_at))


def _layout(headers: list[str], options: BusinessSuiteOptions) -> _Layout:
    """The columns by the language that knows most of them.

    Raises:
        UnreadableBody: columns that no one knows, a needed one that is missing, or two of one meaning.
    """
    languages = list(LANGUAGES) if options.language == "auto" else [options.language]
    keys = [header_key(h) for h in headers]
    roles = {code: _roles(code, options) for code in languages}
    language = max(languages, key=lambda code: sum(key in roles[code] for key in keys))
    known = roles[language]
    unknown = [h for h, key in zip(headers, keys, strict=True) if key not in known]
    if any(map(looks_like_data, unknown)):
        raise UnreadableBody("the first row is no header: it holds data.", reason="no_header", next_action=_RE_EXPORT)
    if unknown:
        names = [name for names in LANGUAGES[language]["headers"].values() for name in names]
        names += [name for names in options.headers.values() for name in names]
        raise UnreadableBody(
            f"the file has columns that are not known: {with_nearest(unknown, names)}.",
            reason="unknown_columns",
            next_action="If it is the content export, name them in headers in the source's options (or as `ignored`), "
            "or export with Business Suite set to English. Nothing of the file was loaded.",
        )
    at: dict[str, int] = {}
    for i, key in enumerate(keys):
        role = known[key]
        if role != IGNORED and role in at:
            raise UnreadableBody(
                f"two columns mean {role}: {shown([headers[at[role]], headers[i]])}.",
                reason="doubled_column",
                next_action=_RE_EXPORT,
            )
        if role != IGNORED:
            at[role] = i
    missing = [role for role in REQUIRED if role not in at]
    if missing or not any(m in at for m in METRICS):
        raise UnreadableBody(
            f"the file lacks {', '.join(missing) or 'every metric'}.",
            reason="missing_column",
            next_action="Choose all columns in the export's dialog, and export again.",
        )
    table = LANGUAGES[language]
    return _Layout(
        language,
        at,
        tuple(headers),
        number_form(table),
        frozenset(map(header_key, (*table["lifetime"], *options.lifetime))),
        frozenset(map(header_key, table["totals"])),
    )


def _roles(language: str, options: BusinessSuiteOptions) -> dict[str, str]:
    """Header keys of one language with what they mean; the options' word comes last and holds."""
    return {
        header_key(name): role
        for headers in (LANGUAGES[language]["headers"], options.headers)
        for role, names in headers.items()
        for name in names
    }
