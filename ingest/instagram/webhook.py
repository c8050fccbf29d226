"""Instagram's webhooks: the story insights that Meta posts about an hour after a story ends.

What belongs here: what is kept of a notification, and how its numbers become rows. What does not: receiving it, the
handshake and the signature (`ingest.inbox`, auth `meta_signature`), and which source is believed where two differ.

**Personal data.** Subscriptions belong to the whole app: somebody may switch on `comments`, `mentions` or `messages`,
whose values hold names and texts, and Meta mixes changes of all kinds in one post. To refuse such a post would lose the
story insights in it, so it is minimised before it is landed: of each change that is not `story_insights` only the
field's name stays, of each entry only account, time and changes. Each one so emptied is a reject that says which
subscription to end. A post that holds nothing of the kind is landed byte for byte. One that is no notification at all
can't be minimised with certainty and is refused.

Meta sends each notification for up to 36 hours until it is answered 200, perhaps with another `time`. So `time` is no
part of what identifies a row, and no post is too late.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field

from ingest.adapters import Adapter, Options, Parsed, Reject, register
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.errors import UnreadableBody
from ingest.home import naive_utc
from ingest.instagram.export_text import tables
from ingest.instagram.post_identity import media_id
from ingest.json_values import list_of, no_constant

INSIGHTS = "story_insights"
SUPPRESSED = -1
REMOVED = "_removed"
# Replies to stories are told as 0 to every account in Europe since 2020-12-01: a number that says nothing.
NOT_APPLICABLE = frozenset({"replies"})

_ENTRY_KEYS = ("id", "time", "changes", "changed_fields")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_MOST = 2**53
_PLAUSIBLE = range(1_285_891_200, 4_102_444_800)  # 2010-10-01, before the first post, to 2100-01-01

AccountId = Annotated[str, Field(pattern=r"^\d{5,25}$")]


class WebhookOptions(Options):
    """Options of `instagram_webhook`.

    Attributes:
        account_ids: the Instagram user ids whose notifications count, as text. Meta's test button sends the id 0 with
            invented numbers, and one app may serve several accounts.
        api_version: the version the app's subscription is set to; decides what a name means.
    """

    account_ids: tuple[AccountId, ...] = Field(min_length=1)
    api_version: Annotated[str, Field(pattern=r"^v\d+\.\d+$")] = "v25.0"


def _version(text: str) -> tuple[int, int]:
    major, minor = text.removeprefix("v").split(".")
    return int(major), int(minor)


_NAMES: tuple[Mapping[str, str], ...] = tuple(
    sorted(tables("webhook.yaml")["names"], key=lambda entry: _version(entry["first_version"]))
)


def metric_of(name: str, api_version: str) -> tuple[str, str]:
    """The metric and the breakdown that the Graph API of a version has for a webhook's name."""
    told = (name.lower(), "")
    for entry in _NAMES:
        if entry["name"] == name.lower() and _version(entry["first_version"]) <= _version(api_version):
            told = (entry["metric"], entry.get("breakdown", ""))
    return told


