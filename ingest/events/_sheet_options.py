"""What the source of a programme sheet may say under `options`.

What belongs here: the options and their proof. What does not: the usual names of columns (`_sheet_headers`), and what
every source of claims may say (`_options`).
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from ingest import wording
from ingest.events._options import ClaimOptions
from ingest.events._sheet_headers import HEADERS, SHARED, header_key
from ingest.wording import name_key

_ROLE = re.compile(r"[a-z][a-z0-9_]{1,39}")


class ProgrammeSheetOptions(ClaimOptions):
    """What a source of this form may say.

    Attributes:
        columns: more header names by role; the roles and their usual names stand in docs/attendance.md.
        ignore_columns: headers that are known and not read.
        branch_from_sheet: whether a sheet's name is the branch of rows that name none.
        fill_down: headers whose blank cells stand for the cell above, as in exports of sheets with merged cells. Never
            the default: a blank says nothing.
        method: how people were counted where no cell says it.
        roles: words for who reports, to the role kept: {avdelingsleder: branch_manager}. What a cell says beside
            them may be a name and does not pass; without any role the column is not read at all.
        delimiter: of CSV files; `auto`, or the character itself.
        encodings: of CSV files, tried in order.
    """

    zone: str = "Europe/Oslo"
    columns: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    ignore_columns: tuple[str, ...] = ()
    partner_separators: tuple[str, ...] = (",", ";")
    branch_from_sheet: bool = False
    fill_down: tuple[str, ...] = ()
    method: Literal["counted", "estimated", "tickets"] | None = None
    roles: dict[str, str] = Field(default_factory=dict)
    delimiter: str = "auto"
    encodings: tuple[str, ...] = ("utf-8-sig", "cp1252")

    _delimiter = field_validator("delimiter")(wording.known_delimiter)
    _encodings = field_validator("encodings")(wording.known_encodings)

    @field_validator("roles")
    @classmethod
    def _named_roles(cls, value: dict[str, str]) -> dict[str, str]:
        roles: dict[str, str] = {}
        for word, role in value.items():
            if not _ROLE.fullmatch(role):
                raise ValueError(f"the role {role!r} is written like branch_manager: small letters, digits and _")
            if not name_key(word) or roles.setdefault(name_key(word), role) != role:
                raise ValueError(f"roles names {word!r} twice, or it is empty")
        return roles

    @model_validator(mode="after")
    def _names_columns(self) -> ProgrammeSheetOptions:
        unknown = sorted(set(self.columns) - set(HEADERS))
        if unknown:
            raise ValueError(f"columns names {', '.join(unknown)}; known are {', '.join(HEADERS)}")
        owners: dict[str, str] = {}
        for role, names in self.columns.items():
            for name in names:
                if owners.setdefault(header_key(name), role) != role:
                    raise ValueError(f"the header {name!r} stands for both {owners[header_key(name)]} and {role}")
        if "reported_by_role" in self.columns and not self.roles:
            raise ValueError("columns names reported_by_role, and roles says none: which words may pass?")
        for name in self.fill_down:
            filled = self._role_of(name)
            if filled not in SHARED:
                raise ValueError(
                    f"fill_down names {name!r}, which is {filled or 'no known header'}; "
                    f"what may stand for the rows below is {', '.join(SHARED)}"
                )
        return self

    def filled_roles(self) -> frozenset[str]:
        """The roles of the headers that `fill_down` names."""
        return frozenset(role for name in self.fill_down if (role := self._role_of(name)) is not None)

    def _role_of(self, name: str) -> str | None:
        return name if name in HEADERS else self.header_roles().get(header_key(name))

    def header_roles(self) -> dict[str, str]:
        """Role by header; the library's own words win over the usual ones."""
        usual = {
            header_key(name): role
            for role, names in HEADERS.items()
            for name in names
            if role != "reported_by_role" or self.roles
        }
        return usual | {header_key(name): role for role, names in self.columns.items() for name in names}
