"""Protobuf messages become kernel dataclasses at the border, within bounds."""

from __future__ import annotations

import pytest

import rpc.border
from kernel.fleet.messages import Job, Jobs, Resource, Update, Version
from rpc.border import UpdateAssembler, control_to_wire, update_to_wire
from rpc.bounds import BorderError
from rpc.v1 import control_pb2 as pb

V = Version("epoch", 7)


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
        (update(rpc.border.MAX_PART_RESOURCES), 1),
        (update(rpc.border.MAX_PART_RESOURCES + 1), 2),
        (update(0, 2 * rpc.border.MAX_PART_RESOURCES), 2),
        (update(1_500, 5_000), 3),
        (update(20, size=200_000), 4),
    ],
)
def test_an_update_comes_out_as_it_went_in_however_many_parts(whole: Update, parts: int) -> None:
    messages = [pb.FromControl.FromString(m.SerializeToString()) for m in update_to_wire(whole)]
    joiner = UpdateAssembler()
    joined = [joiner.add_part(message) for message in messages]
    assert joined[-1] == whole
    assert all(part is None for part in joined[:-1])
    assert len(messages) == parts
    assert max(m.ByteSize() for m in messages) < rpc.border.MAX_MESSAGE_BYTES / 2
    assert joiner.add_part(messages[-1]) is not None  # and the joiner is as new


def test_parts_of_two_updates_do_not_mix() -> None:
    joiner = UpdateAssembler()
    joiner.add_part(next(update_to_wire(update(3_000))))
    other = pb.FromControl(update=pb.Update(type="keys", nonce="m"))
    with pytest.raises(BorderError, match="among the parts"):
        joiner.add_part(other)
    with pytest.raises(BorderError, match="does not know"):
        joiner.add_part(pb.FromControl())


def test_an_update_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc.border, "MAX_RESOURCES", 3)
    with pytest.raises(BorderError, match="more than 3"):
        UpdateAssembler().add_part(next(update_to_wire(update(4))))


def test_jobs_come_out_as_they_went_in() -> None:
    jobs = Jobs("epoch", 3, 9, (Job(8, "purge", b'{"all": true}'), Job(9, "prefetch", b"{}")))
    (message,) = control_to_wire(jobs)
    assert UpdateAssembler().add_part(pb.FromControl.FromString(message.SerializeToString())) == jobs


def test_more_jobs_than_one_message_may_bring_are_refused() -> None:
    jobs = Jobs("epoch", 0, 0, (Job(1, "purge", b"{}"),) * (rpc.border.MAX_JOBS + 1))
    with pytest.raises(BorderError):
        UpdateAssembler().add_part(next(control_to_wire(jobs)))
