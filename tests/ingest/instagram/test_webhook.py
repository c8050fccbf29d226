"""Webhooks: what is kept of a notification, what its numbers mean, and the way through the inbox."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow.parquet as pq
import pytest
from exports import ACCOUNT_ID, RECEIVED_AT, SOMEBODY, metrics, read, reasons, spoiled, survives, values
from ingest_bench import configuration_of

from ingest.adapters import adapters
from ingest.config import Configuration, Push
from ingest.errors import UnreadableBody
from ingest.home import Home
from ingest.inbox import Inbox, listen, server_of
from ingest.instagram.webhook import metric_of
from ingest.pipeline import read_pending

STORY = "17900000000000002"
SENT_AT = int(RECEIVED_AT.timestamp()) - 60
SECRET, WORD = "secret-of-the-bench-app", "word-of-the-bench"
OPTIONS: dict[str, Any] = {"account_ids": [ACCOUNT_ID]}
INSIGHTS: dict[str, Any] = {
    "media_id": STORY,
    "impressions": 61,
    "reach": 48,
    "taps_forward": 30,
    "taps_back": -1,
    "exits": 7,
    "replies": 0,
}
COMMENT: dict[str, Any] = {
    "field": "comments",
    "value": {
        "from": {"id": "1234567890", "username": "kari.nordmann"},
        "text": f"Hilsen {SOMEBODY}",
        "id": "17800000",
    },
}


def change(**more: Any) -> dict[str, Any]:
    return {"field": "story_insights", "value": {**INSIGHTS, **more}}


def notification(*changes: Any, account_id: str = ACCOUNT_ID, sent: Any = SENT_AT, **more: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": account_id, "time": sent, **({"changes": list(changes)} if changes else {}), **more}
    return {"object": "instagram", "entry": [entry]}


def as_sent(document: Any) -> bytes:
    return json.dumps(document).encode()


def minimised(document: Any) -> bytes:
    return adapters()["instagram_webhook"].minimise(as_sent(document), "")


def told(document: Any, **options: Any) -> Any:
    return read("instagram_webhook", minimised(document), **{**OPTIONS, **options})


# --- what the numbers mean


def test_a_story_is_told_by_the_apis_names_and_minus_one_is_suppressed() -> None:
    """-1 is Meta's word for fewer than five; averaged in, it would pull every story down."""
    parsed = told(notification(change()))
    navigation = "navigation[story_navigation_action_type="
    assert values(parsed) == {
        "impressions": (61, "measured"),
        "reach": (48, "measured"),
        f"{navigation}tap_forward]": (30, "measured"),
        f"{navigation}tap_back]": (None, "suppressed"),
        f"{navigation}tap_exit]": (7, "measured"),
        "replies": (None, "not_applicable"),
    }
    (row, *_) = metrics(parsed)
    assert (row["account_id"], row["subject_kind"], row["subject_id"], row["period"], row["api_version"]) == (
        ACCOUNT_ID,
        "post",
        STORY,
        "lifetime",
        "v25.0",
    )
    assert parsed.rejects == []


def test_a_counted_zero_is_a_number_and_a_null_is_none() -> None:
    """Zero is never missing, and missing is never zero."""
    assert values(told(notification({"field": "story_insights", "value": {"media_id": STORY, "reach": 0}}))) == {
        "reach": (0, "measured")
    }
    assert values(told(notification({"field": "story_insights", "value": {"media_id": STORY, "reach": None}}))) == {
        "reach": (None, "missing")
    }


@pytest.mark.parametrize(
    ("name", "version", "metric", "breakdown"),
    [
        ("taps_forward", "v17.0", "taps_forward", ""),
        ("taps_forward", "v18.0", "navigation", "story_navigation_action_type=tap_forward"),
        ("exits", "v25.0", "navigation", "story_navigation_action_type=tap_exit"),
        ("impressions", "v12.0", "impressions", ""),
        ("impressions", "v25.0", "impressions", ""),
        ("views", "v25.0", "views", ""),
        ("sparkles", "v25.0", "sparkles", ""),
    ],
)
def test_an_old_name_is_read_by_the_version_that_the_app_has(
    name: str, version: str, metric: str, breakdown: str
) -> None:
    """The webhook kept the names of before v18; the two series of impressions and views never become one."""
    assert metric_of(name, version) == (metric, breakdown)


