"""The Data Docs: what was expected and what was found, as pages that staff open in a browser.

What belongs here: turning stored results into Great Expectations' own static site. What does not: validating
(`validate`), serving the files. The site is built beside its place and put there by renaming, so a reader sees the
old one or the new one, never half of one. The pages load nothing from other hosts.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from expectations.engine import quiet_context
from expectations.results import RuleResult, headline
from expectations.suites import ROW_COUNT, Suite, load_suites

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SITE = "data_docs"


class DocsError(RuntimeError):
    """The site could not be built; the one that stood there before still stands."""


def write_data_docs(
    results: Mapping[str, Sequence[RuleResult]],
    site_dir: Path,
    *,
    run_at: str,
    run_name: str,
    suites: Sequence[Suite] | None = None,
) -> Path:
    """Build the site of one run's results and put it in place.

    Args:
        results: outcomes by suite name, as `validate` or `load_results` gives them.
        site_dir: where the site goes; what is there is replaced.
        run_at: the run's time, ISO 8601 with zone. Printed on the pages.
        run_name: the run's name, printed on the pages and part of their addresses.
        suites: the suites that `results` speaks of; the installed ones when not given.

    Returns:
        The path of the first page.

    Raises:
        ValueError: `run_at` has no zone, or a result names no known suite.
        DocsError: Great Expectations left a page out.
    """
    if datetime.fromisoformat(run_at).tzinfo is None:
        raise ValueError(f"run_at {run_at} has no time zone. Give it as 2024-01-31T03:30:00+00:00.")
    known = {s.name: s for s in (load_suites() if suites is None else suites)}
    strange = sorted(set(results) - set(known))
    if strange:
        raise ValueError(f"results of unknown suites: {', '.join(strange)}. Remove their files and judge again.")

    site_dir.parent.mkdir(parents=True, exist_ok=True)
    _finish_interrupted_swap(site_dir)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{site_dir.name}.", dir=site_dir.parent))
    try:
        unfinished.chmod(0o755)  # staff's web server reads it under another user
        _build(known, results, unfinished, datetime.fromisoformat(run_at), re.sub(r"[^\w.-]", "_", run_name))
        _swap(unfinished, site_dir)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return site_dir / "index.html"


def _build(
    suites: Mapping[str, Suite],
    results: Mapping[str, Sequence[RuleResult]],
    folder: Path,
    run_at: datetime,
    run_name: str,
) -> None:
    context = quiet_context()
    import great_expectations as gx
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    context.add_data_docs_site(_SITE, _site_configuration(folder))
    run = RunIdentifier(run_name=run_name, run_time=run_at)
    for name, found in sorted(results.items()):
        suite = suites[name]
        expectations = gx.ExpectationSuite(name, notes=suite.description)
        checked = []
        for result in found:
            evr = _escaped(result.detail or _unmade(result))
            configuration = ExpectationConfiguration(**evr["expectation_config"])
            checked.append(
                ExpectationValidationResult(
                    success=result.passed,
                    expectation_config=configuration,
                    result=_with_rows(evr["result"]),
                    exception_info=evr["exception_info"],
                    meta={},
                )
            )
            expectations.add_expectation(configuration.to_domain_obj())
        context.suites.add(expectations)
        held = sum(r.passed for r in found)
        context.validation_results_store.set(
            ValidationResultIdentifier(
                expectation_suite_identifier=ExpectationSuiteIdentifier(name),
                run_id=run,
                batch_identifier=suite.table,
            ),
            ExpectationSuiteValidationResult(
                # A warning is shown on the page; only what stops publication makes the suite fail.
                success=not any(r.is_blocking for r in found),
                results=checked,
                suite_name=name,
                suite_parameters={},
                statistics={
                    "evaluated_expectations": len(found),
                    "successful_expectations": held,
                    "unsuccessful_expectations": len(found) - held,
                    "success_percent": 100 * held / len(found) if found else None,
                },
                meta={"run_id": run, "batch_spec": {"data_asset_name": suite.table}},
            ),
        )
    context.build_data_docs(site_names=[_SITE])
    shutil.rmtree(folder / "static", ignore_errors=True)  # 4 MB that our templates don't use
    _check_complete(folder, results)
    index = folder / "index.html"
    index.write_text(
        index.read_text(encoding="utf-8").replace("<!-- what to look at -->", _to_look_at(results, folder)),
        encoding="utf-8",
    )
    for page in folder.rglob("*.html"):
        _make_repeatable(page)


def _to_look_at(results: Mapping[str, Sequence[RuleResult]], folder: Path) -> str:
    """What the first page says above its table, which only knows suites that stop publication and suites that don't."""
    lines = ["<p>A suite holds one table to its rules. ✔: nothing in it stops publication.</p>"]
    for words, wanted in (("Stops publication", True), ("Warns", False)):
        found = []
        for suite, rules in sorted(results.items()):
            names = ", ".join(escape(r.name) for r in rules if not r.passed and r.is_blocking is wanted)
            if names:
                page = next(folder.glob(f"validations/{suite}/**/*.html")).relative_to(folder).as_posix()
                found.append(f'<li><a href="{escape(page)}">{escape(suite)}</a>: {names}</li>')
        lines.append(
            f"<p><b>{words}:</b> {'' if found else 'nothing'}</p>" + (f"<ul>{''.join(found)}</ul>" if found else "")
        )
    return "\n".join(lines)


