"""Instagram's "Download your information", in JSON: past insights and the lists of posts. The last resort.

What belongs here: which files of a download are opened, what is kept of them, and how that is read. What does not:
which source is believed where it differs from another.

**Personal data.** A whole download holds messages, followers' names, searches and comments. Only the files in
`ADMITTED` are ever opened, whether in the zip or unpacked in the drop folder. What is landed is neither the zip nor the
file but an extract: their path, and of each post its times, kind, caption (tags are read from it, as everywhere) and
numbers. Places where pictures were taken and the cameras' data, which the same files hold, are left out. The zip could
have been refused instead, but it is what Instagram hands out, and who has to unpack it first spreads the messages over
a disk. So it is taken, and told of: as long as it lies in the drop folder it is a store of personal data that only a
person can remove.

The downloads know neither a post's id nor its address. A post goes by the second of its publication (`at:<second>`),
by which the warehouse can find the post that another source names.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar

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
    number_form,
    read_count,
    shown,
    tables,
    with_nearest,
)
from ingest.instagram.post_identity import content_hash, id_of_moment
from ingest.json_values import dict_of, list_of

_TABLE = tables("download_information.yaml")
LANGUAGES: dict[str, Any] = _TABLE["languages"]
METRICS: tuple[str, ...] = tuple(_TABLE["metrics"])
IGNORED = "ignored"

# Folder and name; a bare name is a file that somebody took out of its folder. Lists of archived, deleted, saved, liked
# and other people's posts go by other names.
ADMITTED = re.compile(
    r"(?:(?:.*/)?past_instagram_insights/)?posts\.json|(?:(?:.*/)?(?:media|content)/)?(?:posts_[0-9]{1,3}|reels|stories)\.json"
)
_ZIP = re.compile(r".*\.zip", re.IGNORECASE)
FORM = "download_extract"
# Larger than any list of posts, and small enough that a bomb does no harm.
MAX_MEMBER_BYTES = 64 * 1024 * 1024
MAX_MEMBERS = 400
_PLAUSIBLE = range(1_285_891_200, 4_102_444_800)  # 2010-10-01, before the first post, to 2100-01-01
# A value is kept if it is a number in some language's spelling; anything else could be somebody's words.
_NUMERIC = re.compile(r"[0-9.,'’\s\u00a0\u202f\u2009+%–—-]{0,40}")
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,7}$")
_VIDEO = frozenset({".mp4", ".mov", ".m4v", ".webm"})
_IMAGE = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic"})
_AGAIN = "Request the download again, in JSON, with the categories named in docs/instagram-export.md only."


def repaired(text: str) -> str:
    """A text of the download as it was meant: Instagram writes each byte of UTF-8 as a letter of its own.

    Only where that is proved: all letters are bytes, and the bytes are UTF-8. Correct text never is, so that a second
    repair, or one too many, changes nothing.
    """
    try:
        return text.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return text


class DownloadOptions(CaptionOptions):
    """Options of `instagram_download`.

    Attributes:
        account_id: the account that the download is of, as text; the files don't say.
        language: of the labels; `auto` takes the one that knows most of them.
        labels: more labels per metric of `download_information.yaml`, and `ignored`.
    """

    account_id: Annotated[str, Field(pattern=r"^\d{5,25}$")]
    language: str = "auto"
    labels: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @field_validator("language")
    @classmethod
    def _known_language(cls, value: str) -> str:
        if value != "auto" and value not in LANGUAGES:
            raise ValueError(f"{value!r} is not one of auto, {', '.join(LANGUAGES)}")
        return value

    @model_validator(mode="after")
    def _known_metrics(self) -> DownloadOptions:
        unknown = [name for name in self.labels if name not in (*METRICS, IGNORED)]
        if unknown:
            raise ValueError(f"labels names {', '.join(unknown)}; known are {', '.join((*METRICS, IGNORED))}")
        return self


# --- what is kept ----------------------------------------------------------------------------------------------------


def _extract(members: list[dict[str, Any]], not_opened: int) -> bytes:
    document = {FORM: 1, "members": members, "not_opened": not_opened}
    # ASCII, so that half an emoji in a caption can't break the landing.
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def _of_zip(body: bytes) -> bytes:
    members: list[dict[str, Any]] = []
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            # Not by is_dir(), which stumbles over an entry without a name.
            entries = [e for e in archive.infolist() if not e.filename.endswith("/")]
            chosen = [e for e in entries if ADMITTED.fullmatch(e.filename)]
            if len(chosen) > MAX_MEMBERS or any(e.file_size > MAX_MEMBER_BYTES for e in chosen):
                raise UnreadableBody(
                    "the zip holds more, or larger, lists of posts than any account has.",
                    reason="too_large",
                    next_action=_AGAIN,
                )
            if not chosen:
                is_html = any(e.filename.lower().endswith(".html") for e in entries)
                raise UnreadableBody(
                    "the download is in HTML." if is_html else "the zip holds no list of posts and no past insights.",
                    reason="no_admitted_file",
                    next_action=_AGAIN,
                )
            for entry in sorted(chosen, key=lambda e: e.filename):
                with archive.open(entry) as stream:
                    content = stream.read(MAX_MEMBER_BYTES + 1)  # what the directory says of its size may be a lie
                if len(content) > MAX_MEMBER_BYTES:
                    raise UnreadableBody(
                        "a list of posts is larger than the zip says.", reason="too_large", next_action=_AGAIN
                    )
                members.append(_member(entry.filename, content))
            return _extract(members, len(entries) - len(chosen))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError):
        # RuntimeError: a member is encrypted. The others: cut off, damaged, or packed in a way that Python lacks.
        raise UnreadableBody(
            "the zip is damaged, cut off or protected by a password.",
            reason="broken_zip",
            next_action="Download it again; Instagram keeps it for four days.",
        ) from None


def _member(name: str, content: bytes) -> dict[str, Any]:
    """One file's path, without the folder that Instagram names after the account, and what is kept of it."""
    parts = PurePosixPath(name).parts
    path = "/".join(parts[-2:])
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {"path": path, "fault": "not_json"}
    kept = _kept(document)
    return {"path": path, "fault": "unknown_form"} if kept is None else {"path": path, "content": kept}


