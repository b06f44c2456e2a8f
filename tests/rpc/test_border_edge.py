"""What edges say becomes kernel dataclasses at the border, within bounds."""

from __future__ import annotations

import pytest

from kernel.fleet.messages import Ack, Applied, Hello, Known, Nack, Popular, Prefetched, Receipt, Report, Version
from rpc.border_edge import edge_from_wire, edge_to_wire
from rpc.bounds import BorderError
from rpc.v1 import control_pb2 as pb

V = Version("epoch", 7)


@pytest.mark.parametrize(
    "message",
    [
        Hello(
            "e1", "shield", "eu", "127.0.0.1:1", "127.0.0.1:2", (Known("rules", V, Version("epoch", 9)), Known("keys"))
        ),
        Ack("rules", V, "n"),
        Nack("rules", V, "n", "why", resync=True),
        Applied("keys", V, "in force, not on disk"),
        Hello("e1", pop="fra", capacity=10**10, release="1", mark=Version("jobs", 4)),
        Receipt(Version("jobs", 4), 100_000, 7, "done"),
        Report(2.0, requests=5, hits=4, loop_delay=0.5, ready=False, draining=True),
        Report(
            2.0,
            popular=(Popular("film", "v720", 1.5e9, 700.0, 10**8),),
            prefetched=(Prefetched("film", "next", useful=1, late=2, wasted=3),),
        ),
    ],
)
def test_what_an_edge_says_comes_out_as_it_went_in(message) -> None:
    wire = pb.FromEdge.FromString(edge_to_wire(message).SerializeToString())
    assert edge_from_wire(wire) == message


@pytest.mark.parametrize(
    "message",
    [
        pb.FromEdge(),
        pb.FromEdge(ack=pb.Ack(type="x" * 2_000)),
        pb.FromEdge(hello=pb.Hello(known=[pb.Known()] * 100)),
        pb.FromEdge(report=pb.Report(popular=[pb.Popular()] * 3_000)),
    ],
)
def test_what_is_not_understood_or_out_of_bounds_is_refused(message) -> None:
    with pytest.raises(BorderError):
        edge_from_wire(message)


def test_a_long_error_is_cut_to_what_the_border_takes() -> None:
    assert isinstance(edge_from_wire(edge_to_wire(Nack("rules", V, "n", "x" * 5_000))), Nack)