def _site_configuration(folder: Path) -> dict[str, Any]:
    def view(name: str) -> dict[str, str]:
        return {"module_name": "expectations.offline_view", "class_name": name}

    return {
        "class_name": "SiteBuilder",
        "site_name": "Levende tall",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder", "view": view("OfflineIndexView")},
        "site_section_builders": {
            "expectations": {"view": view("OfflinePageView")},
            "validations": {"view": view("OfflinePageView")},
            "profiling": "None",  # its way of saying no
        },
    }


def _unmade(result: RuleResult) -> dict[str, Any]:
    """What Great Expectations would have said of a check that never reached it.

    Drawn as a rule about the table without arguments: it may be the arguments that were refused, and one refused
    rule costs the whole page.
    """
    return {
        "expectation_config": {
            "type": ROW_COUNT,
            "kwargs": {},
            "meta": {"rule": result.name},
            "description": headline(result),
            "severity": "critical" if result.severity == "error" else "warning",
        },
        "result": {},
        "exception_info": {"raised_exception": True, "exception_message": result.broken, "exception_traceback": ""},
    }


def _with_rows(result: Mapping[str, Any]) -> dict[str, Any]:
    """Show the failed rows by their keys; the stock page shows bare values, by which nobody finds a row."""
    rows = result.get("partial_unexpected_index_list")
    if not rows or not isinstance(rows[0], Mapping):
        return dict(result)
    named = [{"value": " · ".join(f"{k} {v}" for k, v in row.items()), "count": 1} for row in rows]
    return {**result, "partial_unexpected_counts": named}


def _escaped(value: Any) -> Any:
    """Text from the data as text, never as markup: not every stock template escapes what it prints."""
    if isinstance(value, str):
        return escape(value, quote=False)
    if isinstance(value, Mapping):
        return {k: _escaped(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(v) for v in value]
    return value


def _check_complete(folder: Path, results: Mapping[str, Sequence[RuleResult]]) -> None:
    """Great Expectations logs a page that it could not draw and goes on; a missing page must not look like no fault."""
    pages = {p.relative_to(folder).parts[1] for p in (folder / "validations").rglob("*.html")}
    index = folder / "index.html"
    lacking = sorted(set(results) - pages)
    if lacking or not index.is_file() or not index.stat().st_size:
        what = ", ".join(lacking) or "the first page"
        raise DocsError(f"the Data Docs lack {what}. See the log of great_expectations.render for the reason.")


def _make_repeatable(page: Path) -> None:
    """Number the random element ids, so that equal results give equal pages."""
    numbers: dict[str, str] = {}
    text = page.read_text("utf-8")
    page.write_text(_UUID.sub(lambda m: numbers.setdefault(m[0], f"id-{len(numbers)}"), text), "utf-8")


def _old(site_dir: Path) -> Path:
    return site_dir.with_name(f".{site_dir.name}.old")


def _finish_interrupted_swap(site_dir: Path) -> None:
    """A run killed between the two renames left the site under its old name."""
    old = _old(site_dir)
    if old.exists() and not site_dir.exists():
        old.rename(site_dir)
    shutil.rmtree(old, ignore_errors=True)
    for left in site_dir.parent.glob(f".{site_dir.name}.*"):
        shutil.rmtree(left, ignore_errors=True)


def _swap(new: Path, site_dir: Path) -> None:
    """Put the new site in place. A folder can't be replaced in one step, so for an instant there is none."""
    old = _old(site_dir)
    if site_dir.exists():
        site_dir.rename(old)
    new.rename(site_dir)
    shutil.rmtree(old, ignore_errors=True)
