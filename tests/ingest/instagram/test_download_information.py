"""The download: what is opened, what is kept, and how broken letters are mended."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from exports import ACCOUNT_ID, RECEIVED_AT, SOMEBODY, make_source, metrics, posts, read, reasons, survives, values
from ingest_bench import configuration_of

from ingest.adapters import Parsed, adapters
from ingest.config import Configuration
from ingest.errors import UnreadableBody
from ingest.home import Home
from ingest.instagram.download_information import ADMITTED, repaired
from ingest.pipeline import read_pending, sweep

OPTIONS: dict[str, Any] = {"account_id": ACCOUNT_ID}
AT = int(datetime(2026, 7, 2, 10, 0, tzinfo=UTC).timestamp())
TOP = "instagram-moa_bibliotek-2026-09-01-a1b2c3/"
INSIGHTS = "logged_information/past_instagram_insights/posts.json"
MEDIA = "your_instagram_activity/media/"
PLACE = {"photo_metadata": {"exif_data": [{"latitude": 62.47, "device_id": "android-0123456789"}]}}


def broken(text: str) -> str:
    """A text as the download writes it: each byte of UTF-8 as a letter."""
    return text.encode().decode("latin-1")


def insight(at: int = AT, title: str = "Sommer #Ålesund", **more: str) -> dict[str, Any]:
    told = {"Accounts reached": "12,400", "Impressions": "900", "Likes": "40", "Saves": "--", **more}
    return {
        "media_map_data": {
            "Media Thumbnail": {"uri": "media/posts/202607/1.jpg", "creation_timestamp": at, "title": broken(title)}
        },
        "string_map_data": {
            **{broken(label): {"href": "", "value": value} for label, value in told.items()},
            "Creation Timestamp": {"timestamp": at},
        },
    }


def listed(at: int = AT, title: str = "Sommer #Ålesund", count: int = 1, ending: str = ".jpg") -> dict[str, Any]:
    medium = {"uri": f"media/posts/202607/1{ending}", "creation_timestamp": at, "media_metadata": PLACE}
    if count == 1:
        return {"media": [{**medium, "title": broken(title)}]}
    return {"media": [{**medium, "title": ""}] * count, "title": broken(title), "creation_timestamp": at}


def zipped(members: dict[str, Any], top: str = TOP) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(top + name, date_time=(2026, 9, 3, 4, 5, 6))  # the same bytes at any hour
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content if isinstance(content, bytes) else json.dumps(content))
    return out.getvalue()


WHOLE = {
    INSIGHTS: {"organic_insights_posts": [insight()]},
    MEDIA + "posts_1.json": [listed(), listed(AT + 60, "Album", 3)],
    MEDIA + "reels.json": {"ig_reels_media": [listed(AT + 120, "Film", 1, ".mp4")]},
    MEDIA + "stories.json": {
        "ig_stories": [{"uri": "media/stories/1.jpg", "creation_timestamp": AT + 180, "title": ""}]
    },
    "messages/inbox/karinordmann_1/message_1.json": {"participants": [{"name": SOMEBODY}]},
    "connections/followers_and_following/followers_1.json": [{"string_list_data": [{"value": SOMEBODY}]}],
    "your_instagram_activity/comments/post_comments_1.json": [{"value": SOMEBODY}],
    "your_instagram_activity/media/archived_posts.json": {"ig_archived_post_media": [listed(title=SOMEBODY)]},
    "your_instagram_activity/likes/liked_posts.json": {"likes_media_likes": [{"title": SOMEBODY}]},
    "media/posts/202607/1.jpg": b"\xff\xd8picture",
}


def minimised(body: bytes, name: str = "download.zip") -> bytes:
    return adapters()["instagram_download"].minimise(body, name)


def told(body: bytes, name: str = "download.zip", **options: Any) -> Parsed:
    return read("instagram_download", minimised(body, name), **{**OPTIONS, **options})


def as_json(document: Any) -> bytes:
    return json.dumps(document).encode()


def insights(*items: Any) -> bytes:
    return as_json({"organic_insights_posts": list(items)})


# --- what is read


def test_a_whole_download_gives_posts_of_all_kinds_and_old_metrics() -> None:
    """Past insights and the list of posts speak of one post by its second."""
    parsed = told(zipped(WHOLE))
    kinds = {
        (p["post_id"], p["media_type"], p["product_type"], p["hashtags"], p.get("shortcode")) for p in posts(parsed)
    }
    assert kinds == {
        (f"at:{AT}", "IMAGE", "FEED", "ålesund", None),
        (f"at:{AT + 60}", "CAROUSEL_ALBUM", "FEED", "", None),
        (f"at:{AT + 120}", "VIDEO", "REELS", "", None),
        (f"at:{AT + 180}", "IMAGE", "STORY", "", None),
    }
    assert values(parsed) == {
        "reach": (12400, "measured"),
        "impressions": (900, "measured"),
        "likes": (40, "measured"),
        "saved": (None, "missing"),
    }
    assert {m["observed_at"] for m in metrics(parsed)} == {RECEIVED_AT.replace(tzinfo=None)}
    assert reasons(parsed) == ["not_opened"]


@pytest.mark.parametrize(("pictures", "kind"), [(1, "IMAGE"), (2, "CAROUSEL_ALBUM"), (3, "CAROUSEL_ALBUM")])
def test_a_post_of_several_pictures_is_an_album(pictures: int, kind: str) -> None:
    """The download does not say so; two pictures are one post, and no single one."""
    (post,) = posts(told(as_json([listed(AT, "Tekst", pictures)]), "posts_1.json"))
    assert post["media_type"] == kind


def test_insights_alone_are_posts_of_no_stated_kind() -> None:
    """They list posts and don't say which kind; a guess would count reels as pictures."""
    (post,) = posts(told(insights(insight()), "posts.json"))
    assert (post["media_type"], post["product_type"]) == (None, None)


