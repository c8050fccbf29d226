"""What goes wrong between a person in a door and a file in a folder, drawn from a seed.

What belongs here: faults of counters (`LineFault`) and of deliveries (`FileFault`), how often and where they strike,
and the record of what was done. What does not: how many people came (`visits`), how a make writes (`vendors`), nor
anything about how the pipeline finds a fault or makes up for it.

A fault changes what is told and never what happened. Each kind is drawn from its own stream of random numbers, so that
leaving one out moves no other. Faults compose in a fixed order: what the sensor sees, then its clock and register, then
what is lost, then the stamps, then the file.

To add a kind: a class with `kind`, `order` and `apply` and a function that draws it, in the module of its thought
(`outages`, `counters`, `clocks`, `devices`, `deliveries`), and a row in `composing.DRAWN` or `composing.DELIVERED`.
"""

from sandbox.faults.clocks import AutumnSummed, ClockDrift, SpringPadded, WrongZone
from sandbox.faults.composing import KINDS, RECORD, FaultPlan, plan
from sandbox.faults.counters import DeadZero, InternalDoubled, RegisterReset, RegisterRollover, Spike, Swapped
from sandbox.faults.deliveries import ArrivesLate, DeliveredTwice, FileFault, Overlapping, Reordered, RepeatedRows
from sandbox.faults.devices import BranchMove, ReplacedSensor, draw_move
from sandbox.faults.house import House
from sandbox.faults.lines import LineFault
from sandbox.faults.outages import Outage

__all__ = [
    "KINDS",
    "RECORD",
    "ArrivesLate",
    "AutumnSummed",
    "BranchMove",
    "ClockDrift",
    "DeadZero",
    "DeliveredTwice",
    "FaultPlan",
    "FileFault",
    "House",
    "InternalDoubled",
    "LineFault",
    "Outage",
    "Overlapping",
    "RegisterReset",
    "RegisterRollover",
    "Reordered",
    "RepeatedRows",
    "ReplacedSensor",
    "Spike",
    "SpringPadded",
    "Swapped",
    "WrongZone",
    "draw_move",
    "plan",
]
