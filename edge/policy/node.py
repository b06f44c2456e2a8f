"""What an edge is and what is in force there."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.policy.authorise import TokenMemo, authorise
from edge.policy.locate import Viewer
from edge.policy.profile import Profile
from edge.policy.route import MEDIA, RoutedRequest
from edge.policy.routes import Routes
from edge.policy.rules import Rules
from kernel.auth.claims import ANYWHERE, Permit
from kernel.vocabulary import Refusal


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
    via: bytes = field(init=False)
    """The header line that every response of this node has (RFC 9110 §7.6.3)."""

    def __post_init__(self) -> None:
        self.via = b"Via: 1.1 %s\r\n" % self.id.encode("latin-1", "replace")


def authorise_request(routed: RoutedRequest, viewer: Viewer, node: Node, wall: float) -> Permit | Refusal:
    """`authorise` with what is in force at this node; a path outside the CDN's form (general profile) is open."""
    if routed.cdn is None:
        return ANYWHERE
    memo = node.memo if routed.route.token else None
    return authorise(
        routed.path, routed.cdn, routed.token, memo, node.rules, viewer, wall,
        regions=node.regions, origin=node.origin,
    )  # fmt: skip
