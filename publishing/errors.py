"""What publishing can't do, in words that end with the next action.

Add a class here when a caller must react differently to it. A failed publication never costs the last good
version: whoever catches one of these may go on reading what was published before.
"""

from __future__ import annotations


class PublishError(Exception):
    """Base of all failures that `publishing` raises on purpose.

    Attributes:
        next_action: what a person should do about it, as one sentence.
    """

    def __init__(self, message: str, *, next_action: str = "") -> None:
        self.next_action = next_action
        super().__init__(f"{message} {next_action}".strip())


class NothingPublished(PublishError):
    """There is no published version to read yet, or it was taken away."""


class UnknownSelection(PublishError, ValueError):
    """What was asked for does not exist or can't be read: a period, a figure, a branch, an area, a format."""
