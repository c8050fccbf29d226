"""Wide monthly CSV: one row per branch, one column per month, people entering. A common open data form.

What belongs here: this form of file. What does not: judging whether a number is likely (samples spread over months,
zeros of closed branches); that needs the neighbours, and is done in dbt.

The rules of the form: a column that is not there says nothing about its month; a blank cell says that nothing was
counted; 0 says that nobody came. Columns after the last one that holds anything are months to come, and say nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from ingest import wording
from ingest.adapters import Adapter, Options, Parsed, Reject, register
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.doors._columns import TableOptions
from ingest.doors._keys import ONLY_LINE, observation_id
from ingest.doors._local_time import EXACT, month_interval
from ingest.errors import UnreadableBody
from ingest.home import naive_utc
from ingest.wording import name_key

_MONTH = re.compile(r"((?:19|20)[0-9]{2})[-/.](0?[1-9]|1[0-2])")
Month = tuple[int, int]


class WideMonthlyOptions(TableOptions):
    """What a source of this form must say.

    Attributes:
        name_column: header of the column with the branch names; the first column when absent.
        total_rows: names that are sums of the others, and are left out.
    """

    name_column: str | None = None
    total_rows: tuple[str, ...] = wording.TOTAL_ROWS


def month_of(header: str) -> Month | None:
    """`2022-12`, `2023-1` and `2023-01` as (year, month); None for anything else."""
    found = _MONTH.fullmatch(header.strip().lstrip("\ufeff"))
    return (int(found[1]), int(found[2])) if found else None


@register
class WideMonthly(Adapter):
    """Reads branch rows by month columns into one interval per branch and month."""

    name: ClassVar[str] = "wide_monthly"
    family: ClassVar[str] = "doors"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("door_observations",)
    options: ClassVar[type[Options]] = WideMonthlyOptions

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: WideMonthlyOptions) -> Parsed:
        """One row per branch and month column.

        Raises:
            UnreadableBody: not text, no name column, no month column, or two columns of one month that disagree.
        """
        lines = wording.lines_of(wording.decode(body, options.encodings))
        if not lines:
            raise UnreadableBody("the file is empty.", reason="empty", next_action="Ask for the file again.")
        delimiter = _delimiter(lines[0][1], options)
        headers = wording.split_line(lines[0][1], delimiter)
        records = list(wording.cells_of(lines[1:], delimiter))
        name_at = _name_column(headers, options)
        rejects: list[Reject] = []
        rows = _branch_rows(records, headers, name_at, options, rejects)
        months = _month_columns(headers, name_at, rows, rejects)
        told = [m for m, columns in months.items() if any(cells[c].strip() for _, cells in rows for c in columns)]
        if not told:
            return Parsed(rejects=rejects or [wording.nothing_read()])
        intervals = {m: month_interval(*m, ZoneInfo(options.zone)) for m in sorted(months) if m <= max(told)}
        received_at = naive_utc(receipt.received_at)
        observations: list[dict[str, Any]] = []
        for name, cells in rows:
            device_key = name_key(name)
            for month, (start_at, end_at) in intervals.items():
                # Columns of one month agree or are blank; the first that says something speaks for it.
                column = next((c for c in months[month] if cells[c].strip()), months[month][0])
                pointer = f"row {name.strip()}, column {headers[column].strip()}"
                count, state = wording.read_count(cells[column])
                if state in wording.COUNT_FAULTS:
                    rejects.append(wording.count_reject(pointer, state))
                    continue
                is_observed = state == wording.OBSERVED
                observations.append(
                    {
                        "observation_id": observation_id(
                            source.source_id, device_key, ONLY_LINE, "span", start_at, end_at
                        ),
                        "device_key": device_key,
                        "line_key": ONLY_LINE,
                        "kind": "span",
                        "interval_start_at": start_at,
                        "interval_end_at": end_at,
                        "stamp_text": headers[column].strip(),
                        "stamp_convention": "both",
                        "zone": options.zone,
                        "fold": EXACT,
                        "in_count": count,
                        "value_state": "observed" if is_observed else "not_observed",
                        "reason_code": None if is_observed else state,
                        "is_provisional": end_at > received_at,
                        "pointer": pointer,
                    }
                )
        if not observations and not rejects:
            rejects.append(wording.nothing_read())
        return Parsed(rows={"door_observations": observations}, rejects=rejects)


def _delimiter(header: str, options: WideMonthlyOptions) -> str:
    """The delimiter that finds most months in the header; ties go to the first of the usual ones."""
    if options.delimiter != "auto":
        return options.delimiter
    return max(wording.DELIMITERS, key=lambda d: sum(month_of(h) is not None for h in wording.split_line(header, d)))


def _name_column(headers: list[str], options: WideMonthlyOptions) -> int:
    if not any(month_of(h) for h in headers):
        raise UnreadableBody(
            f"no column is a month such as 2023-01; found: {wording.shown_headers(headers)}.",
            reason="no_month_column",
            next_action="Check that this is the monthly table, and its delimiter in the source's options.",
        )
    wanted = options.name_column
    found = [i for i, h in enumerate(headers) if wanted is not None and name_key(h) == name_key(wanted)]
    if wanted is None and month_of(headers[0]) is None:
        return 0
    if len(found) != 1:
        what = "the first column" if wanted is None else f"the column {wanted!r}"
        raise UnreadableBody(
            f"{what} should hold the branch names, and does not stand there once; "
            f"found: {wording.shown_headers(headers)}.",
            reason="no_name_column",
            next_action="Mend the file, or name_column in the source's options.",
        )
    return found[0]


def _branch_rows(
    records: list[tuple[int, list[str]]],
    headers: list[str],
    name_at: int,
    options: WideMonthlyOptions,
    rejects: list[Reject],
) -> list[tuple[str, list[str]]]:
    """The rows that can be read, each with its name; the others become rejects."""
    totals = {name_key(t) for t in options.total_rows}
    by_name: dict[str, list[tuple[int, str, list[str]]]] = defaultdict(list)
    for number, cells in records:
        name = cells[name_at] if name_at < len(cells) else ""
        key = name_key(name)
        if key in totals or [c.strip() for c in cells] == [h.strip() for h in headers]:
            continue
        if not key:
            rejects.append(
                Reject(f"line {number}", "missing_name", "the row has no branch name.", "Name the branch in the file.")
            )
        elif len(cells) < len(headers) or any(c.strip() for c in cells[len(headers) :]):
            rejects.append(
                Reject(
                    f"line {number}",
                    "ragged_row",
                    f"the row has {len(cells)} cells where the header has {len(headers)}: its months can't be told.",
                    "Look for a cut line, or a comma inside a number, and export the file again.",
                )
            )
        else:
            by_name[key].append((number, name, cells))
    rows: list[tuple[str, list[str]]] = []
    for twins in by_name.values():
        _, name, cells = twins[0]
        values = {tuple(c.strip() for i, c in enumerate(t[2]) if i != name_at) for t in twins}
        if len(values) == 1:
            rows.append((name, cells))
            continue
        # Nothing tells which of them is right, and either would be a guess.
        rejects.extend(
            Reject(
                f"line {number}",
                "duplicate_branch",
                "another row names the same branch and says something else.",
                "Find out which row is right and take the other out.",
            )
            for number, _, _ in twins
        )
    return rows


def _month_columns(
    headers: list[str], name_at: int, rows: list[tuple[str, list[str]]], rejects: list[Reject]
) -> dict[Month, list[int]]:
    """Column numbers by month, in the file's order."""
    months: dict[Month, list[int]] = defaultdict(list)
    for i, header in enumerate(headers):
        if i == name_at:
            continue
        month = month_of(header)
        if month is not None:
            months[month].append(i)
        elif header.strip() or any(cells[i].strip() for _, cells in rows):
            rejects.append(
                Reject(
                    f"column {header.strip()[:30] or i + 1}",
                    "unknown_column",
                    "the column's header is not a month such as 2023-01; its cells were not read.",
                    "Mend the header at the source, or take the column out.",
                )
            )
    for month, columns in months.items():
        for name, cells in rows:
            if len({cells[c].strip() for c in columns} - {""}) > 1:
                raise UnreadableBody(
                    f"two columns are the month {month[0]}-{month[1]:02} and disagree, first in row {name.strip()}.",
                    reason="duplicate_month",
                    next_action="Find out which column is right and take the other out.",
                )
    return months
