"""What a process may open, and how much of it clients may have."""

import resource

import pytest

from httpd import process
from httpd.process import connections_within


@pytest.mark.parametrize(
    ("limit", "opened", "wanted", "connections"),
    [
        (1 << 20, 30, 2000, 2000),
        (1024, 30, 2000, 1024 - 30 - 256),
        (128, 40, 2000, 128 - 40 - 32),
        (16, 40, 2000, 1),
        (resource.RLIM_INFINITY, 30, 2000, 2000),
    ],
)
def test_connections_leave_room_for_files_and_upstreams(monkeypatch, limit, opened, wanted, connections):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    monkeypatch.setattr(process.os, "listdir", lambda _: list(range(opened)))
    assert connections_within(wanted) == connections
