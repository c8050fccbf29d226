"""Reading what the Graph API says: scrubbing, refusals, usage headers, and rows.

What belongs here: pure functions of an answer's bytes, its headers and what was asked. What does not: asking
(`graph_api.py`) and Meta's tables of facts (`graph_reference.py`).

Unknown is not zero: an empty list, an absent metric and a withheld count are null with a status.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NoReturn
from urllib.parse import quote, quote_plus
from zoneinfo import ZoneInfo

from ingest.adapters import Parsed, Reject
from ingest.catalogue import Receipt
from ingest.errors import UnreadableBody
from ingest.home import naive_utc
from ingest.instagram.captions import hashtags
from ingest.instagram.graph_reference import NOT_APPLICABLE

# --- scrubbing -------------------------------------------------------------------------------------------------------

# Signed and changing at every call, or telling of a person: not asked for, and taken out should they come anyway.
_UNWANTED = frozenset(
    {"media_url", "thumbnail_url", "profile_picture_url", "biography", "owner", "comments", "children"}
)
_IN_ADDRESS = re.compile(r"\b(?:access_token|appsecret_proof|input_token|client_secret)=[^&\s\"'<>]*&?")
_TOKEN_SHAPE = re.compile(r"\b(?:EAA|IGA|IGQ)[A-Za-z0-9_-]{20,}")
REMOVED = "(removed)"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def read_json(body: bytes) -> dict[str, Any]:
    """An answer as an object.

    Raises:
        UnreadableBody: it is no JSON object.
    """
    try:
        document = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise UnreadableBody(
            "the answer is not a JSON object.", next_action="See whether a proxy or firewall answers in Meta's place."
        )
    return document


def scrubbed(value: Any, secrets: Sequence[str]) -> Any:
    """An answer without secrets and without what is not ours to keep.

    Args:
        secrets: literal values that must not survive, wherever they stand. Meta quotes a malformed token in its error
            text and puts the good one into `paging.next`.
    """
    if isinstance(value, dict):
        return {scrubbed(k, secrets): scrubbed(v, secrets) for k, v in value.items() if k not in _UNWANTED}
    if isinstance(value, list):
        return [scrubbed(v, secrets) for v in value]
    if isinstance(value, str):
        text = _IN_ADDRESS.sub("", value)
        for secret in secrets:
            for spelling in {secret, quote(secret, safe=""), quote_plus(secret)}:
                text = text.replace(spelling, REMOVED)
        return _TOKEN_SHAPE.sub(REMOVED, text)
    return value


def as_bytes(document: Mapping[str, Any]) -> bytes:
    """JSON in one spelling. Pure ASCII, so that half an emoji in a caption can't break the landing."""
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode("ascii")


# --- usage headers ---------------------------------------------------------------------------------------------------

_MEASURES = ("call_count", "total_time", "total_cputime")


@dataclass(frozen=True)
class Usage:
    """How much of the hour's allowance is spent.

    Attributes:
        percent: the highest of all measures that concern us; 100 is throttled.
        regain_minutes: the wait that Meta estimates, in minutes; 0 when it names none.
    """

    percent: float = 0.0
    regain_minutes: float = 0.0


def usage_of(headers: Mapping[str, str]) -> Usage:
    """The allowance as the headers tell it; absent or malformed headers say nothing.

    `X-Business-Use-Case-Usage` is a list nested under each business id, `X-App-Usage` is flat.
    """
    spent, wait = [0.0], [0.0]
    flat = _header_json(headers, "X-App-Usage")
    spent += _numbers(flat, _MEASURES)
    for entries in _header_json(headers, "X-Business-Use-Case-Usage").values():
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and entry.get("type") == "instagram":
                spent += _numbers(entry, _MEASURES)
                wait += _numbers(entry, ("estimated_time_to_regain_access",))
    return Usage(max(spent), max(wait))


def _header_json(headers: Mapping[str, str], name: str) -> dict[str, Any]:
    text = next((v for k, v in headers.items() if k.casefold() == name.casefold()), "")
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _numbers(entry: Mapping[str, Any], names: Sequence[str]) -> list[float]:
    values = (entry.get(name) for name in names)
    return [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]


# --- refusals --------------------------------------------------------------------------------------------------------

