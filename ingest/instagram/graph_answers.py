"""Reading what the Graph API says: rows of the lake, from a landed answer and from what was asked.

What belongs here: pure functions of an answer and its receipt. What does not: asking (`graph_api.py`), the manners of
the API (`graph_protocol.py`) and Meta's tables of facts (`graph_reference.py`).

Unknown is not zero: an empty list, an absent metric and a withheld count are null with a status.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from ingest.adapters import Parsed, Reject
from ingest.catalogue import Receipt
from ingest.errors import UnreadableBody
from ingest.home import naive_utc
from ingest.instagram.captions import hashtags, references
from ingest.instagram.graph_protocol import REMOVED as REMOVED
from ingest.instagram.graph_protocol import Refusal as Refusal
from ingest.instagram.graph_protocol import Usage as Usage
from ingest.instagram.graph_protocol import as_bytes as as_bytes
from ingest.instagram.graph_protocol import cursor_after as cursor_after
from ingest.instagram.graph_protocol import has_next as has_next
from ingest.instagram.graph_protocol import moment_of, refusal_of
from ingest.instagram.graph_protocol import read_json as read_json
from ingest.instagram.graph_protocol import scrubbed as scrubbed
from ingest.instagram.graph_protocol import usage_of as usage_of
from ingest.instagram.graph_reference import MIN_FOLLOWERS, NOT_APPLICABLE
from ingest.instagram.graph_windows import DAY_ZONE, days, ended_at, pacific_day
from ingest.json_values import list_of

# online_followers is told by day under the name of lifetime.
_PERIOD_DAYS = {"day": 1, "week": 7, "days_28": 28, "lifetime": 1}
# The platform withholds counts under 5 and writes -1 for some of them.
_WITHHELD = -1
_MAX_COUNT = 2**63 - 1


def rows_of(document: Mapping[str, Any], receipt: Receipt, known: Sequence[str] = ()) -> Parsed:
    """The rows of one landed answer.

    Args:
        known: accounts and addresses that may be told of a caption; see `captions.references`.

    Raises:
        UnreadableBody: the receipt does not say what was asked, or the answer has another shape.
    """
    ask = receipt.asked
    readers: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any], Receipt, Parsed], None]] = {
        "account": _account,
        "media": partial(_media, known=known),
        "stories": partial(_stories, known=known),
        "insights": _many_insights,
        "media_insights": _insights,
        "account_insights": _insights,
    }
    reader = readers.get(str(ask.get("endpoint")))
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


def _media(
    document: Mapping[str, Any], ask: Mapping[str, Any], _receipt: Receipt, parsed: Parsed, known: Sequence[str] = ()
) -> None:
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    is_story = ask["endpoint"] == "stories"
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
                "product_type": "STORY" if is_story else _text(record.get("media_product_type")),
                "presence": "listed",
                "children_count": _children(record),
                "hashtags": " ".join(hashtags(caption)),
                "caption_references": " ".join(references(caption, known)),
                "like_count": _count(record, "like_count", pointer, parsed),
                "comments_count": _count(record, "comments_count", pointer, parsed),
                "content_hash": _content_hash(record, post_id, posted_at, caption),
                "pointer": pointer,
            }
        )
    parsed.rows["social_post_observations"] = rows


def _children(record: Mapping[str, Any]) -> int | None:
    """How many pictures an album has; they are no posts and have no insights."""
    children = record.get("children")
    data = children.get("data") if isinstance(children, dict) else None
    return len(data) if isinstance(data, list) else None


def _stories(
    document: Mapping[str, Any], ask: Mapping[str, Any], receipt: Receipt, parsed: Parsed, known: Sequence[str] = ()
) -> None:
    """Stories that can be seen, and those that are over without having been asked about: a gap, and no zero."""
    _media(document, ask, receipt, parsed, known)
    parsed.rows["social_metric_observations"] = [
        {
            "account_id": ask["account_id"],
            "subject_kind": "post",
            "subject_id": story["media_id"],
            "metric": metric,
            "period": "lifetime",
            "breakdown": "",
            "value": None,
            "value_status": "not_collected",
            "api_version": ask.get("api_version"),
            "observed_at": naive_utc(receipt.received_at),
            "pointer": f"(not asked in time: {story['media_id']})",
        }
        for story in ask.get("missed", ())
        for metric in ("reach", "views")
    ]


def _many_insights(document: Mapping[str, Any], ask: Mapping[str, Any], receipt: Receipt, parsed: Parsed) -> None:
    """The answers of a batch, each by its own question; one that can't be read costs only itself."""
    answers, members = document.get("answers"), ask.get("members", ())
    if not isinstance(answers, list) or len(answers) != len(members):
        raise UnreadableBody("the batch has not one answer per question.", next_action="See the landed answer.")
    metrics: list[dict[str, Any]] = []
    posts: list[dict[str, Any]] = []
    for i, (answer, member) in enumerate(zip(answers, members, strict=True)):
        part = Parsed({})
        where = f"$.answers[{i}]"
        own = receipt
        if "since" in member:
            start = datetime.fromtimestamp(member["since"], UTC)
            # The call includes its last second; the row's window ends where the next one starts.
            own = replace(
                receipt, window_start_at=start, window_end_at=datetime.fromtimestamp(member["until"] + 1, UTC)
            )
        try:
            if not isinstance(answer, dict):
                raise UnreadableBody("the answer is no object.")
            _insights(answer, {**ask, **member}, own, part)
        except UnreadableBody as error:
            part.rejects.append(
                Reject("$", error.reason, str(error.args[0]), error.next_action or "See the landed answer.")
            )
        rows: Any = part.rows.get("social_metric_observations", ())
        metrics += [{**row, "pointer": row["pointer"].replace("$", where, 1)} for row in rows]
        parsed.rejects += [replace(r, pointer=r.pointer.replace("$", where, 1)) for r in part.rejects]
        if member.get("closed"):
            posts.append(_gone(ask, member, where))
    parsed.rows["social_metric_observations"] = metrics
    parsed.rows["social_post_observations"] = posts


