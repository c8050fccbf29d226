"""`levende sandbox`: build the simulated library, serve its vendors, run the whole pipeline on it and compare.

What belongs here: commands, and the order of things in a demonstration. What does not: the world (`world.py`) or the
comparison (`truth.py`). The pipeline itself is started as a process of its own, by its public command, so that what
is shown is what a library would run.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from ingest import config, pipeline
from ingest.config import Configuration
from ingest.errors import ConfigurationError, IngestError, PermanentFailure
from ingest.home import Home
from ingest.landing import write_atomically
from sandbox import attendance, faults, faulty_files, truth, vendors
from sandbox.door_servers import USER, door_servers
from sandbox.standins import StandIns
from sandbox.world import CLOCK, SEED, World, build, poll_moments

app = typer.Typer(help="A simulated library with known truth. Nothing it shows has happened.", no_args_is_help=True)

URL_VARIABLE = "LEVENDE_SANDBOX_URL"
TOKEN_VARIABLE = "LEVENDE_SANDBOX_TOKEN"  # noqa: S105 - the variable's name, not its value
USER_VARIABLE = "LEVENDE_SANDBOX_USER"
FAULTS_FILE = "faults.csv"
DONE, BLOCKED, MISUSED = 0, 1, 2

HomeOption = Annotated[Path | None, typer.Option("--home", help="Where data goes; LEVENDE_HOME or ./data by default.")]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="The description; LEVENDE_CONFIG or ./config.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Another seed is another world with the same totals.")]

console = Console()
BANNER = "SIMULATED: these people, events and posts are made up, and so is every figure below."


@app.command("build")
def build_command(
    home: HomeOption = None,
    config_folder: ConfigOption = None,
    seed: SeedOption = SEED,
    with_faults: Annotated[
        bool, typer.Option("--faults", help="Let counters and deliveries fail; the truth stays what it was.")
    ] = False,
    share_missing: Annotated[
        float, typer.Option("--share-missing", help="With --faults: how much of the open intervals is lost, 0 to 1.")
    ] = 0.05,
) -> None:
    """Write the vendors' files into the drop folders, and the truth beside them."""
    with _told_errors():
        where, configuration = _places(home, config_folder)
        console.print(f"[bold yellow]{BANNER}[/]", soft_wrap=True)
        world = build(configuration, seed)
        if with_faults:
            _build_with_faults(where, world, share_missing)
        else:
            _build(where, world)


@app.command("serve")
def serve_command(
    home: HomeOption = None,
    config_folder: ConfigOption = None,
    seed: SeedOption = SEED,
    port: Annotated[int, typer.Option("--port", help="0 takes any free port.")] = 0,
) -> None:
    """Serve the calendar, the Graph API and the makers of door counters on loopback until Ctrl-C."""
    with _told_errors():
        where, configuration = _places(home, config_folder)
        world = build(configuration, seed)
        token = os.environ.get(TOKEN_VARIABLE) or secrets.token_urlsafe(24)
        with StandIns(world, token, port=port) as servers, door_servers(world, token) as doors:
            console.print(f"[bold yellow]{BANNER}[/]", soft_wrap=True)
            console.print(f"Serving on {servers.url}. Ctrl-C ends it. In another shell:\n")
            for name, value in _environment(where, configuration, servers.url, token).items():
                console.print(f"export {name}={value}", soft_wrap=True, highlight=False)
            console.print(f"export {USER_VARIABLE}={USER}", soft_wrap=True, highlight=False)
            console.print("\nDoor counters, for that user with that token as password; docs/sandbox.md says how:\n")
            for adapter, address in doors.items():
                console.print(f"{adapter:20} {address}", soft_wrap=True, highlight=False)
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                console.print("\nStopped.")


@app.command("run")
def run_command(home: HomeOption = None, config_folder: ConfigOption = None, seed: SeedOption = SEED) -> None:
    """Build, serve, land the history, run the pipeline, and hold the published figures against the truth.

    Exits with 0 when they are equal, 1 when they are not or a check blocked, 2 on wrong use.
    """
    with _told_errors():
        where, configuration = _places(home, config_folder)
        console.print(f"[bold yellow]{BANNER}[/]", soft_wrap=True)
        world = build(configuration, seed)
        told = _build(where, world)
        token = secrets.token_urlsafe(24)
        with StandIns(world, token) as servers:
            environment = _environment(where, configuration, servers.url, token)
            with _environ(environment):
                _land_history(where, world, servers)
            _say(f"landed {faulty_files.land(where, configuration, _sheets(world))} attendance sheets as they came")
            servers.now = CLOCK
            _say("running the pipeline")
            command = [*_levende(), "run"]
            code = subprocess.run(command, env=os.environ | environment, check=False).returncode  # noqa: S603 - our own
        if code != DONE:
            console.print(f"levende run ended with {code}: nothing is compared. What it printed says what to do.")
            raise typer.Exit(code if code in (BLOCKED, MISUSED) else BLOCKED)
        equal = _show(truth.compare(told, where.published / "levende.duckdb"))
        if equal:
            at = f" --home {where.root}" if home else ""
            called = sys.argv[0]  # a newcomer's shell does not find `levende` by its name alone
            _say(f"look around: {called} explain visits 2023 --branch moa{at}")
            _say(f"the pages:   {called} ui{at}")
        raise typer.Exit(DONE if equal else BLOCKED)


