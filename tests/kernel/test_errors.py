"""The errors that cross a border: what each says, and of whom."""

import pytest

from kernel.errors import BadRequest, BadSettings, Bug, MatineeError, Overloaded, StorageFailed, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.vocabulary import OverloadReason


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (BadRequest(400, "path"), "path"),
        (BadRequest(400, "path", "two dots"), "two dots"),
        (UpstreamFailed(UpstreamReason.CONNECT), "connect"),
        (UpstreamFailed(UpstreamReason.IDLE_TIMEOUT, detail="10 s"), "10 s"),
        (StorageFailed("disk full"), "disk full"),
        (Overloaded(OverloadReason.SEARCHES_WAITING), "Too many searches are running."),
        (Overloaded(OverloadReason.CONTROL_BUSY, "control: too many nodes"), "control: too many nodes"),
        (BadSettings("ram", "too small"), "setting `ram`: too small"),
        (BadSettings("ram", "too small", "flag --ram"), "setting `ram` (flag --ram): too small"),
        (Bug("never"), "never"),
    ],
)
def test_every_error_reads_as_a_sentence(error, text):
    assert isinstance(error, MatineeError)
    assert str(error) == text


def test_what_an_error_carries():
    failed = UpstreamFailed(UpstreamReason.IDLE_TIMEOUT, retry=True)
    assert (failed.reason, failed.status, failed.retry) == (UpstreamReason.IDLE_TIMEOUT, 504, True)
    assert (UpstreamFailed(UpstreamReason.CONNECT).status, UpstreamFailed(UpstreamReason.CONNECT).retry) == (502, False)
    assert Overloaded(OverloadReason.NO_EDGE).retry_after == 5
    assert (BadRequest(403, "scope").status, BadRequest(403, "scope").reason) == (403, "scope")
    assert BadSettings("ram", "w", "s").source == "s"
