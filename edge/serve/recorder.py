"""LOG: what each request leaves behind: a counter by status, bytes per rendition, a line in the access log."""

from __future__ import annotations

from edge.counters import Counts
from edge.policy.profile import PURPOSE
from edge.prefetch.popularity import Popularity
from edge.serve.access_log import AccessLog
from edge.serve.transaction import Transaction
from kernel.clock import Clock
from kernel.vocabulary import Outcome


class RequestRecorder:
    """Records finished requests, except those of the fast path, which records its own in fewer steps."""

    def __init__(self, counts: Counts, log: AccessLog | None, popularity: Popularity, clock: Clock) -> None:
        self._counts = counts
        self._log = log
        self._popularity = popularity
        self._mono = clock.mono

    def record_request(
        self, transaction: Transaction, status: int, sent: int, outcome: Outcome, reason: str | None = None
    ) -> None:
        """Count the status and log the request. `sent`: bytes of the body."""
        statuses = self._counts.statuses
        statuses[status] = statuses.get(status, 0) + 1
        if self._log is not None:
            request, viewer, permit = transaction.request, transaction.viewer, transaction.permit
            self._log.log_request(
                request.fields.get(b"traceparent"), permit.session if permit is not None else None, viewer.address,
                viewer.country, request.method, transaction.routed.path, status, sent, outcome.value, reason,
                self._mono() - transaction.began,
            )  # fmt: skip

    def record_popularity(self, transaction: Transaction, sent: int) -> None:
        """Add to the bytes viewers took of a rendition. A prefetch by another edge does not count: no viewer asked."""
        routed = transaction.routed
        if routed.cdn is not None and PURPOSE not in transaction.request.fields:
            self._popularity.record(routed.shard, sent)
