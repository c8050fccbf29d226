"""From a figure back to the bytes: definition, value, what was counted, receipts, lake files, landed blobs.

What belongs here: walking the trail that the warehouse kept (`core.bridge_figure_input`) and checking that what it
names is still there. What does not: recomputing the figure, and opening what the bytes say (they may hold what must
not leave `landing`).

The trail is by date and branch: every landed blob that said something about a day of the period, at a branch of the
scope on that day. It names inputs, not weights: which of two tellings of an hour was used is decided in the warehouse.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Group, RenderableType
from rich.text import Text

from publishing import display, explain_lists, figures, manifest, periods
from publishing.errors import PublishError, UnknownSelection
from publishing.figures import FigureRow
from publishing.periods import Period
from publishing.reader import Snapshot, open_snapshot

FORMATS = ("text", "json")
Spans = Callable[[Collection[str]], Mapping[str, tuple[Path, int, int]]]


def _no_segments(_: Collection[str]) -> Mapping[str, tuple[Path, int, int]]:
    return {}


@dataclass(frozen=True)
class Definition:
    """What the figure counts, by which rule, and who answers for it."""

    name: str
    version: str
    domain: str
    unit: str
    aggregation: str
    text: str
    rule_source: str
    owner: str


@dataclass(frozen=True)
class Section:
    """A list of things behind a figure. `total` counts all of them, also those that are not listed."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int


@dataclass(frozen=True)
class SourceTrace:
    """What one source contributed. Times are UTC.

    Attributes:
        observation_count: what it said about the period and scope, all tellings.
        receipt_count, first_received_at, last_received_at: of its blobs' receipts, redeliveries included.
        lake_file_count: files that its blobs were read into.
        blobs_missing: blobs that landing no longer has.
        open_reject_count: records of this source, of any period, that still wait for a person.
    """

    source_id: str
    description: str | None
    adapter: str | None
    observation_count: int
    blob_count: int
    receipt_count: int
    first_received_at: datetime | None
    last_received_at: datetime | None
    lake_file_count: int
    blobs_missing: int
    open_reject_count: int


@dataclass(frozen=True)
class BlobTrace:
    """One landed blob: how it came, where it lies, and whether it is still what was landed.

    Attributes:
        landing_path: the blob's own file, or the segment that it lies in.
        landing_offset: of its first byte in the segment; None where the file is the blob.
        state: `ok` (bytes are there and have their hash), `missing` or `damaged`.
        lake_files: paths relative to the lake; empty when the lake lost them.
    """

    source_id: str
    blob_sha256: str
    receipt_id: int
    receipt_count: int
    how: str | None
    origin: str | None
    received_at: datetime | None
    observation_count: int
    first_subject_on: date
    last_subject_on: date
    landing_path: str
    landing_offset: int | None
    state: str
    lake_files: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """All that can be said about where one figure comes from.

    Attributes:
        parts: the same figure and period for the branches of the area; empty for a branch.
        blobs: at most as many as asked for, newest first; `blob_count` is the number of all.
        notes: what a reader must know to read the trail right, and what is broken in it.
    """

    figure: FigureRow
    definition: Definition | None
    parts: tuple[FigureRow, ...]
    behind: tuple[Section, ...]
    sources: tuple[SourceTrace, ...]
    blobs: tuple[BlobTrace, ...]
    blob_count: int
    notes: tuple[str, ...]
    is_simulated: bool
    data_version: str
    as_of: str


