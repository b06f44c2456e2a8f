"""What services ask and control answers, looked through at the border."""

from __future__ import annotations

import pytest

from rpc import border_service as border
from rpc.border_service import EdgeSignal, Routed, RoutedEdge, RouteQuery
from rpc.bounds import BorderError
from rpc.v1 import control_pb2 as pb

INF = float("inf")


def test_what_is_in_order_comes_out_as_it_went_in() -> None:
    asked = pb.RouteRequest(content_id="film", country="DE", session="s", without=["e1"], most=3)
    assert border.route_from_wire(asked) == RouteQuery("film", "", "DE", "", "s", frozenset({"e1"}), 3)
    met = (EdgeSignal("e1", "s", 10, 2, 1.5),)
    assert border.signals_from_wire(border.signals_to_wire(met)) == met
    reply = pb.RouteReply(edges=[pb.Choice(id="e1", address="10.0.0.1:80", why="good: home")], ttl=3)
    assert border.routed_from_wire(reply) == Routed((RoutedEdge("e1", "10.0.0.1:80", "", "good: home"),), 3)
    put = border.titles_from_wire(pb.PutTitlesRequest(titles=[pb.Title(content_id="film", licence=b"{}")], cursor=4))
    assert (put.titles, put.cursor) == ((("film", b"{}"),), 4)
    assert border.accepted_from_wire(pb.Accepted(revision=4, cursor=5)) == (4, 5)
    status = pb.StatusReply(epoch="e", revision=1, edges=[pb.EdgeStatus(id="e1", acked={"rules": 1})])
    assert border.status_from_wire(status) == status


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (border.route_from_wire, pb.RouteRequest(content_id="../no id")),
        (border.route_from_wire, pb.RouteRequest(content_id="film", without=["e"] * 65)),
        (border.routed_from_wire, pb.RouteReply(ttl=INF)),
        (border.routed_from_wire, pb.RouteReply(edges=[pb.Choice(id="e1", address="//evil")])),
        (border.signals_from_wire, pb.PutSignalsRequest(signals=[pb.Signal(stalled=-1)])),
        (border.signals_from_wire, pb.PutSignalsRequest(signals=[pb.Signal(errors=2**64 - 1)])),
        (border.signals_from_wire, pb.PutSignalsRequest(signals=[pb.Signal()] * 1_001)),
        (border.titles_from_wire, pb.PutTitlesRequest(removed=["a/b"])),
        (border.titles_from_wire, pb.PutTitlesRequest(cursor=2**64 - 1)),
        (border.accepted_from_wire, pb.Accepted(revision=2**64 - 1)),
        (border.status_from_wire, pb.StatusReply(cursors={"catalogue": 2**63})),
        (border.status_from_wire, pb.StatusReply(edges=[pb.EdgeStatus(id="e1", applied={"rules": 2**63})])),
    ],
)
def test_what_is_out_of_bounds_is_refused(read, message) -> None:
    with pytest.raises(BorderError):
        read(message)
