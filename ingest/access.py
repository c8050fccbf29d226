"""What every family needs to ask somebody's system: its address, its secrets, a token, and a JSON answer.

What belongs here: what holds for door portals, event calendars and social media alike. What does not: HTTP itself
(`ingest.http`), and anything about one family or system. Secrets come from the environment, never from a file, and no
message names their values.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from ingest.config import expand
from ingest.errors import ConfigurationError, PermanentFailure, UnreadableBody
from ingest.http import Session
from ingest.json_values import no_constant

# The name of an environment variable: whoever writes the secret itself here is told so before it reaches a table.
Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


def bare_address(value: str | None) -> str | None:
    """A configured address, proved to hold only that. For use in a validator of options.

    Raises:
        ValueError: it holds a user, query or fragment, any of which may be a secret.
    """
    if value is not None and re.search(r"[@?#]", value):
        raise ValueError("the address may hold no user, query or fragment; name secrets by their variables")
    return value


def secret(variable: str) -> str:
    """The value of an environment variable that holds a user name, password or key.

    Raises:
        ConfigurationError: it is not set, or holds signs that none has. Names the variable, never its value.
    """
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ConfigurationError(
            f"the environment variable {variable} is not set.", next_action=f"Set {variable} and start again."
        )
    if not value.isprintable():
        raise ConfigurationError(
            f"the environment variable {variable} holds a line break or another unprintable sign.",
            next_action=f"Copy the value into {variable} again, on one line.",
        )
    return value


def both_or_none(first: str | None, second: str | None, names: str) -> None:
    """Check that two options are named together.

    Raises:
        ConfigurationError: only one of them is.
    """
    if (first is None) != (second is None):
        raise ConfigurationError(f"only one of {names} is named.", next_action="Name both in the source's options.")


def address(text: str) -> str:
    """A configured address with its variables filled, without the last slash.

    Raises:
        ConfigurationError: a variable is not set, or puts a user name or a query into the address.
    """
    url = expand(text).rstrip("/")
    if re.search(r"[@?#]", url):
        raise ConfigurationError(
            "the address, as the environment fills it, holds a user name or a query.",
            next_action="Put the bare address there; secrets have variables of their own.",
        )
    return url


def token_of(session: Session, url: str, form: Mapping[str, str], variables: str) -> str:
    """An access token for one poll.

    Args:
        variables: the names of the variables with the secrets, for the message.

    Raises:
        PermanentFailure: the vendor refuses, or its answer holds no token.
        TransientFailure: the vendor is busy or can't be reached.
    """
    answer = session.post(url, data=form, max_bytes=256 * 1024)
    if answer.status != 200:
        raise PermanentFailure(
            f"{answer.url} answered {answer.status} when asked for a token.",
            reason=f"http_{answer.status}",
            next_action=f"Check the values of {variables} with the vendor.",
        )
    try:
        found = read_json(answer.body)
    except UnreadableBody:
        found = None
    token = found.get("access_token") if isinstance(found, dict) else None
    if not isinstance(token, str) or not re.fullmatch(r"[!-~]{1,8192}", token):
        raise PermanentFailure(
            f"{answer.url} answered without an access token.",
            reason="no_token",
            next_action=f"Check the address, and the values of {variables} with the vendor.",
        )
    return token


def read_json(body: bytes) -> Any:
    """A JSON document.

    Raises:
        UnreadableBody: it is none, or holds what can't be stored as text.
    """

    if not body.strip():
        raise UnreadableBody("the answer is empty.", reason="empty", next_action="The next poll asks again.")
    try:
        document = json.loads(body.decode("utf-8-sig"), parse_constant=no_constant)
        json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair is JSON, and no text
    except (ValueError, RecursionError):
        raise UnreadableBody(
            "the answer is not JSON.",
            reason="not_json",
            next_action="See whether a log-in page or a proxy answers in the vendor's place; the next poll asks again.",
        ) from None
    return document
