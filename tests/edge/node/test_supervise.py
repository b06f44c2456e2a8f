"""The folder of a node."""

import json
import socket

import pytest

from edge.node import supervise
from edge.node.processes.takeover import VARIABLE
from edge.node.supervise import node_folder
from edge.settings import EdgeSettings
from kernel.errors import BadSettings
from kernel.settings.table import resolve


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(supervise, "SHARED_MEMORY", tmp_path)
    return resolve(EdgeSettings, flags={"upstream": ["http://127.0.0.1:1"], "tokens": ["off"]}, env={})


def test_a_successor_has_a_folder_of_its_own_while_its_predecessor_runs(settings, tmp_path):
    with node_folder(settings) as first, node_folder(settings) as second:
        assert first != second
        assert (first / "touches").stat().st_size > 0
        assert first.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_node_left_is_used_again(settings, tmp_path):
    left = node_folder(settings)
    folder = left.__enter__()
    (folder / "lock").unlink()  # nobody holds the new one
    with node_folder(settings) as again:
        assert again == folder


def test_a_folder_of_somebody_else_is_refused(settings, tmp_path, monkeypatch):
    with node_folder(settings):
        pass
    monkeypatch.setattr(supervise.os, "geteuid", lambda: 12345)
    with pytest.raises(BadSettings, match="another user"), node_folder(settings):
        pass


class NeverReady:
    """A supervisor whose node cannot start. It leaves `bodies`, the folder that it was given."""

    def __init__(self, workers, folder, bodies, *others):
        NeverReady.bodies = bodies
        (bodies / "objects").touch()

    async def start(self):
        return None

    async def wait_ended(self):
        return 2

    stop = signal_owner = release = None


@pytest.fixture
def never_ready(monkeypatch):
    opened = []

    def open_sockets(address):
        opened.append(socket.create_server(("127.0.0.1", 0)))
        return opened[-1:]

    monkeypatch.setattr(supervise, "Supervisor", NeverReady)
    monkeypatch.setattr(supervise, "configure_log", lambda mono: None)
    monkeypatch.setattr(supervise, "open_sockets", open_sockets)
    yield NeverReady
    for sock in opened:
        sock.close()


def test_a_successor_that_never_served_leaves_the_bodies_to_its_predecessor(settings, monkeypatch, never_ready):
    """It removed them, though the predecessor serves on from them."""
    listening = socket.create_server(("127.0.0.1", 0))
    ours, theirs = socket.socketpair()
    inherited = {"sockets": [listening.detach()], "channel": theirs.detach(), "admin_port": 1}
    monkeypatch.setenv(VARIABLE, json.dumps(inherited))
    with ours:
        assert supervise.supervise(settings) == 2
    assert (never_ready.bodies / "objects").exists()


def test_a_node_without_a_predecessor_removes_its_bodies(settings, never_ready):
    assert supervise.supervise(settings) == 2
    assert not never_ready.bodies.exists()


def test_bodies_are_not_kept_in_a_folder_of_somebody_else(settings, tmp_path, never_ready):
    """Any user can make one in /dev/shm, or a link to one, before the node starts."""
    assert supervise.supervise(settings) == 2
    never_ready.bodies.symlink_to(tmp_path)
    with pytest.raises(BadSettings, match="another user"):
        supervise.supervise(settings)


def test_two_nodes_at_any_port_keep_their_bodies_apart(tmp_path, monkeypatch, never_ready):
    monkeypatch.setattr(supervise, "SHARED_MEMORY", tmp_path)
    flags = {"upstream": ["http://127.0.0.1:1"], "tokens": ["off"], "listen": ["127.0.0.1:0"]}
    at_any_port = resolve(EdgeSettings, flags=flags, env={})
    supervise.supervise(at_any_port)
    first = never_ready.bodies
    supervise.supervise(at_any_port)
    assert never_ready.bodies != first
