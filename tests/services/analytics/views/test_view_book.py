"""Open views: what two sources say of one session, in whatever order it comes, becomes one row."""

from services.analytics.views.play_state import PlayState
from services.analytics.views.view import Outcome
from services.analytics.views.view_book import LEFT_SECONDS, SILENT_SECONDS, ViewBook
from services.analytics.views.view_event import Signal, Source, ViewEvent

T = 1_800_000_000.0
S = Signal


def event(at, signal, source=Source.CMCD, session="s", received=None, **more):
    name = "ps" if source is Source.CMCD else signal.value
    received = T + at + 1 if received is None else T + received
    return ViewEvent(session, T + at, received, source, signal, more.pop("name", name), **more)


def cmcd(*steps, **more):
    return [event(at, signal, sequence=number, **more) for number, (at, signal) in enumerate(steps)]


FILM = cmcd((0, S.INTENT), (1, S.PLAYING), (31, S.WAITING), (33, S.PLAYING), (60, S.QUIT))


def closed(*batches, now=10_000.0, book=None):
    book = ViewBook("eu") if book is None else book
    for batch in batches:
        book.add_batch(batch)
    (row,) = book.close_due(T + now)
    return row


def test_a_film_that_stalled_once():
    row = closed(FILM)
    assert (row.outcome, row.startup_ms, row.stalled_ms, row.stalls) == (Outcome.PLAYED, 1000, 2000, 1)
    assert (row.played_ms, row.region, row.part, row.started_ms) == (57_000, "eu", 0, int(T * 1000))


def test_batches_in_the_wrong_order_and_sent_twice_make_the_same_row():
    in_time = [one._replace(received=T + 62) for one in FILM]
    assert closed(in_time[3:], in_time[:3], in_time[:3]) == closed(in_time)


def test_what_comes_too_late_changes_no_state_and_is_counted():
    book = ViewBook()
    book.add_batch([*FILM[:2], event(40, S.HEARTBEAT, name="t", sequence=9)])
    book.settle(T + 50)
    book.add_batch([event(20, S.WAITING, received=55), event(60, S.QUIT, received=61)])
    row = closed(book=book)
    assert (row.late_events, row.stalls, row.played_ms) == (1, 0, 59_000)


def test_the_page_measures_the_start_and_the_player_the_rest():
    page = [
        event(-0.5, S.INTENT, Source.PLAYER),
        event(1, S.PLAYING, Source.PLAYER, startup=1.7, player="hls.js", device="tv", position=0.0),
        event(31, S.WAITING, Source.PLAYER),
        event(60, S.QUIT, Source.PLAYER, position=55.5),
    ]
    row = closed(FILM, page)
    assert (row.startup_ms, row.stalls, row.stalled_ms) == (1700, 1, 2000)
    assert (row.player, row.device, row.left_at_s) == ("hls.js", "tv", 55.5)


def test_without_cmcd_the_pages_account_counts():
    page = [
        event(at, s, Source.PLAYER)
        for at, s in [(0, S.INTENT), (2, S.PLAYING), (9, S.WAITING), (12, S.PLAYING), (20, S.QUIT)]
    ]
    row = closed(page)
    assert (row.outcome, row.startup_ms, row.stalled_ms, row.played_ms) == (Outcome.PLAYED, 2000, 3000, 15_000)


def outcome(*steps, codes=""):
    batch = [event(at, signal, Source.PLAYER, code=codes if signal is S.FATAL else "") for at, signal in steps]
    row = closed(batch)
    return row.outcome, row.failure_class


def test_how_views_end():
    assert outcome((0, S.INTENT), (5, S.QUIT)) == ("exit-before-start", "")
    assert outcome((0, S.INTENT), (0.9, S.QUIT)) == ("abandoned", "")
    assert outcome((0, S.INTENT), (5, S.FATAL), codes="fragLoadError") == ("start-failure", "technical")
    assert outcome((0, S.INTENT), (5, S.FATAL), codes="too-many-streams") == ("start-failure", "business")
    assert outcome((0, S.INTENT), (5, S.FATAL), codes="451") == ("start-failure", "business")
    assert outcome((0, S.INTENT), (1, S.PLAYING), (5, S.FATAL), (9, S.QUIT)) == ("playback-failure", "technical")
    assert outcome((0, S.INTENT), (1, S.PLAYING), (5, S.FATAL), (9, S.PLAYING), (12, S.QUIT)) == ("played", "")