Kind = Literal[
    "token",
    "permission",
    "limit",
    "busy",
    "blocked",
    "proof",
    "capability",
    "suppressed",
    "before_conversion",
    "unreachable",
    "unknown",
]

_LIMITS = frozenset({4, 17, 32, 341, 613, 80002})
_NAMED_METRIC = re.compile(r"\bthe (\w+) metric\b", re.IGNORECASE)
_NUMBERED_METRIC = re.compile(r"\bmetric\[(\d+)\] must be one of\b", re.IGNORECASE)


@dataclass(frozen=True)
class Refusal:
    """An error answer, by Meta's table of codes.

    Attributes:
        kind: what follows from it.
        code, subcode, trace: what Meta's support asks for.
        metrics: for `capability` and `suppressed`, the asked metrics of which it is certain; empty when the answer
            speaks of a whole list without naming one.
    """

    kind: Kind
    code: int
    subcode: int
    trace: str
    metrics: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Numbers only: the vendor's own words may quote the token, and they come in the reader's language."""
        sub = f" ({self.subcode})" if self.subcode else ""
        return f"code {self.code}{sub}, fbtrace_id {self.trace or 'none'}"


def refusal_of(document: Mapping[str, Any], asked: Sequence[str] = ()) -> Refusal | None:
    """What an answer refuses, or None when it is no error. Codes decide; words only where a code has two meanings.

    Args:
        asked: the metrics that were asked for, in the order asked.
    """
    error = document.get("error")
    if error is None:
        return None
    error = error if isinstance(error, dict) else {}
    code, subcode = _whole(error.get("code")), _whole(error.get("error_subcode"))
    message = str(error.get("message", ""))
    kind = _kind(code, subcode, message, is_transient=error.get("is_transient") is True)
    metrics: tuple[str, ...] = ()
    if kind in ("capability", "suppressed"):
        metrics = _certain(message, asked)
    trace = re.sub(r"[^\w-]", "", str(error.get("fbtrace_id", "")))[:64]
    return Refusal(kind, code, subcode, trace, metrics)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _kind(code: int, subcode: int, message: str, *, is_transient: bool) -> Kind:
    words = message.casefold()
    kind: Kind = "unknown"
    if code in (102, 190):
        kind = "token"
    elif code in _LIMITS:
        kind = "limit"
    elif code == 368:
        kind = "blocked"
    elif "before business account conversion" in words or (code, subcode) == (100, 2108006):
        kind = "before_conversion"
    elif code == 10 and "not enough viewers" in words:
        kind = "suppressed"
    elif code in (3, 10) or 200 <= code <= 299:
        kind = "permission"
    elif (code, subcode) == (100, 33):
        kind = "unreachable"
    elif code == 100 and "appsecret_proof" in words:
        kind = "proof"
    elif code == 100 and (_NAMED_METRIC.search(message) or _NUMBERED_METRIC.search(message)):
        kind = "capability"
    elif code in (1, 2) or is_transient:
        kind = "busy"
    return kind


def _certain(message: str, asked: Sequence[str]) -> tuple[str, ...]:
    """The asked metrics that an error text surely speaks of. A list of allowed names in it names nobody."""
    if len(asked) == 1:
        return tuple(asked)
    named = [m.casefold() for m in _NAMED_METRIC.findall(message)]
    places = {int(n) for n in _NUMBERED_METRIC.findall(message)}
    return tuple(m for i, m in enumerate(asked) if m.casefold() in named or i in places)


# --- rows ------------------------------------------------------------------------------------------------------------

_STAMP = "%Y-%m-%dT%H:%M:%S%z"
_PACIFIC = ZoneInfo("America/Los_Angeles")
_PERIOD_DAYS = {"day": 1, "week": 7, "days_28": 28}
_MAX_COUNT = 2**63 - 1


def moment_of(text: Any) -> datetime:
    """Meta's `2026-07-02T07:00:00+0000` as an aware moment.

    Raises:
        ValueError: it is no such text.
    """
    if not isinstance(text, str):
        raise ValueError("not a time stamp")
    return datetime.strptime(text, _STAMP).astimezone(UTC)


def has_next(document: Mapping[str, Any]) -> bool:
    """Whether a listing goes on. A page may be empty and still go on; only the absence of `next` ends it."""
    paging = document.get("paging")
    return isinstance(paging, dict) and bool(paging.get("next"))


def cursor_after(document: Mapping[str, Any]) -> str | None:
    """The cursor of the next page. `paging.next` itself is never followed: it carries the token."""
    cursors = (document.get("paging") or {}).get("cursors") if has_next(document) else None
    after = cursors.get("after") if isinstance(cursors, dict) else None
    return after if isinstance(after, str) and after else None


def rows_of(document: Mapping[str, Any], receipt: Receipt) -> Parsed:
    """The rows of one landed answer.

    Raises:
        UnreadableBody: the receipt does not say what was asked, or the answer has another shape.
    """
    ask = receipt.asked
    reader = {
        "account": _account,
        "media": _media,
        "media_insights": _insights,
        "account_insights": _insights,
    }.get(str(ask.get("endpoint")))
    if reader is None or not ask.get("account_id"):
        raise UnreadableBody(
            "the receipt does not say what the Graph API was asked.",
            next_action="Poll the source; its answers can't be read from dropped files.",
        )
    parsed = Parsed(
        {"social_account_observations": [], "social_post_observations": [], "social_metric_observations": []}
    )
    reader(document, ask, receipt, parsed)
    return parsed


def _count(record: Mapping[str, Any], name: str, pointer: str, parsed: Parsed) -> int | None:
    """A count, or None when it is withheld. What is there but no count is told, and costs only itself."""
    value = record.get(name)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_COUNT:
        return value
    parsed.rejects.append(
        Reject(
            f"{pointer}.{name}",
            "not_a_count",
            f"{name} is not a whole number from 0; it is kept as unknown, the rest of the record is read.",
            "See the landed answer; report it to Meta if it lasts.",
        )
    )
    return None


def _identity(value: Any) -> str | None:
    """An id as text. A float has already lost digits, so it is no id."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value.isdecimal() else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _account(document: Mapping[str, Any], ask: Mapping[str, Any], receipt: Receipt, parsed: Parsed) -> None:
    if _identity(document.get("id")) != ask["account_id"]:
        raise UnreadableBody(
            f"the answer is not about the account {ask['account_id']}.",
            reason="wrong_account",
            next_action="Check account_id in the source's options: it is the Instagram user id, not the Page's.",
        )
    parsed.rows["social_account_observations"] = [
        {
            "account_id": ask["account_id"],
            "observed_at": naive_utc(receipt.received_at),
            "username": _text(document.get("username")),
            "followers_count": _count(document, "followers_count", "$", parsed),
            "follows_count": _count(document, "follows_count", "$", parsed),
            "media_count": _count(document, "media_count", "$", parsed),
            "pointer": "$",
        }
    ]


