"""What an edge is and what is in force there."""

from __future__ import annotations

from dataclasses import dataclass

from edge.policy.authorise import TokenMemo
from edge.policy.profile import Profile
from edge.policy.route import MEDIA
from edge.policy.routes import Routes
from edge.policy.rules import Rules


@dataclass(slots=True)
class Node:
    """Who this edge is and what is in force: rules and keys are replaced whole, never changed. `honours`: the cache
    directives of viewers' requests are followed. `for_edges`: it is a shield, all whose peers are the fleet's own."""

    id: str
    name: bytes
    profile: Profile
    rules: Rules
    memo: TokenMemo | None
    regions: frozenset[bytes]
    origin: bytes = b""
    routes: Routes = MEDIA
    honours: bool = False
    for_edges: bool = False