def explain(
    published: Path,
    lake: Path,
    landing: Path,
    figure_id: str,
    period: str,
    branch: str | None = None,
    area: str | None = None,
    limit: int = 20,
    spans: Spans = _no_segments,
) -> Explanation:
    """Walk from a published figure to the bytes behind it.

    Args:
        published, lake, landing: the rooms of one home.
        period: as in `publishing.periods`.
        branch: a branch id; without one the whole area is explained.
        area: an area id, needed only where several areas have the figure in that period.
        limit: how many blobs and things to list; all are counted, and every blob's presence is checked.
        spans: finds blobs that have no file of their own: file, offset in it, length. What it leaves out is missing.

    Raises:
        UnknownSelection: figure, period, branch or area is not published; the message lists what is.
        PublishError: nothing is published, or the trail can't be read.
    """
    if limit < 0:
        raise UnknownSelection(f"the limit {limit} is negative.", next_action="Use 0 or more.")
    wanted = periods.parse(period)
    with open_snapshot(published) as snapshot:
        figure = _figure(snapshot, figure_id, wanted, branch, area)
        definition = _definition(snapshot, figure)
        parts = () if branch else _parts(snapshot, figure, wanted)
        domain = definition.domain if definition else ""
        scope = _Scope(figure.area_id, branch, wanted)
        behind = tuple(_behind(snapshot, scope, domain, limit))
        trail = _trail(snapshot, scope, domain)
        receipts, notes = _receipts(lake, trail)
        sources, blobs, blob_count, faults = _traces(snapshot, lake, landing, trail, receipts, limit, spans)
        facts = snapshot.manifest
    notes += faults
    if definition is None:
        notes.append(
            f"core.dim_figure has no definition {figure.definition_version} of {figure_id}: "
            "add it to config/figures.yaml, then run `levende run`."
        )
    if not trail:
        notes.append("No landed bytes speak of this period and scope: there is nothing to lead back to.")
    if any(row["branch_id"] is None for row in trail) and branch is None:
        notes.append(
            "Inputs that belong to no branch (an account, an event without one) are counted for the whole area."
        )
    return Explanation(
        figure, definition, parts, behind, sources, blobs, blob_count, tuple(notes), facts.is_simulated,
        facts.data_version, facts.as_of,
    )  # fmt: skip


@dataclass(frozen=True)
class _Scope:
    """Which days at which branches a figure speaks of."""

    area_id: str
    branch_id: str | None
    period: Period

    @property
    def parameters(self) -> dict[str, Any]:
        return {
            "area": self.area_id,
            "branch": self.branch_id,
            "start": self.period.start,
            "end": self.period.end,
        }


# The branches in scope and, for each, the days it belongs to the area: membership is by date.
_MEMBERS = """
members as (
    select
        branch_id,
        greatest(valid_from, $start) as from_on,
        least(coalesce(valid_to, $end), $end) as to_on
    from core.bridge_branch_area
    where area_id = $area
        and ($branch is null or branch_id = $branch)
        and valid_from < $end and coalesce(valid_to, $end) > $start
)
"""


def _figure(snapshot: Snapshot, figure_id: str, period: Period, branch: str | None, area: str | None) -> FigureRow:
    figures.check_known(snapshot, "figure", figure_id, "select distinct figure_id from kpi.figures")
    figures.check_known(snapshot, "area", area, "select distinct area_id from kpi.figures")
    figures.check_known(
        snapshot, "branch", branch, "select distinct branch_id from kpi.figures where branch_id is not null"
    )
    all_rows = figures.select(snapshot, period, figure_id)
    if not all_rows:
        raise figures.nothing_for(snapshot, period, figure_id)
    rows = [r for r in all_rows if r.branch_id == branch and area in (None, r.area_id)]
    if not rows:
        branches = sorted({r.branch_id for r in all_rows if r.branch_id and area in (None, r.area_id)})
        areas = sorted({r.area_id for r in all_rows if r.branch_id is None})
        raise UnknownSelection(
            f"{figure_id} {period.label} is not published for "
            f"{'branch ' + branch if branch else 'a whole area'}{' in area ' + area if area else ''}.",
            next_action=f"It exists for the areas {', '.join(areas) or '(none)'} "
            f"and the branches {', '.join(branches) or '(none)'}.",
        )
    if len({r.area_id for r in rows}) > 1:
        raise UnknownSelection(
            f"{figure_id} {period.label} is published for several areas.",
            next_action=f"Choose one with --area: {', '.join(sorted({r.area_id for r in rows}))}.",
        )
    if len(rows) > 1:
        raise PublishError(
            f"{figure_id} {period.label} stands {len(rows)} times in kpi.figures.",
            next_action="Report this as a fault of the model: one row per figure, area, branch and period is promised.",
        )
    return rows[0]