def test_views_unknown_keys_and_an_array_are_accepted() -> None:
    """Whether Meta added `views` to the webhook is not known, and a batch may come as an array."""
    parsed = told([notification(change(views=70, sparkles=5)), notification(change(media_id="17900000000000003"))])
    assert values(parsed, STORY)["views"] == (70, "measured")
    assert values(parsed, STORY)["sparkles"] == (5, "measured")
    assert {row["subject_id"] for row in metrics(parsed)} == {STORY, "17900000000000003"}
    assert parsed.rejects == []


def test_a_notification_without_values_says_what_to_turn_on() -> None:
    """With Include Values off there is nothing to count, and silence would look like no stories."""
    (reject,) = told(notification(changed_fields=["story_insights"])).rejects
    assert (reject.reason, "Include Values" in reject.next_action) == ("no_values", True)


def test_the_dashboards_test_is_not_counted() -> None:
    """Its button posts invented numbers for the account 0."""
    parsed = told(notification(change(), account_id="0"))
    assert (metrics(parsed), reasons(parsed)) == ([], ["unknown_account"])


def test_the_same_webhook_with_another_time_says_the_same() -> None:
    """Meta sends for 36 hours; the time of sending is no part of what identifies a row."""
    rows = [metrics(told(notification(change(), sent=SENT_AT + later))) for later in (0, 1800)]
    bare = [[{k: v for k, v in row.items() if k != "observed_at"} for row in told_rows] for told_rows in rows]
    assert bare[0] == bare[1]
    doubled = told({"object": "instagram", "entry": notification(change())["entry"] * 2})
    assert metrics(doubled) == rows[0]
    assert doubled.rejects == []


def test_a_story_that_is_told_again_later_keeps_the_later_number() -> None:
    """Highlighted stories live on and are sent again, perhaps in the same batch, in any order."""
    early = notification(change(reach=48))["entry"][0]
    late = notification(change(reach=52), sent=SENT_AT + 30)["entry"][0]
    for entries in ([early, late], [late, early]):
        parsed = told({"object": "instagram", "entry": entries})
        assert values(parsed)["reach"] == (52, "measured")
        assert reasons(parsed) == ["told_twice"]


@pytest.mark.parametrize("sent", [int(RECEIVED_AT.timestamp()) + 9999, 0, -5, "soon", None, True, 10**30])
def test_a_senders_clock_makes_nothing_newer_than_its_receipt(sent: Any) -> None:
    """An observation from the future would outrank everything that comes after it."""
    (first, *_) = metrics(told(notification(change(), sent=sent)))
    assert first["observed_at"] == RECEIVED_AT.replace(tzinfo=None)


@pytest.mark.parametrize("value", [-2, 4.5, True, "many", {"a": 1}, 10**30])
def test_a_value_that_is_no_count_costs_only_itself(value: Any) -> None:
    """The story's other numbers are good."""
    body = as_sent(notification(change(reach=value)))
    parsed = read("instagram_webhook", body, **OPTIONS)
    assert reasons(parsed) == ["not_a_number"]
    assert values(parsed)["impressions"] == (61, "measured")
    assert "reach" not in values(parsed)


# --- what is kept


def test_a_notification_of_insights_is_kept_byte_for_byte() -> None:
    """Bytes first: nothing personal is in it, and its signature can be proved again."""
    body = b' {"entry" : [' + as_sent(notification(change())["entry"][0]) + b'], "object": "instagram"}\n'
    assert adapters()["instagram_webhook"].minimise(body, "") == body


def test_comments_mentions_and_messages_leave_only_their_names_behind() -> None:
    """One batch mixes all fields: refused, it would take the insights along; kept, it would hold names and texts."""
    mention = {"field": "mentions", "value": {"media_id": STORY, "comment_id": "178", "text": SOMEBODY}}
    message = [{"sender": {"id": "1"}, "message": {"text": f"Hei, {SOMEBODY} her"}}]
    document = notification(COMMENT, change(), mention, messaging=message)
    landed = minimised(document)
    for personal in (SOMEBODY, "kari.nordmann", "1234567890", "Hilsen", "Hei"):
        assert personal.encode() not in landed
    parsed = read("instagram_webhook", landed, **OPTIONS)
    assert values(parsed)["reach"] == (48, "measured")
    assert reasons(parsed) == ["not_kept"] * 3
    assert {r.message.split()[2] for r in parsed.rejects} == {"comments", "mentions", "messaging"}
    assert adapters()["instagram_webhook"].minimise(landed, "") == landed


