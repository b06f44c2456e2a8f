"""Protobuf messages become kernel dataclasses at the border, within bounds."""

from __future__ import annotations

import pytest

import rpc.border
from kernel.fleet import Ack, Applied, Hello, Known, Nack, Resource, Update, Version
from rpc.border import BorderError, Joiner, edge_from_wire, edge_to_wire, update_to_wire
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
    ],
)
def test_what_is_not_understood_or_out_of_bounds_is_refused(message) -> None:
    with pytest.raises(BorderError):
        edge_from_wire(message)


def test_a_long_error_is_cut_to_what_the_border_takes() -> None:
    assert isinstance(edge_from_wire(edge_to_wire(Nack("rules", V, "n", "x" * 5_000))), Nack)


def update(resources: int = 0, removed: int = 0, size: int = 2) -> Update:
    return Update(
        type="rules",
        version=V,
        nonce="n",
        snapshot=not removed,
        base=3,
        resources=tuple(Resource(f"title/{n}", n, b"x" * size) for n in range(resources)),
        removed=tuple(f"title/r{n}" for n in range(removed)),
    )


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        (update(), 1),
        (update(5, 5), 1),
        (update(rpc.border.PART), 1),
        (update(rpc.border.PART + 1), 2),
        (update(0, 2 * rpc.border.PART), 2),
        (update(1_500, 5_000), 3),
        (update(20, size=200_000), 4),
    ],
)
def test_an_update_comes_out_as_it_went_in_however_many_parts(whole: Update, parts: int) -> None:
    messages = [pb.FromControl.FromString(m.SerializeToString()) for m in update_to_wire(whole)]
    joiner = Joiner()
    joined = [joiner.take(message) for message in messages]
    assert joined[-1] == whole
    assert all(part is None for part in joined[:-1])
    assert len(messages) == parts
    assert max(m.ByteSize() for m in messages) < rpc.border.MESSAGE_BYTES / 2
    assert joiner.take(messages[-1]) is not None  # and the joiner is as new


def test_parts_of_two_updates_do_not_mix() -> None:
    joiner = Joiner()
    joiner.take(next(update_to_wire(update(3_000))))
    other = pb.FromControl(update=pb.Update(type="keys", nonce="m"))
    with pytest.raises(BorderError, match="among the parts"):
        joiner.take(other)
    with pytest.raises(BorderError, match="does not know"):
        joiner.take(pb.FromControl())


def test_an_update_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc.border, "MAX_RESOURCES", 3)
    with pytest.raises(BorderError, match="more than 3"):
        Joiner().take(next(update_to_wire(update(4))))
