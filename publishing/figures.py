"""The figures of a published version as a table, a CSV file, JSON, or headlines.

What belongs here: selecting figures and showing them with all that makes them defensible: coverage, interval, status,
growth. What does not: computing any of it (dbt). Values are unrounded in CSV and JSON, and rounded once, half away
from zero by the figure's own decimals, in what people read.
"""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from publishing import display, periods
from publishing.errors import UnknownSelection
from publishing.reader import Snapshot, open_snapshot

FORMATS = ("table", "csv", "json")
# What rows know of their own display, and no form tells.
_INNER = ("decimals", "growth_kind")
# Between two such years a difference is not growth.
_BREAKS: dict[str | None, str] = {"B": "break in series", "D": "definition differs"}


@dataclass(frozen=True)
class FigureRow:
    """One figure of one area or branch in one period; the columns of the CSV and JSON forms, in their order.

    Attributes:
        value: None when there is no number to show; never 0 for unknown. `status` says why in words.
        period_start, period_end: local dates, the end excluded.
        observed_share: of the scheduled open time, 0-1; of attendances, of the events.
        quantity_share: reported / (reported + estimated), 0-1.
        base_value, growth_share: the year before and the growth on it, for yearly figures.
        growth_points: the same in percentage points, for figures that are shares themselves.
        growth_kind: share, points or none: how two years compare; not told in CSV and JSON.
    """

    figure_id: str
    figure_name: str | None
    definition_version: str
    area_id: str
    area_name: str | None
    branch_id: str | None
    branch_name: str | None
    period: str
    period_kind: str
    period_start: date
    period_end: date
    value: float | None
    value_low: float | None
    value_high: float | None
    unit: str
    decimals: int
    observed_share: float | None
    quantity_share: float | None
    method: str
    status: str
    status_value: str
    status_publication: str
    comparability: str
    base_value: float | None
    growth_share: float | None
    growth_points: float | None
    growth_comparability: str | None
    growth_status_value: str | None
    growth_kind: str | None
    note: str | None
    as_of: datetime | None
    data_version: str
    is_simulated: bool

    @property
    def scope(self) -> str:
        """The area, or the branch, that the figure speaks of."""
        if self.branch_id is not None:
            return self.branch_name or self.branch_id
        return f"{self.area_name} ({self.area_id})" if self.area_name else self.area_id


@dataclass(frozen=True)
class FigureTable:
    """A selection of figures and the version it was taken from."""

    rows: tuple[FigureRow, ...]
    is_simulated: bool
    data_version: str
    as_of: str
    published_at: str
    period: str | None


_SQL = """
with areas as (
    select area_id, max_by(area_name, valid_from) as area_name from core.dim_area group by area_id
),

branches as (
    select branch_id, max_by(branch_name, valid_from) as branch_name from core.dim_branch group by branch_id
),

final as (
    select
        f.figure_id, d.figure_name, f.definition_version, f.area_id, areas.area_name, f.branch_id,
        branches.branch_name, f.period_kind, f.period_start, f.period_end, f.value, f.value_low, f.value_high,
        f.unit,
        -- branches that held an event together have parts of it: rounded, 218.5 and 199.5 would make one too many
        case
            when d.domain = 'events' and d.decimals = 0
                and (f.value <> round(f.value) or f.value_low <> round(f.value_low)
                    or f.value_high <> round(f.value_high))
                then 2
            else coalesce(d.decimals, 0)
        end as decimals,
        f.observed_share, f.quantity_share, f.method, f.status_value,
        f.status_publication, f.comparability, f.note, f.as_of, f.data_version,
        growth.base_value, growth.growth_share, growth.growth_points, growth.comparability as growth_comparability,
        growth.status_value as growth_status_value, growth.growth_kind
    from kpi.figures as f
    left join core.dim_figure as d
        on f.figure_id = d.figure_id and f.definition_version = d.definition_version
    left join areas on f.area_id = areas.area_id
    left join branches on f.branch_id = branches.branch_id
    left join kpi.yearly_growth as growth
        on f.period_kind = 'year' and f.figure_id = growth.figure_id and f.area_id = growth.area_id
        and f.branch_id is not distinct from growth.branch_id and year(f.period_start) = growth.year
)

select * from final
where period_kind = $kind
    and ($start is null or period_start = $start)
    and ($figure is null or figure_id = $figure)
    and ($area is null or area_id = $area)
    and ($branch is null or branch_id = $branch)
order by figure_id, definition_version, period_start, area_id, branch_id nulls first
"""