def _data(document: Mapping[str, Any]) -> list[Any]:
    data = document.get("data")
    if not isinstance(data, list):
        raise UnreadableBody(
            "the answer has no list `data`.", next_action="Compare the landed answer with Meta's reference."
        )
    return data


def _media(document: Mapping[str, Any], ask: Mapping[str, Any], _receipt: Receipt, parsed: Parsed) -> None:
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for i, record in enumerate(_data(document)):
        pointer = f"$.data[{i}]"
        if not isinstance(record, dict) or (post_id := _identity(record.get("id"))) is None:
            parsed.rejects.append(
                Reject(pointer, "no_post_id", "the post has no id of digits.", "See the landed answer.")
            )
            continue
        if post_id in seen:
            parsed.rejects.append(
                Reject(
                    pointer,
                    "told_twice",
                    "the page lists this post a second time; the first is read.",
                    "Nothing, if it stays at one.",
                )
            )
            continue
        try:
            posted_at = moment_of(record.get("timestamp"))
        except ValueError:
            parsed.rejects.append(
                Reject(
                    pointer,
                    "bad_timestamp",
                    "the post's timestamp is not written as 2026-07-02T07:00:00+0000.",
                    "Compare the landed answer with Meta's reference.",
                )
            )
            continue
        seen.add(post_id)
        caption = _text(record.get("caption"))
        rows.append(
            {
                "account_id": ask["account_id"],
                "post_id": post_id,
                "shortcode": _text(record.get("shortcode")),
                "posted_at": naive_utc(posted_at),
                "media_type": _text(record.get("media_type")),
                "product_type": _text(record.get("media_product_type")),
                "hashtags": " ".join(hashtags(caption)),
                "like_count": _count(record, "like_count", pointer, parsed),
                "comments_count": _count(record, "comments_count", pointer, parsed),
                "content_hash": _content_hash(record, post_id, posted_at, caption),
                "pointer": pointer,
            }
        )
    parsed.rows["social_post_observations"] = rows


