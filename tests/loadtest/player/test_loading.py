import pytest

from loadtest.player.abr import FixedRung, HlsJsRule
from loadtest.player.bandwidth import BandwidthEstimator
from loadtest.player.buffer import MediaBuffer
from loadtest.player.loading import Loading
from loadtest.player.requests import Answer
from loadtest.player.settings import PlayerSettings
from loadtest.player.title import PlainReader, Title
from loadtest.session import Failure, RequestKind, SessionRecord, Viewer
from tests.loadtest.simulated import HOST, hls_title

HELD = hls_title()
TOP = "/cdn/eu/t/master.m3u8"


def loading(rule=None, **settings):
    title = Title.of(PlainReader().presentation(HELD[TOP]), HOST + TOP, PlainReader(), carries_query=False)
    buffer = MediaBuffer(SessionRecord(Viewer(1, "t")))
    made = Loading(title, buffer, rule or FixedRung(3e6), BandwidthEstimator(1e6), PlayerSettings(**settings), 30.0, 3)
    made.open()
    made.is_open = True
    buffer.open(tuple(made.loaders), 0.0, 60.0)
    return made


def answer(made, fetch, now, outcome=200):
    body = HELD[fetch.url.removeprefix(HOST)] if fetch.keeps_body else b""
    fetch.sent_s, fetch.first_byte_s, fetch.loaded = now - 0.2, now - 0.1, 1_000
    return made.on_answer(fetch, Answer(outcome, fetch.url, 1_000, body), now)


def load(made, now, *, steps):
    for _ in range(steps):
        for fetch in made.plan(now):
            answer(made, fetch, now)


def test_playlist_then_init_with_the_first_segment_then_one_segment_at_a_time():
    made, kinds = loading(), []
    for _ in range(3):
        fetches = made.plan(0.0)
        assert made.plan(0.0) == [], "one segment a track"
        kinds.append([fetch.kind for fetch in fetches])
        for fetch in fetches:
            answer(made, fetch, 0.0)
    init, segment = RequestKind.INIT, RequestKind.SEGMENT
    assert kinds == [[RequestKind.MANIFEST] * 2, [init, segment] * 2, [segment] * 2]


def first_segments(made):
    """The requests of the first segments, by track and kind, once the playlists are there."""
    load(made, 0.0, steps=1)
    return {(fetch.track, fetch.kind): fetch for fetch in made.plan(0.0)}


def test_a_segment_waits_for_its_init_segment():
    made = loading()
    asked = first_segments(made)
    answer(made, asked["video", RequestKind.SEGMENT], 1.0)
    assert made.buffer.ends["video"] == 0.0
    assert [one for one in made.plan(1.0) if one.track == "video"] == []
    answer(made, asked["video", RequestKind.INIT], 2.0)
    assert made.buffer.ends["video"] == 4.0


def test_an_init_segment_that_fails_drops_the_segment_and_is_asked_for_again():
    made = loading(retry_delay_s=1.0)
    asked = first_segments(made)
    answer(made, asked["video", RequestKind.INIT], 1.0, outcome=503)
    (aborted,) = made.plan(1.0)
    assert aborted.fetch is asked["video", RequestKind.SEGMENT]
    assert not made.owns(aborted.fetch)
    again = [one.kind for one in made.plan(2.0) if one.track == "video"]
    assert again == [RequestKind.INIT, RequestKind.SEGMENT]


def test_a_second_segment_waits_until_there_is_data_of_both_tracks():
    made = loading()
    asked = first_segments(made)
    for kind in (RequestKind.INIT, RequestKind.SEGMENT):
        answer(made, asked["video", kind], 1.0)
    assert made.plan(1.0) == []
    for kind in (RequestKind.INIT, RequestKind.SEGMENT):
        answer(made, asked["audio", kind], 2.0)
    assert [one.track for one in made.plan(2.0)] == ["video", "audio"]


