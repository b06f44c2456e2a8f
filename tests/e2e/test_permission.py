"""Nothing plays without a token, with another title's, or where the title is not licensed."""

import os
import signal
import time
from urllib.parse import urlsplit

import pytest

from kernel.auth.token import mint
from tools.up.plan import KID


def token_for(platform, path):
    """A well-signed token of the platform for another path."""
    return mint(platform.plan.key.read_bytes(), KID, path=path, now=time.time(), ttl=600)  # noqa: TID251 (the platform runs by the real one)


def path_of(url):
    """`/cdn/…` of a stream's URL."""
    return "/cdn/" + urlsplit(url).path.partition("/cdn/")[2]


@pytest.fixture
def everywhere(platform):
    """Afterwards the film may be watched everywhere again, and the edges know."""
    yield
    platform.licence("--everywhere")
    platform.until(lambda: platform.start(at="127.0.0.3").status == 200, "everywhere")
    url = platform.start().json()["streamUrl"]
    platform.until(lambda: platform.get(url).status == 200, "the edge knows")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_without_a_token_and_with_another_titles(platform, session, host):
    """401 without a token or with a broken one, 403 with one that opens another title; each with its reason."""
    edge = f"http://{host}:{platform.plan.addresses.port + 1}"
    path = path_of(session["streamUrl"])
    right = session["streamUrl"].partition("/t/")[2].partition("/")[0]
    head, body, _ = right.split(".")
    cases = [
        (path, 401, "token-missing"),
        (f"/t/{head}.{body}.{'A' * 86}{path}", 401, "token-signature"),
        (f"/t/{token_for(platform, '/cdn/local/another/')}{path}", 403, "scope"),
        (f"/t/{token_for(platform, '/cdn/local/' + platform.content_id[:-1] + '/')}{path}", 403, "scope"),
    ]
    for target, status, reason in cases:
        answer = platform.get(edge + target)
        assert (answer.status, answer.json()["reason"]) == (status, reason)
        assert answer.fields["Content-Type"] == "application/problem+json"
    assert platform.get(f"{edge}/t/{right}{path}").status == 200


def test_every_file_of_the_title_comes_and_caches(platform, session):
    """A second request for a playlist's segment is answered by the edge alone."""
    master = platform.get(session["streamUrl"])
    assert master.fields["Content-Type"].startswith("application/vnd.apple.mpegurl")
    base = session["streamUrl"].rpartition("/")[0]
    media = next(line for line in master.body.decode().splitlines() if line.endswith(".m3u8"))
    folder = f"{base}/{media}".rpartition("/")[0]
    lines = platform.get(f"{base}/{media}").body.decode().splitlines()
    segments = [line for line in lines if line and not line.startswith("#")]
    assert len(segments) == 3, "10 s are three segments of 4 s at most"
    for segment in segments:
        first, again = platform.get(f"{folder}/{segment}"), platform.get(f"{folder}/{segment}")
        assert first.status == again.status == 200
        assert first.body == again.body
        assert "hit" in again.fields["Cache-Status"]
        part = platform.get(f"{folder}/{segment}", Range="bytes=100-199")
        assert (part.status, part.body) == (206, first.body[100:200])


def test_a_country_without_a_licence(platform, session, everywhere):
    """In Germany only: 200 there; 451 from the US at both edges, and playback does not start there."""
    platform.licence("--allow", "DE")
    for url in session["edges"]:
        platform.until(lambda url=url: platform.get(url, at="127.0.0.3").status == 451, "the US are refused")
        assert platform.get(url, at="127.0.0.1").status == 200
    refused = platform.get(session["streamUrl"], at="127.0.0.3")
    assert refused.json()["reason"] == "country"
    platform.until(lambda: platform.start(at="127.0.0.3").status == 451, "playback does not start")


def test_a_licence_taken_away_while_it_plays_holds_without_control(platform, session, everywhere):
    """451 at once, with no restart; and still after kill -9 of the edge while control does not answer."""
    port = platform.plan.addresses.port
    url = session["streamUrl"]
    assert platform.get(url).status == 200
    edge, control = platform.pid_at("127.0.0.1", port + 1), platform.pid_at("127.0.0.1", port + 5)
    assert edge
    assert control
    platform.licence("--allow", "US")
    _, seconds = platform.until(lambda: platform.get(url).status == 451, "the edge refuses", within=10)
    print(f"refused {seconds:.2f} s after the licence was taken away")
    assert platform.pid_at("127.0.0.1", port + 1) == edge, "the edge was restarted"
    os.kill(control, signal.SIGSTOP)
    try:
        os.kill(edge, signal.SIGKILL)
        platform.until(
            lambda: platform.pid_at("127.0.0.1", port + 1) not in (None, edge), "the edge is back", within=30
        )
        assert platform.get(url).status == 451
        there = platform.get(url, at="127.0.0.3")
        assert there.status == 200, f"what is licensed still plays, not {there.body[:300]!r}"
    finally:
        os.kill(control, signal.SIGCONT)