def _content_hash(record: Mapping[str, Any], post_id: str, posted_at: datetime, caption: str | None) -> str:
    """Changes when an editor changed the post; not with signed addresses, and not with counts, which only grow."""
    content = [
        post_id,
        record.get("shortcode"),
        posted_at.isoformat(),
        record.get("media_type"),
        record.get("media_product_type"),
        caption,
    ]
    return hashlib.sha256(as_bytes({"post": content})).hexdigest()


def _insights(document: Mapping[str, Any], ask: Mapping[str, Any], receipt: Receipt, parsed: Parsed) -> None:
    is_account = ask["endpoint"] == "account_insights"
    asked: list[str] = list(ask.get("metrics", ()))
    subject: dict[str, Any] = {
        "account_id": ask["account_id"],
        "subject_kind": "account" if is_account else "post",
        "subject_id": ask["account_id"] if is_account else ask["media_id"],
        "api_version": ask.get("api_version"),
        "observed_at": naive_utc(receipt.received_at),
    }
    # Media metrics have no window whatever is asked; account metrics without a date of their own have the one asked.
    period = str(ask.get("period", "day")) if is_account else "lifetime"
    window = (receipt.window_start_at, receipt.window_end_at) if is_account else (None, None)

    def row(metric: str, status: str, pointer: str, value: float | None = None, **more: Any) -> dict[str, Any]:
        start, end = more.get("window", window)
        if (str(ask.get("product_type")), metric) in NOT_APPLICABLE:
            status, value = "not_applicable", None
        return {
            **subject,
            "metric": metric.lower(),
            "period": more.get("period", period),
            "breakdown": more.get("breakdown", ""),
            "window_start_at": naive_utc(start) if start else None,
            "window_end_at": naive_utc(end) if end else None,
            "value": value,
            "value_status": status,
            "pointer": pointer,
        }

    rows = [row(m, "rejected", "(not asked: rejected before)") for m in ask.get("not_asked", ())]
    refusal = refusal_of(document, asked)
    if refusal is not None:
        status = {"capability": "rejected", "suppressed": "suppressed", "before_conversion": "before_conversion"}
        if refusal.kind == "unreachable":
            # Deleted, hidden, or throttled in disguise: no verdict, so what was measured before stays the latest.
            parsed.rejects.append(
                Reject(
                    "$.error",
                    "post_unreachable",
                    f"Meta says that the post {subject['subject_id']} does not exist or can't be read.",
                    "Nothing if it was deleted; otherwise check the app's access to the account.",
                )
            )
            rows = []
        elif refusal.kind not in status:
            raise UnreadableBody(
                f"the answer is a refusal ({refusal}).", reason="refused", next_action="See the failed poll's message."
            )
        about = asked if refusal.kind == "before_conversion" else refusal.metrics
        rows += [row(m, status[refusal.kind], "$.error") for m in about]
    else:
        data = _data(document)
        for i, entry in enumerate(data):
            pointer = f"$.data[{i}]"
            if not isinstance(entry, dict) or _text(entry.get("name")) is None:
                parsed.rejects.append(
                    Reject(pointer, "no_metric_name", "the entry names no metric.", "See the landed answer.")
                )
                continue
            told = _values(entry, pointer, is_account, parsed)
            rows += [
                row(entry["name"], "missing" if value is None else "measured", where, value, **more)
                for where, value, more in told
            ]
            if not told and entry["name"] not in asked:
                rows.append(row(entry["name"], "missing", pointer))
        answered = {r["metric"] for r in rows}
        rows += [row(m, "missing", "$.data") for m in asked if m.lower() not in answered]
    parsed.rows["social_metric_observations"] = _once(rows, parsed)


