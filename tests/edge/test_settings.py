"""What an edge is told at start, and every impossible setting refused by its name."""

from zoneinfo import ZoneInfo

import pytest

from edge.settings import EdgeSettings, ShieldSettings, parse_zone
from kernel.errors import BadSettings
from kernel.settings.table import Address, resolve

UP = {"upstream": ["http://127.0.0.1:9000"]}
OPEN = UP | {"tokens": ["off"]}


def test_defaults_and_a_keys_file_are_enough():
    made = resolve(EdgeSettings, flags=UP | {"keys": ["jwks.json"]})
    assert made.tokens == "required"
    assert made.profile == "media"
    assert (made.listen, made.admin) == (Address("127.0.0.1", 8081), Address("127.0.0.1", 9081))


def test_a_shield_has_other_presets():
    made = resolve(ShieldSettings, flags=UP)
    assert (made.id, made.role, made.tokens) == ("shield", "shield", "off")


@pytest.mark.parametrize(
    ("flags", "setting"),
    [
        ({"tokens": ["off"]}, "upstream"),
        (OPEN | {"upstream": ["ftp://h"]}, "upstream"),
        (OPEN | {"upstream": ["http://h/?q"]}, "upstream"),
        (OPEN | {"upstream": ["http://u:p@h"]}, "upstream"),
        (OPEN | {"workers": ["0"]}, "workers"),
        (UP, "keys"),
        (OPEN | {"tls_cert": ["c.pem"]}, "tls_key"),
        (OPEN | {"tls_key": ["k.pem"]}, "tls_cert"),
        (OPEN | {"control": ["127.0.0.1:1"]}, "fleet_dir"),
        (UP | {"profile": ["general"], "keys": ["jwks.json"]}, "tokens"),
        (OPEN | {"profile": ["other"]}, "profile"),
        (OPEN | {"region": ["EU"]}, "region"),
        (OPEN | {"region": ["eu,us-"], "id": [""]}, "id"),
        (OPEN | {"role": ["origin"]}, "role"),
        (OPEN | {"listen": ["8081"]}, "listen"),
        (OPEN | {"admin": ["127.0.0.1:99999"]}, "admin"),
        (OPEN | {"admin": ["0.0.0.0:9081"]}, "admin"),
        (OPEN | {"ram": ["much"]}, "ram"),
        (OPEN | {"ram": ["1KiB"]}, "ram"),
        (OPEN | {"disk": ["-1"]}, "disk"),
        (OPEN | {"policy": ["fifo"]}, "policy"),
        (OPEN | {"default_country": ["Germany"]}, "default_country"),
        (OPEN | {"default_ttl": ["-1s"]}, "default_ttl"),
        (OPEN | {"trusted_proxies": ["proxy"]}, "trusted_proxies"),
        (OPEN | {"allow": ["10.0.0.1/8"]}, "allow"),
        (OPEN | {"drain": ["2d"]}, "drain"),
        (OPEN | {"max_object": ["1"]}, "max_object"),
        (OPEN | {"max_connections": ["0"]}, "max_connections"),
        (OPEN | {"upstream_connect": ["0"]}, "upstream_connect"),
        (OPEN | {"upstream_first_byte": ["1h"]}, "upstream_first_byte"),
        (OPEN | {"upstream_idle": ["never"]}, "upstream_idle"),
    ],
)
def test_what_cannot_be(flags: dict, setting: str):
    with pytest.raises(BadSettings) as failed:
        resolve(EdgeSettings, flags=flags)
    assert failed.value.setting == setting
    assert f"`{setting}`" in str(failed.value)


def test_lists_are_split_at_commas():
    made = resolve(EdgeSettings, flags=OPEN | {"region": ["eu,us", "ap-1"], "allow": ["10.0.0.0/8,::1"]})
    assert made.region == ("eu", "us", "ap-1")
    assert [str(network) for network in made.allow] == ["10.0.0.0/8", "::1/128"]


def test_a_control_plane_brings_the_keys():
    made = resolve(EdgeSettings, flags=UP | {"control": ["127.0.0.1:1"], "fleet_dir": ["fleet"]})
    assert made.keys is None


def test_a_zone_by_its_name():
    assert parse_zone("Europe/Berlin") == ZoneInfo("Europe/Berlin")
    for text in ("Mars/Base", "../etc/passwd", ""):
        with pytest.raises(ValueError, match="no time zone"):
            parse_zone(text)
