"""The hot list carried out; tests/scenario/test_hot.py has it whole."""

from __future__ import annotations

from edge.prefetch.hot_titles import LOOK_AGAIN
from kernel.fleet.hot_list import HotRow, hot_document
from tests.scenario.clock import turns
from tests.scenario.player import Film
from tests.scenario.stage import Scenario


async def test_the_first_segments_of_what_is_on_the_list(tcp: Scenario) -> None:
    """By the playlists that the title names; what has gone is brought again later; what cannot be found is left."""
    o1 = tcp.library("o1")
    film = Film(o1, "film", {"v240": 4_000, "v720": 4_000}, 9)
    for name in ("none/master.m3u8", "none/manifest.mpd"):
        o1.expects(f"/cdn/eu/{name}").answers(404)
    o1.expects("/cdn/eu/film/manifest.mpd").answers(404)
    e1 = tcp.edge("e1", upstream=o1, region="eu")
    await e1.started()
    assert e1.edge is not None
    ahead = e1.edge.prefetch_service
    rows = [HotRow("none", "v720", 3), HotRow("film", "v720", 3, urgent=True), HotRow("film", "v9", 3)]
    ahead.take_hot(hot_document(rows))
    assert ahead.hot.rows[0].urgent
    while ahead.hot._running:
        await turns(1)
    assert [o1.count(film.path("v720", number)) for number in range(4)] == [1, 1, 1, 0]
    assert o1.count("/cdn/eu/film/v720/init.mp4") == 1
    assert ahead.metrics()["matinee_edge_hot_rows"] == 3
    (gone,) = e1.edge.cache.stored(film.path("v720", 1).removeprefix("/cdn/eu/").encode())
    e1.edge.cache.forget(gone)
    o1.expects("/cdn/eu/film/manifest.mpd").answers(404)
    for name in ("none/master.m3u8", "none/manifest.mpd"):
        o1.expects(f"/cdn/eu/{name}").answers(404)
    await tcp.clock.advance(LOOK_AGAIN + 1)
    while ahead.hot._running:
        await turns(1)
    assert o1.count(film.path("v720", 1)) == 2
    assert o1.count(film.path("v720", 2)) == 1
    ahead.take_hot({"rows": "nonsense"})
    assert len(ahead.hot.rows) == 3
    ahead.take_hot(None)
    assert ahead.hot.rows == ()
