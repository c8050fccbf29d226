"""Tables that a data connector kept of an account: the Fivetran form of Instagram Business, as CSV.

What belongs here: the three tables `media_history`, `media_insights` and `user_history`, one per file, told apart by
their columns. For libraries that had a connector before, and bring its years along. What does not: asking Instagram.

What the form means, and where it deceives:

- `media_history` has a row per *version* of a post, and a version is new when the signed address of its picture is:
  a hundred rows may be three posts. One row per post is read, the newest; addresses of pictures are no content.
- Pictures of an album stand in it like posts. They are read with their album as `parent_post_id`, and are no posts.
- `media_insights` has one column per kind of post and metric. A row can be of one kind only; where several are filled,
  nobody can say which numbers are the post's, so none of them is read.
- It has no date but that of the synchronisation (`_fivetran_synced`, UTC): that is when it was observed.
- The two tables need not speak of the same posts. One file can't know the other; the warehouse tells of metrics of
  posts that nobody listed (`core.fct_post_gap`, suite `core_fct_post_gap`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field

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
    read_count,
    with_nearest,
)
from ingest.instagram.post_identity import code, content_hash, handle, media_id, shortcode_of

SYNCED = "_fivetran_synced"
_PLAIN = NumberForm((), ".")
# Names of people and addresses of pictures are among the ignored: they are never read.
_HISTORY = frozenset(
    {
        "_fivetran_id",
        SYNCED,
        "caption",
        "carousel_album_id",
        "created_time",
        "id",
        "ig_id",
        "is_comment_enabled",
        "is_story",
        "media_type",
        "media_url",
        "permalink",
        "shortcode",
        "thumbnail_url",
        "user_id",
        "username",
    }
)
_USERS = frozenset(
    {
        "_fivetran_id",
        SYNCED,
        "followers_count",
        "follows_count",
        "id",
        "ig_id",
        "media_count",
        "name",
        "username",
        "website",
        "biography",
        "profile_picture_url",
    }
)
# Columns that hold for every kind of post, with the platform's names.
_EVERY_KIND = {"like_count": "likes", "comment_count": "comments"}
# Columns of one kind of post. `views` and `impressions` are two series and stay two.
_BY_KIND: dict[str, dict[str, tuple[str, str]]] = {
    "carousel_album": {
        f"carousel_album_{name}": (name, "")
        for name in ("engagement", "reach", "saved", "shares", "views", "impressions", "video_views")
    },
    "story": {
        **{f"story_{name}": (name, "") for name in ("reach", "replies", "shares", "views", "impressions")},
        "story_taps_forward": ("navigation", "story_navigation_action_type=tap_forward"),
        "story_taps_back": ("navigation", "story_navigation_action_type=tap_back"),
        "story_exits": ("navigation", "story_navigation_action_type=tap_exit"),
    },
    "video_photo": {
        **{
            f"video_photo_{name}": (name, "")
            for name in ("engagement", "reach", "saved", "shares", "views", "impressions")
        },
        "video_views": ("video_views", ""),
    },
    "reel": {
        f"reel_{name}": (name, "")
        for name in ("comments", "likes", "reach", "shares", "total_interactions", "views", "plays", "saved")
    },
}
_INSIGHTS = frozenset({"_fivetran_id", SYNCED, "id", *_EVERY_KIND, *(c for kind in _BY_KIND.values() for c in kind)})
_STAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_EXPORT_AGAIN = "Export the table from the connector's destination again, as CSV in UTF-8."
# Meta answers 0 for every account in Europe since 2020-12-01: a number that says nothing.
_NOT_APPLICABLE = frozenset({("story", "replies")})


class ConnectorOptions(CaptionOptions):
    """Options of `instagram_connector_tables`.

    Attributes:
        account_id: the account that the tables are about, as text: the table of insights does not say.
    """

    account_id: Annotated[str, Field(pattern=r"^\d{5,25}$")]


@register
class ConnectorTables(Adapter):
    """Reads one of the three tables."""

    name: ClassVar[str] = "instagram_connector_tables"
    family: ClassVar[str] = "instagram"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = (
        "social_account_observations",
        "social_post_observations",
        "social_metric_observations",
    )
    options: ClassVar[type[Options]] = ConnectorOptions

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: ConnectorOptions) -> Parsed:
        """Rows of the table that the columns say it is. Stamps without a zone are UTC, as the connector writes them.

        Raises:
            UnreadableBody: not CSV in UTF-8, or none of the three tables.
        """
        return _TableFile(body, options).parsed()


class _TableFile:
    """One table being read."""

    def __init__(self, body: bytes, options: ConnectorOptions) -> None:
        self.options = options
        self.account_id = options.account_id
        self.rejects: list[Reject] = []
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = "\x00"
        if "\x00" in text:
            raise UnreadableBody("the file is not text in UTF-8.", reason="undecodable", next_action=_EXPORT_AGAIN)
        self._reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            self.columns = [header_key(c) for c in next(self._reader, [])]
        except csv.Error:
            self.columns = []
        if any(map(looks_like_data, self.columns)):
            raise UnreadableBody(
                "the first row is no header: it holds data.", reason="no_header", next_action=_EXPORT_AGAIN
            )
        if len(set(self.columns)) < len(self.columns):
            raise UnreadableBody("a column stands twice.", reason="doubled_column", next_action=_EXPORT_AGAIN)

    def parsed(self) -> Parsed:
        """All rows and rejects."""
        columns = set(self.columns)
        forms = (
            (_HISTORY, {"id", "created_time", "user_id", SYNCED}, self._history),
            (_USERS, {"id", "followers_count", SYNCED}, self._users),
            (_INSIGHTS, {"id", "like_count", SYNCED}, self._insights),
        )
        known, _, reader = next((form for form in forms if form[1] <= columns), (None, None, None))
        if known is None or reader is None:
            raise UnreadableBody(
                "the columns are those of none of media_history, media_insights and user_history.",
                reason="unknown_table",
                next_action=_EXPORT_AGAIN,
            )
        if unknown := [c for c in self.columns if c not in known]:
            # New columns are no reason to lose the others, and no reason to be silent.
            self._reject(
                "line 1",
                "unknown_columns",
                f"columns that are not known were not read: {with_nearest(unknown, sorted(known))}.",
                "Add them to ingest/instagram/connector_tables.py if they hold a metric.",
            )
        rows = reader(self._records())
        if not any(rows.values()) and not self.rejects:
            self._reject("(whole file)", "no_records", "the table has no rows.", _EXPORT_AGAIN, scope="blob")
        return Parsed(dict(rows), self.rejects)

    def _reject(self, pointer: str, reason: str, message: str, action: str, scope: str = "record") -> None:
        self.rejects.append(Reject(pointer, reason, message, action, scope))

    def _records(self) -> list[tuple[int, dict[str, str], str, datetime]]:
        """Records with their line, id and moment of synchronisation, aware UTC; the others are rejected."""
        records: list[tuple[int, dict[str, str], str, datetime]] = []
        number = self._reader.line_num + 1
        try:
            for cells in self._reader:
                pointer, number = f"line {number}", self._reader.line_num + 1
                if not any(map(str.strip, cells)):
                    continue
                if len(cells) != len(self.columns):
                    self._reject(
                        pointer, "ragged_row", "the row has more or fewer cells than the header.", _EXPORT_AGAIN
                    )
                    continue
                record = dict(zip(self.columns, cells, strict=True))
                told_id, synced_at = media_id(record["id"].strip()), _moment(record[SYNCED])
                if told_id is None:
                    self._reject(pointer, "no_id", "the row has no id of digits.", _EXPORT_AGAIN)
                elif synced_at is None:
                    self._reject(pointer, "bad_time", f"{SYNCED} is no time stamp.", _EXPORT_AGAIN)
                else:
                    records.append((int(pointer.removeprefix("line ")), record, told_id, synced_at))
        except csv.Error:
            self._reject(
                f"line {number}",
                "broken_quotes",
                "a quote is not closed; nothing from here on was read.",
                _EXPORT_AGAIN,
            )
        return records

    def _is_ours(self, account_id: str, number: int) -> bool:
        if account_id == self.account_id:
            return True
        self._reject(
            f"line {number}",
            "wrong_account",
            "the row is about another account than the source's options name.",
            "Give each account a source of its own, or mend account_id.",
        )
        return False

    def _count(self, record: dict[str, str], column: str, number: int) -> tuple[int | None, str]:
        """A cell as a count; a faulty one is told and costs only itself."""
        value, status = read_count(record.get(column, ""), _PLAIN)
        if status in NUMBER_FAULTS:
            self._reject(f"line {number}, column {column}", status, f"{NUMBER_FAULTS[status][0]}.", _EXPORT_AGAIN)
        return value, status

    def _history(self, records: Sequence[tuple[int, dict[str, str], str, datetime]]) -> dict[str, list[dict[str, Any]]]:
        posts: dict[str, tuple[datetime, dict[str, Any]]] = {}
        contents: dict[str, set[str]] = {}
        for number, record, post_id, synced_at in records:
            if not self._is_ours(record["user_id"].strip(), number):
                continue
            posted_at = _moment(record["created_time"])
            if posted_at is None:
                self._reject(f"line {number}", "bad_time", "created_time is no time stamp.", _EXPORT_AGAIN)
                continue
            caption = record.get("caption") or None
            media_type = record.get("media_type", "").strip() or None
            if media_type not in (None, "IMAGE", "VIDEO", "CAROUSEL_ALBUM"):
                self._reject(
                    f"line {number}, column media_type",
                    "unknown_media_type",
                    "the media type is none of the platform's; the post was read without it.",
                    _EXPORT_AGAIN,
                )
                media_type = None
            product_type = "STORY" if record.get("is_story", "").strip().casefold() == "true" else None
            parent = record.get("carousel_album_id", "").strip()
            row = {
                "account_id": self.account_id,
                "post_id": post_id,
                "shortcode": shortcode_of(record.get("permalink", "")) or code(record.get("shortcode", "")),
                "parent_post_id": media_id(parent),
                "posted_at": naive_utc(posted_at),
                "media_type": media_type,
                "product_type": product_type,
                "hashtags": " ".join(hashtags(caption)),
                "caption_references": " ".join(references(caption, self.options.caption_references)),
                "content_hash": content_hash(post_id, posted_at, media_type, product_type, caption),
                "pointer": f"line {number}",
            }
            if parent and row["parent_post_id"] is None:
                # Counted as a post of its own it would be one too many.
                self._reject(f"line {number}", "no_id", "the album's id is no id of digits.", _EXPORT_AGAIN)
                continue
            contents.setdefault(post_id, set()).add(str(row["content_hash"]))
            if post_id not in posts or posts[post_id][0] <= synced_at:
                posts[post_id] = synced_at, row
        for post_id, told in contents.items():
            if len(told) > 1:
                self._reject(
                    str(posts[post_id][1]["pointer"]),
                    "older_versions",
                    f"the table tells {len(told) - 1} earlier versions of this post with other content.",
                    "Nothing; the newest is read, the others stay in the landed file.",
                )
        return {"social_post_observations": [row for _, row in posts.values()]}

    def _users(self, records: Sequence[tuple[int, dict[str, str], str, datetime]]) -> dict[str, list[dict[str, Any]]]:
        rows: dict[datetime, dict[str, Any]] = {}
        for number, record, account_id, synced_at in records:
            if not self._is_ours(account_id, number):
                continue
            row = {
                "account_id": account_id,
                "observed_at": naive_utc(synced_at),
                "username": handle(record.get("username", "")),
                **{
                    name: self._count(record, name, number)[0]
                    for name in ("followers_count", "follows_count", "media_count")
                },
                "pointer": f"line {number}",
            }
            first = rows.setdefault(synced_at, row)
            if first is not row and {**first, "pointer": ""} != {**row, "pointer": ""}:
                self._told_twice(number)
        return {"social_account_observations": list(rows.values())}

    def _insights(
        self, records: Sequence[tuple[int, dict[str, str], str, datetime]]
    ) -> dict[str, list[dict[str, Any]]]:
        newest: dict[str, tuple[datetime, int, dict[str, str]]] = {}
        for number, record, post_id, synced_at in records:
            known = newest.get(post_id)
            if known is None or known[0] < synced_at:
                newest[post_id] = synced_at, number, record
            if known is not None:
                self._reject(
                    f"line {number}",
                    "told_twice",
                    "the table tells this post's metrics twice; the row that was synchronised last was read.",
                    "Nothing; the others stay in the landed file.",
                )
        rows: list[dict[str, Any]] = []
        for post_id, (synced_at, number, record) in newest.items():
            columns = {column: ("every", metric, "") for column, metric in _EVERY_KIND.items()}
            filled = [kind for kind, names in _BY_KIND.items() if any(record.get(c, "").strip() for c in names)]
            if len(filled) == 1:
                columns |= {c: (filled[0], *told) for c, told in _BY_KIND[filled[0]].items() if c in record}
            elif filled:
                self._reject(
                    f"line {number}",
                    "several_kinds",
                    f"the row tells numbers of {len(filled)} kinds of post at once ({', '.join(filled)}), and a post "
                    "is of one; of its numbers only likes and comments were read.",
                    "Look the post up in the connector's destination; test data looks like this.",
                )
            for column, (kind, metric, breakdown) in columns.items():
                value, status = self._count(record, column, number)
                if status in NUMBER_FAULTS:
                    continue
                if kind == "reel" and metric in _EVERY_KIND.values() and record.get(column, "").strip() == "":
                    continue  # told by the column that holds for every kind
                if (kind, metric) in _NOT_APPLICABLE:
                    value, status = None, "not_applicable"
                rows.append(
                    {
                        "account_id": self.account_id,
                        "subject_kind": "post",
                        "subject_id": post_id,
                        "metric": metric,
                        "period": "lifetime",
                        "breakdown": breakdown,
                        "value": None if value is None else float(value),
                        "value_status": status,
                        "observed_at": naive_utc(synced_at),
                        "pointer": f"line {number}, column {column}",
                    }
                )
        return {"social_metric_observations": self._once(rows)}

    def _once(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One row per grain: reels tell likes and comments in two columns."""
        kept: dict[tuple[str, str, str], dict[str, Any]] = {}
        for row in rows:
            first = kept.setdefault((row["subject_id"], row["metric"], row["breakdown"]), row)
            if first is not row and first["value"] is None:
                kept[row["subject_id"], row["metric"], row["breakdown"]] = row
            elif first is not row and first["value"] != row["value"]:
                self._reject(
                    row["pointer"],
                    "told_twice",
                    f"{row['metric']} is told by two columns with two values; the one for every kind is read.",
                    "Nothing, if it stays rare.",
                )
        return list(kept.values())

    def _told_twice(self, number: int) -> None:
        self._reject(
            f"line {number}",
            "told_twice",
            "an earlier row tells the same thing at the same moment; that one was read.",
            _EXPORT_AGAIN,
        )


def _moment(text: str) -> datetime | None:
    """A stamp as an aware moment, UTC where it names no offset."""
    text = text.strip()
    if not _STAMP.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", text))
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if 2010 <= moment.year < 2100 else None