@app.command("compare")
def compare_command(home: HomeOption = None) -> None:
    """Hold what is published against the truth that was built, without running anything."""
    with _told_errors():
        where = Home(home.absolute()) if home else Home.from_environment()
        compared = truth.compare(truth.read(_truth_path(where)), where.published / "levende.duckdb")
        raise typer.Exit(DONE if _show(compared) else BLOCKED)


def write_world(home: Home, world: World) -> int:
    """Write all vendor files of a world into the drop folders of its sources.

    A file that is there with the same content is left alone, so that building twice changes nothing. Files carry the
    time at which the vendor would have written them: a sweep waits for young files, and these are done.

    Returns:
        How many files the world has.
    """
    count = 0
    newest = {(sheet.source_id, sheet.name): sheet for sheet in _sheets(world)}
    for file in (*vendors.files(world.configuration, world.doors, world.days), *newest.values()):
        path = pipeline.drop_folder(home, world.configuration.source(file.source_id)) / file.name
        if not path.exists() or path.read_bytes() != file.body:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(path.name + ".part")
            partial.write_bytes(file.body)
            stamp = file.written_at.timestamp()
            os.utime(partial, (stamp, stamp))
            partial.replace(path)
        count += 1
    return count


def _sheets(world: World) -> list[vendors.VendorFile]:
    """What staff hand in about events, in the order in which it comes."""
    sources = [s for s in world.configuration.enabled("events") if s.adapter == "programme_sheet"]
    return [
        sheet
        for source in sources
        for sheet in attendance.sheets(world.configuration, world.programme, world.attendance, source.source_id, CLOCK)
    ]


def land_history(home: Home, world: World, servers: StandIns) -> Iterator[int]:
    """Ask the stand-ins for the account at each past moment, with their clock and ours set alike.

    Moments before the newest landed one are left out; that one is asked again, because a poll that was interrupted
    leaves only its first answers. `LEVENDE_SANDBOX_URL` and the token must be in the environment.

    Yields:
        The number of receipts, once per source and moment.

    Raises:
        IngestError: a poll failed.
    """
    for source in world.configuration.enabled("instagram"):
        receipts = home.catalogue.receipts(source_id=source.source_id)
        newest = max((r.received_at for r in receipts if r.status == "ok"), default=None)
        for moment in poll_moments(world):
            if newest is not None and moment < newest:
                yield 0
                continue
            servers.now = moment
            outcome = pipeline.poll(home, world.configuration, source, moment)
            if outcome.failures:
                raise outcome.failures[0]
            yield outcome.receipts


def _places(home: Path | None, config_folder: Path | None) -> tuple[Home, Configuration]:
    where = (Home(home.absolute()) if home else Home.from_environment()).writable()
    return where, config.load(config_folder)


def _truth_path(home: Home) -> Path:
    return home.root / "sandbox" / "truth.json"


def _build(home: Home, world: World) -> list[truth.TrueFigure]:
    if (home.root / "sandbox" / FAULTS_FILE).exists():
        raise ConfigurationError(
            f"{home.root} holds a simulated library with faults.",
            next_action="Build into a home of its own: --home DIR, or LEVENDE_HOME.",
        )
    started = time.monotonic()
    count = write_world(home, world)
    told = truth.write(world, _truth_path(home))
    seconds = time.monotonic() - started
    _say(f"built {count} vendor files and {len(told)} true figures in {seconds:.1f} s under {home.root}")
    return told


