"""How values look on paper and on a terminal: the only place where anything is rounded.

What belongs here: number format, words for statuses, fitting a table to its output. What does not: which value is
right (the warehouse), and files for machines, which carry unrounded numbers.

Printed numbers follow Norwegian usage (space for thousands, comma for decimals, space before the percent sign, real
minus). Log lines are plain ASCII, so that they can be searched for.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

NOTHING = "–"
_ENDLESS = 10_000
SIMULATED = "SIMULATED"
SIMULATED_NOTICE = "SIMULATED DATA: an invented library. No figure here is about a real one; do not quote any."


@dataclass(frozen=True)
class Style:
    """Signs of a number format."""

    thousands: str
    decimal: str
    minus: str
    space: str


PRINTED = Style("\u00a0", ",", "\u2212", "\u00a0")
PLAIN = Style(" ", ".", "-", " ")

# SDMX observation statuses under which there is no number to show, whatever stands in the value column.
VALUELESS = {"L", "M", "O", "Q"}
_METHODS = {
    "counted": "counted",
    "sample": "from a sample",
    "sample_week": "from sample weeks",
    "estimate": "estimated",
    "imputed": "imputed",
    "manual": "counted by hand",
    "none": "",
}
_STATUSES = {
    "A": "",
    "E": "estimated",
    "I": "imputed",
    "U": "low reliability",
    "N": "not significant",
    "K": "included in another figure",
    "W": "includes another figure",
    "H": "closed",
    "M": "cannot exist",
    "Q": "suppressed",
}
_PUBLICATION = {"V": "unvalidated", "P": "provisional", "": ""}
_COMPARABILITY = {"B": "break in series", "D": "definition differs", "S": "special event", "": ""}


def rounded(value: float, decimals: int) -> Decimal:
    """The value with this many decimals, halves away from zero (Python's own rounding goes to the even digit)."""
    return Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def number(value: float | None, decimals: int = 0, style: Style = PRINTED, *, sign: bool = False) -> str:
    """A number for people; a dash for none.

    Args:
        sign: put a plus before positive numbers.
    """
    if value is None or not math.isfinite(value):
        return NOTHING if style is PRINTED else "-"
    return _spell(rounded(value, decimals), style, sign=sign)


def _spell(exact: Decimal, style: Style, *, sign: bool = False) -> str:
    text = f"{abs(exact):,f}".replace(",", "\n").replace(".", style.decimal).replace("\n", style.thousands)
    if exact < 0:
        return style.minus + text
    return "+" + text if sign and exact > 0 else text


def percent(share: float | None, style: Style = PRINTED, *, decimals: int = 1, sign: bool = False) -> str:
    """A share (0-1) as percent, rounded half away from zero."""
    if share is None or not math.isfinite(share):
        return NOTHING if style is PRINTED else "-"
    return f"{number(share * 100, decimals, style, sign=sign)}{style.space}%"


def coverage(share: float | None, style: Style = PRINTED) -> str:
    """A share of something that should be whole, as percent; almost all is never shown as all."""
    if share is None or not math.isfinite(share):
        return NOTHING if style is PRINTED else "-"
    exact = rounded(share * 100, 1)
    if exact >= 100 and share < 1:
        exact = (Decimal(repr(share)) * 100).quantize(Decimal("0.1"), rounding=ROUND_DOWN)
    return f"{_spell(min(exact, Decimal(100)) if share <= 1 else exact, style)}{style.space}%"


def gap(status_value: str | None, observed_share: float | None, *, is_unfinished: bool = False) -> str:
    """The word that stands where a number can't: why there is none. Never a zero, never an empty cell.

    Args:
        is_unfinished: the period was not over at the as-of, which is no fault of anybody.
    """
    if is_unfinished:
        return "unfinished"
    if status_value in ("H", "M", "Q"):
        return _STATUSES[status_value]
    if observed_share is not None and 0 < observed_share < 1:
        return "incomplete"
    return {"L": "not collected", "O": "missing"}.get(status_value or "", "missing")


def status(
    *,
    has_value: bool,
    is_unfinished: bool = False,
    status_value: str | None,
    status_publication: str | None,
    comparability: str | None,
    method: str | None,
    observed_share: float | None,
) -> str:
    """What kind of value this is, in words, in the order value, publication, comparability."""
    words: list[str] = []
    if not has_value:
        words.append(gap(status_value, observed_share, is_unfinished=is_unfinished))
    else:
        said = _STATUSES.get(status_value or "", f"status {status_value}" if status_value else "")
        how = _METHODS.get(method or "none", method or "")
        words += [how] if how == said else [word for word in (said, how) if word]
    words.append(_PUBLICATION.get(status_publication or "", f"publication {status_publication}"))
    words.append(_COMPARABILITY.get(comparability or "", f"comparability {comparability}"))
    return ", ".join(word for word in words if word)


@dataclass(frozen=True)
class Listing:
    """Rows under a title: a table where every word has room, else one line per cell, as psql's expanded form.

    A table that is squeezed into a terminal breaks ids and paths in their middle, and nobody can copy them.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def _grid(self) -> Table:
        grid = Table(title=self.title, title_justify="left", title_style="bold")
        for name in self.columns:
            grid.add_column(name, overflow="fold")
        for row in self.rows:
            grid.add_row(*map(Text, row))
        return grid

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self._grid())

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        grid = self._grid()
        needed = Measurement.get(console, options.update(width=_ENDLESS), grid).minimum
        if self.rows and needed <= options.max_width:
            yield grid
            return
        yield Text(self.title, style="bold")
        width = max(map(len, self.columns), default=0)
        for number, row in enumerate(self.rows):
            if number:
                yield Text("")
            for name, cell in zip(self.columns, row, strict=True):
                if cell not in ("", NOTHING):
                    yield Text(f"  {name:<{width}}  " + cell.replace("\n", "\n" + " " * (width + 4)))


def as_text(renderable: RenderableType) -> str:
    """A rich renderable as plain text, as wide as it needs to be: for pipes and files, where nothing may be cut."""
    probe = Console(width=_ENDLESS, color_system=None)
    out = io.StringIO()
    width = max(probe.measure(renderable).maximum, 40)
    Console(file=out, width=width, color_system=None, force_terminal=False, highlight=False).print(renderable)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
