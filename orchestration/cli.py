"""`levende`: the command line, a thin door on the functions that the assets call.

What belongs here: options, words, exit codes. What does not: the work. Modules are imported when a command needs
them, since Dagster alone takes seconds and `levende --help` should not.

Exit codes: 0 done, 1 a check blocked or something failed, 2 wrong use or configuration.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.markup import escape

if TYPE_CHECKING:
    from ingest.config import Configuration
    from orchestration.runner import RunReport

DONE, BLOCKED, MISUSED = 0, 1, 2
PLUGINS = "levende.commands"

app = typer.Typer(
    help="Publish a library's figures and defend them, from a door counter's byte to a quoted number.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
# Lines are data for whoever greps them: never wrapped, never cut.
out = Console(soft_wrap=True, highlight=False)
err = Console(soft_wrap=True, highlight=False, stderr=True)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="The library's description; LEVENDE_CONFIG or ./config by default.")
]
HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Where data is kept; LEVENDE_HOME or ./data by default.")
]


def settle(config: Path | None, home: Path | None) -> None:
    """Fix home and description for this process and its children, whatever folder they change to."""
    os.environ["LEVENDE_CONFIG"] = str((config or Path(os.environ.get("LEVENDE_CONFIG", "config"))).absolute())
    os.environ["LEVENDE_HOME"] = str((home or Path(os.environ.get("LEVENDE_HOME", "data"))).absolute())


def described() -> Configuration:
    """The description, checked down to the options of its adapters; a simulated library's clock is stopped by it.

    Raises:
        ConfigurationError: it is wrong; the message names file and key.
    """
    from ingest import config as description
    from ingest.adapters import adapter_for

    configuration = description.load()
    for source in configuration.sources:
        adapter_for(source)
    now = configuration.library.simulated_now_at
    if now is not None and not os.environ.get("LEVENDE_CLOCK"):
        os.environ["LEVENDE_CLOCK"] = now.isoformat()
        say(f"simulated library: its clock stands at {now:%Y-%m-%d %H:%M} UTC (LEVENDE_CLOCK sets another)")
    return configuration


@contextmanager
def told_errors() -> Iterator[None]:
    """Turn the failures that we raise on purpose into one line and an exit code; a bug keeps its trace."""
    from expectations.suites import SuiteError
    from ingest.errors import ConfigurationError, IngestError
    from publishing.errors import PublishError, UnknownSelection

    try:
        yield
    except (ConfigurationError, UnknownSelection, SuiteError) as error:
        err.print(f"[bold red]error:[/] {escape(str(error))}")
        raise typer.Exit(MISUSED) from error
    except (IngestError, PublishError) as error:
        err.print(f"[bold red]failed:[/] {escape(str(error))}")
        raise typer.Exit(BLOCKED) from error


def say(line: str) -> None:
    """One line of progress. On a terminal the details are dimmed; in a log they are plain."""
    out.print(f"[dim]{escape(line)}[/]" if line.startswith("  ") else escape(line))


@app.command()
def run(
    config: ConfigOption = None,
    home: HomeOption = None,
    family: Annotated[
        str | None, typer.Option("--family", help="Only doors, events or instagram, and what is below them.")
    ] = None,
    poll: Annotated[
        bool, typer.Option("--poll/--no-poll", help="Ask the sources that can be asked, beside reading files.")
    ] = True,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="Tell the figures as known at this moment (ISO 8601; without a zone: UTC)."),
    ] = None,
) -> None:
    """Read what arrived, build every table, judge, publish, and print the figures."""
    settle(config, home)
    with told_errors():
        from ingest import pipeline
        from ingest.contracts import FAMILIES
        from ingest.errors import ConfigurationError
        from ingest.home import Home
        from orchestration.installation import quiet_tools

        if family is not None and family not in FAMILIES:
            raise ConfigurationError(f"no family {family!r}.", next_action=f"Use one of: {', '.join(FAMILIES)}.")
        configuration = described()
        quiet_tools()
        say("starting")
        from orchestration.clock import parse_moment
        from orchestration.runner import bury_dead_runs, instance_of, run_job

        moment = parse_moment(as_of, "--as-of") if as_of else None
        data = Home.from_environment().writable()
        with instance_of(data) as instance:
            for run_id in bury_dead_runs(instance):
                say(f"run {run_id[:8]} had lost its process; told as failed")
            report = run_job(instance, data, configuration, family=family, poll=poll, as_of=moment, tell=say)
            for name in pipeline.unclaimed(data, configuration):
                say(f"warning: drop/{name} belongs to no source, and nobody reads it; put it into the folder of one")
            if moment is None:  # a day of the past opens and closes nothing now
                _tell_alerts(instance, data, configuration)
        _conclude(report, data.published)


def _tell_alerts(instance: Any, home: Any, configuration: Any) -> None:
    """Tell what opened, changed or is over. Failing to tell is told here, and fails nothing."""
    from orchestration import alerts, findings
    from orchestration.clock import clock

    now = clock()
    told = alerts.tell(home, configuration, findings.look(instance, home, configuration, now).looks, now)
    if told.opened or told.changed or told.closed:
        say(f"alerts: {told}; `levende alerts` lists what is open")
    for failure in told.failures:
        say(f"  alerts: {failure}")


def _conclude(report: RunReport, published: Path) -> None:
    """The figures as published, what did not hold, and the exit code."""
    from publishing import display
    from publishing.errors import PublishError
    from publishing.overview import overview

    for finding in report.findings:
        mark = "[bold red]blocked by[/]" if finding.blocks else "[yellow]warning:[/]"
        out.print(f"{mark} {escape(finding.name)}: {escape(finding.description)}")
        for line in finding.details.splitlines():
            out.print(f"    [dim]{escape(line)}[/]")
    if not report.succeeded:
        for failure in report.failures:
            err.print(f"[bold red]failed:[/] {escape(failure)}")
        runbook = "blocked_publish" if report.is_blocked else "failed_run"
        err.print(f"nothing new was published; the last good version stays. See docs/runbooks/{runbook}.md.")
    try:
        picture = overview(published)
        _show(picture, display.as_text(picture))
    except PublishError as error:
        out.print(escape(str(error)))
    out.print(f"run {report.run_id[:8]} of {report.job}: {'done' if report.succeeded else 'not published'}")
    if not report.succeeded:
        raise typer.Exit(BLOCKED)


def _show(picture: RenderableType, text: str) -> None:
    """The picture on a terminal, the text, never cut to a width, in a pipe or file."""
    if out.is_terminal and not isinstance(picture, str):
        out.print(picture)
    else:
        sys.stdout.write(text)


@app.command("figures")
def figures_command(
    period: Annotated[
        str | None, typer.Option(help="2023, 2023-Q2, 2023-05, 2023-W12 or a date; all years by default.")
    ] = None,
    figure: Annotated[str | None, typer.Option(help="Only this figure.")] = None,
    area: Annotated[str | None, typer.Option(help="Only this area.")] = None,
    branch: Annotated[str | None, typer.Option(help="Only this branch.")] = None,
    form: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table",
    config: ConfigOption = None,
    home: HomeOption = None,
) -> None:
    """Print the published figures."""
    settle(config, home)
    with told_errors():
        from ingest.home import Home
        from publishing import figures

        table = figures.table(Home.from_environment().published, period, figure, area, branch)
        text = figures.render(table, form)
        _show(figures.render_table(table) if form == "table" else text, text)


@app.command()
def explain(
    figure: Annotated[str, typer.Argument(help="The figure's id, such as visits.")],
    period: Annotated[str, typer.Argument(help="2023, 2023-Q2, 2023-05, 2023-W12 or a date.")],
    branch: Annotated[str | None, typer.Option(help="A branch; the whole area without.")] = None,
    area: Annotated[str | None, typer.Option(help="An area, where several have the figure.")] = None,
    limit: Annotated[int, typer.Option(help="How many blobs and things to list.")] = 20,
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    config: ConfigOption = None,
    home: HomeOption = None,
) -> None:
    """Walk from a published figure down to the bytes it was read from."""
    settle(config, home)
    with told_errors():
        from ingest.home import Home
        from publishing import explain as explaining

        data = Home.from_environment()
        explanation = explaining.explain(
            data.published, data.lake, data.landing, figure, period, branch, area, limit, data.blobs.spans
        )
        text = explaining.render(explanation, form)
        _show(explaining.render_text(explanation) if form == "text" else text, text)


@app.command("review")
def review_command(
    file: Annotated[Path, typer.Argument(help="Where to write the .xlsx workbook.")],
    period: Annotated[str, typer.Option(help="2023, 2023-Q2, 2023-05, 2023-W12 or a date.")],
    branch: Annotated[str | None, typer.Option(help="Only this branch, and what no branch answers for.")] = None,
    config: ConfigOption = None,
    home: HomeOption = None,
) -> None:
    """Write what is in doubt about a period's events as questions that staff can answer (docs/review.md)."""
    settle(config, home)
    with told_errors():
        from ingest.home import Home
        from publishing import review_sheet

        configuration = described()
        branches = {b.branch_id: b.name for b in configuration.library.branches}
        written = review_sheet.write(
            file, Home.from_environment().published, configuration.zone, period, branches, branch
        )
        if not written:
            out.print("nothing about events of this period is in doubt; no sheet was written")
            return
        out.print(f"wrote {escape(str(file))}: {sum(written.values())} questions")
        for kind, count in written.items():
            out.print(f"  [dim]{count} {kind}[/]")
        out.print(f"When it is answered: levende decide {escape(str(file))} --by ROLE")


