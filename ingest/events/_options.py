"""What sources of events say under `options`, as far as several systems say it.

What belongs here: options that mean the same wherever they stand. What does not: options of one system (its own
module), and what is done with them.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, field_validator

from ingest.access import bare_address
from ingest.adapters import Options
from ingest.events._words import checked_patterns
from ingest.zones import known_zone


def no_secrets(value: str | None) -> str | None:
    """An address, proved to hold no user name. For use in a validator of options.

    Raises:
        ValueError: it holds one.
    """
    if value is not None and "@" in urlsplit(value).netloc:
        raise ValueError("a user name in an address is a secret; name it by its ${VARIABLE}")
    return value


class ClaimOptions(Options):
    """What every source of claims may say.

    Attributes:
        zone: IANA zone of times and dates that name none, and of the local date of times in UTC.
        partner_patterns: regular expressions with one group, searched in each line of a description; what the group
            finds are co-organisers. Only these words of a description pass.
        partner_separators: what stands between several of them. ` og ` is not among the defaults: names hold it.
        max_bytes: largest body, after decompression.
    """

    zone: str
    partner_patterns: tuple[str, ...] = ()
    partner_separators: tuple[str, ...] = (",", ";")
    max_bytes: int = Field(default=10 * 1024 * 1024, gt=0, le=64 * 1024 * 1024)

    _zone = field_validator("zone")(known_zone)
    _patterns = field_validator("partner_patterns")(checked_patterns)


class OrganiserOptions(Options):
    """What sources that are told an organiser may say beside that.

    Attributes:
        own_names: names of the library and its branches as this source writes them, each whole, in any case. Whether
            it names one of them as organiser is told as `is_organised_by_library`; none of them is a partner.
    """

    own_names: tuple[str, ...] = ()

    @field_validator("own_names")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(str.strip, value)):
            raise ValueError("a name of the library is empty")
        return value


class FeedOptions(ClaimOptions):
    """What every source that can be asked may say beside that.

    Attributes:
        url: the address; `${NAME}` is filled from the environment when it is asked. Absent: files only.
        allow_loopback: whether http://127.0.0.1 may be asked; for stand-in servers.
    """

    url: str | None = None
    allow_loopback: bool = False

    _url = field_validator("url")(no_secrets)


class ListOptions(FeedOptions):
    """Options of systems whose list takes several questions.

    Attributes:
        url: the system's address without query and user.
        max_pages: a question with more pages is cut there, and its answer counts as incomplete.
        pause_seconds: rest between two questions.
    """

    max_pages: int = Field(default=200, ge=1, le=1000)
    pause_seconds: float = Field(default=0.2, ge=0, le=60)

    _url = field_validator("url")(bare_address)


class WindowOptions(ListOptions):
    """Options of systems that can be asked for the past as well.

    Attributes:
        days_back, days_ahead: how far from the day of the poll is asked; widened to whole slices of 30 days. An event
            older than that keeps what was last said of it.
    """

    days_back: int = Field(default=400, ge=0, le=7300)
    days_ahead: int = Field(default=400, ge=1, le=1500)
