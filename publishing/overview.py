"""The years side by side, by area and branch: what a run prints when it is done.

What belongs here: one compact picture of the published years. What does not: the columns that defend a single number
(`publishing.figures`) or its way back (`publishing.explain`).
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from publishing import display
from publishing.figures import FigureRow, headline, select, unit_beside, value_text
from publishing.reader import open_snapshot

YEARS = 8


def overview(published: Path, years: int = YEARS) -> RenderableType:
    """The newest years of every figure, with the observed share beside each number, and the growth of the areas.

    Branches of a figure are left out where none of them has a number in any of these years; figures that have none at
    all are named below the table, with the reason of the first.

    Raises:
        NothingPublished: there is no version to read.
    """
    with open_snapshot(published) as snapshot:
        rows = select(snapshot, None)
        facts = snapshot.manifest
    shown = sorted({row.period_start.year for row in rows})[-years:]
    rows = [row for row in rows if row.period_start.year in shown]
    title = "Figures by year, with the observed share of scheduled open time"
    grid = Table(title=f"{display.SIMULATED} · {title}" if facts.is_simulated else title, title_justify="left")
    grid.add_column("area or branch", overflow="fold")
    for year in shown:
        grid.add_column(str(year), justify="right", overflow="fold")
    without: list[str] = []
    for figure_id in dict.fromkeys(row.figure_id for row in rows):
        told = [row for row in rows if row.figure_id == figure_id]
        if any(row.value is not None for row in told):
            _section(grid, told, shown)
        else:
            without.append(f"{figure_id} ({next((row.note for row in told if row.note), None) or 'no note'})")
    lines: list[RenderableType] = [grid]
    if without:
        lines.append(Text("Without a number in these years: " + "; ".join(without)))
    growth = headline(published)
    if growth:
        lines += [Text("Growth of whole areas", style="bold"), *(Text(f"  {line}") for line in growth)]
    lines.append(Text(f"as of {facts.as_of} · data version {facts.data_version}"))
    if facts.is_simulated:
        lines.append(Text(display.SIMULATED_NOTICE, style="bold red"))
    return Group(*lines)


def _section(grid: Table, rows: list[FigureRow], years: list[int]) -> None:
    first = rows[0]
    name = first.figure_name or first.figure_id
    unit = unit_beside(first, name)
    grid.add_section()
    grid.add_row(Text(f"{name} ({unit})" if unit else name, style="bold"))
    for area_id in dict.fromkeys(row.area_id for row in rows):
        of_area = [row for row in rows if row.area_id == area_id]
        branches = [row for row in of_area if row.branch_id is not None]
        listed = sorted({r.branch_id or "" for r in branches}) if any(r.value is not None for r in branches) else []
        for branch_id in [None, *listed]:
            cells = {row.period_start.year: row for row in of_area if row.branch_id == branch_id}
            if cells:
                name = next(iter(cells.values())).scope
                grid.add_row(f"  {name}" if branch_id else name, *(_cell(cells.get(year)) for year in years))


def _cell(row: FigureRow | None) -> Text:
    if row is None:
        return Text("")
    word = value_text(row)
    # "not collected 100 %" would read as a contradiction: what lacks there is no open time.
    has_share = row.observed_share is not None and (row.value is not None or word == "incomplete")
    share = f" {display.coverage(row.observed_share)}" if has_share else ""
    return Text(word + share, style="" if row.value is not None else "italic")