@app.command()
def decide(
    file: Annotated[Path, typer.Argument(help="The answered .xlsx workbook.")],
    by: Annotated[str, typer.Option("--by", help="The role of who answered, such as 'programme coordinator'.")],
    config: ConfigOption = None,
    home: HomeOption = None,
) -> None:
    """Keep the answers of a sheet as decisions in event_decisions.yaml. They hold from the next run."""
    settle(config, home)
    with told_errors():
        from ingest.config import DECISIONS_FILE
        from ingest.config.answers import keep_decisions, read_answers
        from orchestration.clock import clock

        configuration = described()
        decisions = read_answers(file, by, clock().astimezone(configuration.zone).date())
        if not decisions:
            out.print(f"{escape(str(file))} holds no answer; nothing was decided")
            return
        taken = keep_decisions(configuration.folder, decisions)
        out.print(
            f"{taken.added} decisions added and {taken.replaced} replaced in "
            f"{escape(str(configuration.folder / DECISIONS_FILE))}; `levende run` takes them in"
        )


@app.command()
def ingest(
    source: Annotated[str, typer.Argument(help="The source's id, as in sources.yaml.")],
    poll: Annotated[bool, typer.Option("--poll/--no-poll", help="Ask it, beside reading its folder.")] = True,
    config: ConfigOption = None,
    home: HomeOption = None,
) -> None:
    """Sweep, ask and read one source, and say what came of it. Builds and publishes nothing."""
    settle(config, home)
    with told_errors():
        from ingest import pipeline
        from ingest.errors import ConfigurationError
        from ingest.home import Home
        from orchestration.clock import clock
        from orchestration.warehouse import writer_lock

        data, configuration = Home.from_environment().writable(), described()
        chosen = configuration.source(source)
        if not chosen.enabled:
            raise ConfigurationError(
                f"source {source} is not enabled.", next_action="Set `enabled: true` in sources.yaml."
            )
        steps = [pipeline.sweep(data, configuration, chosen, clock())]
        if poll:
            steps.append(pipeline.poll(data, configuration, chosen, clock()))
        alone = configuration.model_copy(update={"sources": (chosen,)})
        with writer_lock(data, tell=say):
            read = pipeline.read_pending(data, alone)[source]
            pipeline.write_receipts(data, configuration)
        failures = [failure for step in (*steps, read) for failure in step.failures]
        rows = ", ".join(f"{n} {table}" for table, n in sorted(read.rows.items()) if n) or "no new rows"
        out.print(
            f"{source}: {sum(step.receipts for step in steps)} new receipts, {read.blobs} blobs read, {rows}, "
            f"{read.rejects} rejects"
        )
        if read.rejects:
            out.print("See docs/runbooks/rejects.md for what was rejected and why.")
        for failure in failures:
            err.print(f"[bold red]failed:[/] {escape(str(failure))}")
        if failures:
            raise typer.Exit(BLOCKED)


