import pytest

from loadtest.drivers.served_by import served_by
from loadtest.session import Tier


@pytest.mark.parametrize(
    ("headers", "tier", "node"),
    [
        ({"cache-status": "e1; hit; ttl=17"}, Tier.EDGE, "e1"),
        ({"cache-status": "s1; hit; ttl=9, e1; fwd=uri-miss; stored"}, Tier.SHIELD, "e1"),
        ({"cache-status": 's1; fwd=uri-miss, "e 2"; fwd=uri-miss; collapsed'}, Tier.ORIGIN, "e 2"),
        ({"x-cache": "HIT from cloud"}, Tier.EDGE, "h"),
        ({"x-cache": "TCP_MISS"}, Tier.ORIGIN, "h"),
        ({}, Tier.UNKNOWN, "h"),
    ],
)
def test_the_tier_and_the_nearest_cache(headers, tier, node):
    assert served_by(headers, "h") == (tier, node)