def _definition(snapshot: Snapshot, figure: FigureRow) -> Definition | None:
    found = snapshot.rows(
        "select figure_name, definition_version, domain, unit, aggregation, definition, rule_source, owner "
        "from core.dim_figure where figure_id = ? and definition_version = ?",
        [figure.figure_id, figure.definition_version],
    )
    if not found:
        return None
    raw = found[0]
    return Definition(
        name=raw["figure_name"],
        version=str(raw["definition_version"]),
        domain=raw["domain"],
        unit=raw["unit"],
        aggregation=raw["aggregation"],
        text=raw["definition"],
        rule_source=raw["rule_source"],
        owner=raw["owner"],
    )


def _parts(snapshot: Snapshot, figure: FigureRow, period: Period) -> tuple[FigureRow, ...]:
    rows = figures.select(snapshot, period, figure.figure_id, figure.area_id)
    return tuple(r for r in rows if r.branch_id is not None)


# --- the things that were counted ---------------------------------------------------------------------------------


def _behind(snapshot: Snapshot, scope: _Scope, domain: str, limit: int) -> Iterable[Section]:
    known = {
        row["name"] for row in snapshot.rows("select schema_name || '.' || table_name as name from duckdb_tables()")
    }
    for title, needs, sql in explain_lists.SECTIONS.get(domain, ()):
        if needs <= known:
            few = limit if title in explain_lists.LONG else None
            section = _section(snapshot, title, f"with {_MEMBERS} {sql}", scope.parameters, few)
            if section.total or title not in explain_lists.RARE:
                yield section


def _section(snapshot: Snapshot, title: str, sql: str, parameters: dict[str, Any], limit: int | None) -> Section:
    used = {name: value for name, value in parameters.items() if f"${name}" in sql}
    found = snapshot.connection.execute(sql, used)
    columns = tuple(column[0] for column in found.description or [])
    rows = found.fetchall()
    return Section(title, columns, tuple(rows[:limit]), len(rows))


# --- the trail to the bytes ---------------------------------------------------------------------------------------


def _trail(snapshot: Snapshot, scope: _Scope, domain: str) -> list[dict[str, Any]]:
    """One row per source, receipt, blob and branch that spoke of the scope."""
    sql = f"""
    with {_MEMBERS}
    select
        b.source_id, b.receipt_id, b.blob_sha256, b.branch_id, sum(b.observation_count) as observation_count,
        min(b.subject_on) as first_subject_on, max(b.subject_on) as last_subject_on
    from core.bridge_figure_input as b
    left join members as m
        on b.branch_id = m.branch_id and b.subject_on >= m.from_on and b.subject_on < m.to_on
    where b.domain = $domain
        and b.subject_on >= $start and b.subject_on < $end
        and (
            m.branch_id is not null
            or (b.branch_id is null and $branch is null)
            -- an event of no branch is of the only area that there was that day
            or (
                b.branch_id = 'unassigned' and coalesce($branch, 'unassigned') = 'unassigned'
                and exists (
                    select 1 from core.dim_area as a
                    where a.area_id = $area
                        and a.valid_from <= b.subject_on and coalesce(a.valid_to, b.subject_on + 1) > b.subject_on
                )
            )
        )
    group by b.source_id, b.receipt_id, b.blob_sha256, b.branch_id
    order by all
    """  # noqa: S608
    return snapshot.rows(sql, {**scope.parameters, "domain": domain})


def _receipts(lake: Path, trail: list[dict[str, Any]]) -> tuple[dict[int, dict[str, Any]], list[str]]:
    """The receipts of the trail's blobs, by number, all redeliveries included."""
    if not trail:
        return {}, []
    blocks = sorted(str(path) for path in (lake / "fetches").glob("block-*.parquet"))
    if not blocks:
        return {}, [f"{lake / 'fetches'} has no receipts: restore the lake or run `levende run`."]
    wanted = sorted({str(row["blob_sha256"]) for row in trail})
    try:
        with duckdb.connect() as con:
            found = con.execute(
                "select receipt_id, source_id, how, origin, received_at, blob_sha256, byte_count "
                "from read_parquet(?) where blob_sha256 in (select unnest(?)) order by receipt_id",
                [blocks, wanted],
            )
            names = [column[0] for column in found.description or []]
            rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    except duckdb.Error as error:
        raise PublishError(
            f"the receipts in {lake / 'fetches'} can't be read ({error}).",
            next_action="Delete lake/fetches and run `levende run`; it is written again from landing.",
        ) from error
    receipts = {int(row["receipt_id"]): row for row in rows}
    lost = sorted({int(row["receipt_id"]) for row in trail} - receipts.keys())
    notes = []
    if lost:
        some = ", ".join(map(str, lost[:5])) + (", …" if len(lost) > 5 else "")
        notes.append(f"{len(lost)} receipt(s) are not in {lake / 'fetches'} ({some}): run `levende run` to write them.")
    return receipts, notes