@app.command()
def inbox(
    config: ConfigOption = None,
    home: HomeOption = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one and says which.")] = 8650,
    host: Annotated[
        str, typer.Option(help="Only 127.0.0.1; a reverse proxy brings TLS and the outside.")
    ] = "127.0.0.1",
) -> None:
    """Receive what sources push, until Ctrl-C. A post is acknowledged when it is stored; the sensor reads it."""
    settle(config, home)
    with told_errors():
        from ingest import inbox as receiver
        from ingest.home import Home
        from orchestration.clock import clock

        data, configuration = Home.from_environment().writable(), described()
        clock()  # a LEVENDE_CLOCK that is no moment is told now, not to a device
        receiver.serve(data, configuration, clock, host=host, port=port, tell=say)


@app.command("alerts")
def alerts_command(
    config: ConfigOption = None,
    home: HomeOption = None,
    history: Annotated[int, typer.Option(min=0, help="How many that are over to list as well.")] = 5,
    test: Annotated[
        bool, typer.Option("--send-test", help="Send a message that says it is a test, and say who took it.")
    ] = False,
) -> None:
    """List what is open and what was told as over. Looks at nothing anew: runs and `levende ui` do."""
    settle(config, home)
    with told_errors():
        from ingest import config as description
        from ingest.home import Home
        from orchestration import alerts
        from orchestration.clock import clock

        configuration = description.load()
        if test:
            _send_test(configuration, clock())
            return
        ledger = alerts.Ledger.of(Home.from_environment().writable())
        try:
            for line in alerts.listing(ledger, configuration, history):
                out.print(escape(line))
        finally:
            ledger.close()


