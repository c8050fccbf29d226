"""What the counters of the simulated library would write about what happened: vendor files, byte for byte.

What belongs here: the writing habits of each make, and what goes into which file. What does not: how many people came
(`visits.py`), what a counter tells of them (`tellings.py`, `faults`), nor how the pipeline reads it. Files cover
all 24 hours of a day, zeros included: 23 on the day the clock goes forward, 25 on the day it goes back, the repeated
hour twice in order.

Which line is told in which habit follows from the source's adapter and the line's rule, so the description decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby
from zoneinfo import ZoneInfo

from ingest.config import Configuration, Line, Source, start_of
from ingest.errors import ConfigurationError
from sandbox.tellings import Telling, moment_of, tell
from sandbox.visits import DoorCounts


@dataclass(frozen=True)
class VendorFile:
    """One file as a vendor would leave it.

    Attributes:
        written_at: when it would have been written, aware; becomes the file's time stamp.
    """

    source_id: str
    name: str
    body: bytes
    written_at: datetime


@dataclass(frozen=True)
class Parcel:
    """Which stretch of which lines goes into one file, and when that file comes.

    Attributes:
        first_on, end_on: local dates whose rows it holds, the end excluded.
        written_at: when it is written into the drop folder, aware.
        line_id: for a file of one device; None for one of all lines of its source.
        repeats: line and date whose rows stand in it twice.
    """

    source_id: str
    name: str
    first_on: date
    end_on: date
    written_at: datetime
    line_id: str | None = None
    repeats: tuple[tuple[str, date], ...] = ()


@lru_cache(maxsize=4096)
def local_steps(day: date, zone: ZoneInfo, minutes: int) -> tuple[tuple[datetime, datetime, int], ...]:
    """A local day in equal steps of real time.

    Returns:
        Per step its start in UTC, its naive local start, and the quarter of the wall clock it begins in.
    """
    moment = datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time(), tzinfo=zone).astimezone(UTC)
    steps = []
    while moment < end:
        local = moment.astimezone(zone).replace(tzinfo=None)
        steps.append((moment, local, (local.hour * 60 + local.minute) // 15))
        moment += timedelta(minutes=minutes)
    return tuple(steps)


def files(configuration: Configuration, doors: Sequence[DoorCounts], days: Sequence[date]) -> Iterator[VendorFile]:
    """All files of all door sources, in the order in which they would have been written, source by source.

    Raises:
        ConfigurationError: people come through a door in an hour that the clock shows twice, or a source is read by
            an adapter whose files the sandbox can't write.
    """
    for door in doors:
        nobody_in_the_repeated_hour(door, days, configuration.zone)
    lines = [door.line for door in doors]
    tellings = [tell(configuration, door, days) for door in doors]
    yield from written(configuration, parcels(configuration, lines, days), tellings)


def written(configuration: Configuration, asked: Iterable[Parcel], tellings: Sequence[Telling]) -> Iterator[VendorFile]:
    """The files of parcels, in the given order. A parcel without a single row makes no file."""
    by_source: dict[str, list[Telling]] = defaultdict(list)
    for telling in tellings:
        by_source[telling.line.source_id].append(telling)
    for parcel in asked:
        source = configuration.source(parcel.source_id)
        told = [
            (telling, part)
            for telling in by_source[parcel.source_id]
            if parcel.line_id in (None, telling.line.line_id)
            for part in _parts(telling, parcel, configuration.zone)
        ]
        if not any(part.start_at.size for _telling, part in told):
            continue
        if source.adapter == "brickstream":
            body = _brickstream(source, told[0][1], parcel.first_on, configuration.zone)
        else:
            body = _csv(source, [t.line for t in by_source[parcel.source_id]], [part for _telling, part in told])
        yield VendorFile(parcel.source_id, parcel.name, body, parcel.written_at)


def has_rows(configuration: Configuration, parcel: Parcel, tellings: Iterable[Telling]) -> bool:
    """Whether anything was told in a parcel's time."""
    return any(
        part.start_at.size
        for telling in tellings
        if telling.line.source_id == parcel.source_id and parcel.line_id in (None, telling.line.line_id)
        for part in _parts(telling, parcel, configuration.zone)
    )


