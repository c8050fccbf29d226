"""What follows when the Graph API refuses: which failure it is, and whether the poll goes on.

What belongs here: from a refusal to a failure with its next action, and keeping those that concern only a part. What
does not: telling refusals apart (`graph_protocol.py`).
"""

from __future__ import annotations

import logging

from ingest.errors import IngestError, PermanentFailure, TransientFailure
from ingest.instagram.graph_client import STOP_AT_PERCENT, GraphClient
from ingest.instagram.graph_protocol import Refusal

log = logging.getLogger("levende.ingest.instagram")

# Failures that speak of the token, the allowance or the app, not of one post: nothing further may be asked.
STOPPING = frozenset(
    {
        "token_dead",
        "permission_lost",
        "limit_reached",
        "budget_spent",
        "policy_block",
        "proof_refused",
        "http_429",
        "address_refused",
        "too_many_redirects",
    }
)


def failure_of(refusal: Refusal, what: str, client: GraphClient) -> IngestError:
    """The failure that a refusal of `what` means, with what to do. Names variables, never their values."""
    options = client.options
    is_throttled = refusal.kind == "unreachable" and client.usage.percent >= STOP_AT_PERCENT
    if refusal.kind == "limit" or is_throttled:
        return client.limit(f"Meta says that there were too many calls ({refusal})", refusal.is_app_wide)
    if refusal.kind == "busy":
        return TransientFailure(
            f"Meta could not answer for {what} ({refusal}).",
            reason="graph_busy",
            next_action="Nothing to do if it passes; the next poll tries again.",
        )
    secret = options.app_secret_env or "the app's secret (option app_secret_env)"
    reason, says, action = {
        "token": (
            "token_dead",
            f"the access token in {options.token_env} is no longer accepted",
            f"Make a new token in Business Manager and put it into {options.token_env}.",
        ),
        "permission": (
            "permission_lost",
            f"the token in {options.token_env} may not read {what}",
            "Give the system user the Page's task Insights and the permissions in docs/sources/instagram.md.",
        ),
        "blocked": (
            "policy_block",
            "Meta has blocked the app or the account for policy reasons",
            "Read the notice in the app's dashboard; poll again when it is lifted.",
        ),
        "proof": (
            "proof_refused",
            "the call's signature is refused",
            f"Put the app's present secret into {secret}.",
        ),
        "unreachable": (
            "not_found",
            f"{what} does not exist, or the token in {options.token_env} can't see it",
            "Check account_id in the source's options, and that the Page is linked to the Instagram account.",
        ),
    }.get(
        refusal.kind,
        (
            f"graph_{refusal.code}",
            f"Meta refused to answer for {what}",
            "Look the code up in Meta's reference of errors; report it with fbtrace_id.",
        ),
    )
    return PermanentFailure(f"{says} ({refusal}).", reason=reason, next_action=action)


class Troubles:
    """What a poll met and went around, and what it has said already.

    Attributes:
        met: failures that concern only a part, in order.
    """

    def __init__(self, source_id: str) -> None:
        self.source_id = source_id
        self.met: list[IngestError] = []
        self.told: set[str] = set()

    @property
    def may_pass(self) -> bool:
        """Whether anything met may be gone by the next poll: what it left open is then asked for again."""
        return any(isinstance(failure, TransientFailure) for failure in self.met)

    def go_on_after(self, failure: IngestError) -> None:
        """Keep a failure that concerns only a part; raise one that concerns all."""
        if failure.reason in STOPPING:
            raise failure
        log.warning("%s: %s", self.source_id, failure)
        self.met.append(failure)

    def raise_any(self) -> None:
        """Tell at the end what was met on the way.

        Raises:
            PermanentFailure, TransientFailure: anything was.
        """
        if not self.met:
            return
        # A person's trouble outranks one that passes by itself.
        first = next((t for t in self.met if isinstance(t, PermanentFailure)), self.met[0])
        if len(self.met) == 1:
            raise first
        kind = PermanentFailure if isinstance(first, PermanentFailure) else TransientFailure
        raise kind(
            f"{len(self.met)} questions were not answered (first: {first.reason}); all else was read.",
            reason=first.reason,
            next_action=first.next_action,
        )

    def tell_once(self, message: str) -> None:
        """A line for a person, once per poll; what differs in brackets is the same line."""
        if message.split(" (")[0] not in self.told:
            self.told.add(message.split(" (")[0])
            log.warning("%s: %s", self.source_id, message)