def test_loading_rests_at_the_goal_until_the_film_has_moved_on():
    made = loading()
    load(made, 0.0, steps=30)
    assert made.buffer.ahead("video") == 32.0, "a segment is begun while the goal is not reached"
    assert made.plan(0.0) == []
    assert made.wake_s == pytest.approx(2.0)
    made.buffer.advance(2.5)
    video, audio = made.plan(2.5)
    assert video.due_s == audio.due_s == pytest.approx(2.0)


def test_a_goal_in_bytes_holds_longer_at_a_low_rung():
    made = loading(buffer_bytes=60_000_000)
    low, _, _, high = made.title.presentation.rungs
    assert made.goal_at(low) == pytest.approx(600.0)
    assert made.goal_at(high) == pytest.approx(80.0)
    assert loading().goal_at(high) == 30.0


def test_audio_is_loaded_in_step_with_the_video():
    made = loading()
    load(made, 0.0, steps=2)
    for _ in range(30):
        for fetch in made.plan(0.0):
            if fetch.track == "audio":
                answer(made, fetch, 0.0)
    assert made.buffer.ends == {"video": 4.0, "audio": 8.0}


def test_retries_wait_longer_each_time_and_end():
    made, waits = loading(max_failures=4, retry_delay_s=1.0), []
    now, fatal = 0.0, None
    while fatal is None:
        (fetch,) = [one for one in made.plan(now) if one.track == "video"]
        fatal = answer(made, fetch, now, outcome=503)
        if fatal is None:
            waits.append(made.loaders["video"].retry_s - now)
            now = made.loaders["video"].retry_s
    assert waits == [1.0, 2.0, 4.0]
    assert "503" in fatal


@pytest.mark.parametrize(("status", "failures"), [(404, 1), (503, 2), (429, 2)])
def test_another_pathway_is_looked_for_at_once_or_after_a_repetition(status, failures):
    made, now = loading(failures_before_failover=2), 0.0
    for failed in range(1, failures + 1):
        (fetch,) = [one for one in made.plan(now) if one.track == "video"]
        answer(made, fetch, now, outcome=status)
        assert made.has_no_other_pathway == (failed == failures)
        now = made.loaders["video"].retry_s


def test_both_tracks_that_fail_on_a_dead_pathway_move_the_session_once():
    made, now = loading(failures_before_failover=2), 0.0
    made.title.pathways.names.append("other")
    for _ in range(2):
        for fetch in made.plan(now):
            answer(made, fetch, now, outcome=Failure.CONNECT)
        now += 0.5
    assert made.title.pathways.current == "other"
    assert made.pathway_moves == 1
    assert not made.has_no_other_pathway, "the second failure is of the dead pathway, not of the new one"
    assert {fetch.pathway for fetch in made.plan(now)} == {"other"}


def test_a_rescued_segment_is_loaded_again_at_the_lower_rung():
    made = loading(HlsJsRule())
    load(made, 0.0, steps=4)
    made.last_rung = 3
    made.forced_rung = 3
    made.buffer.advance(0.0)
    load(made, 0.0, steps=2)
    made.forced_rung = 3
    fetch = next(one for one in made.plan(0.0) if one.kind is RequestKind.SEGMENT and one.track == "video")
    fetch.sent_s, fetch.first_byte_s, fetch.loaded, fetch.size = 0.0, 0.1, 100_000, 3_000_000
    assert made.rescue(1.0) == [], "too early to tell"
    made.buffer.pause(1.0)
    assert made.rescue(2.9) == [], "as in hls.js, not while the film is paused"
    made.buffer.advance(1.0)
    (abort,) = made.rescue(3.0)
    assert abort.fetch is fetch
    again = next(one for one in made.plan(3.0) if one.track == "video")
    assert again.rung < 3
    assert made.wake_s is None or made.wake_s >= 3.0


def test_no_wake_up_lies_in_the_past_after_planning():
    """A driver that is woken in vain spins: an answer that fails must clear the rescue's timer."""
    made, now = loading(), 0.0
    load(made, now, steps=3)
    (fetch, *_) = [one for one in made.plan(5.0) if one.track == "video"]
    answer(made, fetch, 30.0, outcome=503)
    made.plan(30.0)
    assert made.wake_s > 30.0
