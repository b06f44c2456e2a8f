"""Requests that workers relay: each has its own viewer, and the next one inherits nothing."""

from types import SimpleNamespace

from edge.node.relayed_viewers import MAX_VIEWERS, RelayedViewers
from edge.wire.request import Request
from edge.wire.viewer import Viewer


class Handler:
    def __init__(self):
        self.seen = []

    def handle(self, request, connection):
        self.seen.append((connection.viewer.address, dict(request.fields)))
        connection.grants[b"/t/"] = "a grant"


class Locator:
    asked = 0

    def locate(self, address):
        self.asked += 1
        return Viewer(address)


def relayed(viewers, connection, address):
    fields = {b"host": b"h", b"matinee-viewer": address}
    viewers.handle(Request(b"GET", b"/a", fields, 1, True), connection)


def test_a_grant_is_never_the_next_viewers():
    handler, locator = Handler(), Locator()
    viewers = RelayedViewers(handler, locator)
    connection = SimpleNamespace(address="", viewer=None, grants={}, when_done=lambda call: call())
    for address in (b"192.0.2.1", b"192.0.2.2", b"192.0.2.1"):
        relayed(viewers, connection, address)
        assert connection.grants == {}
    assert [address for address, _ in handler.seen] == ["192.0.2.1", "192.0.2.2", "192.0.2.1"]
    assert all(fields == {b"host": b"h"} for _, fields in handler.seen)
    assert locator.asked == 2
    assert not viewers.is_busy
    assert not viewers.try_fast_path(None, b"", connection)


def test_remembered_addresses_are_bounded():
    locator = Locator()
    viewers = RelayedViewers(Handler(), locator)
    connection = SimpleNamespace(address="", viewer=None, grants={}, when_done=lambda call: call())
    for number in range(MAX_VIEWERS + 1):
        relayed(viewers, connection, b"%d" % number)
    relayed(viewers, connection, b"0")
    assert locator.asked == MAX_VIEWERS + 2
