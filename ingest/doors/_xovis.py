"""What both generations of Xovis sensors share: which of a line's two directions leads in.

What belongs here: the mapping of `fw` and `bw`. What does not: either generation's messages.

`fw` and `bw` are geometric: they follow the arrow drawn on the line when the sensor was set up, not the door.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ingest.adapters import Faulty
from ingest.doors import _messages
from ingest.json_values import dict_of

Direction = Literal["fw", "bw"]


def in_and_out(told: Mapping[str, Any], line_key: str, inward: Mapping[str, Direction]) -> dict[str, Any]:
    """The counters named exactly `fw` and `bw` as columns. Those by gender, age or mask are the same people again.

    Args:
        told: the line's counters by name.
        inward: per line which direction leads in; `fw` where it is not said.

    Raises:
        Faulty: there is neither, or one of them is no count.
    """
    if not {"fw", "bw"} & told.keys():
        raise Faulty("no_directions")
    first, second = ("bw", "fw") if inward.get(line_key) == "bw" else ("fw", "bw")
    return _messages.directions(told.get(first), told.get(second))


def named(records: Any, label: str) -> dict[str, Any]:
    """Counters by name.

    Raises:
        Faulty: `fw` or `bw` stands twice with different values.
    """
    told: dict[str, Any] = {}
    for record in map(dict_of, _messages.items(records)):
        name = record.get(label)
        if name in ("fw", "bw") and told.setdefault(name, record.get("value")) != record.get("value"):
            raise Faulty("duplicate_conflict")
    return told