def _once(rows: list[dict[str, Any]], parsed: Parsed) -> list[dict[str, Any]]:
    """The rows, one per grain. The entry's own `id` is no help: it is the same for every day."""
    kept: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = (row["metric"], row["period"], row["breakdown"], row["window_start_at"], row["window_end_at"])
        if key in kept:
            parsed.rejects.append(
                Reject(
                    row["pointer"],
                    "told_twice",
                    f"{row['metric']} is told twice for one window; the first is read.",
                    "See the landed answer.",
                )
            )
        else:
            kept[key] = row
    return list(kept.values())


def _values(
    entry: Mapping[str, Any], pointer: str, is_account: bool, parsed: Parsed
) -> list[tuple[str, float | None, dict[str, Any]]]:
    """All values of one metric entry: pointer, number or None, and what differs from the ask."""
    found: list[tuple[str, float | None, dict[str, Any]]] = []
    period = _text(entry.get("period"))
    more: dict[str, Any] = {"period": period} if period and is_account else {}
    for i, value in enumerate(_list(entry.get("values"))):
        where = f"{pointer}.values[{i}]"
        if not isinstance(value, dict):
            parsed.rejects.append(Reject(where, "no_value", "the entry is no value.", "See the landed answer."))
            continue
        window: dict[str, Any] = {}
        if is_account and value.get("end_time") is not None:
            try:
                window = {"window": _window(value["end_time"], period)}
            except ValueError:
                parsed.rejects.append(
                    Reject(
                        where,
                        "unexpected_day_end",
                        "the value's day does not end at midnight in US-Pacific time, as Meta's days do.",
                        "See whether Meta changed its day; the value is not read until the rule is.",
                    )
                )
                continue
        found += _number(value.get("value"), where, {**more, **window}, parsed)
    total = entry.get("total_value")
    if isinstance(total, dict):
        if not found:
            found += _number(total.get("value"), f"{pointer}.total_value", more, parsed) if "value" in total else []
        found += _parts(total, pointer, more, parsed)
    return found


def _parts(
    total: Mapping[str, Any], pointer: str, more: Mapping[str, Any], parsed: Parsed
) -> list[tuple[str, float | None, dict[str, Any]]]:
    """The results of a breakdown, named by all their dimensions: by the first alone they would overwrite each other."""
    found: list[tuple[str, float | None, dict[str, Any]]] = []
    for i, breakdown in enumerate(_list(total.get("breakdowns"))):
        keys = _list(breakdown.get("dimension_keys")) if isinstance(breakdown, dict) else []
        for j, result in enumerate(_list(breakdown.get("results")) if isinstance(breakdown, dict) else []):
            where = f"{pointer}.total_value.breakdowns[{i}].results[{j}]"
            values = _list(result.get("dimension_values")) if isinstance(result, dict) else []
            if not keys or len(keys) != len(values):
                parsed.rejects.append(
                    Reject(where, "dimensions_differ", "the result does not fit its dimensions.", "See the answer.")
                )
                continue
            name = " | ".join(f"{k}={_member(v)}" for k, v in zip(keys, values, strict=True))
            found += _number(result.get("value"), where, {**more, "breakdown": name}, parsed)
    return found


def _member(value: Any) -> str:
    """One spelling per member: Meta lists `TAP_FORWARD` and answers `tap_forward`, lists REELS and answers REEL."""
    text = str(value).casefold()
    return "reels" if text == "reel" else text


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(
    value: Any, where: str, more: dict[str, Any], parsed: Parsed
) -> Iterator[tuple[str, float | None, dict[str, Any]]]:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _MAX_COUNT):
        yield where, None if value is None else float(value), more
        return
    parsed.rejects.append(Reject(where, "not_a_number", "the metric's value is no number.", "See the landed answer."))


def _window(end_time: Any, period: str | None) -> tuple[datetime, datetime]:
    """The half-open window that ends at `end_time`. Meta's day is the US-Pacific one, 23 to 25 hours long.

    Raises:
        ValueError: the stamp is malformed, does not stand at a Pacific midnight, or the period is unknown.
    """
    end = moment_of(end_time).astimezone(_PACIFIC)
    if (end.hour, end.minute, end.second) != (0, 0, 0) or period not in _PERIOD_DAYS:
        raise ValueError("not a Pacific midnight")
    # Wall-clock arithmetic on purpose: the day before midnight is a calendar day, not 24 hours.
    return (end - timedelta(days=_PERIOD_DAYS[period])).astimezone(UTC), end.astimezone(UTC)