def _parts(telling: Telling, parcel: Parcel, zone: ZoneInfo) -> Iterator[Telling]:
    """The rows of one line that go into a parcel; a day that it repeats follows behind them."""
    spans = [(parcel.first_on, parcel.end_on)]
    spans += [(day, day + timedelta(days=1)) for line_id, day in parcel.repeats if line_id == telling.line.line_id]
    for first_on, end_on in spans:
        yield telling.rows(telling.between(start_of(first_on, zone), start_of(end_on, zone)))


def parcels(configuration: Configuration, lines: Sequence[Line], days: Sequence[date]) -> list[Parcel]:
    """How sources that deliver as they should cut what they tell into files, in order, source by source.

    CSV files are monthly, or daily where the source's pattern has `dag-` in it; cameras send one a day and device.

    Raises:
        ConfigurationError: a source is read by an adapter whose files the sandbox can't write.
    """
    zone = configuration.zone
    by_source: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        by_source[line.source_id].append(line)
    made: list[Parcel] = []
    for source_id, members in sorted(by_source.items()):
        source = configuration.source(source_id)
        if source.adapter == "brickstream":
            for line in members:
                for day in days:
                    end_on = day + timedelta(days=1)
                    sent = datetime.combine(end_on, time(0, 0, 24), tzinfo=zone)
                    name = f"{line.device_key}-{day:%Y%m%d}.xml"
                    made.append(Parcel(source_id, name, day, end_on, sent, line.line_id))
        elif source.adapter in ("interval_csv", "gate_readings"):
            for first_on, end_on, name in _calendar(source, days):
                made.append(
                    Parcel(source_id, name, first_on, end_on, datetime.combine(end_on, time(1, 30), tzinfo=zone))
                )
        else:
            raise ConfigurationError(
                f"sources.yaml: the sandbox can't write files of adapter {source.adapter!r} ({source_id}).",
                next_action="Use brickstream, interval_csv or gate_readings in a simulated library.",
            )
    return made


def _calendar(source: Source, days: Sequence[date]) -> Iterator[tuple[date, date, str]]:
    """First date, end date and file name of each file of a source."""
    word = "besok" if source.adapter == "interval_csv" else "teljeverk"
    if "dag-" in source.pattern:
        yield from ((day, day + timedelta(days=1), f"dag-{day:%Y-%m-%d}.csv") for day in days)
        return
    for month, of_month in groupby(days, key=lambda day: day.replace(day=1)):
        dates = list(of_month)
        yield dates[0], dates[-1] + timedelta(days=1), f"{word}-{month:%Y-%m}.csv"


def nobody_in_the_repeated_hour(door: DoorCounts, days: Sequence[date], zone: ZoneInfo) -> None:
    """Refuse people in an hour that the wall clock shows twice: their truth would be a guess.

    Raises:
        ConfigurationError: there are some.
    """
    for row, day in enumerate(days):
        quarters = [quarter for _moment, _local, quarter in local_steps(day, zone, 60)]
        repeated = {q for q in quarters if quarters.count(q) > 1} if len(quarters) > 24 else set()
        for quarter in repeated:
            if door.ins[row, quarter : quarter + 4].any() or door.outs[row, quarter : quarter + 4].any():
                raise ConfigurationError(
                    f"library.yaml: {door.line.branch_id} is open in the hour that {day} has twice.",
                    next_action="Close it then; simulated people know only the wall clock.",
                )