def test_words_among_the_insights_are_not_kept() -> None:
    """A key that Meta adds one day may hold a name; numbers and ids are all that a figure needs."""
    landed = minimised(notification(change(views=70, author=SOMEBODY, detail={"who": SOMEBODY, "count": 3})))
    assert SOMEBODY.encode() not in landed
    parsed = read("instagram_webhook", landed, **OPTIONS)
    assert values(parsed)["views"] == (70, "measured")
    assert reasons(parsed) == ["not_a_number"] * 2


def test_a_number_that_comes_as_a_word_is_told() -> None:
    """Dropped without a sound it would look as if Meta had not measured it."""
    parsed = told(notification(change(reach="48")))
    assert ("reach" in values(parsed), reasons(parsed)) == (False, ["not_a_number"])


def test_a_key_that_stands_twice_hides_nothing() -> None:
    """A reader sees the last of two; landed as it came, the first would lie there unseen."""
    body = as_sent(notification(change())).replace(b'"object"', b'"object": "' + SOMEBODY.encode() + b'", "object"')
    assert SOMEBODY.encode() not in adapters()["instagram_webhook"].minimise(body, "")


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"[]", b"{}", b'{"object":"page","entry":[]}', b'{"object":"instagram"}', b"[" * 100_000]
)
def test_what_is_no_notification_is_refused(body: bytes) -> None:
    """What can't be read can't be searched for names with certainty."""
    with pytest.raises(UnreadableBody, match="no notification"):
        adapters()["instagram_webhook"].minimise(body, "")


def test_a_thousand_spoiled_notifications_end_as_rows_or_rejects() -> None:
    """Whatever a proxy or a bug makes of a post, it must not end a run or vanish."""
    mixed = notification(change(), COMMENT, change(media_id="17900000000000003", views=9))
    rows, rejects = survives("instagram_webhook", as_sent(mixed), 20260901, **OPTIONS)
    assert rows > 100
    assert rejects > 300


def test_no_spoiled_notification_lands_a_comment() -> None:
    """Minimising must hold for bytes that nobody foresaw, too: what lands is checked for the words of the comment."""
    adapter, landed = adapters()["instagram_webhook"], 0
    for wrong in spoiled(as_sent(notification(COMMENT, change())), 500, 7):
        try:
            kept = adapter.minimise(wrong, "")
        except UnreadableBody:
            continue
        landed += 1
        assert not any(word in kept for word in (b"Hilsen", SOMEBODY.encode(), b"kari.nordmann", b"1234567890"))
    assert landed > 200


# --- through the inbox


def configuration(folder: Path, push: dict[str, Any]) -> Configuration:
    return configuration_of(
        folder,
        [
            {
                "source_id": "instagram_webhook_bench",
                "family": "instagram",
                "adapter": "instagram_webhook",
                "description": "Posts of Meta.",
                "push": push,
                "options": OPTIONS,
            }
        ],
    )