def table(
    published: Path,
    period: str | None = None,
    figure: str | None = None,
    area: str | None = None,
    branch: str | None = None,
) -> FigureTable:
    """The figures of one period, or of every year, for all areas and branches unless narrowed.

    Args:
        published: the published folder.
        period: `2023`, `2023-Q2`, `2023-05`, `2023-W12` or `2023-05-14`; None for all years.
        figure, area, branch: ids, as in the warehouse.

    Raises:
        UnknownSelection: the period can't be read, or nothing is known of what was asked; the message lists what is.
        NothingPublished: there is no version to read.
    """
    wanted = periods.parse(period) if period else None
    with open_snapshot(published) as snapshot:
        for what, name, known in (
            ("figure", figure, "select distinct figure_id from kpi.figures"),
            ("area", area, "select distinct area_id from kpi.figures"),
            ("branch", branch, "select distinct branch_id from kpi.figures where branch_id is not null"),
        ):
            check_known(snapshot, what, name, known)
        rows = select(snapshot, wanted, figure, area, branch)
        if not rows:
            raise nothing_for(snapshot, wanted, figure)
        facts = snapshot.manifest
        return FigureTable(tuple(rows), facts.is_simulated, facts.data_version, facts.as_of, facts.published_at, period)


def select(
    snapshot: Snapshot,
    period: periods.Period | None,
    figure: str | None = None,
    area: str | None = None,
    branch: str | None = None,
) -> list[FigureRow]:
    """The figures of an open version; all years when there is no period."""
    found = snapshot.connection.execute(
        _SQL,
        {
            "kind": period.kind if period else "year",
            "start": period.start if period else None,
            "figure": figure,
            "area": area,
            "branch": branch,
        },
    )
    names = [column[0] for column in found.description or []]
    return [
        _row(dict(zip(names, values, strict=True)), is_simulated=snapshot.manifest.is_simulated)
        for values in found.fetchall()
    ]


def _row(raw: dict[str, Any], *, is_simulated: bool) -> FigureRow:
    for name in (
        *("value", "value_low", "value_high", "observed_share", "quantity_share"),
        *("base_value", "growth_share", "growth_points"),
    ):
        number = raw[name]
        raw[name] = None if number is None or not math.isfinite(number) else float(number)
    # A part of a sum is not the sum: whatever stands there under such a status must not be quoted.
    if raw["status_value"] in display.VALUELESS:
        raw["value"] = raw["value_low"] = raw["value_high"] = raw["growth_share"] = raw["growth_points"] = None
    status = display.status(
        has_value=raw["value"] is not None,
        is_unfinished=_is_unfinished(raw["period_end"], raw["as_of"]),
        status_value=raw["status_value"],
        status_publication=raw["status_publication"],
        comparability=raw["comparability"],
        method=raw["method"],
        observed_share=raw["observed_share"],
    )
    period = periods.label(raw["period_kind"], raw["period_start"])
    return FigureRow(**raw, period=period, status=status, is_simulated=is_simulated)


def _is_unfinished(period_end: date, as_of: datetime | None) -> bool:
    return as_of is not None and period_end > as_of.date()


def check_known(snapshot: Snapshot, what: str, name: str | None, sql: str) -> None:
    """Refuse a name that the version does not have.

    Raises:
        UnknownSelection: with the names that exist.
    """
    if name is None:
        return
    known = sorted(str(row[0]) for row in snapshot.connection.execute(sql).fetchall())
    if name not in known:
        raise UnknownSelection(
            f"there is no {what} {name!r}.", next_action=f"Use one of: {', '.join(known) or '(none is published)'}."
        )