class _Doubled(Exception):
    """A key stands twice in one object: what a reader sees is not all there is."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise _Doubled
    return keys


def _document(body: bytes) -> tuple[Any, bool]:
    """The body's JSON, and whether it holds nothing beside what is seen in it.

    Raises:
        UnreadableBody: it is no JSON.
    """
    try:
        try:
            return json.loads(body, parse_constant=no_constant, object_pairs_hook=_once), True
        except _Doubled:
            return json.loads(body, parse_constant=no_constant), False
    except (ValueError, RecursionError):
        raise _no_notification() from None


def _no_notification() -> UnreadableBody:
    return UnreadableBody(
        "the post is no notification of Meta's about Instagram.",
        reason="no_notification",
        next_action="See who posts here, and that the app's subscription is for the object Instagram.",
    )


def _notifications(document: Any) -> list[tuple[str, dict[str, Any]]]:
    """The notifications of a post, each with its pointer: usually one, sometimes an array of them.

    Raises:
        UnreadableBody: one of them is about something else.
    """
    many = document if isinstance(document, list) else [document]
    if not many or not all(
        isinstance(n, dict) and n.get("object") == "instagram" and isinstance(n.get("entry"), list) for n in many
    ):
        raise _no_notification()
    return [(f"$[{i}]" if isinstance(document, list) else "$", n) for i, n in enumerate(many)]


def _kept(entry: Any) -> Any:
    """An entry without what is not ours to keep."""
    if not isinstance(entry, dict):
        return {REMOVED: ["entry"]}
    kept: dict[str, Any] = {}
    removed = sorted(_named(k) for k in entry if k not in (*_ENTRY_KEYS, REMOVED))
    removed += [_named(k) for k in list_of(entry.get(REMOVED))]  # minimised before: nothing is lost by doing it again
    for key in ("id", "time"):
        if key in entry:
            kept[key] = entry[key] if media_id(str(entry[key])) or str(entry[key]).isdecimal() else None
    if "changes" in entry:
        kept["changes"] = [_kept_change(change) for change in list_of(entry["changes"])]
    if "changed_fields" in entry:
        kept["changed_fields"] = [_named(name) for name in list_of(entry["changed_fields"])]
    if removed:
        kept[REMOVED] = removed
    return kept


def _kept_change(change: Any) -> dict[str, Any]:
    if not isinstance(change, dict):
        return {"field": "(other)", REMOVED: True}
    field = _named(change.get("field"))
    if field != INSIGHTS:
        return {"field": field, REMOVED: True}
    kept: dict[str, Any] = {"field": field}
    if "value" in change:
        kept["value"] = _numbers(change["value"])
    return kept


def _numbers(value: Any) -> Any:
    """Of a value of story insights the numbers and the story's id; words, and other ids, could be anybody's.

    A word leaves its place behind, so that a number that came as one is told when it is read.
    """
    if isinstance(value, dict):
        return {
            k: v if k == "media_id" and isinstance(v, str) and media_id(v) else _numbers(v)
            for k, v in value.items()
            if _NAME.fullmatch(k)
        }
    if isinstance(value, list):
        return [_numbers(v) for v in value]
    return REMOVED if isinstance(value, str) else value


def _named(name: Any) -> str:
    return name if isinstance(name, str) and _NAME.fullmatch(name) else "(other)"


@register
class Webhook(Adapter):
    """Story insights as Meta posts them; needs Facebook Login and an app with Advanced Access."""

    name: ClassVar[str] = "instagram_webhook"
    family: ClassVar[str] = "instagram"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("social_metric_observations",)
    options: ClassVar[type[Options]] = WebhookOptions
    minimises: ClassVar[bool] = True

    def minimise(self, body: bytes, name: str) -> bytes:
        """The post without values that may be personal; the very same bytes where there are none.

        Raises:
            UnreadableBody: no notification about Instagram.
        """
        document, is_whole = _document(body)
        kept = [
            {"object": "instagram", "entry": [_kept(entry) for entry in notification["entry"]]}
            for _, notification in _notifications(document)
        ]
        clean: Any = kept if isinstance(document, list) else kept[0]
        if is_whole and clean == document:
            return body
        return json.dumps(clean, separators=(",", ":")).encode("ascii")

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: WebhookOptions) -> Parsed:
        """One row per story and metric. Moments are UTC: of sending, or of receipt where the sender's clock is ahead.

        Raises:
            UnreadableBody: no notification about Instagram.
        """
        document, _ = _document(body)
        rejects: list[Reject] = []
        told: dict[tuple[str, str, str], dict[str, Any]] = {}
        for top, notification in _notifications(document):
            for i, entry in enumerate(notification["entry"]):
                pointer = f"{top}.entry[{i}]"
                for row in _rows(entry, pointer, receipt, options, rejects):
                    key = (row["subject_id"], row["metric"], row["breakdown"])
                    first = told.setdefault(key, row)
                    if first is row or (first["value"], first["value_status"]) == (row["value"], row["value_status"]):
                        continue
                    # Stories that are highlighted are told again; the later word holds.
                    told[key] = newest = max(first, row, key=lambda r: r["observed_at"])
                    older = row if newest is first else first
                    rejects.append(
                        Reject(
                            older["pointer"],
                            "told_twice",
                            f"{row['metric']} is told twice for one story with two values; the later one is read.",
                            "Nothing, if it stays rare.",
                        )
                    )
        if not told and not rejects:
            rejects.append(
                Reject("$", "no_records", "the post tells of no change.", "Nothing, if it stays rare.", scope="blob")
            )
        return Parsed({"social_metric_observations": list(told.values())}, rejects)


def _rows(
    entry: Any, pointer: str, receipt: Receipt, options: WebhookOptions, rejects: list[Reject]
) -> Iterator[dict[str, Any]]:
    """The rows of one account's entry."""
    if not isinstance(entry, dict):
        rejects.append(Reject(pointer, "no_entry", "the entry is no object.", "See the landed post."))
        return
    for name in list_of(entry.get(REMOVED)):
        rejects.append(_about_people(pointer, _named(name)))
    for name in list_of(entry.get("changed_fields")):
        if name == INSIGHTS:
            rejects.append(
                Reject(
                    f"{pointer}.changed_fields",
                    "no_values",
                    "Meta says that story insights changed and does not tell them.",
                    "Turn on Include Values for the subscription in the app's dashboard.",
                )
            )
        else:
            rejects.append(_about_people(f"{pointer}.changed_fields", _named(name)))
    changes = [c for c in enumerate(list_of(entry.get("changes"))) if isinstance(c[1], dict)]
    account_id = entry.get("id")
    if str(account_id) not in options.account_ids:
        if changes:
            rejects.append(
                Reject(
                    f"{pointer}.id",
                    "unknown_account",
                    "the entry is about an account that the source's options do not name.",
                    "Nothing if the dashboard's test button sent it; otherwise add the account to account_ids.",
                )
            )
        return
    for i, change in changes:
        where = f"{pointer}.changes[{i}]"
        if change.get("field") != INSIGHTS:
            rejects.append(_about_people(where, _named(change.get("field"))))
            continue
        value = change.get("value")
        subject_id = media_id(_text(value.get("media_id"))) if isinstance(value, dict) else None
        if not isinstance(value, dict) or subject_id is None:
            rejects.append(Reject(where, "no_post_id", "the insights name no story by its id.", "See the landed post."))
            continue
        subject = {
            "account_id": str(account_id),
            "subject_kind": "post",
            "subject_id": subject_id,
            "period": "lifetime",
            "api_version": options.api_version,
            "observed_at": _observed_at(entry.get("time"), receipt),
        }
        for name, number in value.items():
            if name == "media_id":
                continue
            told = _value(name, number)
            if told is None:
                rejects.append(
                    Reject(
                        f"{where}.value.{_named(name)}",
                        "not_a_number",
                        "the metric's value is no whole number from 0, and not -1.",
                        "See the landed post, and Meta's reference of webhooks.",
                    )
                )
                continue
            metric, breakdown = metric_of(_named(name), options.api_version)
            yield {
                **subject,
                "metric": metric,
                "breakdown": breakdown,
                "value": told[0],
                "value_status": told[1],
                "pointer": f"{where}.value.{_named(name)}",
            }


def _text(value: Any) -> str:
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""


def _value(name: str, number: Any) -> tuple[float | None, str] | None:
    """The number and its status: -1 is Meta's word for fewer than five, and never a value."""
    if number is None:
        return None, "missing"
    if not isinstance(number, int) or isinstance(number, bool) or not SUPPRESSED <= number <= _MOST:
        return None
    if name.lower() in NOT_APPLICABLE:
        return None, "not_applicable"
    return (None, "suppressed") if number == SUPPRESSED else (float(number), "measured")


def _observed_at(sent: Any, receipt: Receipt) -> datetime:
    """When Meta says it sent the entry (Unix seconds), or its receipt: a clock that runs ahead makes nothing newer."""
    received_at = naive_utc(receipt.received_at)
    if not isinstance(sent, int) or isinstance(sent, bool) or sent not in _PLAUSIBLE:
        return received_at
    return min(received_at, naive_utc(datetime.fromtimestamp(sent, UTC)))


def _about_people(pointer: str, field: str) -> Reject:
    return Reject(
        pointer,
        "not_kept",
        f"the field {field} is not read, may speak of people, and was not kept.",
        f"End the subscription of {field} in the app's dashboard.",
    )