class Box:
    """An inbox with one webhook source, and a clock that the test sets."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        push = {"auth": "meta_signature", "secret_env": "BENCH_SECRET", "verify_token_env": "BENCH_WORD"}
        self.configuration = configuration(root, push)
        self.now = RECEIVED_AT
        inbox = Inbox(
            self.home,
            self.configuration,
            lambda: self.now,
            environment={"BENCH_SECRET": SECRET, "BENCH_WORD": WORD},
        )
        listener = listen("127.0.0.1", 0)
        self.port = listener.getsockname()[1]
        self.server = server_of(inbox)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listener]})
        self.thread.start()

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=30)
        self.home.catalogue.close()

    def ask(
        self, method: str, query: str = "", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            connection.request(method, f"/inbox/instagram_webhook_bench{query}", body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def post(self, body: bytes, signature: str | None) -> int:
        headers = {"Content-Type": "application/json"}
        if signature is not None:
            headers["X-Hub-Signature-256"] = signature
        return self.ask("POST", body=body, headers=headers)[0]

    def landed(self) -> list[bytes]:
        return [self.home.body(r) for r in self.home.catalogue.receipts() if r.status == "ok"]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    it = Box(tmp_path / "home")
    try:
        yield it
    finally:
        it.close()


def signed(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_only_a_post_that_the_app_has_signed_is_taken(box: Box) -> None:
    """Good, altered, unsigned, signed by another, signed without naming how: 200, and 403 four times."""
    body = as_sent(notification(change()))
    digits = signed(body).removeprefix("sha256=")
    assert [box.post(body, s) for s in (signed(body), signed(body + b" "), None, signed(body, "other"), digits)] == [
        200,
        403,
        403,
        403,
        403,
    ]
    assert box.landed() == [body]


def test_the_signature_is_the_one_that_openssl_makes(box: Box, tmp_path: Path) -> None:
    """Two programs that never met must come to the same digest over the raw bytes."""
    body = '{"object":"instagram","entry":[],"note":"Sj\\u00f8holt åø"}'.encode()
    (tmp_path / "body").write_bytes(body)
    told_by = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", SECRET, str(tmp_path / "body")],
        capture_output=True,
        check=False,
        text=True,
    )
    if told_by.returncode:
        pytest.skip(f"openssl can't do this here: {told_by.stderr[:80]}")
    assert box.post(body, "sha256=" + told_by.stdout.split()[-1]) == 200


def test_the_handshake_echoes_the_challenge_only_to_who_knows_the_word(box: Box) -> None:
    """Whoever could have any challenge echoed could subscribe our address to an app of theirs."""
    right = {"hub.mode": "subscribe", "hub.verify_token": WORD, "hub.challenge": "1158201444"}
    assert box.ask("GET", "?" + urlencode(right)) == (200, b"1158201444")
    for wrong in (
        {**right, "hub.verify_token": WORD + "x"},
        {**right, "hub.mode": "unsubscribe"},
        {k: v for k, v in right.items() if k != "hub.verify_token"},
    ):
        status, answer = box.ask("GET", "?" + urlencode(wrong))
        assert status == 403
        assert b"1158201444" not in answer


def test_metas_signature_goes_with_a_handshake() -> None:
    """Meta posts to no address that has not answered its challenge: without the word nothing would ever come."""
    with pytest.raises(ValueError, match="verify_token_env"):
        Push(auth="meta_signature", secret_env="BENCH_SECRET")


def test_a_post_that_comes_again_36_hours_later_is_taken_and_changes_nothing(box: Box) -> None:
    """Meta retries for 36 hours with the same signature; a time window would lose what an outage delayed."""
    body = as_sent(notification(change()))
    assert box.post(body, signed(body)) == 200
    first = read_pending(box.home, box.configuration)["instagram_webhook_bench"]
    box.now += timedelta(hours=36)
    assert box.post(body, signed(body)) == 200
    again = read_pending(box.home, box.configuration)["instagram_webhook_bench"]
    assert (first.rows["social_metric_observations"], again.blobs) == (6, 0)
    (file,) = (box.home.lake / "social_metric_observations" / "instagram_webhook_bench").glob("*.parquet")
    assert {row["observed_at"] for row in pq.read_table(file).to_pylist()} == {
        datetime.fromtimestamp(SENT_AT, UTC).replace(tzinfo=None)
    }
    assert len(box.home.catalogue.receipts()) == 2


def test_a_late_first_post_keeps_the_time_it_was_sent(box: Box) -> None:
    """An outage of a day moves the receipt, not the observation."""
    box.now += timedelta(hours=35)
    body = as_sent(notification(change()))
    assert box.post(body, signed(body)) == 200
    assert read_pending(box.home, box.configuration)["instagram_webhook_bench"].rows == {
        "social_metric_observations": 6
    }


def test_what_lands_from_a_mixed_post_holds_nobody(box: Box) -> None:
    """Minimised before it is on disk: a blob is never changed afterwards."""
    body = as_sent(notification(COMMENT, change()))
    assert box.post(body, signed(body)) == 200
    (landed,) = box.landed()
    assert SOMEBODY.encode() not in landed
    everything = b"".join(p.read_bytes() for p in box.home.root.rglob("*") if p.is_file())
    assert SOMEBODY.encode() not in everything


def test_a_signed_post_that_is_no_notification_is_refused_and_not_kept(box: Box) -> None:
    """It may hold anything; the sender is told, and so is the operator."""
    body = b"Kari Nordmann wrote this"
    assert box.post(body, signed(body)) == 422
    assert box.landed() == []