def _gone(ask: Mapping[str, Any], member: Mapping[str, Any], pointer: str) -> dict[str, Any]:
    """The end of a post: refused as not existing on several quiet days. What was told of it before stays as it is."""
    return {
        "account_id": ask["account_id"],
        "post_id": member["media_id"],
        "posted_at": naive_utc(moment_of(member["posted_at"])),
        "media_type": member.get("media_type"),
        "product_type": member.get("product_type"),
        "presence": "gone",
        "content_hash": hashlib.sha256(as_bytes({"gone": member["media_id"]})).hexdigest(),
        "pointer": pointer,
    }


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
    period = _period(ask)
    # Media metrics have no window whatever is asked; account metrics without a date of their own have the one asked.
    window = (receipt.window_start_at, receipt.window_end_at) if is_account else (None, None)
    # With a breakdown the account's totals are told by another call; here they would be told twice.
    is_parts_only = is_account and bool(ask.get("breakdown"))
    # A metric that should have parts and told none is named by the dimensions asked for.
    untold = str(ask["breakdown"]) if is_parts_only else ""

    def row(metric: str, status: str, pointer: str, value: float | None = None, **more: Any) -> dict[str, Any]:
        start, end = more.get("window", window)
        if (str(ask.get("product_type")), metric) in NOT_APPLICABLE:
            status, value = "not_applicable", None
        elif status == "missing" and _is_too_small(metric, ask):
            status = "suppressed"
        return {
            **subject,
            "metric": metric.lower(),
            "period": more.get("period", period),
            "breakdown": more.get("breakdown", untold),
            "window_start_at": naive_utc(start) if start else None,
            "window_end_at": naive_utc(end) if end else None,
            "day_zone": DAY_ZONE if start else None,
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
        told_metrics: set[str] = set()
        is_by_day = ask.get("call") == "days" and receipt.window_start_at is not None
        for i, entry in enumerate(_data(document)):
            pointer = f"$.data[{i}]"
            if not isinstance(entry, dict) or _text(entry.get("name")) is None:
                parsed.rejects.append(
                    Reject(pointer, "no_metric_name", "the entry names no metric.", "See the landed answer.")
                )
                continue
            for where, value, more in _values(entry, pointer, ask, parsed):
                if is_parts_only and not more.get("breakdown"):
                    continue
                withheld = value == _WITHHELD and _may_be_withheld(entry["name"], ask)
                status_of = "suppressed" if withheld else "missing" if value is None else "measured"
                rows.append(row(entry["name"], status_of, where, None if withheld else value, **more))
                told_metrics.add(entry["name"].lower())
            if entry["name"].lower() not in told_metrics and entry["name"] not in asked:
                rows.append(row(entry["name"], "missing", pointer))
        rows += [row(m, "missing", "$.data") for m in asked if m.lower() not in told_metrics and not is_by_day]
        if is_by_day:
            rows += _untold_days(row, asked, {(r["metric"], r["window_start_at"]) for r in rows}, receipt)
    parsed.rows["social_metric_observations"] = _once(rows, parsed)


def _untold_days(
    row: Callable[..., dict[str, Any]], asked: Sequence[str], told: set[tuple[str, Any]], receipt: Receipt
) -> Iterator[dict[str, Any]]:
    """A row for each day that a series was asked for and did not tell: Meta's newest days may come late."""
    start, end = receipt.window_start_at, receipt.window_end_at
    if start is None or end is None:
        return
    for day in days(pacific_day(start), pacific_day(end - timedelta(seconds=1))):
        for metric in asked:
            if (metric.lower(), naive_utc(day.start)) not in told:
                yield row(metric, "missing", "$.data", window=(day.start, day.end))


def _period(ask: Mapping[str, Any]) -> str:
    """The period of values that don't name one: a window of several days must not read as one day's."""
    if ask["endpoint"] != "account_insights":
        return "lifetime"
    return "window" if ask.get("call") == "window" else str(ask.get("timeframe") or ask.get("period", "day"))


def _is_too_small(metric: str, ask: Mapping[str, Any]) -> bool:
    """Whether the account has fewer followers than the platform tells this metric of: then silence is no gap."""
    count = ask.get("followers_count")
    return isinstance(count, int) and count < MIN_FOLLOWERS.get(metric, 0)


def _may_be_withheld(metric: str, ask: Mapping[str, Any]) -> bool:
    """Whether -1 stands for a count that is too small to be told. Elsewhere a metric may really fall by one."""
    return str(ask.get("product_type")) == "STORY" or metric.endswith("_demographics")


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
    entry: Mapping[str, Any], pointer: str, ask: Mapping[str, Any], parsed: Parsed
) -> list[tuple[str, float | None, dict[str, Any]]]:
    """All values of one metric entry: pointer, number or None, and what differs from the ask."""
    found: list[tuple[str, float | None, dict[str, Any]]] = []
    period = _text(entry.get("period"))
    is_account = ask["endpoint"] == "account_insights"
    is_own_word = ask.get("call") == "window" or bool(ask.get("timeframe"))
    more: dict[str, Any] = {"period": period} if period and is_account and not is_own_word else {}
    for i, value in enumerate(list_of(entry.get("values"))):
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
        told = value.get("value")
        if isinstance(told, dict):
            found += _hours(told, where, {**more, **window}, parsed)
        else:
            found += _number(told, where, {**more, **window}, parsed)
    total = entry.get("total_value")
    if isinstance(total, dict):
        if not found:
            found += _number(total.get("value"), f"{pointer}.total_value", more, parsed) if "value" in total else []
        found += _parts(total, pointer, more, parsed)
    return found