def nothing_for(snapshot: Snapshot, period: periods.Period | None, figure: str | None) -> UnknownSelection:
    """The error for a selection without rows, with the periods that exist."""
    kind = period.kind if period else "year"
    rows = snapshot.connection.execute(
        "select distinct period_start from kpi.figures where period_kind = ? and (? is null or figure_id = ?) "
        "order by period_start",
        [kind, figure, figure],
    ).fetchall()
    labels = [periods.label(kind, row[0]) for row in rows]
    what = f"{figure or 'figures'} for {period.label if period else 'any year'}"
    if not labels:
        return UnknownSelection(
            f"there are no {what}: none by {kind} is published.",
            next_action=f"Ask for another kind of period: {periods.ACCEPTED}.",
        )
    some = ", ".join(labels) if len(labels) <= 12 else f"{', '.join(labels[:3])}, …, {', '.join(labels[-3:])}"
    return UnknownSelection(
        f"there are no {what} in this selection.", next_action=f"Ask for one of the published periods: {some}."
    )


# --- showing ------------------------------------------------------------------------------------------------------


def render(figures: FigureTable, form: str = "table") -> str:
    """The figures as text in one of `FORMATS`, never cut to a width: what a pipe or a file should get.

    Raises:
        UnknownSelection: there is no such format.
    """
    if form == "table":
        return display.as_text(render_table(figures))
    if form == "csv":
        return render_csv(figures)
    if form == "json":
        return render_json(figures)
    raise UnknownSelection(f"there is no format {form!r}.", next_action=f"Use one of: {', '.join(FORMATS)}.")


def render_table(figures: FigureTable) -> RenderableType:
    """The figures for people, as a rich renderable: print it to a terminal, or use `render` for plain text."""
    title = f"Figures {figures.period}" if figures.period else "Figures by year"
    if figures.is_simulated:
        title = f"{display.SIMULATED} · {title} · {display.SIMULATED}"
    grid = Table(title=title, title_justify="left", title_style="bold", show_lines=False)
    # A column that says nothing takes the room of one that does, and a terminal has 80 signs.
    shown = {
        "period": figures.period is None,
        "interval": any(interval_text(row) != display.NOTHING for row in figures.rows),
        "growth": any(growth_text(row) != display.NOTHING for row in figures.rows),
        "note": any(row.note for row in figures.rows),
    }
    columns = (
        ("figure", "left"),
        ("area or branch", "left"),
        ("period", "left"),
        ("value", "right"),
        ("interval", "right"),
        ("observed", "right"),
        ("growth", "right"),
        ("status", "left"),
        ("note", "left"),
    )
    for name, justify in columns:
        if shown.get(name, True):
            # Folding keeps every character on a narrow terminal; an ellipsis would cut a number.
            grid.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    above: FigureRow | None = None
    for row in figures.rows:
        same = above is not None and above.figure_id == row.figure_id
        if above is not None and not same:
            grid.add_section()
        cells = (
            Text("" if same else _title(row)),
            Text(("  " if row.branch_id else "") + row.scope),
            Text(row.period),
            Text(value_text(row), style="" if row.value is not None else "italic"),
            Text(interval_text(row)),
            Text(display.coverage(row.observed_share)),
            Text(growth_text(row)),
            Text(status_text(row)),
            Text(row.note or ""),
        )
        grid.add_row(*(cell for (name, _), cell in zip(columns, cells, strict=True) if shown.get(name, True)))
        above = row
    lines: list[RenderableType] = [grid, Text(f"as of {figures.as_of} · data version {figures.data_version}")]
    if figures.is_simulated:
        lines.append(Text(display.SIMULATED_NOTICE, style="bold red"))
    return Group(*lines)


def _title(row: FigureRow) -> str:
    unit = unit_beside(row, row.figure_id)
    return f"{row.figure_name or row.figure_id}\n({row.figure_id}{f', {unit}' if unit else ''})"