def test_a_title_on_the_item_itself_is_read_too() -> None:
    """Some downloads put time and title there."""
    item = {
        **insight(),
        "media_map_data": {},
        "creation_timestamp": AT,
        "title": broken("#Sjøholt"),
        "media_type": "IMAGE",
    }
    (post,) = posts(told(insights(item), "posts.json"))
    assert (post["post_id"], post["hashtags"], post["media_type"]) == (f"at:{AT}", "sjøholt", "IMAGE")


# --- letters


def test_broken_letters_are_mended_in_values_and_in_keys() -> None:
    """`Ålesund` comes as `Ã\x85lesund`; a tag with it would never be found."""
    text = "Lørdagsåpent på Moa bibliotek 📚 – «Ålesund»"
    assert repaired(broken(text)) == text
    assert repaired(repaired(broken(text))) == text
    item = insight(**{"Kontoer nådd": "7"})
    parsed = told(insights(item), "posts.json", labels={"views": ["Kontoer nådd"]})
    assert values(parsed)["views"] == (7, "measured")


@pytest.mark.parametrize("text", ["blåbær", "Sjøholt", "Ålesund", "Café", "plain", "", "📚 Ålesund", "«å»"])
def test_correct_letters_are_left_alone(text: str) -> None:
    """Mending what is whole would break it; it is done only where the bytes prove the fault."""
    assert repaired(text) == text


@pytest.mark.parametrize(
    ("written", "language", "expected"),
    [
        ("12.345", "de", (12345, "measured")),
        ("12\u00a0345", "nb", (12345, "measured")),
        ("--", "en", (None, "missing")),
        ("", "en", (None, "missing")),
        ("0", "en", (0, "measured")),
    ],
)
def test_values_are_read_by_the_language_of_the_account(
    written: str, language: str, expected: tuple[int | None, str]
) -> None:
    """They are texts in the account's spelling; `--` is how a missing one is written."""
    item = insight(**{"Reichweite": broken(written)})
    parsed = told(insights(item), "posts.json", language=language, labels={"views": ["Reichweite"]})
    assert values(parsed)["views"] == expected


def test_a_value_of_another_language_is_told_and_costs_only_itself() -> None:
    """`1.234` in an English download could be either."""
    parsed = told(insights(insight(Likes="1.234")), "posts.json")
    assert ("likes" in values(parsed), reasons(parsed)) == (False, ["mixed_separators"])
    assert values(parsed)["reach"] == (12400, "measured")


def test_labels_that_nobody_knows_fail_loudly() -> None:
    """Norwegian labels are known to nobody yet; a silent file would look like posts without reach."""
    item = {"media_map_data": insight()["media_map_data"], "string_map_data": {"Rekkevidde": {"value": "7"}}}
    parsed = told(insights(item), "posts.json")
    assert (metrics(parsed), reasons(parsed)) == ([], ["unknown_labels"])
    assert "Rekkevidde" in parsed.rejects[0].message
    one = told(insights(insight(**{"Acounts reached": "7"})), "posts.json")
    assert reasons(one) == ["unknown_label"]
    assert "nearest known: “Accounts reached”" in one.rejects[0].message


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([insight(), insight(Likes="41")], "told_twice"),
        ([insight(0)], "no_time"),
        (["x"], "no_time"),
    ],
)
def test_an_entry_that_can_not_be_told_apart_costs_only_itself(items: list[Any], reason: str) -> None:
    """Two posts of one second have one name here."""
    parsed = told(insights(*items, insight(AT + 60)), "posts.json")
    assert reasons(parsed) == [reason]
    assert f"at:{AT + 60}" in {p["post_id"] for p in posts(parsed)}


