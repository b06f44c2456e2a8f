"""One fetch, many readers."""

import pytest

from cache.fills.fill import MAX_BYTES_BEHIND, Fill
from cache.fills.fill_state import FillEvent, FillState
from kernel.errors import Bug, UpstreamFailed
from kernel.fetch_reasons import ReleaseReason, UpstreamReason
from tests.cache.workbench import response
from tests.doubles.clock import FakeClock

PIECES = [b"abc", b"", b"defgh", b"ij"]
WHOLE = b"".join(PIECES)


class Viewer:
    """A reader who takes at most `pace` bytes each time he is told."""

    def __init__(self, fill, pace=1 << 30, first=0, stop=1 << 60, alternate=True):
        self.fill, self.pace, self.first, self.stop, self.alternate = fill, pace, first, stop, alternate
        self.position = 0
        self.got = bytearray()
        self.told = []

    def matches(self, entry):
        return self.alternate

    def on_head(self, fill):
        self.told.append("head")
        self.position = self.first

    def on_bytes(self):
        self.take(self.pace)

    def take(self, most):
        while most and (data := self.fill.read(self.position, min(most, self.stop - self.position))):
            self.got += data
            self.position += len(data)
            most -= len(data)
        self.fill.on_reader_advanced()

    def on_end(self):
        self.told.append("end")
        self.take(1 << 30)

    def on_not_modified(self, entry):
        self.told.append(("held", entry))

    def on_failed(self, error):
        self.told.append(error)

    def on_released(self, why):
        self.told.append(("freed", why))


class Upstream:
    """Whether it is paused, and how often that was said."""

    def __init__(self, fill):
        self.paused, self.words = False, 0
        fill.pause, fill.resume = self.pause, self.resume

    def pause(self):
        assert not self.paused
        self.paused, self.words = True, self.words + 1

    def resume(self):
        assert self.paused
        self.paused, self.words = False, self.words + 1


def begun(*, kept=None, **more):
    """A fill whose head is there (`kept` None: not yet)."""
    fill = Fill(b"/k", 0.0, **more)
    if kept is not None:
        fill.receive_head(response(FakeClock(), b"/k"), kept=kept)
    return fill


def ended(fill):
    pieces = fill.end()
    if pieces is not None:
        fill.set_body(b"".join(pieces))
    fill.notify_end()
    return pieces is not None


@pytest.mark.parametrize("kept", [True, False])
def test_every_reader_gets_every_byte_whenever_he_came_and_however_slow(kept):
    fill = begun()
    fast, slow, third = Viewer(fill), Viewer(fill, pace=1), Viewer(fill, pace=3)
    for viewer in (fast, slow, third):
        fill.join(viewer)
    fill.receive_head(response(FakeClock(), b"/k"), kept=kept)
    for piece in PIECES:
        fill.append_body(piece)
    assert fast.got == WHOLE
    assert len(slow.got) < len(third.got) < len(WHOLE)
    assert ended(fill) is kept
    assert [viewer.told for viewer in (fast, slow, third)] == [["head", "end"]] * 3
    assert {bytes(viewer.got) for viewer in (fast, slow, third)} == {WHOLE}
    assert fill.state is (FillState.STORED if kept else FillState.PASSED_THROUGH)
    assert not fill.readers


@pytest.mark.parametrize("at", range(len(PIECES) + 1))
def test_who_joins_a_kept_fill_late_gets_it_from_the_start(at):
    fill = begun(kept=True)
    for piece in PIECES[:at]:
        fill.append_body(piece)
    assert fill.is_joinable
    late = Viewer(fill)
    fill.join(late)
    late.take(1 << 30)
    for piece in PIECES[at:]:
        fill.append_body(piece)
    assert ended(fill)
    assert late.got == WHOLE


@pytest.mark.parametrize(("first", "stop"), [(0, 4), (2, 9), (4, 5), (9, 10), (3, 3)])
def test_a_reader_of_a_part(first, stop):
    fill = begun(kept=True)
    viewer = Viewer(fill, first=first, stop=stop)
    fill.join(viewer)
    for piece in PIECES:
        fill.append_body(piece)
    assert viewer.got == WHOLE[first:stop]


