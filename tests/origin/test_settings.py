"""The origin's settings."""

from kernel.settings.table import resolve
from origin.settings import OriginSettings


def test_several_networks_are_allowed_by_one_flag():
    settings = resolve(OriginSettings, flags={"allow": ["10.0.0.0/8,fd00::/8"]})
    assert [str(network) for network in settings.allow] == ["10.0.0.0/8", "fd00::/8"]