def unit_beside(row: FigureRow, name: str) -> str:
    """The unit to write beside a figure's name, or nothing where the name says it already."""
    return "" if row.unit.casefold() == name.replace("_", " ").casefold() else row.unit


def status_text(row: FigureRow) -> str:
    """The status in words, with how much of the quantity was estimated."""
    if row.value is None or row.quantity_share is None or row.quantity_share >= 1:
        return row.status
    return f"{row.status}; {display.coverage(1 - row.quantity_share)} of the quantity is estimated"


def value_text(row: FigureRow, style: display.Style = display.PRINTED) -> str:
    """The value, or the word for why there is none."""
    if row.value is None:
        return display.gap(
            row.status_value, row.observed_share, is_unfinished=_is_unfinished(row.period_end, row.as_of)
        )
    return display.number(row.value, row.decimals, style)


def interval_text(row: FigureRow, style: display.Style = display.PRINTED) -> str:
    """The honest range, or a dash when none is stated or it is the value itself."""
    if row.value_low is None or row.value_high is None or row.value_low == row.value_high:
        return display.NOTHING
    low, high = (display.number(v, row.decimals, style) for v in (row.value_low, row.value_high))
    return f"{low} to {high}"


def growth_text(row: FigureRow, style: display.Style = display.PRINTED) -> str:
    """Growth on the year before, from unrounded values, or the word for why there is none."""
    if row.growth_comparability in _BREAKS:
        return "not comparable"
    if row.growth_points is not None:
        return _points(row.growth_points, style)
    if row.growth_share is not None:
        return display.percent(row.growth_share, style, sign=True)
    return display.NOTHING


def _points(growth: float, style: display.Style) -> str:
    return f"{display.number(growth, 1, style, sign=True)}{style.space}points"


def _plain(row: FigureRow) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in asdict(row).items()
        if name not in _INNER
    }


def render_csv(figures: FigureTable) -> str:
    """RFC 4180: comma, CRLF, header; unrounded numbers with a full stop; an empty cell is a missing value."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    names = [f.name for f in fields(FigureRow) if f.name not in _INNER]
    writer.writerow(names)
    for row in figures.rows:
        plain = _plain(row)
        writer.writerow([_cell(plain[name]) for name in names])
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return str(value)


def render_json(figures: FigureTable) -> str:
    """A list of objects with the CSV's columns; null is a missing value."""
    return json.dumps([_plain(row) for row in figures.rows], indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def headline(published: Path, figure: str | None = None) -> list[str]:
    """The growth of whole areas, one plain line each, such as `visits 1507: 200 000 (2022) -> 220 000 (2023), +10.0 %`.

    Plain ASCII, so that a log can be searched. A year without a number is told as such, with what was observed, when
    the year before has one.
    """
    with open_snapshot(published) as snapshot:
        rows = [row for row in select(snapshot, None, figure) if row.branch_id is None]
        mark = f" [{display.SIMULATED}]" if snapshot.manifest.is_simulated else ""
    return [line + mark for line in map(_headline, rows) if line]


def _headline(row: FigureRow) -> str:
    year = row.period_start.year
    if row.base_value is None or row.growth_kind == "none":
        return ""
    plain = display.PLAIN
    base = f"{row.figure_id} {row.area_id}: {display.number(row.base_value, row.decimals, plain)} ({year - 1}) -> "
    if row.value is None:
        observed = f", {display.coverage(row.observed_share, plain)} observed" if row.observed_share is not None else ""
        return f"{base}{value_text(row, plain)} ({year}{observed}), no growth"
    line = f"{base}{display.number(row.value, row.decimals, plain)} ({year})"
    if row.growth_comparability in _BREAKS:
        return f"{line}, not comparable ({_BREAKS[row.growth_comparability]})"
    if row.growth_points is not None:
        return f"{line}, {_points(row.growth_points, plain)}"
    if row.growth_share is None:
        return f"{line}, no growth"
    return f"{line}, {display.percent(row.growth_share, plain, sign=True)}"
