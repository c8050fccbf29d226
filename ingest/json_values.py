"""Values out of JSON that others write, in the form that they were meant in; an empty one where they are not.

What belongs here: what holds for the JSON of any family. What does not: what a missing value means, and the fields of
one system. Nothing here raises but `no_constant`: outside JSON has any form.
"""

from __future__ import annotations

from typing import Any, NoReturn


def no_constant(name: str) -> NoReturn:
    """For `parse_constant` of a reader: NaN and Infinity are no JSON, and no table takes them.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{name} is no JSON")


def text_of(value: Any) -> str:
    """A text or whole number as text; empty for everything else."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def dict_of(value: Any) -> dict[str, Any]:
    """The object, or an empty one: several systems write `[]` or null for an object that is not there."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """The list, or an empty one."""
    return value if isinstance(value, list) else []


def dicts_of(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; of a single object, itself."""
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]