def _traces(
    snapshot: Snapshot,
    lake: Path,
    landing: Path,
    trail: list[dict[str, Any]],
    receipts: dict[int, dict[str, Any]],
    limit: int,
    spans: Spans,
) -> tuple[tuple[SourceTrace, ...], tuple[BlobTrace, ...], int, list[str]]:
    """Sources and blobs behind the trail; every blob's presence is checked, the listed ones' content as well."""
    by_blob: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in trail:
        by_blob.setdefault((row["source_id"], row["blob_sha256"]), []).append(row)
    deliveries: dict[tuple[str, str], int] = {}
    for receipt in receipts.values():
        key = (receipt["source_id"], receipt["blob_sha256"])
        deliveries[key] = deliveries.get(key, 0) + 1
    files = _lake_files(lake, {key[0] for key in by_blob})
    own = {sha256: landing / "blobs" / sha256[:2] / sha256 for _, sha256 in by_blob}
    without = [sha256 for sha256, path in own.items() if not path.is_file()]
    shared = {
        sha256: (path, offset, length)
        for sha256, (path, offset, length) in (spans(without) if without else {}).items()
        if path.is_file() and path.stat().st_size >= offset + length
    }

    traces: list[BlobTrace] = []
    for (source_id, sha256), rows in by_blob.items():
        receipt_id = min(int(row["receipt_id"]) for row in rows)
        receipt = receipts.get(receipt_id, {})
        path, offset, _ = shared.get(sha256, (own[sha256], None, None))
        traces.append(
            BlobTrace(
                source_id=source_id,
                blob_sha256=sha256,
                receipt_id=receipt_id,
                receipt_count=deliveries.get((source_id, sha256), 0),
                how=receipt.get("how"),
                origin=receipt.get("origin"),
                received_at=receipt.get("received_at"),
                observation_count=sum(int(row["observation_count"]) for row in rows),
                first_subject_on=min(row["first_subject_on"] for row in rows),
                last_subject_on=max(row["last_subject_on"] for row in rows),
                landing_path=str(path),
                landing_offset=offset,
                state="ok" if path.is_file() else "missing",
                lake_files=tuple(files.get((source_id, sha256), ())),
            )
        )
    traces.sort(key=lambda trace: (-trace.receipt_id, trace.source_id, trace.blob_sha256))
    listed = tuple(_proved(trace, shared.get(trace.blob_sha256)) for trace in traces[:limit])

    faults = []
    missing = sum(trace.state == "missing" for trace in traces)
    damaged = sum(trace.state == "damaged" for trace in listed)
    unread = sum(not trace.lake_files for trace in traces)
    if missing:
        faults.append(f"{missing} blob(s) are missing from {landing}: restore landing/ from its backup.")
    if damaged:
        faults.append(f"{damaged} listed blob(s) are not what was landed: restore them from the backup of landing/.")
    if unread:
        faults.append(
            f"{unread} blob(s) have no file in {lake}: remove {lake / '_read'}, then run `levende run`, which "
            "reads all again."
        )
    return _source_traces(snapshot, traces, receipts), listed, len(traces), faults