def test_a_player_that_failed_where_the_page_went_on_is_no_failure():
    page = [event(at, s, Source.PLAYER) for at, s in [(0, S.INTENT), (1, S.PLAYING), (20, S.ERROR), (40, S.QUIT)]]
    row = closed(cmcd((0, S.INTENT), (1, S.PLAYING), (20, S.FATAL)), page)
    assert (row.outcome, row.errors) == (Outcome.PLAYED, 1)


def test_a_session_that_no_player_reported_is_known_by_the_platform_alone():
    row = closed([event(0, S.KNOWN, Source.PLAYBACK, name="start", content_id="film", country="DE")])
    assert (row.outcome, row.content_id, row.country) == (Outcome.UNREPORTED, "film", "DE")


def test_a_view_closes_once_the_viewer_left_or_fell_silent():
    book = ViewBook()
    book.add_batch(FILM)
    assert not book.close_due(T + 60 + LEFT_SECONDS)
    assert len(book.close_due(T + 62 + LEFT_SECONDS)) == 1
    book.add_batch(cmcd((0, S.INTENT), session="silent"))
    assert not book.close_due(T + SILENT_SECONDS)
    assert len(book.close_due(T + SILENT_SECONDS + 2)) == 1
    assert book.open_count == 0


def test_a_session_that_goes_on_after_its_row_is_a_further_part_and_no_second_start():
    book = ViewBook()
    closed(FILM, book=book)
    row = closed(cmcd((9000, S.PLAYING), (9010, S.WAITING), (9020, S.PLAYING), (9030, S.QUIT)), book=book, now=20_000)
    assert (row.part, row.startup_ms, row.stalls, row.stalled_ms, row.outcome) == (1, -1, 1, 10_000, "played")


def test_a_wrong_clock_moves_the_view_to_when_it_was_received():
    day = 86_400
    row = closed([one._replace(at=one.at - day, received=T + 61) for one in FILM])
    assert row.started_ms == int((T + 1) * 1000)
    assert row.stalled_ms == 2000
    # A batch that was held back for a minute by 429 is no wrong clock.
    assert closed([one._replace(received=T + 120) for one in FILM]).started_ms == int(T * 1000)


def test_the_book_goes_on_after_a_restart_as_though_there_had_been_none():
    one, other = ViewBook("eu"), ViewBook("eu")
    one.add_batch(FILM[:2])
    other.restore(one.encode())
    for book in (one, other):
        book.add_batch(FILM[1:])
    assert one.close_due(T + 9000) == other.close_due(T + 9000)
    again = ViewBook()
    again.restore(other.encode())
    assert closed(cmcd((9100, S.PLAYING)), book=again, now=30_000).part == 1


def test_the_view_unheard_of_longest_makes_room():
    book = ViewBook(max_open=2)
    for session in ("a", "b", "a", "c"):
        book.add_batch(cmcd((0, S.INTENT), session=session))
    rows = book.close_due(T + 1)
    assert [row.session for row in rows] == ["b"]
    assert book.open_count == 2


def test_changed_rows_are_those_with_news():
    book = ViewBook()
    book.add_batch(FILM[:2])
    assert book.changed_rows(T + 2) == []
    assert [row.startup_ms for row in book.changed_rows(T + 10)] == [1000]
    assert book.changed_rows(T + 20) == []


def test_forgotten_sessions_leave_nothing():
    book = ViewBook()
    book.add_batch(FILM)
    book.forget_sessions(frozenset({"s"}))
    assert book.close_due(T + 30_000) == []
    assert b"film" not in book.encode()


def test_edges_and_events_without_a_session_open_no_view():
    book = ViewBook()
    book.add_batch([event(0, S.OTHER, Source.EDGE), event(0, S.OTHER, Source.PLAYER, session="")])
    assert book.open_count == 0


def test_a_player_that_loads_anew_goes_on_in_the_same_view():
    again = cmcd((20, S.FATAL), (20.5, S.PRELOAD), (21, S.INTENT), (24, S.PLAYING), (34, S.QUIT))
    row = closed(FILM[:2], again)
    assert (row.outcome, row.stalls, row.stalled_ms, row.played_ms) == (Outcome.PLAYED, 1, 4000, 29_000)
    assert PlayState.FAILED not in row
