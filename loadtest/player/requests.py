"""What a player asks of its driver, and what the driver answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from kernel.media.playlist import ByteRange
from loadtest.player.presentation import Segment
from loadtest.session import Failure, RequestKind, Tier


@dataclass(slots=True, eq=False)
class Fetch:
    """One HTTP request: a GET, or a POST when it has a body. Times are story seconds since the session began."""

    kind: RequestKind
    url: str
    due_s: float
    """When the player wanted it sent; the driver's delay is the pacing error."""
    track: str = ""
    """`video` or `audio`."""
    headers: tuple[tuple[str, str], ...] = ()
    byte_range: ByteRange | None = None
    body: bytes | None = None
    keeps_body: bool = False
    """Whether the player reads the answer's body; else the driver discards it and counts."""
    segment: Segment | None = None
    rung: int = 0
    size_known: int | None = None
    """Bytes that the answer must have."""
    timeout_s: float = 20.0
    sent_s: float | None = None
    """Written by the driver, like the fields below."""
    first_byte_s: float | None = None
    loaded: int = 0
    size: int | None = None
    """Content-Length."""
    pathway: str = ""
    """The pathway that a track's request is made on."""
    address: str = ""
    """`url` as it was before CMCD was put into it."""

    def __post_init__(self) -> None:
        self.address = self.url


@dataclass(slots=True, eq=False)
class Abort:
    """Stop a request; it is not answered any more."""

    fetch: Fetch


Command = Fetch | Abort


class Answer(NamedTuple):
    """The end of a request. Times here are wall seconds, never compressed."""

    outcome: int | Failure
    url: str
    """After redirects."""
    size: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = {}
    """By lower-case name; only those that players and reports read."""
    tier: Tier = Tier.UNKNOWN
    node: str = ""
    ttfb_s: float | None = None
    total_s: float = 0.0

    @property
    def is_ok(self) -> bool:
        """Whether the body is what was asked for."""
        return not isinstance(self.outcome, Failure) and 200 <= self.outcome < 300

    @property
    def status(self) -> int:
        """The HTTP status; 0 when there is none."""
        return 0 if isinstance(self.outcome, Failure) else self.outcome