def _hours(
    told: Mapping[str, Any], where: str, more: dict[str, Any], parsed: Parsed
) -> Iterator[tuple[str, float | None, dict[str, Any]]]:
    """A map by hour, as online_followers has it. An empty one is a day of which nothing is known."""
    if not told:
        yield where, None, more
    for hour, value in sorted(told.items()):
        name = f"hour={hour:0>2}" if hour.isdecimal() else f"hour={hour}"
        yield from _number(value, f"{where}.value[{hour}]", {**more, "breakdown": name}, parsed)


def _parts(
    total: Mapping[str, Any], pointer: str, more: Mapping[str, Any], parsed: Parsed
) -> list[tuple[str, float | None, dict[str, Any]]]:
    """The results of a breakdown, named by all their dimensions: by the first alone they would overwrite each other."""
    found: list[tuple[str, float | None, dict[str, Any]]] = []
    for i, breakdown in enumerate(list_of(total.get("breakdowns"))):
        keys = list_of(breakdown.get("dimension_keys")) if isinstance(breakdown, dict) else []
        for j, result in enumerate(list_of(breakdown.get("results")) if isinstance(breakdown, dict) else []):
            where = f"{pointer}.total_value.breakdowns[{i}].results[{j}]"
            values = list_of(result.get("dimension_values")) if isinstance(result, dict) else []
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
    if period not in _PERIOD_DAYS:
        raise ValueError("unknown period")
    found = ended_at(moment_of(end_time), _PERIOD_DAYS[period])
    return found.start, found.end