def _source_traces(
    snapshot: Snapshot, blobs: list[BlobTrace], receipts: dict[int, dict[str, Any]]
) -> tuple[SourceTrace, ...]:
    tables = {r["name"] for r in snapshot.rows("select schema_name || '.' || table_name as name from duckdb_tables()")}
    described: dict[str, dict[str, Any]] = {}
    if "core.dim_source" in tables:
        rows = snapshot.rows("select source_id, description, adapter from core.dim_source")
        described = {row["source_id"]: row for row in rows}
    rejects: dict[str, int] = {}
    if "core.fct_reject" in tables:
        rows = snapshot.rows("select source_id, count(*) as n from core.fct_reject where is_open group by source_id")
        rejects = {row["source_id"]: int(row["n"]) for row in rows}
    traces = []
    for source_id in sorted({blob.source_id for blob in blobs}):
        mine = [blob for blob in blobs if blob.source_id == source_id]
        hashes = {blob.blob_sha256 for blob in mine}
        # Redeliveries count: that the same bytes came again last week is part of what is known about them.
        times = [
            r["received_at"] for r in receipts.values() if r["source_id"] == source_id and r["blob_sha256"] in hashes
        ]
        about = described.get(source_id, {})
        traces.append(
            SourceTrace(
                source_id=source_id,
                description=about.get("description"),
                adapter=about.get("adapter"),
                observation_count=sum(blob.observation_count for blob in mine),
                blob_count=len(mine),
                receipt_count=len(times),
                first_received_at=min(times, default=None),
                last_received_at=max(times, default=None),
                lake_file_count=sum(len(blob.lake_files) for blob in mine),
                blobs_missing=sum(blob.state == "missing" for blob in mine),
                open_reject_count=rejects.get(source_id, 0),
            )
        )
    return tuple(traces)


def _lake_files(lake: Path, source_ids: set[str]) -> dict[tuple[str, str], list[str]]:
    """The lake's files that hold something read from a blob, by source and blob."""
    found: dict[tuple[str, str], list[str]] = {}
    with duckdb.connect() as con:
        for source_id in sorted(source_ids):
            for path in sorted(lake.glob(f"[!_]*/{source_id}/[!.]*.parquet")):
                try:
                    blobs = con.execute("select distinct blob_sha256 from read_parquet(?)", [str(path)]).fetchall()
                except duckdb.Error:  # damaged: to whoever asks, as good as lost
                    continue
                for (sha256,) in blobs:
                    found.setdefault((source_id, sha256), []).append(str(path.relative_to(lake)))
    return found


def _proved(trace: BlobTrace, span: tuple[Path, int, int] | None) -> BlobTrace:
    if trace.state != "ok":
        return trace
    if span is None:
        sha256 = manifest.sha256_of(Path(trace.landing_path))
    else:
        path, offset, length = span
        with path.open("rb") as file:
            file.seek(offset)
            sha256 = hashlib.sha256(file.read(length)).hexdigest()
    return trace if sha256 == trace.blob_sha256 else BlobTrace(**{**vars(trace), "state": "damaged"})


# --- showing ------------------------------------------------------------------------------------------------------


def render(explanation: Explanation, form: str = "text") -> str:
    """The explanation as text in one of `FORMATS`, never cut to a width.

    Raises:
        UnknownSelection: there is no such format.
    """
    if form == "text":
        return display.as_text(render_text(explanation))
    if form == "json":
        return render_json(explanation)
    raise UnknownSelection(f"there is no format {form!r}.", next_action=f"Use one of: {', '.join(FORMATS)}.")


def render_json(explanation: Explanation) -> str:
    """All of the explanation as one object; null is a missing value, times are UTC."""
    return json.dumps(asdict(explanation), indent=2, ensure_ascii=False, allow_nan=False, default=_json_value) + "\n"


def _json_value(value: Any) -> Any:
    if isinstance(value, date):  # datetime is one too
        return value.isoformat()
    return int(value) if value == int(value) else float(value)  # Decimal, from sums of big integers