def _send_test(configuration: Any, now: Any) -> None:
    from orchestration import alerts

    variable = configuration.library.alerts.urls_env
    taken = alerts.send_test(configuration, now)
    for name, took_it in taken:
        out.print(f"{name}: {'took it' if took_it else 'did not take it'}")
    if not taken:
        err.print(f"[bold red]error:[/] nobody is told. Set {variable} to one or more Apprise addresses.")
        raise typer.Exit(MISUSED)
    if not all(took_it for _, took_it in taken):
        err.print(f"[bold red]failed:[/] see the address in {variable}, and whether this machine reaches it.")
        raise typer.Exit(BLOCKED)


@app.command()
def doctor(config: ConfigOption = None, home: HomeOption = None) -> None:
    """Look whether this installation can run, and whether what it keeps is whole."""
    settle(config, home)
    with told_errors():
        from ingest.home import Home
        from orchestration import doctor as looks
        from orchestration import supervise
        from orchestration.installation import quiet_tools

        quiet_tools()
        ports = {
            "code server": supervise.CODE_PORT,
            "operators' pages": supervise.OPERATORS_PORT,
            "staff's pages": supervise.STAFF_PORT,
        }
        colours = {"ok": "green", "warn": "yellow", "fail": "bold red"}
        failed: list[str] = []
        for sign in looks.examine(Home.from_environment(), ports):
            out.print(f"[{colours[sign.state]}]{sign.state:4}[/]  {escape(sign.name)}: {escape(sign.message)}")
            if sign.state == "fail":
                failed.append(sign.name)
        if failed:
            raise typer.Exit(MISUSED if {"configuration", "home"} & set(failed) else BLOCKED)


