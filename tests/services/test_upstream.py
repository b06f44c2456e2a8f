"""The origin as the gateway asks it."""

from services.upstream import Upstream


def test_an_upstream_is_a_client_an_address_and_a_region():
    assert Upstream(None, "http://127.0.0.1:1", "eu").region == "eu"
