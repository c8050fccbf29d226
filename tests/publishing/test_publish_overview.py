"""The picture that a run ends with: years side by side, coverage beside numbers, nothing unknown shown as a number."""

from __future__ import annotations

from published_library import Rooms

from publishing.display import as_text, coverage
from publishing.figures import table, value_text
from publishing.overview import overview


def test_every_yearly_number_stands_beside_its_observed_share(published: Rooms) -> None:
    """A total without its coverage misleads, also on a terminal."""
    picture = as_text(overview(published.published))
    rows = [row for row in table(published.published).rows if row.figure_id == "visits" and row.branch_id is None]
    assert any(row.value is not None for row in rows)
    for row in rows:
        assert str(row.period_start.year) in picture
        if row.value is not None and row.observed_share is not None:
            assert f"{value_text(row)} {coverage(row.observed_share)}" in picture
    assert "Growth of whole areas" in picture


def test_a_figure_without_any_number_is_named_below_with_its_reason(published: Rooms) -> None:
    """Ten lines of `not collected` hide the three numbers that matter; leaving the figure out would hide the gap."""
    rows = table(published.published).rows
    empty = {row.figure_id for row in rows if all(r.value is None for r in rows if r.figure_id == row.figure_id)}
    picture = as_text(overview(published.published))
    for figure_id in empty:
        assert f"{figure_id} (" in picture
    assert ("Without a number" in picture) == bool(empty)


def test_only_the_newest_years_are_shown(published: Rooms) -> None:
    """A series of seventeen years is wider than any terminal."""
    years = sorted({row.period_start.year for row in table(published.published).rows})
    picture = as_text(overview(published.published, years=1))
    header = next(line for line in picture.splitlines() if "area or branch" in line)
    assert str(years[-1]) in header
    assert all(str(year) not in header for year in years[:-1])
