"""What an adapter is, and the register they enter by name.

A new make is one module in `ingest/doors`, `ingest/events` or `ingest/instagram`: a subclass of `Adapter` under
`@register`. Nothing else changes; the packages import all their modules, so a file that is there is known.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ingest.catalogue import Arrival, Receipt
from ingest.config import Configuration, Source
from ingest.contracts import FAMILIES
from ingest.errors import ConfigurationError

if TYPE_CHECKING:  # the inbox lists adapters, and parses nothing
    import pandas as pd
    import pyarrow as pa

    from ingest.http import Session


class Options(BaseModel):
    """Base of an adapter's options: what a source's `options` may say. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Reject:
    """One record, or the whole blob, that could not be read.

    Attributes:
        pointer: where it stands in the bytes, so that a person finds it. Never its content: that may be personal.
        reason: short code, such as `letters_in_count`.
        message: what is wrong, in words, without personal data.
        next_action: what to do.
        scope: `record` or `blob`.
    """

    pointer: str
    reason: str
    message: str
    next_action: str
    scope: str = "record"

    @classmethod
    def of(cls, pointer: str, reason: str, faults: Mapping[str, tuple[str, str]], *, scope: str = "record") -> Reject:
        """The reject for a reason that `faults` explains: what is wrong, and what to do."""
        message, next_action = faults[reason]
        return cls(pointer, reason, message, next_action, scope)


class Faulty(Exception):
    """One record gives no row, and costs only itself. The reason is a key of its adapter's faults."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Parsed:
    """What one blob says: rows per lake table, and rejects.

    Rows are dicts, or a frame or Arrow table with columns of the contract.
    """

    rows: dict[str, Sequence[Mapping[str, Any]] | pd.DataFrame | pa.Table] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)


@dataclass(frozen=True)
class FetchContext:
    """All a fetcher may know of the world.

    Attributes:
        source: the configured source.
        options: its options, checked.
        session: the HTTP session, with its guards and retries.
        now: the moment this poll counts as, aware; fetchers must not look at a clock.
        latest: the newest good receipt for an origin, for conditional requests and cursors.
        configuration: the library's description.
        body: the bytes that a receipt brought, for sources whose last answer says where to go on; None where the
            caller keeps none.
        receipts: the catalogue's receipts, by the filters of `Catalogue.receipts`: what was asked before, so that a
            fetcher needs no memory of its own. Of any source: some limits are shared.
        pause: waits for so many seconds; a test's clock does not.
    """

    source: Source
    options: Any
    session: Session
    now: datetime
    latest: Callable[[str], Receipt | None]
    configuration: Configuration
    body: Callable[[Receipt], bytes] | None = None
    receipts: Callable[..., list[Receipt]] = lambda **_filters: []
    pause: Callable[[float], None] = time.sleep


class Adapter:
    """One make or system: how to ask it, and how to read what it says.

    Subclasses set the class variables and write `parse`; those that can be asked write `fetch` as well.

    Attributes:
        name: what `adapter:` in a source says.
        family: the lake family it writes.
        version: raise it whenever the same bytes would give other rows; everything is then read again.
        tables: the lake tables it writes.
        options: the model of the source's options.
        polls: whether the source can be asked; then `fetch` is written.
        reads_moments: whether equal bytes at two times are two observations (a snapshot), not one told twice.
        minimises: whether what is pushed or dropped may hold personal data; then `minimise` is written, and what it
            returns is landed in the place of what came.
    """

    name: ClassVar[str]
    family: ClassVar[str]
    version: ClassVar[int]
    tables: ClassVar[tuple[str, ...]]
    options: ClassVar[type[Options]] = Options
    polls: ClassVar[bool] = False
    reads_moments: ClassVar[bool] = False
    minimises: ClassVar[bool] = False

    def admits(self, name: str) -> bool:
        """Whether a dropped file of this name (path inside its folder) may be opened at all. What is not admitted is
        never read, only told of."""
        return True

    def minimise(self, body: bytes, name: str) -> bytes:
        """What came, without personal data; called before landing where `minimises` is set. Pure, as `parse` is.

        Bytes that hold nothing personal should come back as they are.

        Args:
            name: a dropped file's path inside its folder; empty for a post.

        Raises:
            UnreadableBody: personal data can't be told from the rest with certainty: nothing is landed.
        """
        raise NotImplementedError

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: Any) -> Parsed:
        """Read landed bytes. Pure: no clock, no network, no files, no randomness.

        Raises:
            UnreadableBody: the bytes are not in the source's format at all; becomes one reject of scope `blob`.
        """
        raise NotImplementedError

    def refuses(self, body: bytes) -> str | None:
        """Whether a posted body must not even be landed, because it tells of single persons. Pure, and quick.

        Returns:
            What to do about it, as a sentence without its full stop; None for a body that may be landed.
        """
        return None

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask the source, yielding every answer before asking the next: each is landed at once.

        Raises:
            TransientFailure, PermanentFailure: recorded as a failed receipt; what was yielded stays.
        """
        raise NotImplementedError


_register: dict[str, Adapter] = {}


def register(adapter: type[Adapter]) -> type[Adapter]:
    """Class decorator that makes an adapter known by its name.

    Raises:
        ValueError: two adapters of one name, or an unknown family.
    """
    if adapter.name in _register:
        raise ValueError(f"two adapters are named {adapter.name!r}")
    if adapter.family not in FAMILIES:
        raise ValueError(f"adapter {adapter.name!r} belongs to no family: {adapter.family!r}")
    _register[adapter.name] = adapter()
    return adapter


def adapters() -> dict[str, Adapter]:
    """All adapters by name."""
    _import_all()
    return dict(sorted(_register.items()))


@functools.cache
def _import_all() -> None:
    for family in FAMILIES:
        package = importlib.import_module(f"ingest.{family}")
        for module in pkgutil.iter_modules(package.__path__):
            if module.name == "__main__":
                continue  # a command line, not an adapter: importing it would run it
            importlib.import_module(f"ingest.{family}.{module.name}")


def adapter_of(source: Source) -> Adapter:
    """The adapter of a source, whatever its options say.

    Raises:
        ConfigurationError: unknown adapter.
    """
    known = adapters()
    if source.adapter not in known:
        raise ConfigurationError(
            f"source {source.source_id}: no adapter {source.adapter!r}.",
            next_action=f"Use one of: {', '.join(known)}.",
        )
    return known[source.adapter]


def adapter_for(source: Source) -> tuple[Adapter, Any]:
    """The adapter of a source and the source's options, checked.

    Raises:
        ConfigurationError: unknown adapter, wrong family, or options that the adapter does not take.
    """
    adapter = adapter_of(source)
    if adapter.family != source.family:
        raise ConfigurationError(
            f"source {source.source_id}: adapter {adapter.name} reads {adapter.family}, not {source.family}.",
            next_action="Mend family or adapter in sources.yaml.",
        )
    try:
        return adapter, adapter.options.model_validate(source.options)
    except ValidationError as error:
        details = "; ".join(f"options.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(
            f"source {source.source_id} ({adapter.name}): {details}", next_action="Mend sources.yaml."
        ) from error
