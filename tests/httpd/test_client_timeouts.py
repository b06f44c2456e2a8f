"""What becomes of a connection at one look."""

import pytest

from httpd.client_timeouts import ConnectionSnapshot, ConnectionVerdict, Phase, judge_connection
from kernel.settings.door_settings import Patience

PATIENCE = Patience(head=10, body=60, idle=75, stalled=30)


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (ConnectionSnapshot(Phase.WAITING, 10), ConnectionVerdict.STAY),
        (ConnectionSnapshot(Phase.WAITING, 10.1), ConnectionVerdict.CLOSE),
        (ConnectionSnapshot(Phase.WAITING, 75, served=True), ConnectionVerdict.STAY),
        (ConnectionSnapshot(Phase.WAITING, 75.1, served=True), ConnectionVerdict.CLOSE),
        (ConnectionSnapshot(Phase.HEAD, 10), ConnectionVerdict.STAY),
        (ConnectionSnapshot(Phase.HEAD, 10.1), ConnectionVerdict.LATE_HEAD),
        (ConnectionSnapshot(Phase.HEAD, 10.1, served=True), ConnectionVerdict.LATE_HEAD),
        (ConnectionSnapshot(Phase.HEAD, 10.1, unread=1), ConnectionVerdict.STAY),
        (ConnectionSnapshot(Phase.BODY, 10, reading=10), ConnectionVerdict.STAY),
        (ConnectionSnapshot(Phase.BODY, 10.1, reading=10.1), ConnectionVerdict.LATE_BODY),
        (ConnectionSnapshot(Phase.BODY, 0.1, reading=60.5, body_bytes=512), ConnectionVerdict.STAY),
        (ConnectionSnapshot(Phase.BODY, 0.1, reading=61.5, body_bytes=512), ConnectionVerdict.LATE_BODY),
        (ConnectionSnapshot(Phase.BODY, 0.1, reading=3000, body_bytes=2 << 20), ConnectionVerdict.STAY),
        (ConnectionSnapshot(Phase.RUNNING, 1e6), ConnectionVerdict.STAY),
        (ConnectionSnapshot(Phase.RUNNING, 0, unread=30), ConnectionVerdict.STAY),
        (ConnectionSnapshot(Phase.RUNNING, 0, unread=30.1), ConnectionVerdict.STALLED),
        (ConnectionSnapshot(Phase.WAITING, 0, served=True, unread=30.1), ConnectionVerdict.STALLED),
    ],
)
def test_how_long_each_is_waited_for(look, expected):
    assert judge_connection(look, PATIENCE) is expected