_LISTS = ("organic_insights_posts", "ig_reels_media", "ig_stories")


def _kept(document: Any) -> Any:
    """Of a file the posts, and of each post what is ours to keep; None where it holds no list of posts."""
    if isinstance(document, list):
        return [_kept_item(item) for item in document]
    if isinstance(document, dict) and (names := [n for n in _LISTS if isinstance(document.get(n), list)]):
        return {name: [_kept_item(item) for item in document[name]] for name in names}
    return None


def _kept_item(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        return {}
    kept = _kept_medium(item)
    if isinstance(item.get("media"), list):
        kept["media"] = [_kept_medium(medium) for medium in item["media"]]
    if isinstance(item.get("media_map_data"), dict):
        kept["media_map_data"] = {k: _kept_medium(v) for k, v in item["media_map_data"].items()}
    if isinstance(item.get("string_map_data"), dict):
        kept["string_map_data"] = {k: _kept_value(v) for k, v in item["string_map_data"].items()}
    return kept


def _kept_medium(medium: Any) -> dict[str, Any]:
    if not isinstance(medium, dict):
        return {}
    texts = {k: medium[k] for k in ("title", "media_type") if isinstance(medium.get(k), str)}
    # The ending of the picture's file says what it is; its name says nothing to us.
    if isinstance(medium.get("uri"), str) and (ending := _ENDING.search(medium["uri"])):
        texts["uri"] = ending[0]
    return {**texts, **_whole(medium, "creation_timestamp")}


def _kept_value(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    text = value.get("value")
    kept = {}
    if isinstance(text, str):
        # Read as it was meant: a no-break space between thousands comes as two letters. What is no number leaves its
        # place behind, so that it is told when it is read and does not pass for a blank.
        kept["value"] = text if _NUMERIC.fullmatch(repaired(text)) else "(removed)"
    return {**kept, **_whole(value, "timestamp"), **_whole(value, "value")}


def _whole(record: Mapping[str, Any], name: str) -> dict[str, int]:
    value = record.get(name)
    return {name: value} if isinstance(value, int) and not isinstance(value, bool) else {}


# --- what is read ----------------------------------------------------------------------------------------------------


@dataclass
class _Labels:
    """The labels of one language, and what no language knew."""

    roles: dict[str, str]
    known: list[str]
    form: NumberForm


@register
class DownloadInformation(Adapter):
    """Reads an extract of a download: posts with their tags, and old posts' metrics as they were when it was made."""

    name: ClassVar[str] = "instagram_download"
    family: ClassVar[str] = "instagram"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("social_post_observations", "social_metric_observations")
    options: ClassVar[type[Options]] = DownloadOptions
    minimises: ClassVar[bool] = True

    def admits(self, name: str) -> bool:
        """Whether a file is a download's zip or one of the lists in it. Everything else stays closed."""
        return bool(_ZIP.fullmatch(name) or ADMITTED.fullmatch(name))

    def minimise(self, body: bytes, name: str) -> bytes:
        """The extract of a zip or of one of its files.

        Raises:
            UnreadableBody: a damaged zip, one without any list of posts, or a file that is none.
        """
        if body.startswith(b"PK"):
            return _of_zip(body)
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if isinstance(document, dict) and document.get(FORM) == 1 and isinstance(document.get("members"), list):
            members = [_again(m) for m in document["members"]]  # an extract that came out of landing
            not_opened = document.get("not_opened")
            return _extract(members, not_opened if isinstance(not_opened, int) else 0)
        if document is None or _kept(document) is None:
            raise UnreadableBody(
                "the file is no list of posts of a download in JSON.", reason="unknown_form", next_action=_AGAIN
            )
        return _extract([_member(name or "posts.json", body)], 0)

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: DownloadOptions) -> Parsed:
        """Posts and metrics of an extract. Metrics are as of the download, which says nowhere when it was made: they
        count as observed when it was first received, UTC.

        Raises:
            UnreadableBody: the bytes are no extract.
        """
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or document.get(FORM) != 1 or not isinstance(document.get("members"), list):
            raise UnreadableBody("the bytes are no extract of a download.", reason="no_extract", next_action=_AGAIN)
        return _Extract(options, naive_utc(receipt.received_at)).parsed(document)


def _again(member: Any) -> dict[str, Any]:
    member = member if isinstance(member, dict) else {}
    path = str(member.get("path", ""))
    kept = _kept(member.get("content"))
    if not ADMITTED.fullmatch(path) or kept is None:
        return {"path": path if ADMITTED.fullmatch(path) else "", "fault": "unknown_form"}
    return {"path": path, "content": kept}


class _Extract:
    """One extract being read."""

    def __init__(self, options: DownloadOptions, received_at: datetime) -> None:
        self.options, self.received_at = options, received_at
        self.rejects: list[Reject] = []
        self.posts: dict[str, dict[str, Any]] = {}
        self.metrics: dict[tuple[str, str], dict[str, Any]] = {}

    def parsed(self, document: Mapping[str, Any]) -> Parsed:
        """All rows and rejects. Lists of posts come first: they say what kind a post is, past insights don't."""
        members = [m for m in document["members"] if isinstance(m, dict)]
        for member in members:
            if "fault" in member or "content" not in member:
                self._reject(
                    str(member.get("path", "")),
                    str(member.get("fault", "unknown_form")),
                    "the file is no JSON, or no list of posts.",
                    _AGAIN,
                )
        told = [item for member in members for item in _items(member)]
        for pointer, product_type, item in told:
            if product_type is not None:
                self._post(pointer, product_type, item)
        insights = [(pointer, item) for pointer, product_type, item in told if product_type is None]
        if insights:
            self._insights(insights)
        not_opened = document.get("not_opened")
        if isinstance(not_opened, int) and not_opened > 0:
            self._reject(
                "(the zip)",
                "not_opened",
                f"the zip holds {not_opened} other files, which were not opened.",
                "Delete the zip from the drop folder, and next time request the named categories only.",
            )
        if not self.posts and not self.rejects:
            self._reject("(whole file)", "no_records", "the download holds no posts.", _AGAIN, scope="blob")
        return Parsed(
            {
                "social_post_observations": list(self.posts.values()),
                "social_metric_observations": list(self.metrics.values()),
            },
            self.rejects,
        )

    def _reject(self, pointer: str, reason: str, message: str, action: str, scope: str = "record") -> None:
        self.rejects.append(Reject(pointer or "(no path)", reason, message, action, scope))

    def _post(self, pointer: str, product_type: str | None, item: Mapping[str, Any]) -> str | None:
        """Keep a post; its id, or None when it has no time or another post has the same."""
        media = [m for m in list_of(item.get("media")) if isinstance(m, dict)]
        thumbnails = [m for m in dict_of(item.get("media_map_data")).values() if isinstance(m, dict)]
        moment = next(
            (
                m
                for record in (item, *media, *thumbnails)
                if isinstance(m := record.get("creation_timestamp"), int) and m in _PLAUSIBLE
            ),
            None,
        )
        if moment is None:
            self._reject(pointer, "no_time", "the post does not say when it was published.", _AGAIN)
            return None
        posted_at = datetime.fromtimestamp(moment, UTC)
        post_id = id_of_moment(posted_at)
        title = next((t for r in (item, *media, *thumbnails) if isinstance(t := r.get("title"), str) and t), None)
        caption = None if title is None else repaired(title)
        media_type = _media_type(item)
        row = {
            "account_id": self.options.account_id,
            "post_id": post_id,
            "posted_at": naive_utc(posted_at),
            "media_type": media_type,
            "product_type": product_type,
            "hashtags": " ".join(hashtags(caption)),
            "caption_references": " ".join(references(caption, self.options.caption_references)),
            "content_hash": content_hash(post_id, posted_at, media_type, product_type, caption),
            "pointer": pointer,
        }
        first = self.posts.setdefault(post_id, row)
        if first is not row and product_type is not None and first["content_hash"] != row["content_hash"]:
            self._reject(
                pointer,
                "same_second",
                "another post was published in the same second, and the download tells them apart by nothing else; "
                "that one was read.",
                "Use the Graph API or the export of Business Suite for these posts: both name ids.",
            )
            return None
        return post_id

    def _insights(self, items: list[tuple[str, Mapping[str, Any]]]) -> None:
        told = Counter(repaired(label) for _, item in items for label in dict_of(item.get("string_map_data")))
        labels = self._labels(list(told))
        unknown = [label for label in told if header_key(label) not in labels.roles]
        if len(unknown) == len(told) and told:
            self._reject(
                items[0][0].rsplit("[", 1)[0],
                "unknown_labels",
                f"none of the labels is known: {shown(unknown)}. No metric was read.",
                "Name them in labels in the source's options, with the language; or set the account to English and "
                "request the download again.",
            )
        for label in unknown if len(unknown) < len(told) else ():
            self._reject(
                items[0][0].rsplit("[", 1)[0],
                "unknown_label",
                f"{told[label]} values of the label {with_nearest([label], labels.known)} were not read.",
                "Name it in labels in the source's options, as a metric or as `ignored`.",
            )
        seen: set[str] = set()
        for pointer, item in items:
            post_id = self._post(pointer, None, item)
            if post_id is None:
                continue
            if post_id in seen:
                self._reject(
                    pointer, "told_twice", "an earlier entry tells the same second's post; that one was read.", _AGAIN
                )
                continue
            seen.add(post_id)
            self._values(pointer, post_id, item, labels)

    def _labels(self, told: list[str]) -> _Labels:
        """The language that knows most of the labels, and its way to write numbers."""
        languages = list(LANGUAGES) if self.options.language == "auto" else [self.options.language]

        def roles(code: str) -> dict[str, str]:
            return {
                header_key(name): metric
                for labels in (LANGUAGES[code]["labels"], self.options.labels)
                for metric, names in labels.items()
                for name in names
            }

        best = max(languages, key=lambda code: sum(header_key(label) in roles(code) for label in told))
        known = [n for names in (*LANGUAGES[best]["labels"].values(), *self.options.labels.values()) for n in names]
        return _Labels(roles(best), known, number_form(LANGUAGES[best]))

    def _values(self, pointer: str, post_id: str, item: Mapping[str, Any], labels: _Labels) -> None:
        for label, entry in dict_of(item.get("string_map_data")).items():
            metric = labels.roles.get(header_key(repaired(label)))
            if metric is None or metric == IGNORED or not isinstance(entry, dict):
                continue
            where = f"{pointer}.{metric}"
            value, status = read_count(repaired(str(entry.get("value", ""))), labels.form)
            if status in NUMBER_FAULTS:
                message, action = NUMBER_FAULTS[status]
                self._reject(where, status, f"{message}; the post's other numbers were read.", action)
                continue
            row = {
                "account_id": self.options.account_id,
                "subject_kind": "post",
                "subject_id": post_id,
                "metric": metric,
                "period": "lifetime",
                "breakdown": "",
                "value": None if value is None else float(value),
                "value_status": status,
                "observed_at": self.received_at,
                "pointer": where,
            }
            first = self.metrics.setdefault((post_id, metric), row)
            if first is not row and first["value"] != value:
                self._reject(
                    where, "told_twice", "two labels tell this metric with two values; the first is read.", _AGAIN
                )


def _items(member: Mapping[str, Any]) -> Iterator[tuple[str, str | None, Mapping[str, Any]]]:
    """The posts of one file: pointer, product type (None for past insights, which don't say), and the post."""
    path, content = str(member.get("path", "")), member.get("content")
    lists: list[tuple[str, str | None, Any]] = [("$", "FEED", content)]
    if isinstance(content, dict):
        lists = [
            ("$.organic_insights_posts", None, content.get("organic_insights_posts")),
            ("$.ig_reels_media", "REELS", content.get("ig_reels_media")),
            ("$.ig_stories", "STORY", content.get("ig_stories")),
        ]
    elif path.endswith("stories.json") or path.endswith("reels.json"):
        lists = [("$", "STORY" if path.endswith("stories.json") else "REELS", content)]
    for pointer, product_type, items in lists:
        for i, item in enumerate(list_of(items)):
            yield f"{path}#{pointer}[{i}]", product_type, item if isinstance(item, dict) else {}


def _media_type(item: Mapping[str, Any]) -> str | None:
    """The platform's word for what a post shows; None where neither the item nor its files' endings say."""
    media: list[Mapping[str, Any]] = [m for m in list_of(item.get("media")) if isinstance(m, dict)] or [item]
    if item.get("media_type") in ("IMAGE", "VIDEO", "CAROUSEL_ALBUM"):
        return str(item["media_type"])
    if len(media) > 1:
        return "CAROUSEL_ALBUM"
    ending = str(media[0].get("uri", "")).lower()
    return "VIDEO" if ending in _VIDEO else "IMAGE" if ending in _IMAGE else None