def test_two_posts_of_one_second_are_told() -> None:
    """Merged without a word, one would carry the other's tags."""
    parsed = told(as_json([listed(), listed(title="Andre #Moa")]), "posts_1.json")
    assert (len(posts(parsed)), reasons(parsed)) == (1, ["same_second"])


# --- what is kept


def test_only_the_named_files_of_a_zip_are_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even looked into: who opens a folder of messages has read it."""
    opened: list[str] = []
    real_open = zipfile.ZipFile.open

    def noting(self: zipfile.ZipFile, name: Any, *args: Any, **more: Any) -> Any:
        opened.append(getattr(name, "filename", name))
        return real_open(self, name, *args, **more)

    body = zipped(WHOLE)
    monkeypatch.setattr(zipfile.ZipFile, "open", noting)
    landed = minimised(body)
    assert sorted(opened) == sorted(TOP + name for name in list(WHOLE)[:4])
    for personal in (SOMEBODY, "karinordmann", "62.47", "android-0123456789", "moa_bibliotek"):
        assert personal.encode() not in landed
    assert json.loads(landed)["not_opened"] == 6


def test_words_in_the_place_of_a_number_are_not_kept() -> None:
    """A label that is added one day may hold a name."""
    landed = minimised(insights({**insight(Likes=SOMEBODY), "author": SOMEBODY}), "posts.json")
    assert SOMEBODY.encode() not in landed
    parsed = read("instagram_download", landed, **OPTIONS)
    assert ("likes" in values(parsed), reasons(parsed)) == (False, ["no_number"])


@pytest.mark.parametrize(
    ("name", "is_admitted"),
    [
        ("download.zip", True),
        ("instagram-moa-2026-09-01.ZIP", True),
        (INSIGHTS, True),
        (TOP + INSIGHTS, True),
        ("past_instagram_insights/posts.json", True),
        ("content/posts_12.json", True),
        (MEDIA + "reels.json", True),
        ("posts.json", True),
        ("stories.json", True),
        ("messages/inbox/karinordmann_1/message_1.json", False),
        ("messages/posts.json", False),
        ("connections/followers_and_following/followers_1.json", False),
        ("your_instagram_activity/saved/saved_posts.json", False),
        (MEDIA + "archived_posts.json", False),
        ("posts.json.exe", False),
        ("posts.html", False),
    ],
)
def test_a_short_list_says_what_may_be_opened(name: str, is_admitted: bool) -> None:
    """Everything that is not on it stays shut, whatever it turns out to be called one day."""
    assert adapters()["instagram_download"].admits(name) is is_admitted
    assert bool(ADMITTED.fullmatch(name)) is (is_admitted and not name.lower().endswith(".zip"))


def test_an_extract_that_is_dropped_again_says_the_same() -> None:
    """Whoever restores a landed blob by way of the drop folder changes nothing."""
    landed = minimised(zipped(WHOLE))
    assert minimised(landed, "posts.json") == landed


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"PK\x03\x04 cut off", "broken_zip"),
        (zipped({"start_here.html": b"<html>"}), "no_admitted_file"),
        (zipped({"messages/inbox/a/message_1.json": []}), "no_admitted_file"),
        (b"<html>", "unknown_form"),
        (b'{"relationships_following": []}', "unknown_form"),
        (b"", "unknown_form"),
        (b"[" * 100_000, "unknown_form"),
    ],
)
def test_what_holds_no_list_of_posts_is_not_taken(body: bytes, reason: str) -> None:
    """Nothing of it is landed, and the message says what to ask Instagram for."""
    with pytest.raises(UnreadableBody) as caught:
        minimised(body, "posts.json")
    assert caught.value.reason == reason
    assert caught.value.next_action


def test_a_bomb_in_a_zip_is_stopped_before_it_has_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes in a zip's directory are claims."""
    monkeypatch.setattr("ingest.instagram.download_information.MAX_MEMBER_BYTES", 1000)
    with pytest.raises(UnreadableBody, match="larger"):
        minimised(zipped({INSIGHTS: b"[" + b" " * 100_000 + b"]"}))
    honest = zipped({INSIGHTS: b"[" + b" " * 100_000 + b"]"})
    claim = honest.replace((100_002).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    with pytest.raises(UnreadableBody):
        minimised(claim)


def test_a_broken_file_in_a_zip_costs_only_itself() -> None:
    """The list of posts is good though the insights were cut off."""
    parsed = told(zipped({INSIGHTS: b'{"organic', MEDIA + "posts_1.json": [listed()], MEDIA + "reels.json": {"a": 1}}))
    assert (len(posts(parsed)), reasons(parsed)) == (1, ["not_json", "unknown_form"])


# --- through the drop folder


def configuration(folder: Path) -> Configuration:
    return configuration_of(folder, [make_source("instagram_download", **OPTIONS).model_dump()])


def put(home: Home, name: str, body: bytes) -> Path:
    path = home.drop / "instagram_bench" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    os.utime(path, (time.time() - 10,) * 2)
    return path


def test_a_dropped_zip_lands_without_a_person_in_it(tmp_path: Path) -> None:
    """Landing is never changed: what must not be kept must not arrive there."""
    home, library = Home(tmp_path / "home"), configuration(tmp_path)
    put(home, "download.zip", zipped(WHOLE))
    first = sweep(home, library, library.sources[0], RECEIVED_AT)
    again = sweep(home, library, library.sources[0], RECEIVED_AT)
    assert (first.receipts, first.failures, again.receipts) == (1, [], 0)
    assert read_pending(home, library)["instagram_bench"].rows["social_post_observations"] == 4
    kept = b"".join(p.read_bytes() for folder in (home.landing, home.lake) for p in folder.rglob("*") if p.is_file())
    assert b"PK\x03\x04" not in kept
    assert SOMEBODY.encode() not in kept
    home.catalogue.close()


def test_an_unpacked_download_is_read_by_its_list_and_the_rest_stays_shut(tmp_path: Path) -> None:
    """Files that may not be opened are told of until somebody takes them away, and not by their names."""
    home, library = Home(tmp_path / "home"), configuration(tmp_path)
    shut: list[Path] = []
    for name, content in WHOLE.items():
        path = put(home, name, content if isinstance(content, bytes) else as_json(content))
        if not ADMITTED.fullmatch(name):
            path.chmod(0)  # opening it would fail, and be told
            shut.append(path)
    outcome = sweep(home, library, library.sources[0], RECEIVED_AT)
    assert outcome.receipts == 4
    (failure,) = outcome.failures
    assert (failure.reason, "6 files" in str(failure), "karinordmann" in str(failure)) == ("not_admitted", True, False)
    assert read_pending(home, library)["instagram_bench"].rows["social_post_observations"] == 5
    for path in shut:
        path.chmod(0o600)
    home.catalogue.close()


def test_a_file_that_can_not_be_minimised_waits_in_its_folder(tmp_path: Path) -> None:
    """Nothing is landed of it, the others are, and every sweep says so until it is mended."""
    home, library = Home(tmp_path / "home"), configuration(tmp_path)
    put(home, "reels.json", b"<html>")
    put(home, "posts_1.json", as_json([listed()]))
    outcome = sweep(home, library, library.sources[0], RECEIVED_AT)
    assert (outcome.receipts, [f.reason for f in outcome.failures]) == (1, ["unknown_form"])
    assert "reels.json" in str(outcome.failures[0])
    home.catalogue.close()


def test_a_source_whose_adapter_nobody_knows_lands_nothing(tmp_path: Path) -> None:
    """A typing error in its name must not land a zip full of messages."""
    home, library = Home(tmp_path / "home"), configuration(tmp_path)
    put(home, "download.zip", zipped(WHOLE))
    misspelt = library.sources[0].model_copy(update={"adapter": "instagram_downlod"})
    outcome = sweep(home, library, misspelt, RECEIVED_AT)
    assert (outcome.receipts, [f.reason for f in outcome.failures]) == (0, ["configuration"])
    home.catalogue.close()


def test_an_entry_without_a_name_costs_nothing_else() -> None:
    """One damaged byte in a zip's directory makes such an entry; the lists of posts beside it are whole."""
    named = zipped({MEDIA + "posts_1.json": WHOLE[MEDIA + "posts_1.json"]})
    out = io.BytesIO(named)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(zipfile.ZipInfo("", date_time=(2026, 9, 3, 4, 5, 6)), b"")
    landed = json.loads(minimised(out.getvalue()))
    assert landed["not_opened"] == 1
    assert landed["members"] == json.loads(minimised(named))["members"]


def test_a_thousand_spoiled_downloads_end_as_rows_or_rejects() -> None:
    """Instagram changes the form without a word; whatever comes must not end a run or vanish."""
    document = {"organic_insights_posts": [insight(AT + n, f"{SOMEBODY} #moa") for n in range(3)]}
    with_rows, with_rejects = survives("instagram_download", as_json(document), 20260903, **OPTIONS)
    assert with_rows > 300
    assert with_rejects > 300
    with_rows, with_rejects = survives("instagram_download", zipped(WHOLE), 20260904, **OPTIONS)
    assert with_rejects > 300
