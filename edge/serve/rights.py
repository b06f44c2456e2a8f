"""What a viewer may have, and what he took: asked for each request that is not straight, and before a prefetch."""

from __future__ import annotations

from edge.policy.authorise import authorise
from edge.policy.locate import Viewer
from edge.policy.profile import PURPOSE
from edge.policy.route import RoutedRequest
from edge.serve.fast_path import FastPath
from edge.wire.request import Request
from kernel.auth.claims import ANYWHERE, Permit
from kernel.vocabulary import Refusal


class Rights(FastPath):
    """See the module."""

    def _authorise(self, asked: RoutedRequest, viewer: Viewer) -> Permit | Refusal:
        node = self.node
        if asked.cdn is None:
            return ANYWHERE
        memo = node.memo if asked.route.token else None
        return authorise(
            asked.path, asked.cdn, asked.token, memo, node.rules, viewer, self._wall(),
            regions=node.regions, origin=node.origin,
        )  # fmt: skip

    def permits(self, asked: RoutedRequest, viewer: Viewer) -> bool:
        """Whether a viewer might have what he has not asked for yet."""
        return not isinstance(self._authorise(asked, viewer), Refusal)

    def count(self, request: Request, asked: RoutedRequest, sent: int) -> None:
        """Add to what viewers take of a rendition; what an edge prefetches of us nobody has asked for."""
        if asked.cdn is not None and PURPOSE not in request.fields:
            self.popularity.record(asked.shard, sent)
