"""The client of the key server against a server that behaves badly."""

import asyncio
import threading
from dataclasses import replace

import pytest
import stamina
from aiohttp import web
from aiohttp.test_utils import TestServer

from kernel.errors import BadSettings, UpstreamFailed
from kernel.media.content_keys import ContentKey, EncryptedContent, EncryptionScheme, KeyLabel
from kernel.media.cpix import read_request, write_request, write_response
from kernel.media.drm_signals import DrmSystem
from origin.package.key_client import PATH, KeyServer, open_key_server

FILM = EncryptedContent("film", 2)
LABELS = (KeyLabel.SD, KeyLabel.AUDIO)
KEY = "an-api-key-of-the-services"


@pytest.fixture
def key_server():
    """`key_server(answer, …)` → the URL of a server with one answer a request, and the requests. In its own thread:
    the client is for programs without an event loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    servers = []

    def start(*answers):
        asked = []

        async def handle(request):
            body = await request.read()
            asked.append((request.path, dict(request.headers), body))
            return answers[min(len(asked), len(answers)) - 1](body)

        async def listen():
            application = web.Application()
            application.router.add_post("/{path:.*}", handle)
            server = TestServer(application)
            await server.start_server()
            servers.append(server)
            return f"http://127.0.0.1:{server.port}", asked

        return asyncio.run_coroutine_threadsafe(listen(), loop).result(10)

    yield start
    for server in servers:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture(autouse=True)
def without_waiting():
    with stamina.set_testing(True, attempts=3):
        yield


def keys(body, labels=None):
    request = read_request(body)
    made = [ContentKey(label, key_id, b"k" * 16) for label, key_id in request.key_ids.items()]
    document = write_response(request, [key for key in made if labels is None or key.label in labels])
    return web.Response(body=document, headers={"X-Speke-Version": "2.0"})


def with_iv_of_the_server(body):
    """A key server that chooses the IVs."""
    request = read_request(body)
    return keys(write_request(replace(request, ivs=dict.fromkeys(request.key_ids, b"i" * 16))))


def status(code, detail="no"):
    return lambda _: web.json_response({"detail": detail}, status=code)


def fetch(url):
    return KeyServer(url, KEY).fetch_encryption(FILM, LABELS, EncryptionScheme.CBCS)


def test_keys_by_label(key_server):
    """The API key is in the header, and the same publication asks for the same key ids."""
    url, asked = key_server(keys)
    first, second = fetch(url), fetch(url)
    assert first == second
    assert {label: key.key for label, key in first.keys.items()} == dict.fromkeys(LABELS, b"k" * 16)
    path, headers, body = asked[0]
    assert (path, headers["Authorization"], headers["X-Speke-Version"]) == (PATH, f"Bearer {KEY}", "2.0")
    assert read_request(body).content == FILM


def test_drm_systems_are_told_what_the_key_server_says(key_server):
    """It is asked for the data of Widevine, PlayReady and FairPlay for each key; its IVs are used."""
    url, asked = key_server(with_iv_of_the_server)
    got = fetch(url)
    systems = {DrmSystem.WIDEVINE, DrmSystem.PLAYREADY, DrmSystem.FAIRPLAY}
    assert {label: set(read_request(asked[0][2]).systems[label]) for label in LABELS} == dict.fromkeys(LABELS, systems)
    assert {label: set(got.given[label]) for label in LABELS} == dict.fromkeys(LABELS, systems)
    assert got.iv(KeyLabel.SD) == b"i" * 16
    assert f"0x{b'i'.hex() * 16}" in got.signals(KeyLabel.SD)[DrmSystem.FAIRPLAY].key_lines


def test_a_failure_that_passes_is_retried(key_server):
    url, asked = key_server(status(503), status(500), keys)
    assert fetch(url).keys
    assert len(asked) == 3


def test_a_failure_that_lasts_is_told_with_its_reason(key_server):
    url, asked = key_server(status(503, "storage is unavailable"))
    with pytest.raises(UpstreamFailed, match="answered 503: storage is unavailable"):
        fetch(url)
    assert len(asked) == 3, "bounded"


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        (status(401), BadSettings, "key_server_key_file"),
        (status(409, "taken"), UpstreamFailed, "answered 409: taken"),
        (lambda _: web.Response(body=b"<html>", headers={"X-Speke-Version": "2.0"}), UpstreamFailed, "no usable CPIX"),
        (lambda _: web.Response(body=b"<html>"), UpstreamFailed, "is not a key server"),
        (lambda body: keys(body, ["SD"]), UpstreamFailed, "other labels than AUDIO, SD"),
        (lambda _: web.Response(status=302, headers={"Location": "http://127.0.0.1:9"}), UpstreamFailed, "302"),
    ],
)
def test_what_cannot_pass_is_not_retried(key_server, answer, error, why):
    """And a redirect is not followed: it would carry the API key elsewhere."""
    url, asked = key_server(answer)
    with pytest.raises(error, match=why) as failed:
        fetch(url)
    assert KEY not in str(failed.value)
    assert len(asked) == 1


def test_a_server_that_is_away(unused_tcp_port):
    with pytest.raises(UpstreamFailed, match="cannot be reached"):
        fetch(f"http://127.0.0.1:{unused_tcp_port}")


def test_the_settings(tmp_path):
    """Keys do not cross a network in clear; the key file is private; without one no key is sent."""
    file = tmp_path / "api.key"
    assert open_key_server("http://127.0.0.1:1", file) == KeyServer("http://127.0.0.1:1", "")
    file.write_text(f"{KEY}\n")
    with pytest.raises(BadSettings, match="not 0600"):
        open_key_server("http://127.0.0.1:1", file)
    file.chmod(0o600)
    opened = open_key_server("https://keys.example", file)
    assert opened.api_key == KEY
    assert KEY not in repr(opened)
    with pytest.raises(BadSettings, match="must be https://"):
        open_key_server("http://192.0.2.1:8080", file)
    file.write_text("two words")
    with pytest.raises(BadSettings, match="one API key"):
        open_key_server("http://127.0.0.1:1", file)
