"""Public holidays of the library's country, from the `holidays` package.

What belongs here: asking the package, and not taking its silence for an answer. What does not: which hours a branch is
open on them (the description says, and the warehouse reckons).
"""

from __future__ import annotations

from datetime import date

import holidays

from ingest.config import Library
from ingest.errors import ConfigurationError

# Years of public holidays written beyond the start of reporting: a fixed span, because a clock must not decide.
HOLIDAY_YEARS = 40


def public_holidays(library: Library) -> list[tuple[date, str]]:
    """Public holidays of the library's country from the start of reporting on, in date order.

    Raises:
        ConfigurationError: unknown country, or a language that the package would silently replace by English.
    """
    if library.holidays_country is None:
        return []
    country, language = library.holidays_country, library.holidays_language
    start = library.reporting.start_on.year
    years = range(start, start + HOLIDAY_YEARS)
    try:
        # The package falls back to English for a language it does not have; a wrong name must be heard.
        known = getattr(holidays.country_holidays(country), "supported_languages", ()) or ()
        if language is not None and language not in known:
            raise ConfigurationError(
                f"library.yaml: holidays_language {language!r} is not known for {country}.",
                next_action=f"Use one of: {', '.join(known)}.",
            )
        found = holidays.country_holidays(country, language=language, years=years)
    except NotImplementedError:
        raise ConfigurationError(
            f"library.yaml: holidays_country {country!r} is not known.",
            next_action="Use a two-letter country code, such as NO.",
        ) from None
    return sorted(found.items())
