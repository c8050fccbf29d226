"""What the counters of the simulated library would write about what happened: vendor files, byte for byte.

What belongs here: the writing habits of each make. What does not: how many people came (`visits.py`), nor how the
pipeline reads it. Files cover all 24 hours of a day, zeros included: 23 on the day the clock goes forward, 25 on the
day it goes back, the repeated hour twice in order.

Which line is told in which habit follows from the source's adapter and the line's rule, so the description decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from ingest.config import Configuration, Source
from ingest.errors import ConfigurationError
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
    by_source: dict[str, list[DoorCounts]] = defaultdict(list)
    for door in doors:
        by_source[door.line.source_id].append(door)
        _nobody_in_the_repeated_hour(door, days, configuration.zone)
    for source_id, members in sorted(by_source.items()):
        source = configuration.source(source_id)
        if source.adapter == "brickstream":
            yield from _brickstream(source, members, days, configuration.zone)
        elif source.adapter == "interval_csv":
            yield from _hourly_csv(source, members, days, configuration.zone)
        else:
            raise ConfigurationError(
                f"sources.yaml: the sandbox can't write files of adapter {source.adapter!r} ({source_id}).",
                next_action="Use brickstream or interval_csv in a simulated library.",
            )


def _nobody_in_the_repeated_hour(door: DoorCounts, days: Sequence[date], zone: ZoneInfo) -> None:
    for row, day in enumerate(days):
        quarters = [quarter for _moment, _local, quarter in local_steps(day, zone, 60)]
        repeated = {q for q in quarters if quarters.count(q) > 1} if len(quarters) > 24 else set()
        for quarter in repeated:
            if door.ins[row, quarter : quarter + 4].any() or door.outs[row, quarter : quarter + 4].any():
                raise ConfigurationError(
                    f"library.yaml: {door.line.branch_id} is open in the hour that {day} has twice.",
                    next_action="Close it then; simulated people know only the wall clock.",
                )


def _months(days: Sequence[date]) -> Iterator[tuple[date, list[tuple[int, date]]]]:
    rows: dict[date, list[tuple[int, date]]] = defaultdict(list)
    for row, day in enumerate(days):
        rows[day.replace(day=1)].append((row, day))
    yield from rows.items()


def _hourly_csv(
    source: Source, doors: Sequence[DoorCounts], days: Sequence[date], zone: ZoneInfo
) -> Iterator[VendorFile]:
    """`Avdeling;Dato;Time;Inn;Ut`, one file a month. A single beam has one column of breaks, `Brudd`.

    The older of the two systems still writes Windows-1252, as the files of such systems do.
    """
    is_beam = all(door.line.rule == "breaks_halved" for door in doors)
    encoding = "cp1252" if source.source_id.endswith("filialane") else "utf-8-sig"
    for month, rows in _months(days):
        lines = ["Avdeling;Dato;Time;Brudd" if is_beam else "Avdeling;Dato;Time;Inn;Ut"]
        for door in doors:
            name = _name(door)
            for row, day in rows:
                ins = door.ins[row].reshape(24, 4).sum(axis=1).tolist()
                outs = door.outs[row].reshape(24, 4).sum(axis=1).tolist()
                dotted = f"{day:%d.%m.%Y}"
                for _moment, local, _quarter in local_steps(day, zone, 60):
                    came, left = ins[local.hour], outs[local.hour]
                    cells = (came + left,) if is_beam else (came, "" if door.line.rule == "entries" else left)
                    lines.append(";".join([name, dotted, str(local.hour), *map(str, cells)]))
        body = ("\r\n".join(lines) + "\r\n").encode(encoding)
        written_at = datetime.combine(rows[-1][1] + timedelta(days=1), time(1, 30), tzinfo=zone)
        yield VendorFile(source.source_id, f"besok-{month:%Y-%m}.csv", body, written_at)


def _name(door: DoorCounts) -> str:
    """The counter's name as the file spells it: the key that readers make of it is the name casefolded."""
    if door.line.door.casefold() != door.line.device_key:
        raise ConfigurationError(
            f"library.yaml: line {door.line.line_id}: door {door.line.door!r} and its device_key are two names.",
            next_action="In a simulated library the device_key of a file is the door's name in lower case.",
        )
    return door.line.door


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


def _brickstream(
    source: Source, doors: Sequence[DoorCounts], days: Sequence[date], zone: ZoneInfo
) -> Iterator[VendorFile]:
    """One XML a day and device, quarters of an hour, sent just after local midnight."""
    for door in doors:
        mac = "00:b0:9d:" + ":".join(f"{int(door.line.device_key):06d}"[-6:][i : i + 2] for i in (0, 2, 4))
        for row, day in enumerate(days):
            ins, outs = door.ins[row].tolist(), door.outs[row].tolist()
            counts = []
            for moment, local, quarter in local_steps(day, zone, 15):
                end = (moment + timedelta(minutes=15)).astimezone(zone)
                counts.append(
                    f'                <Count StartTime="{local:%H:%M:%S}" EndTime="{end:%H:%M:%S}" '
                    f'UnixStartTime="{int(moment.timestamp())}" Enters="{ins[quarter]}" Exits="{outs[quarter]}" '
                    f'Status="4"/>'
                )
            sent = datetime.combine(day + timedelta(days=1), time(0, 0, 24), tzinfo=zone)
            dst = int((sent.dst() or timedelta()) / timedelta(hours=1))
            offset = int((sent.utcoffset() or timedelta()) / timedelta(hours=1))
            body = _BRICKSTREAM.format(
                site=source.source_id,
                name=door.line.door,
                sent=int(sent.timestamp()),
                mac=mac,
                timezone=offset - dst,
                dst=dst,
                serial=door.line.device_key,
                date=day.isoformat(),
                line=door.line.line_key,
                counts="\n".join(counts),
            )
            name = f"{door.line.device_key}-{day:%Y%m%d}.xml"
            yield VendorFile(source.source_id, name, body.encode(), sent)
