"""What is known of a connection's streams, open and closed."""

from __future__ import annotations

from edge.wire.h2.stream_states import StreamState
from edge.wire.h2.stream_table import MAX_CLOSED_KNOWN
from tests.edge.wire.h2.ground import Answering, Ground, frame, headers, resets

CANCEL = b"\0\0\0\x08"


async def test_how_a_stream_was_closed_is_known() -> None:
    ground = Ground(Answering(holds=True))
    ground.gets(headers(3), headers(5), frame(3, 0, 5, CANCEL), headers(7), headers(9))
    table = ground.connection.table
    ground.handler.answer(ground.handler.writers[2])
    ground.gets(frame(8, 0, 9, bytes(4)))
    states = {number: table.state_of(number).value for number in (1, 2, 3, 5, 7, 9, 11)}
    assert states == {
        1: "forgotten", 2: "idle", 3: "half-closed-remote", 5: "left", 7: "ended", 9: "reset", 11: "idle",
    }  # fmt: skip


async def test_a_stream_closed_long_ago_is_forgotten_and_harms_only_itself() -> None:
    """DATA that was under way when we reset it may come late, whatever else came meanwhile."""
    ground = Ground(Answering(holds=True))
    ground.gets(headers(1), frame(8, 0, 1, bytes(4)))
    for number in range(3, 2 * MAX_CLOSED_KNOWN + 5, 2):
        ground.gets(headers(number), frame(3, 0, number, CANCEL))
        ground.connection.on_second()
    assert ground.connection.table.state_of(1) is StreamState.FORGOTTEN
    assert [number for number, _ in resets(ground.gets(frame(0, 1, 1, b"late")))] == [1]
    assert not ground.gets(headers(2 * MAX_CLOSED_KNOWN + 9))


async def test_the_memory_of_priorities_that_come_early_is_bounded() -> None:
    ground = Ground(Answering(holds=True))
    ground.gets(*(frame(16, 0, 0, number.to_bytes(4, "big") + b"u=1") for number in range(1, 999, 2)))
    assert len(ground.connection.table.early) == 100
    ground.gets(headers(1))
    assert ground.connection.table.streams[1].urgency == 1
