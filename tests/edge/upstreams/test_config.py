"""What the settings make of the upstreams."""

from pathlib import Path

import pytest

from edge.settings import EdgeSettings
from edge.upstreams.config import connections_of, upstreams_of
from edge.upstreams.network import LoopNetwork
from kernel.errors import BadSettings
from kernel.settings.table import resolve
from tests.edge.authority import Authority
from tests.scenario.clock import FakeClock

HTTPS = "https://shield.internal"


def settings(*upstreams: str, **more: str | Path) -> EdgeSettings:
    flags = {"tokens": ["off"], "upstream": list(upstreams)} | {name: [str(value)] for name, value in more.items()}
    return resolve(EdgeSettings, flags=flags)


@pytest.mark.parametrize(
    ("upstreams", "most", "descriptors", "each"),
    [(1, 512, 1 << 20, 512), (1, 512, 1024, 204), (4, 512, 1024, 51), (2, 2, 1024, 2), (20, 512, 256, 8)],
)
def test_upstreams_have_a_fifth_of_the_descriptors_at_most(upstreams: int, most: int, descriptors: int, each: int):
    urls = [f"http://s{number}:80" for number in range(upstreams)]
    assert connections_of(settings(*urls, upstream_connections=str(most)), descriptors) == each


def test_times_and_weights_arrive():
    made = upstreams_of(
        settings("http://a:1#weight=2", "http://b:1", upstream_total="0", upstream_idle="7s"),
        LoopNetwork(),
        FakeClock(),
    )
    assert (made.timeouts.connect, made.timeouts.first_byte, made.timeouts.idle, made.timeouts.total) == (3, 10, 7, 0)
    assert [(one.url, one.weight) for one in made.all] == [("http://a:1", 2.0), ("http://b:1", 1.0)]


def test_certificates_arrive(tmp_path: Path):
    authority = Authority(tmp_path)
    cert, key = authority.signs("edge1")
    given = settings(HTTPS, upstream_ca=authority.file, upstream_cert=cert, upstream_key=key, upstream_name="shield")
    (one,) = upstreams_of(given, LoopNetwork(), FakeClock()).all
    assert one.tls is not None
    assert one.address == ("shield.internal", 443)


@pytest.mark.parametrize(
    ("upstream", "more", "named"),
    [
        (HTTPS, {"upstream_cert": "c.pem"}, "upstream_key"),
        (HTTPS, {"upstream_key": "k.pem"}, "upstream_cert"),
        ("http://a:1", {"upstream_ca": "ca.pem"}, "upstream_ca"),
        ("http://a:1", {"upstream_name": "shield"}, "upstream_name"),
        ("http://a:1", {"upstream_cert": "c.pem", "upstream_key": "k.pem"}, "upstream_cert"),
        ("http://a:1/base", {}, "upstream"),
        ("http://a:1#weight=0", {}, "upstream"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(upstream: str, more: dict[str, str], named: str):
    with pytest.raises(BadSettings) as refused:
        settings(upstream, **more)
    assert refused.value.setting == named