def _build_with_faults(home: Home, world: World, share_missing: float) -> None:
    """Land what failing counters tell, each file at its time, with the description that goes with it."""
    started = time.monotonic()
    plan = faults.plan(world, world.seed, share_missing=share_missing)
    count = faulty_files.deliver(home, plan.configuration, faulty_files.files(plan), CLOCK)
    folder = home.root / "sandbox"
    faulty_files.write_description(plan.configuration, folder / "config")
    told, records = truth.write(world, _truth_path(home)), plan.records
    write_atomically(folder / FAULTS_FILE, records.to_csv(index=False).encode())
    seconds = time.monotonic() - started
    kinds = ", ".join(f"{number} {kind}" for kind, number in records["kind"].value_counts().sort_index().items())
    _say(f"landed {count} deliveries with faults and {len(told)} true figures in {seconds:.1f} s under {home.root}")
    _say(f"what was done, by line ({folder / FAULTS_FILE}): {kinds}")
    _say(f"replaced counters are described in {folder / 'config'}; to run:")
    _say(f"levende run --family doors --config {folder / 'config'} --home {home.root}")


def _land_history(home: Home, world: World, servers: StandIns) -> None:
    started, receipts = time.monotonic(), 0
    total = len(poll_moments(world)) * len(world.configuration.enabled("instagram"))
    columns = (TextColumn("asking Instagram month by month"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total)
        for landed in land_history(home, world, servers):
            receipts += landed
            progress.advance(task)
    _say(f"landed {receipts} answers of {total} monthly polls of Instagram in {time.monotonic() - started:.1f} s")


def _say(text: str) -> None:
    console.print(f"sandbox: {text}", highlight=False, soft_wrap=True)


def _environment(home: Home, configuration: Configuration, url: str, token: str) -> dict[str, str]:
    return {
        URL_VARIABLE: url,
        TOKEN_VARIABLE: token,
        "LEVENDE_CLOCK": CLOCK.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "LEVENDE_CONFIG": str(configuration.folder),
        "LEVENDE_HOME": str(home.root),
    }


@contextmanager
def _environ(values: Mapping[str, str]) -> Iterator[None]:
    """The environment with these values in it, for as long as it lasts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _levende() -> list[str]:
    """The public command of the same installation."""
    command = Path(sys.executable).with_name("levende")
    if not command.exists():
        raise PermanentFailure(
            f"{command} does not exist.", next_action="Install the project into this environment: make install."
        )
    return [str(command)]


@contextmanager
def _told_errors() -> Iterator[None]:
    """What is wrong, as one message that ends with the next action, instead of a trace."""
    try:
        yield
    except IngestError as error:
        console.print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(MISUSED) from error


def _show(compared: list[truth.Compared]) -> bool:
    """Print the comparison: whole years of the areas one by one, all else in counts. True when all are equal."""
    title = "Published figures and the simulated truth"
    table = Table(title=title, title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)  # fits 80 columns
    for name in ("figure", "area", "year", "truth", "published", ""):
        is_number = name in ("truth", "published")
        table.add_column(name, justify="right" if is_number else "left", no_wrap=name == "figure", overflow="fold")
    for one in compared:
        figure = one.truth
        if figure.period_kind == "year" and figure.branch_id is None:
            table.add_row(
                figure.figure_id,
                figure.area_id,
                figure.period_start[:4],
                _number(figure.value),
                _number(one.published) if figure.told_share is None else _bound(one),
                ("equal" if figure.told_share is None else "at least") if one.is_equal else "[bold red]DIFFERS[/]",
            )
    # A pipe or a log has no width of its own: there nothing is broken, since a number on two lines reads as two.
    (console if console.is_terminal else Console(width=100)).print(table)
    wrong = [one for one in compared if not one.is_equal]
    for one in wrong[:20]:
        f = one.truth
        where = f"{f.area_id}/{f.branch_id or 'all'}"
        console.print(
            f"[bold red]differs:[/] {f.figure_id} {where} {f.period_kind} {f.period_start}: "
            f"truth {_number(f.value)}, published {_number(one.published)}"
            + (f"; reported {_bound(f)}, published {_bound(one)}" if f.told_share is not None else ""),
            highlight=False,
            soft_wrap=True,
        )
    if len(wrong) > 20:
        console.print(f"... and {len(wrong) - 20} more.")
    right = [one for one in compared if one.is_equal]
    equal = sum(one.truth.told_share is None for one in right)
    _say(f"{equal} of {len(compared)} published figures equal the truth (days to years, all branches)")
    if equal < len(right):
        _say(f"{len(right) - equal} are known in part: no value, and the bound and share that the reports give")
    console.print(f"[bold yellow]{BANNER}[/]", soft_wrap=True)
    return not wrong


def _bound(one: truth.Compared | truth.TrueFigure) -> str:
    """The least that it can be, and how much is known."""
    low, share = (one.low, one.share) if isinstance(one, truth.Compared) else (one.told_value, one.told_share)
    return f">= {_number(low)} ({'none' if share is None else f'{share:.0%}'})"


def _number(value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value:,.0f}".replace(",", " ") if float(value).is_integer() else f"{value:.4f}"
