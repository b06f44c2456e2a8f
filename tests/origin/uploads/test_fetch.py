"""Fetching by https from a server of our own: resumed, bounded, and never led astray."""

import asyncio
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from kernel.errors import BadRequest, UpstreamFailed
from origin.uploads import fetch
from origin.uploads.fetch import MIN_RATE, WINDOW_SECONDS, FetchLimits, Pace, fetch_film
from origin.uploads.locations import LocationRules

FILM = bytes(range(256)) * 4000


def write_certificate(path):
    """A certificate of localhost that signs itself, with its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)  # noqa: TID251 (TLS looks at the machine's clock)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=True)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    signed = made.sign(key, hashes.SHA256())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(signed.public_bytes(Encoding.PEM) + secret)
    return path


class Site:
    """A server of one film, and what it does next."""

    def __init__(self, port, rules, tls):
        self.port, self.rules, self.tls = port, rules, tls
        self.asked, self.plan, self.spooled = [], [], lambda: True

    async def answer(self, request):
        self.asked.append(request.headers.get("Range"))
        step = self.plan.pop(0) if self.plan else "whole"
        if isinstance(step, web.Response):
            return step
        first = int((request.headers.get("Range") or "bytes=0-")[6:-1])
        fields = {"ETag": '"film"', "Content-Length": str(len(FILM) - first)}
        if first:
            fields["Content-Range"] = f"bytes {first}-{len(FILM) - 1}/{len(FILM)}"
        if step == "unsized":
            del fields["Content-Length"]
        response = web.StreamResponse(status=206 if first else 200, headers=fields)
        await response.prepare(request)
        await response.write(FILM[first : first + 300_000] if step == "cut" else FILM[first:])
        if step == "cut":
            while not self.spooled():
                await asyncio.sleep(0.01)
            request.transport.abort()
        return response

    async def fetch(self, target, url=None, most=1 << 30):
        url = url or f"https://localhost:{self.port}/film.mp4"
        await fetch_film(url, target, self.rules, FetchLimits(most, self.tls), lambda _: None)


@pytest.fixture
async def site(tmp_path):
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(write_certificate(tmp_path / "site.pem"))
    site = Site(0, None, ssl.create_default_context(cafile=tmp_path / "site.pem"))
    app = web.Application()
    app.router.add_get("/{rest:.*}", site.answer)
    server = TestServer(app)
    await server.start_server(ssl=serving)
    site.port = server.port
    loopback = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
    site.rules = LocationRules(hosts=(f"localhost:{server.port}", "elsewhere.example"), networks=loopback)
    yield site
    await server.close()


async def test_a_fetch_that_broke_off_goes_on_where_it_was(site, tmp_path):
    site.plan = ["cut"]
    part = tmp_path / "film.part"
    site.spooled = lambda: part.exists() and part.stat().st_size > 0
    with pytest.raises(UpstreamFailed):
        await site.fetch(tmp_path / "film")
    assert not (tmp_path / "film").exists()
    have = (tmp_path / "film.part").stat().st_size
    assert 0 < have <= 300_000
    await site.fetch(tmp_path / "film")
    assert site.asked == [None, f"bytes={have}-"]
    assert (tmp_path / "film").read_bytes() == FILM
    await site.fetch(tmp_path / "film")
    assert len(site.asked) == 2, "it is there"


async def test_a_film_that_changed_meanwhile_is_fetched_anew(site, tmp_path):
    (tmp_path / "film.part").write_bytes(b"x" * 1000)
    (tmp_path / "film.etag").write_text('"older"')
    site.plan = [web.Response(body=FILM)]
    await site.fetch(tmp_path / "film")
    assert (tmp_path / "film").read_bytes() == FILM


@pytest.mark.parametrize(
    ("location", "status"),
    [
        ("https://127.0.0.1:{port}/film.mp4", 403),
        ("http://localhost:{port}/film.mp4", 403),
        ("file:///etc/passwd", 403),
        ("https://localhost:1/film.mp4", 403),
        ("/again", 422),
    ],
)
async def test_redirects_are_checked_anew(site, tmp_path, location, status):
    """To an address, another scheme, another port, or in a circle."""
    away = {"Location": location.format(port=site.port)}
    site.plan = [web.Response(status=302, headers=away) for _ in range(9)]
    with pytest.raises(BadRequest) as refused:
        await site.fetch(tmp_path / "film")
    assert refused.value.status == status
    assert len(site.asked) <= 6


async def test_a_redirect_to_an_allowed_place(site, tmp_path):
    site.plan = [web.Response(status=307, headers={"Location": "/other.mp4"})]
    await site.fetch(tmp_path / "film")
    assert (tmp_path / "film").read_bytes() == FILM


async def test_a_private_address_is_never_asked(site, tmp_path):
    """An allowed name that leads to this machine: refused before a byte is sent."""
    site.rules = LocationRules(hosts=(f"localhost:{site.port}",))
    with pytest.raises(BadRequest, match="not public"):
        await site.fetch(tmp_path / "film")
    assert site.asked == []


async def test_limits_hold_with_and_without_a_length(site, tmp_path):
    for step in ("whole", "unsized"):
        site.plan = [step]
        with pytest.raises(BadRequest) as refused:
            await site.fetch(tmp_path / "film", most=1000)
        assert refused.value.status == 413


@pytest.mark.parametrize(
    ("status", "error"), [(404, BadRequest), (403, BadRequest), (503, UpstreamFailed), (429, UpstreamFailed)]
)
async def test_answers_that_are_no_film(site, tmp_path, status, error):
    site.plan = [web.Response(status=status)]
    with pytest.raises(error, match=str(status)):
        await site.fetch(tmp_path / "film")


async def test_an_unknown_authority_is_not_trusted(site, tmp_path):
    site.tls = None
    with pytest.raises(UpstreamFailed):
        await site.fetch(tmp_path / "film")
    assert site.asked == []


async def test_a_name_that_leads_to_good_and_bad_addresses_is_refused(monkeypatch):
    """One private address among public ones is enough: which one would be used is chance."""

    async def resolved(*_, **__):
        return [(2, 1, 6, "", ("8.8.8.8", 443)), (2, 1, 6, "", ("10.0.0.1", 443))]

    monkeypatch.setattr("asyncio.BaseEventLoop.getaddrinfo", resolved)
    with pytest.raises(BadRequest):
        await fetch.resolve_checked("x", 443, LocationRules())


def test_a_slow_window_is_noticed_at_its_end_only():
    """Fast ones before it do not make up for it; a pause within a window does no harm."""
    window, enough = WINDOW_SECONDS, round(MIN_RATE * WINDOW_SECONDS)
    pace = Pace(100.0)
    assert not pace.is_too_slow(1, 100.0 + window - 1), "the window goes on"
    assert not pace.is_too_slow(enough, 100.0 + window)
    assert not pace.is_too_slow(50 * enough, 101.0 + window)
    assert not pace.is_too_slow(1, 100.0 + 2 * window)
    assert pace.is_too_slow(enough - 1, 100.0 + 3 * window)


async def test_a_server_that_trickles_is_given_up(site, tmp_path, monkeypatch):
    """As a failure that may pass: the fetch is tried again."""
    monkeypatch.setattr(fetch, "WINDOW_SECONDS", 0.0)
    monkeypatch.setattr(fetch, "MIN_RATE", 1 << 60)
    with pytest.raises(UpstreamFailed, match="bytes a second"):
        await site.fetch(tmp_path / "film")
    assert not (tmp_path / "film").exists()