def test_reads_hand_on_whole_pieces_without_a_copy_and_parts_as_views():
    fill = begun(kept=True)
    fill.append_body(WHOLE)
    assert fill.read(0, 100) is WHOLE
    assert isinstance(fill.read(0, 3), memoryview)
    assert bytes(fill.read(3, 4)) == WHOLE[3:7]
    assert fill.read(len(WHOLE), 5) is None
    ended(fill)
    assert bytes(fill.read(3, 4)) == WHOLE[3:7]
    assert bytes(fill.read(8, 400)) == WHOLE[8:]
    assert fill.read(len(WHOLE), 5) is None
    assert fill.read(3, 0) is None


def test_who_may_join():
    fill = begun()
    assert fill.is_joinable
    fill.purge()
    assert not fill.is_joinable
    assert begun(kept=True).is_joinable
    assert not begun(kept=False).is_joinable


def test_a_reader_who_leaves_takes_nothing_with_him():
    fill = begun(kept=True)
    first, second = Viewer(fill), Viewer(fill)
    fill.leader = first
    fill.join(first)
    fill.join(second)
    fill.append_body(PIECES[0])
    fill.leave(first)
    fill.leave(first)
    assert fill.leader is None
    for piece in PIECES[1:]:
        fill.append_body(piece)
    ended(fill)
    assert second.got == WHOLE
    assert first.got == PIECES[0]
    assert first.told == ["head"]


def test_an_answer_that_is_not_for_sharing_frees_all_but_its_leader():
    fill = begun()
    viewers = [Viewer(fill) for _ in range(5)]
    fill.leader = viewers[2]
    for viewer in viewers:
        fill.join(viewer)
    asked = []
    fill.receive_head(
        response(FakeClock(), b"/k"), kept=False, why=ReleaseReason.LEADER_ONLY,
        frees=lambda viewer: asked.append(viewer) or viewer is not fill.leader,
    )  # fmt: skip
    assert asked == viewers, "each is judged once"
    assert [viewer.told for viewer in viewers] == [[("freed", ReleaseReason.LEADER_ONLY)]] * 2 + [["head"]] + [
        [("freed", ReleaseReason.LEADER_ONLY)]
    ] * 2
    assert list(fill.readers) == [viewers[2]]


def test_an_alternate_of_others_frees_those_whom_it_does_not_answer():
    fill = begun()
    mine, other = Viewer(fill), Viewer(fill, alternate=False)
    fill.join(mine)
    fill.join(other)
    entry = response(FakeClock(), b"/k")
    fill.receive_head(entry, kept=True, frees=lambda viewer: not viewer.matches(entry))
    assert (mine.told, other.told) == (["head"], [("freed", ReleaseReason.ALTERNATE)])


def test_freeing_ten_thousand_waiters_judges_each_once():
    """A private answer to a crowd: work by their number, not by its square."""
    fill = begun()
    for _ in range(10_000):
        fill.join(Viewer(fill))
    judged = []
    fill.receive_head(response(FakeClock(), b"/k"), kept=False, frees=lambda viewer: judged.append(viewer) is None)
    assert len(judged) == 10_000
    assert not fill.readers


def test_a_304_and_a_failure_are_told_to_all():
    entry, error = response(FakeClock(), b"/k"), UpstreamFailed(UpstreamReason.TRUNCATED)
    fill, viewer = begun(stale=entry), None
    viewer = Viewer(fill)
    fill.join(viewer)
    fill.not_modified(entry)
    assert (fill.state, viewer.told) == (FillState.NOT_MODIFIED, [("held", entry)])
    fill.fail(error)
    assert fill.state is FillState.NOT_MODIFIED, "after the end nothing fails"

    fill = begun()
    viewer = Viewer(fill)
    fill.join(viewer)
    fill.fail(error)
    assert (fill.state, fill.error, viewer.told) == (FillState.FAILED, error, [error])


def test_a_failure_mid_body_is_told_and_nothing_is_whole():
    fill = begun(kept=True)
    viewer = Viewer(fill)
    fill.join(viewer)
    fill.append_body(b"abc")
    fill.fail(UpstreamFailed(UpstreamReason.TRUNCATED))
    assert isinstance(viewer.told[-1], UpstreamFailed)
    with pytest.raises(Bug):
        fill.end()
    assert fill.body is None


