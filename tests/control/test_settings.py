"""What control may be set to."""

from __future__ import annotations

import pytest

from control.settings import check
from kernel.errors import BadSettings


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.0.0.2:8084", "localhost:1", "[::1]:1"])
def test_grpc_may_listen_on_loopback(settings_of, listen: str) -> None:
    check(settings_of(listen=listen))


@pytest.mark.parametrize("listen", ["0.0.0.0:8084", "192.0.2.1:1", "example.org:1", "[::]:1"])
def test_grpc_on_the_network_waits_for_the_fleets_mtls(settings_of, listen: str) -> None:
    with pytest.raises(BadSettings, match="mTLS comes with the fleet"):
        check(settings_of(listen=listen))


def test_two_doors_cannot_be_one(settings_of) -> None:
    with pytest.raises(BadSettings, match="admin"):
        check(settings_of(listen="127.0.0.1:1", admin="127.0.0.1:1"))
