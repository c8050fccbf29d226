"""Great Expectations' page views, drawn with our own templates so that a reader's browser asks nothing of others.

What belongs here: the two view classes that `docs_site` names in the site's configuration, and nothing else. The
stock templates load Bootstrap, jQuery, Vega and a logo from six other hosts, and without those scripts the index
shows no rows at all. The templates in `docs_templates/` replace the ones that do so: folded text is `<details>`,
tabs are sections, tables are tables. Imports Great Expectations: only that package's site builder imports this.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from great_expectations.render.view import DefaultJinjaIndexPageView, DefaultJinjaPageView
from jinja2 import ChoiceLoader, FileSystemLoader

TEMPLATES = Path(__file__).parent / "docs_templates"


def _prefer_ours(view: Any) -> None:
    # The stock view looks in its own package first and in a custom folder last, so a custom folder can't replace.
    view.env.loader = ChoiceLoader([FileSystemLoader(TEMPLATES), view.env.loader])


class OfflinePageView(DefaultJinjaPageView):  # type: ignore[misc]
    """A suite's or a run's page."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _prefer_ours(self)


class OfflineIndexView(DefaultJinjaIndexPageView):  # type: ignore[misc]
    """The site's first page."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _prefer_ours(self)
