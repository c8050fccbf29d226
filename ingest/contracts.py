"""The lake's tables: every column, its type and its meaning. The only place where they are defined.

What belongs here: the shape that every adapter of a family must deliver, whatever the vendor sends. What does
not: parsing (the adapters), cleaning, identity and estimation (dbt). dbt's sources, the Dagster column schemas
and the documentation are all generated from these objects, so a column is described once.

All instants are UTC, microsecond precision, stored without a zone (`timestamp[us]`), because a reader's session
zone must never move a figure. Intervals are half-open `[start, end)`. Null means "the source did not say".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

TEXT, INT, FLOAT, BOOL, DATE = pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.date32()
INSTANT = pa.timestamp("us")


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type, what it means, and whether null is allowed."""

    name: str
    type: pa.DataType
    description: str
    required: bool = False


@dataclass(frozen=True)
class Table:
    """One lake table.

    Attributes:
        name: the table's name in the lake and in dbt's sources.
        family: the ingest family that writes it (`doors`, `events`, `instagram`), or `landing` for all of them.
        grain: what one row is, as a sentence that starts with "One row per".
        key: the columns that identify a row inside one landed blob.
        columns: in the order they are stored.
    """

    name: str
    family: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...] = field(default_factory=tuple)

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema, with nullability as the contract says."""
        return pa.schema([pa.field(c.name, c.type, nullable=not c.required) for c in self.columns])


# Where an observation came from. Filled in by the lake, never by an adapter.
LINEAGE = (
    Column("source_id", TEXT, "The configured source, `<kind>_<make>_<place>`.", required=True),
    Column("receipt_id", INT, "The first receipt that brought these bytes.", required=True),
    Column("received_at", INSTANT, "When that receipt was stored: the observation's recorded time.", required=True),
    Column("blob_sha256", TEXT, "SHA-256 of the landed bytes, hexadecimal.", required=True),
    Column("parser", TEXT, "Adapter that read the bytes, `<name>@<version>`.", required=True),
    Column("pointer", TEXT, "Where in the bytes the record stands: line, XPath, JSON path or UID.", required=True),
)

DOOR_OBSERVATIONS = Table(
    "door_observations",
    "doors",
    "One row per counted line, interval and landed blob: what one source said about one line at one time.",
    ("device_key", "line_key", "kind", "interval_start_at", "interval_end_at", "pointer"),
    (
        Column(
            "observation_id",
            TEXT,
            "Hash of source, device, line, kind and interval: the same for every telling of the same thing.",
            required=True,
        ),
        Column(
            "device_key",
            TEXT,
            "The device as the source names it: serial or MAC in lower case without separators, or the site's name.",
            required=True,
        ),
        Column(
            "line_key", TEXT, "The counted line on that device; `total` when the source knows only one.", required=True
        ),
        Column(
            "kind",
            TEXT,
            "interval (a day at most), span (a total told for longer), cumulative, since_last, event, manual or "
            "sample_week.",
            required=True,
        ),
        Column("interval_start_at", INSTANT, "Start of the counted interval, UTC, included.", required=True),
        Column("interval_end_at", INSTANT, "End of the counted interval, UTC, excluded.", required=True),
        Column("stamp_text", TEXT, "The time as the source wrote it."),
        Column("stamp_convention", TEXT, "Whether the source stamps the start, the end, both or the read time."),
        Column("zone", TEXT, "IANA zone or fixed offset by which the text was read."),
        Column("fold", TEXT, "exact, first, second or ambiguous: which of two equal local hours was meant."),
        Column("in_count", INT, "People entering, as told."),
        Column("out_count", INT, "People leaving, as told."),
        Column("undirected_count", INT, "Beam breaks or passages without direction, as told."),
        Column("total_in_count", INT, "Register reading inwards, or the only register, for cumulative counters."),
        Column("total_out_count", INT, "Register reading outwards, for cumulative counters."),
        Column("value_state", TEXT, "observed, vendor_imputed, not_observed or invalid.", required=True),
        Column("reason_code", TEXT, "Why nothing was observed: blank, poll_failed, text_value, negative, …"),
        Column("records_found", INT, "Device records found in the interval, where the source says."),
        Column("records_expected", INT, "Device records that a complete interval has, where the source says."),
        Column("vendor_status", TEXT, "The vendor's own status, verbatim and uninterpreted."),
        Column("is_provisional", BOOL, "True while the interval may still grow at the source."),
        Column("sent_at", INSTANT, "When the device says it sent the message, UTC."),
        Column("sequence", INT, "The vendor's package number, where there is one."),
        *LINEAGE,
    ),
)

DOOR_HEALTH = Table(
    "door_health",
    "doors",
    "One row per device and health message.",
    ("device_key", "metric", "observed_at", "pointer"),
    (
        Column("device_key", TEXT, "The device, as in door_observations.", required=True),
        Column("observed_at", INSTANT, "The time the message speaks of, UTC.", required=True),
        Column(
            "metric",
            TEXT,
            "What is measured: battery_share, clock_offset_seconds, sent_delay_seconds, …",
            required=True,
        ),
        Column("value", FLOAT, "The number, in the unit that the metric's name ends with."),
        Column("text", TEXT, "The vendor's words, where it is no number."),
        *LINEAGE,
    ),
)

EVENT_OBSERVATIONS = Table(
    "event_observations",
    "events",
    "One row per occurrence and landed blob: what one source claimed about one dated holding in one fetch.",
    ("series_id", "slot"),
    (
        Column("observation_id", TEXT, "Hash of source, series and slot.", required=True),
        Column("series_id", TEXT, "The source's identity of the record or series (iCalendar: UID).", required=True),
        Column(
            "slot",
            TEXT,
            "The original slot inside the series, empty for a single event. Stays when the occurrence moves.",
            required=True,
        ),
        Column("start_at", INSTANT, "Start, UTC. For a date-only event the local midnight.", required=True),
        Column("end_at", INSTANT, "End, UTC, excluded; equals the start when the source gives none.", required=True),
        Column("start_on", DATE, "Local date of the start, in the zone the source states.", required=True),
        Column("end_on", DATE, "Last local date, included.", required=True),
        Column("has_time", BOOL, "False for date-only claims: never match their midnight as a time.", required=True),
        Column("zone", TEXT, "Zone by which the start was read."),
        Column("title", TEXT, "Title, unescaped, whitespace folded."),
        Column("location", TEXT, "Venue text as claimed."),
        Column("categories", TEXT, "Claimed categories, joined by ` | ` in the source's order."),
        Column("partner_claims", TEXT, "Claimed co-organisers, joined by ` | `; organisations only."),
        Column("audience_claims", TEXT, "Target groups as ticked or written, joined by ` | `; never reviewed here."),
        Column(
            "is_organised_by_library",
            BOOL,
            "Whether the source names the library as organiser; null where it names nobody, or nobody said what the "
            "library is called.",
        ),
        Column("status", TEXT, "scheduled, tentative, cancelled or postponed, as the source says.", required=True),
        Column("is_public", BOOL, "False when the source marks the entry private or confidential.", required=True),
        Column("is_recurring", BOOL, "True when the occurrence was expanded from a rule or date list.", required=True),
        Column("is_override", BOOL, "True when an editor changed this one occurrence.", required=True),
        Column("sequence", INT, "The source's revision number."),
        Column("modified_at", INSTANT, "When the source says the record was last changed, UTC."),
        Column("url", TEXT, "Public page of the event, without query string."),
        Column("quality_flags", TEXT, "Doubts found while reading, joined by ` | `."),
        Column(
            "content_hash",
            TEXT,
            "Hash of the claim without volatile fields: decides whether it changed.",
            required=True,
        ),
        *LINEAGE,
    ),
)

ATTENDANCE_REPORTS = Table(
    "attendance_reports",
    "events",
    "One row per report of how many came to one occurrence.",
    ("series_id", "slot", "pointer"),
    (
        Column("series_id", TEXT, "The record reported on, as in event_observations.", required=True),
        Column("slot", TEXT, "The occurrence reported on.", required=True),
        Column("reported_at", INSTANT, "When the report was made, UTC.", required=True),
        Column("on_site_count", INT, "People present in the room; null when not told, 0 when nobody came."),
        Column("online_count", INT, "People present online."),
        Column("method", TEXT, "counted, estimated or tickets."),
        Column("start_on", DATE, "Local date of the holding, for reports that name no known record; else null."),
        Column("start_at", INSTANT, "Its start, UTC; null where only the date is told."),
        Column("title", TEXT, "What the report calls it."),
        Column("location", TEXT, "Branch or venue as the report names it."),
        Column("adults_count", INT, "Adults among those in the room, where told apart; null when not told."),
        Column("children_count", INT, "Children among those in the room, where told apart; null when not told."),
        Column("reported_on", DATE, "Local date that the report itself gives for when it was made."),
        Column("reported_by_role", TEXT, "Role of who reported, of the source's closed list; never a person's name."),
        *LINEAGE,
    ),
)

EVENT_TOMBSTONES = Table(
    "event_tombstones",
    "events",
    "One row per record that a source says it removed without saying again when it would have been held.",
    ("series_id", "slot", "pointer"),
    (
        Column("series_id", TEXT, "The record removed, as in event_observations.", required=True),
        Column("slot", TEXT, "The occurrence removed; null when the record goes with all its occurrences."),
        Column("removed_at", INSTANT, "When the source says that it was removed, UTC; null when it does not say."),
        *LINEAGE,
    ),
)

SOCIAL_ACCOUNT_OBSERVATIONS = Table(
    "social_account_observations",
    "instagram",
    "One row per account and snapshot.",
    ("account_id", "observed_at"),
    (
        Column("account_id", TEXT, "The platform's id of the account, as text.", required=True),
        Column("observed_at", INSTANT, "When the snapshot was taken, UTC.", required=True),
        Column("username", TEXT, "The account's public handle."),
        Column("followers_count", INT, "Followers in total at that moment."),
        Column("follows_count", INT, "Accounts followed."),
        Column("media_count", INT, "Posts on the profile, as the platform counts them."),
        *LINEAGE,
    ),
)

SOCIAL_POST_OBSERVATIONS = Table(
    "social_post_observations",
    "instagram",
    "One row per post and landed blob. Captions stay behind: only tags pass, and accounts and pages named beforehand.",
    ("post_id",),
    (
        Column("account_id", TEXT, "The account that owns the post.", required=True),
        Column(
            "post_id",
            TEXT,
            "The platform's id of the post, as text; `at:<Unix second>` of publication where the source knows none.",
            required=True,
        ),
        Column("shortcode", TEXT, "The code in the post's address: joins exports with the API."),
        Column("parent_post_id", TEXT, "The album that this is one picture of; null for a post of its own."),
        Column("posted_at", INSTANT, "When it was published, UTC.", required=True),
        Column("media_type", TEXT, "IMAGE, VIDEO or CAROUSEL_ALBUM."),
        Column("product_type", TEXT, "FEED, REELS, STORY or AD."),
        Column("hashtags", TEXT, "Hashtags of the caption, NFC, casefolded, without #, joined by a space."),
        Column(
            "caption_references",
            TEXT,
            "Accounts (@name) and addresses in the caption, of those that the source's options name, joined by spaces.",
        ),
        Column(
            "presence",
            TEXT,
            "listed, or gone: the platform said on several days that it does not exist. Null in older readings.",
        ),
        Column("children_count", INT, "Pictures of an album, which are no posts; null for other kinds."),
        Column("like_count", INT, "Likes; null when the platform withholds them, never 0 for unknown."),
        Column("comments_count", INT, "Comments; the number only."),
        Column("content_hash", TEXT, "Hash without signed addresses: decides whether the post changed.", required=True),
        *LINEAGE,
    ),
)

SOCIAL_METRIC_OBSERVATIONS = Table(
    "social_metric_observations",
    "instagram",
    "One row per metric value, with its window, its breakdown and its status.",
    ("subject_kind", "subject_id", "metric", "period", "breakdown", "window_start_at", "window_end_at"),
    (
        Column("account_id", TEXT, "The account asked about.", required=True),
        Column("subject_kind", TEXT, "account or post.", required=True),
        Column("subject_id", TEXT, "The account's or the post's id.", required=True),
        Column("shortcode", TEXT, "The code in the post's address, where the source tells it beside the metric."),
        Column("metric", TEXT, "The platform's metric name, lower case.", required=True),
        Column(
            "period",
            TEXT,
            "day, week, days_28, window (several days, told as one), this_week, this_month or lifetime.",
            required=True,
        ),
        Column("breakdown", TEXT, "`dimension=value` pairs joined by ` | `, empty without a breakdown.", required=True),
        Column("window_start_at", INSTANT, "Start of the metric's window, UTC; null for lifetime."),
        Column("window_end_at", INSTANT, "End of the window, UTC; null for lifetime."),
        Column("day_zone", TEXT, "Zone whose midnights cut the window's days; null for lifetime."),
        Column("value", FLOAT, "The value; null unless value_status is measured."),
        Column(
            "value_status",
            TEXT,
            "measured, missing, suppressed, not_applicable, rejected, "
            "before_conversion, no_access, not_collected or gone.",
            required=True,
        ),
        Column("api_version", TEXT, "The API version that answered."),
        Column("observed_at", INSTANT, "When the platform was asked, UTC.", required=True),
        *LINEAGE,
    ),
)

FETCHES = Table(
    "fetches",
    "landing",
    "One row per receipt: what was asked, whether the answer was complete, and which bytes it brought.",
    ("receipt_id",),
    (
        Column("receipt_id", INT, "Grows in commit order.", required=True),
        Column("source_id", TEXT, "The configured source.", required=True),
        Column("how", TEXT, "poll, push, drop or manual.", required=True),
        Column("received_at", INSTANT, "When the bytes were stored, UTC.", required=True),
        Column("status", TEXT, "ok, not_modified, failed or refused.", required=True),
        Column("origin", TEXT, "File name or address without secrets."),
        Column("ask", TEXT, "What was asked, as canonical JSON; empty for pushes and files."),
        Column("window_start_at", INSTANT, "Start of the window asked for, UTC."),
        Column("window_end_at", INSTANT, "End of the window asked for, UTC."),
        Column("is_complete", BOOL, "Whether the answer covers all that was asked; null when unknowable."),
        Column("http_status", INT, "HTTP status, for polls."),
        Column("blob_sha256", TEXT, "SHA-256 of the bytes; null when none came."),
        Column("byte_count", INT, "Length of the bytes."),
        Column("error", TEXT, "What went wrong, with the next action."),
    ),
)

REJECTS = Table(
    "rejects",
    "landing",
    "One row per record, or whole blob, that could not be read. The bytes themselves stay in landing.",
    ("pointer", "reason"),
    (
        Column("scope", TEXT, "record or blob.", required=True),
        Column("reason", TEXT, "Short code of what is wrong.", required=True),
        Column("message", TEXT, "What is wrong, in words.", required=True),
        Column("next_action", TEXT, "What a person should do about it.", required=True),
        *LINEAGE,
    ),
)

TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        DOOR_OBSERVATIONS,
        DOOR_HEALTH,
        EVENT_OBSERVATIONS,
        ATTENDANCE_REPORTS,
        EVENT_TOMBSTONES,
        SOCIAL_ACCOUNT_OBSERVATIONS,
        SOCIAL_POST_OBSERVATIONS,
        SOCIAL_METRIC_OBSERVATIONS,
        FETCHES,
        REJECTS,
    )
}
FAMILIES = ("doors", "events", "instagram")