@pytest.mark.parametrize("event", [FillEvent.TOO_LARGE, FillEvent.PURGED])
def test_a_fill_that_stops_being_kept_serves_those_who_are_there(event):
    fill = begun(kept=True)
    viewer, slow = Viewer(fill), Viewer(fill, pace=1)
    fill.join(viewer)
    fill.join(slow)
    fill.append_body(PIECES[0])
    fill.stop_keeping(event)
    assert fill.purged
    assert not fill.is_joinable
    for piece in PIECES[1:]:
        fill.append_body(piece)
    assert not ended(fill)
    assert viewer.got == slow.got == WHOLE


@pytest.mark.parametrize(
    ("kept", "state"), [(None, FillState.ASKED), (True, FillState.PASSING_THROUGH), (False, FillState.PASSING_THROUGH)]
)
def test_a_purge_dooms_it_in_every_state(kept, state):
    fill = begun(kept=kept)
    fill.purge()
    fill.purge()
    assert fill.purged
    assert fill.state is state


def test_while_passing_what_all_have_had_is_let_go():
    """Memory does not grow with the object."""
    fill = begun(kept=False)
    viewers = [Viewer(fill), Viewer(fill)]
    for viewer in viewers:
        fill.join(viewer)
    for _ in range(1000):
        fill.append_body(b"x" * 1000)
        assert not fill.can_read_from(fill.received - 1)
    assert all(len(viewer.got) == 1_000_000 for viewer in viewers)


def test_while_passing_the_upstream_waits_for_the_slowest():
    fill = begun(kept=False)
    upstream = Upstream(fill)
    fast, slow = Viewer(fill), Viewer(fill, pace=0)
    fill.join(fast)
    fill.join(slow)
    sent = 0
    while not upstream.paused:
        fill.append_body(b"x" * 65536)
        sent += 65536
    assert MAX_BYTES_BEHIND < sent <= MAX_BYTES_BEHIND + 65536
    assert len(fast.got) == sent
    slow.take(MAX_BYTES_BEHIND // 4)
    assert upstream.paused, "a little is not enough: no pause and resume with every read"
    slow.take(MAX_BYTES_BEHIND // 2)
    assert not upstream.paused
    assert upstream.words == 2
    assert not fill.can_read_from(fill.received - MAX_BYTES_BEHIND - 1)


def test_the_slow_one_leaves_and_the_upstream_goes_on():
    fill = begun(kept=False)
    upstream = Upstream(fill)
    fast, slow = Viewer(fill), Viewer(fill, pace=0)
    fill.join(fast)
    fill.join(slow)
    fill.append_body(b"x" * (MAX_BYTES_BEHIND + 1))
    assert upstream.paused
    fill.leave(slow)
    assert not upstream.paused
    assert not fill.can_read_from(fill.received - 1)


def test_a_large_object_found_too_large_is_let_go_as_read():
    fill = begun(kept=True)
    upstream = Upstream(fill)
    slow = Viewer(fill, pace=0)
    fill.join(slow)
    fill.append_body(b"x" * 2 * MAX_BYTES_BEHIND)
    assert not upstream.paused, "what is kept is kept whole: no use in waiting"
    fill.stop_keeping(FillEvent.TOO_LARGE)
    assert upstream.paused
    slow.take(2 * MAX_BYTES_BEHIND)
    assert not upstream.paused
    assert not fill.can_read_from(fill.received - 1)


def test_without_an_upstream_to_pause_nothing_breaks():
    fill = begun(kept=False)
    slow = Viewer(fill, pace=0)
    fill.join(slow)
    fill.append_body(b"x" * (MAX_BYTES_BEHIND + 1))
    slow.take(1 << 30)
    assert len(slow.got) == MAX_BYTES_BEHIND + 1


def test_its_name_in_a_message():
    fill = begun(kept=True)
    fill.append_body(b"abc")
    assert repr(fill) == "<Fill b'/k' filling 3 bytes, 0 readers>"