def _csv(source: Source, lines: Sequence[Line], told: Sequence[Telling]) -> bytes:
    """`Avdeling;Dato;Time;Inn;Ut`. A single beam has one column of breaks, `Brudd`; a gate has registers.

    The older of the two systems still writes Windows-1252, as the files of such systems do.
    """
    is_beam = all(line.rule == "breaks_halved" for line in lines)
    if source.adapter == "gate_readings":
        rows = ["Avdeling;Dato;Klokkeslett;Inn totalt;Ut totalt"]
    else:
        rows = ["Avdeling;Dato;Time;Brudd" if is_beam else "Avdeling;Dato;Time;Inn;Ut"]
    for telling in told:
        name = _name(telling.line)
        is_whole_hour = telling.minutes == 60 and not telling.is_register
        has_out = telling.line.rule != "entries"
        stamps: list[datetime] = telling.stamp_at.astype("datetime64[s]").tolist()
        for stamp, came, left in zip(stamps, telling.ins.tolist(), telling.outs.tolist(), strict=True):
            clock = str(stamp.hour) if is_whole_hour else f"{stamp.hour:02}:{stamp.minute:02}"
            people = f"{came + left}" if is_beam else f"{came};{left if has_out else ''}"
            rows.append(f"{name};{stamp.day:02}.{stamp.month:02}.{stamp.year};{clock};{people}")
    encoding = "cp1252" if source.source_id.endswith("filialane") else "utf-8-sig"
    return ("\r\n".join(rows) + "\r\n").encode(encoding)


def _name(line: Line) -> str:
    """The counter's name as the file spells it: the key that readers make of it is the name casefolded."""
    if line.door.casefold() != line.device_key:
        raise ConfigurationError(
            f"library.yaml: line {line.line_id}: door {line.door!r} and its device_key are two names.",
            next_action="In a simulated library the device_key of a file is the door's name in lower case.",
        )
    return line.door


_BRICKSTREAM = """<?xml version="1.0"?>
<Metrics SiteId="{site}" Sitename="{site}" DeviceId="{site}" Devicename="{name}" DivisionId="">
    <Properties>
        <Version>2</Version>
        <TransmitTime>{sent}</TransmitTime>
        <MacAddress>{mac}</MacAddress>
        <IpAddress>10.0.0.15</IpAddress>
        <HostName>{site}</HostName>
        <HttpPort>80</HttpPort>
        <HttpsPort>443</HttpsPort>
        <Timezone>{timezone}</Timezone>
        <TimezoneName>(GMT 01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna</TimezoneName>
        <DST>{dst}</DST>
        <HwPlatform>2300</HwPlatform>
        <SerialNumber>{serial}</SerialNumber>
        <DeviceType>0</DeviceType>
        <SwRelease>5.9.21.621</SwRelease>
    </Properties>
    <ReportData Interval="15">
        <Report Date="{date}">
            <Object Id="{line}" DeviceId="{site}" Devicename="{name}" ObjectType="0" Name="{name}" ExternalId="">
{counts}
            </Object>
        </Report>
    </ReportData>
</Metrics>
"""


def _brickstream(source: Source, told: Telling, day: date, zone: ZoneInfo) -> bytes:
    """One XML a day and device, quarters of an hour, sent just after local midnight."""
    line = told.line
    mac = "00:b0:9d:" + ":".join(f"{int(line.device_key):06d}"[-6:][i : i + 2] for i in (0, 2, 4))
    counts = []
    for start_at, local, came, left in zip(
        told.start_at,
        told.stamp_at.astype("datetime64[s]").tolist(),
        told.ins.tolist(),
        told.outs.tolist(),
        strict=True,
    ):
        moment = moment_of(start_at)
        end = (moment + timedelta(minutes=15)).astimezone(zone)
        counts.append(
            f'                <Count StartTime="{local:%H:%M:%S}" EndTime="{end:%H:%M:%S}" '
            f'UnixStartTime="{int(moment.timestamp())}" Enters="{came}" Exits="{left}" '
            f'Status="4"/>'
        )
    sent = datetime.combine(day + timedelta(days=1), time(0, 0, 24), tzinfo=zone)
    dst = int((sent.dst() or timedelta()) / timedelta(hours=1))
    offset = int((sent.utcoffset() or timedelta()) / timedelta(hours=1))
    return _BRICKSTREAM.format(
        site=source.source_id,
        name=line.door,
        sent=int(sent.timestamp()),
        mac=mac,
        timezone=offset - dst,
        dst=dst,
        serial=line.device_key,
        date=day.isoformat(),
        line=line.line_key,
        counts="\n".join(counts),
    ).encode()
