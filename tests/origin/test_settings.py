"""The origin's settings."""

from kernel.settings.table import resolve
from origin.settings import OriginSettings


def test_nobody_but_loopback_by_default():
    """It binds loopback and allows no network until told."""
    settings = resolve(OriginSettings)
    assert settings.listen.host == "127.0.0.1"
    assert settings.allow == ()
    assert settings.drain == 30
    many = resolve(OriginSettings, flags={"allow": ["10.0.0.0/8,fd00::/8"]})
    assert [str(one) for one in many.allow] == ["10.0.0.0/8", "fd00::/8"]