def render_text(explanation: Explanation) -> RenderableType:
    """The explanation for people, as a rich renderable: print it to a terminal, or use `render` for plain text."""
    row, definition = explanation.figure, explanation.definition
    parts: list[RenderableType] = []
    if explanation.is_simulated:
        parts.append(Text(display.SIMULATED_NOTICE, style="bold red"))
    title = f"{definition.name if definition else row.figure_id} · {row.scope} · {row.period}"
    unit = "" if row.value is None else f" {row.unit}"
    parts.append(Text(f"{title}: {figures.value_text(row)}{unit}", style="bold"))
    codes = ", ".join(filter(None, (row.status_value, row.status_publication, row.comparability)))
    rest = "" if row.quantity_share in (None, 1) else ", the rest is estimated"
    facts = [
        ("interval", figures.interval_text(row)),
        ("observed", f"{display.coverage(row.observed_share)} of {_observed_of(definition)}"),
        ("reported", f"{display.coverage(row.quantity_share)} of the quantity{rest}"),
        (
            "status",
            f"{row.status} ({codes})" if codes else row.status,
        ),
        ("growth", figures.growth_text(row)),
        ("note", row.note or ""),
        ("as of", f"{explanation.as_of}, data version {explanation.data_version}"),
    ]
    if definition:
        facts += [
            ("definition", f"{definition.text} (version {definition.version})"),
            ("rule", definition.rule_source),
            ("owner", definition.owner),
        ]
    skipped = {
        "interval": figures.interval_text(row) == display.NOTHING,
        "observed": row.observed_share is None,
        "reported": row.quantity_share is None,
    }
    parts += [Text(f"  {name:<11}{text}") for name, text in facts if text and not skipped.get(name)]
    if explanation.parts:
        names = ("branch", "value", "observed", "status", "note")
        rows = (
            (p.scope, figures.value_text(p), display.coverage(p.observed_share), p.status, p.note or "")
            for p in explanation.parts
        )
        parts += [Text(""), display.Listing("Branches of the area", names, tuple(rows))]
    for section in explanation.behind:
        title = _counted(section.title, len(section.rows), section.total)
        columns = tuple(name.replace("_", " ") for name in section.columns)
        # A year is a name and no quantity: 2023, not 2 023.
        told = (
            tuple(str(c) if name.endswith("year") else _cell_text(c) for name, c in zip(columns, row, strict=True))
            for row in section.rows
        )
        parts += [Text(""), display.Listing(title, columns, tuple(told))]
    parts += [Text(""), _source_grid(explanation)]
    parts += [Text(""), _blob_grid(explanation)]
    parts += [Text(f"! {note}", style="yellow") for note in explanation.notes]
    return Group(*parts)


def _observed_of(definition: Definition | None) -> str:
    is_events = definition is not None and definition.domain == "events"
    return "the events have a report" if is_events else "the scheduled open time"


def _source_grid(explanation: Explanation) -> display.Listing:
    names = ("source", "observations", "blobs", "receipts", "first received (UTC)", "last received (UTC)", "lake files",
             "blobs missing", "open rejects")  # fmt: skip
    rows = []
    for s in explanation.sources:
        counts = (s.observation_count, s.blob_count, s.receipt_count)
        after = (s.lake_file_count, s.blobs_missing, s.open_reject_count)
        times = (_cell_text(s.first_received_at), _cell_text(s.last_received_at))
        rows.append((s.source_id, *map(display.number, counts), *times, *map(display.number, after)))
    return display.Listing("Sources", names, tuple(rows))


def _blob_grid(explanation: Explanation) -> display.Listing:
    title = _counted("Landed blobs, newest first", len(explanation.blobs), explanation.blob_count)
    names = ("receipt", "source", "how", "origin", "received (UTC)", "days", "observations", "state", "bytes in landing", "in the lake")  # fmt: skip  # noqa: E501
    rows = []
    for blob in explanation.blobs:
        days = f"{blob.first_subject_on} … {blob.last_subject_on}"
        received = _cell_text(blob.received_at)
        times = f" (came {blob.receipt_count} times)" if blob.receipt_count > 1 else ""
        cells = (
            f"{blob.receipt_id}{times}", blob.source_id, blob.how or "", blob.origin or "", received, days,
            display.number(blob.observation_count), blob.state, _where(blob), "\n".join(blob.lake_files),
        )  # fmt: skip
        rows.append(cells)
    return display.Listing(title, names, tuple(rows))


def _where(blob: BlobTrace) -> str:
    """A blob's file; of a segment, a tar file, also the member's name, which is the blob's hash."""
    return blob.landing_path if blob.landing_offset is None else f"{blob.landing_path} · {blob.blob_sha256}"


def _counted(title: str, listed: int, total: int) -> str:
    return f"{title} ({display.number(total)})" if listed == total else (
        f"{title} ({display.number(listed)} of {display.number(total)} listed)"
    )  # fmt: skip


def _cell_text(value: Any) -> str:
    if value is None:
        return display.NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return display.number(value, 0 if value == int(value) else 1)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value)
