"""`sources.yaml`: the feeds, how they arrive, and how those that post prove themselves.

What belongs here: what holds for a source of any adapter. What does not: an adapter's own options, which it checks.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ingest.config.shared import EnvironmentName, Identifier, Model

HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")]
# Shorter, and a serial number would be found in any message by chance.
Serial = Annotated[str, Field(min_length=4, max_length=100, pattern=r"^[!-~]+$")]


class Push(Model):
    """How a source that posts to the inbox proves itself, and how much it may send.

    Secrets are named by environment variable and never stand here.

    Attributes:
        auth: `bearer` (token in `Authorization`), `basic` (name and password), `hmac_sha256` (signature over the body
            as sent, in `signature_header`), `meta_signature` (the same as Meta's webhooks do it: always with the prefix
            `sha256=`, and only after a handshake), or `none_with_serials`: the device can prove nothing, and must at
            least name itself. Only for networks that no stranger reaches.
        secret_env: the variable that holds token, password or signing key.
        former_secret_env: one that opens as well, while devices are moved from it to the new one.
        username: for `basic`.
        signature_header: holds `sha256=<hexadecimal>`, or the digits alone.
        serials: what `serial_header` must hold one of; without that header, what the body must name one of, spelt so.
        max_body_bytes: the largest body, counted as sent and once more as unpacked.
        posts_per_minute: what is more gets 429. So many may also come at once.
        verify_token_env: the variable that holds the word of a webhook's handshake (GET with `hub.challenge`).
    """

    auth: Literal["bearer", "basic", "hmac_sha256", "meta_signature", "none_with_serials"]
    secret_env: EnvironmentName | None = None
    former_secret_env: EnvironmentName | None = None
    username: str | None = Field(default=None, min_length=1, pattern=r"^[^:]+$")
    signature_header: HeaderName = "X-Hub-Signature-256"
    serials: tuple[Serial, ...] = ()
    serial_header: HeaderName | None = None
    max_body_bytes: int = Field(default=1024 * 1024, ge=1, le=32 * 1024 * 1024)
    posts_per_minute: int = Field(default=600, ge=1)
    verify_token_env: EnvironmentName | None = None

    @model_validator(mode="after")
    def _can_be_proven(self) -> Push:
        needs = {
            "secret_env": self.auth != "none_with_serials",
            "username": self.auth == "basic",
            "serials": self.auth == "none_with_serials",
        }
        for name, is_needed in needs.items():
            if bool(getattr(self, name)) != is_needed:
                raise ValueError(f"auth {self.auth} {'needs' if is_needed else 'takes no'} {name}")
        if self.auth == "meta_signature" and self.verify_token_env is None:
            raise ValueError("auth meta_signature needs verify_token_env: Meta posts only after the handshake")
        for name, other in (("former_secret_env", "secret_env"), ("serial_header", "serials")):
            if getattr(self, name) and not getattr(self, other):
                raise ValueError(f"{name} says nothing without {other}")
        return self


class Source(Model):
    """One feed: which adapter reads it, how it arrives, and what that adapter must know.

    Attributes:
        family: `doors`, `events` or `instagram`.
        adapter: the name under which the adapter registered itself.
        path: a file or folder that is read where it stands, relative to the configuration folder, beside the
            source's own drop folder. For sources whose files somebody else keeps.
        pattern: which file names count, as a glob.
        expected_every_hours: the source is told as silent when it has brought nothing for longer.
        branch_id: the branch that owns what this source tells where its records name none.
        is_aggregator: whether a source of events also tells of what others hold, as a municipality's or a town's
            calendar does: what such sources alone tell counts only where something ties it to the library.
        priority: of sources that tell of one event the lowest is believed first; among equals the one that stands
            first in the file, so that a new source goes last and no event changes its id.
        push: how it may post to the inbox; a source without may not.
        allow_private_network: whether the source that is asked is a device of the library's own network, such as a
            camera or a gate: its host may then have a private address, and speak plain http. Off, because an address
            that somebody else chooses, or redirects, must not reach what trusts the inside of that network. Link-local
            addresses are never asked.
        options: checked by the adapter's own options model.
    """

    source_id: Identifier
    family: Literal["doors", "events", "instagram"]
    adapter: str
    description: str
    owner: str = "team:statistics"
    enabled: bool = True
    path: str | None = None
    pattern: str = "*"
    expected_every_hours: float | None = Field(default=None, gt=0)
    branch_id: Identifier | None = None
    is_aggregator: bool = False
    priority: int = Field(default=100, ge=0)
    push: Push | None = None
    allow_private_network: bool = False
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _aggregates_events(self) -> Source:
        if self.is_aggregator and self.family != "events":
            raise ValueError("is_aggregator is for sources of events")
        if self.is_aggregator and self.branch_id is not None:
            raise ValueError("a source that also tells of what others hold has no branch_id of its own")
        return self
