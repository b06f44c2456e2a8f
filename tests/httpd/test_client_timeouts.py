"""What becomes of a connection at one look."""

import pytest

from httpd.client_timeouts import Look, Phase, Verdict, verdict
from kernel.settings.door_settings import Patience

PATIENCE = Patience(head=10, body=60, idle=75, stalled=30)


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (Look(Phase.WAITING, 10), Verdict.STAY),
        (Look(Phase.WAITING, 10.1), Verdict.CLOSE),
        (Look(Phase.WAITING, 75, served=True), Verdict.STAY),
        (Look(Phase.WAITING, 75.1, served=True), Verdict.CLOSE),
        (Look(Phase.HEAD, 10), Verdict.STAY),
        (Look(Phase.HEAD, 10.1), Verdict.LATE_HEAD),
        (Look(Phase.HEAD, 10.1, served=True), Verdict.LATE_HEAD),
        (Look(Phase.HEAD, 10.1, untaken=1), Verdict.STAY),
        (Look(Phase.BODY, 10, reading=10), Verdict.STAY),
        (Look(Phase.BODY, 10.1, reading=10.1), Verdict.LATE_BODY),
        (Look(Phase.BODY, 0.1, reading=60.5, body_bytes=512), Verdict.STAY),
        (Look(Phase.BODY, 0.1, reading=61.5, body_bytes=512), Verdict.LATE_BODY),
        (Look(Phase.BODY, 0.1, reading=3000, body_bytes=2 << 20), Verdict.STAY),
        (Look(Phase.RUNNING, 1e6), Verdict.STAY),
        (Look(Phase.RUNNING, 0, untaken=30), Verdict.STAY),
        (Look(Phase.RUNNING, 0, untaken=30.1), Verdict.STALLED),
        (Look(Phase.WAITING, 0, served=True, untaken=30.1), Verdict.STALLED),
    ],
)
def test_how_long_each_is_waited_for(look, expected):
    assert verdict(look, PATIENCE) is expected
