"""What a finished request leaves behind."""

from __future__ import annotations

from edge.counters import Counts
from edge.policy.route import MEDIA, media_route
from edge.prefetch.popularity import Popularity
from edge.prefetch.segment_index import SegmentIndex
from edge.serve.recorder import RequestRecorder
from edge.serve.transaction import Transaction
from edge.wire.request import Request
from edge.wire.viewer import Viewer
from kernel.vocabulary import Outcome, Refusal
from tests.edge.wire.fakes import Remembering, connected
from tests.scenario.clock import FakeClock

SEG = b"/cdn/eu/film/v720/1.m4s"


def _transaction(fields: dict[bytes, bytes]) -> Transaction:
    request = Request(b"GET", SEG, fields, 1, keep_alive=True)
    routed = media_route(request, MEDIA)
    assert not isinstance(routed, Refusal)
    connection, _ = connected(Remembering())
    return Transaction(request, connection, Viewer("127.0.0.1"), routed, None, 0.0)


def test_a_prefetch_by_another_edge_is_not_popularity() -> None:
    popularity = Popularity(SegmentIndex())
    recorder = RequestRecorder(Counts(), None, popularity, FakeClock())
    recorder.record_popularity(_transaction({}), 10)
    recorder.record_popularity(_transaction({b"sec-purpose": b"prefetch"}), 10)
    popularity.sweep(0.0)
    assert [round(row.bytes) for row in popularity.rows(0.0)] == [10]


def test_requests_are_counted_by_status_without_an_access_log() -> None:
    counts = Counts()
    recorder = RequestRecorder(counts, None, Popularity(SegmentIndex()), FakeClock())
    for status in (200, 404, 200):
        recorder.record_request(_transaction({}), status, 0, Outcome.MISS)
    assert counts.statuses == {200: 2, 404: 1}
