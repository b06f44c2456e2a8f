"""What comes next; tests/scenario/test_prefetch.py has whole players."""

from __future__ import annotations

from edge.prefetch.predictor import has_cmcd, is_running_dry, range_start
from edge.wire.request import Request
from kernel.media.cmcd import Cmcd
from tests.doubles.clock import turns
from tests.scenario.player import SHORT, Film, Player
from tests.scenario.stage import Node, Scenario


def request(target: bytes = b"/a", **fields: bytes) -> Request:
    return Request(b"GET", target, {name.replace("_", "-").encode(): value for name, value in fields.items()}, 1, True)


def test_range_start() -> None:
    assert range_start(request()) is None
    assert range_start(request(range=b"bytes=10-20")) == 10
    for value in (b"bytes=-5", b"bytes=1-2,4-5", b"items=1-2", b"bytes=" + b"9" * 17 + b"-", b"bytes=x-"):
        assert range_start(request(range=value)) is None


def test_cmcd_of_a_player_that_is_running_dry() -> None:
    assert has_cmcd(request(b"/a?CMCD=su"))
    assert has_cmcd(request(cmcd_status=b"bs"))
    assert not has_cmcd(request(b"/a?x=1"))
    needy = (Cmcd(buffer=100), Cmcd(starved=True), Cmcd(startup=True), Cmcd(deadline=500))
    assert [is_running_dry(cmcd) for cmcd in (Cmcd(), Cmcd(buffer=30_000, deadline=20_000), *needy)] == [
        False,
        False,
    ] + [True] * 4


async def _read(node: Node) -> None:
    assert node.edge is not None
    await turns(20)
    while node.edge.prefetch_service.predictor.playlists_being_read:
        await turns(1)


async def test_after_a_restart_the_playlist_is_read_from_disk(tcp: Scenario) -> None:
    """It is a hit, and still what follows is known; so it is when only the segment is asked for after the playlist."""
    o1 = tcp.library("o1")
    film = Film(o1, "film", {"v720": 4_000}, 5)
    e1 = tcp.edge("e1", upstream=o1, prefetch="off")
    first = Player(e1, tcp.network)
    (playlist,) = await first.playlists(film.folder + "master.m3u8")
    await first.plays(playlist, range(1))
    first.leaves()
    await e1.until(fills_running=0)
    await e1.written()
    await e1.stops()
    e1.settings["prefetch"] = "next"
    second = Player(e1, tcp.network)
    await second.asks(playlist)
    await _read(e1)
    await second.asks(film.path("v720", 0))
    await e1.until(fills_running=0)
    assert (o1.count(playlist), o1.count(film.path("v720", 0)), o1.count(film.path("v720", 1))) == (1, 1, 1)
    second.leaves()


async def test_a_playlist_that_changes_is_read_again(tcp: Scenario) -> None:
    """And one that cannot be read says nothing."""
    o1 = tcp.library("o1")
    film = Film(o1, "film", {"v720": 4_000}, 4)
    held = o1.holds(film.folder + "v720/main.m3u8", b"no playlist", **SHORT)
    e1 = tcp.edge("e1", upstream=o1)
    player = Player(e1, tcp.network)
    await player.asks(film.folder + "v720/main.m3u8")
    await _read(e1)
    await player.asks(film.path("v720", 0))
    await e1.until(fills_running=0)
    assert o1.count(film.path("v720", 1)) == 0
    names = [film.names["v720"][number] for number in (0, 3)]
    held.body = ("#EXTM3U\n#EXT-X-TARGETDURATION:4\n" + "".join(f"#EXTINF:4,\n{name}\n" for name in names)).encode()
    held.fields["etag"] = '"2"'
    await tcp.clock.advance(100)  # beyond the playlist's life, and that of the connection
    player.leaves()
    player = Player(e1, tcp.network)
    await player.asks(film.folder + "v720/main.m3u8")
    await _read(e1)
    await player.asks(film.path("v720", 0))
    await e1.until(fills_running=0)
    assert (o1.count(film.path("v720", 1)), o1.count(film.path("v720", 3))) == (0, 1)
    player.leaves()