@app.command()
def ui(
    config: ConfigOption = None,
    home: HomeOption = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The operators' pages.")] = 3000,
    staff_port: Annotated[
        int, typer.Option(min=1, max=65535, help="The staff's read-only pages, under /lineage.")
    ] = 3001,
    code_port: Annotated[int, typer.Option(min=1, max=65535, help="The code server.")] = 4266,
) -> None:
    """Start schedules, sensor and pages, all on 127.0.0.1, until Ctrl-C. One of them ending ends all."""
    settle(config, home)
    with told_errors():
        from ingest.home import Home
        from orchestration.supervise import Ports, Supervisor

        data, _configuration = Home.from_environment().writable(), described()
        supervisor = Supervisor(data, Ports(code_port, port, staff_port), say)
        raise typer.Exit(supervisor.run())


sheets = typer.Typer(help="Empty sheets for staff to fill in.", no_args_is_help=True)
app.add_typer(sheets, name="sheet")


@sheets.command("attendance")
def attendance_sheet(file: Annotated[Path, typer.Argument(help="Where to write the .xlsx workbook.")]) -> None:
    """Write the empty sheet for programme, partners and attendance (docs/attendance.md)."""
    with told_errors():
        from ingest.events.sheet_template import write_attendance_template

        write_attendance_template(file)
        out.print(f"wrote {escape(str(file))}")


instagram = typer.Typer(help="The Instagram account's token.", no_args_is_help=True)
app.add_typer(instagram, name="instagram")


@instagram.command("renew-token")
def renew_token(
    source: Annotated[str, typer.Argument(help="The source's id, as in sources.yaml.")],
    to: Annotated[Path, typer.Option("--to", help="A new file for the new token; only its owner can read it.")],
    exchange_env: Annotated[
        str | None,
        typer.Option(
            help="The environment variable with a short-lived token to exchange; else the present one is renewed."
        ),
    ] = None,
    config: ConfigOption = None,
    home: HomeOption = None,
) -> None:
    """Renew a token, or exchange a short one for one of 60 days. The token is never printed."""
    settle(config, home)
    with told_errors():
        from ingest import config as description
        from ingest.adapters import adapter_for
        from ingest.http import Session
        from ingest.instagram import tokens
        from orchestration.clock import clock

        chosen = description.load().source(source)
        options = adapter_for(chosen)[1]
        session = Session(allow_loopback=getattr(options, "allow_loopback", False))
        token = tokens.renew_into(to, chosen, session, clock(), short_token_env=exchange_env)
        until = f"until {token.expires_at:%Y-%m-%d}" if token.expires_at else "without a stated end"
        out.print(f"{source}: a new token, {until}, is in {escape(str(to))}, which only you can read.")
        out.print(
            f"Put it into {options.token_env}, set token_expires_on in sources.yaml, look at `levende doctor`, then "
            "delete the file."
        )


def add_plugins(to: typer.Typer, arguments: list[str]) -> None:
    """Sub-commands of other packages, found by entry point. Imported only when called by name; listed by it else."""
    called = next((word for word in arguments if not word.startswith("-")), None)
    for entry in entry_points(group=PLUGINS):
        if called == entry.name:
            to.add_typer(entry.load(), name=entry.name)
        else:
            to.add_typer(_listed(entry), name=entry.name)


def _listed(entry: EntryPoint) -> typer.Typer:
    return typer.Typer(help=f"Commands of {entry.module.split('.')[0]}; `levende {entry.name} --help` lists them.")


def main() -> Any:
    """The console script."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a log is read while it grows
    add_plugins(app, sys.argv[1:])
    return app()


if __name__ == "__main__":
    main()
