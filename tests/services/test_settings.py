"""What the services' settings refuse."""

import pytest

from kernel.errors import BadSettings
from kernel.settings import resolve
from services.settings import ServicesSettings, check, is_loopback


def made(**flags):
    return resolve(ServicesSettings, flags={name: [text] for name, text in flags.items()})


def test_the_defaults_are_possible_and_bind_loopback(tmp_path):
    settings = made(data=str(tmp_path))
    check(settings)
    assert settings.listen.host == "127.0.0.1"
    assert settings.signing_key_file == tmp_path / "signing.pem"
    assert settings.api_key_path == tmp_path / "api.key"


def test_only_names_the_parts_that_run():
    assert made().runs("search")
    assert made(only="search,playback").runs("playback")
    assert not made(only="search").runs("playback")


@pytest.mark.parametrize(
    ("flags", "setting"),
    [
        ({"insecure_dev": "on", "listen": "0.0.0.0:8080"}, "insecure_dev"),
        ({"insecure_dev": "on", "listen": "example.org:8080"}, "insecure_dev"),
        ({"region": "EU!"}, "region"),
        ({"geo": "/nowhere/x.mmdb"}, "geo"),
        ({"data": "/etc/hostname"}, "data"),
        ({"signing_key": "/etc"}, "signing_key"),
    ],
)
def test_what_cannot_be_together_is_named(flags, setting):
    with pytest.raises(BadSettings) as caught:
        check(made(**flags))
    assert caught.value.setting == setting


@pytest.mark.parametrize(
    "flags", [{"only": "nothing"}, {"origin": "ftp://x"}, {"token_ttl": "1s"}, {"max_sessions": "0"}]
)
def test_impossible_values_are_refused(flags):
    with pytest.raises(BadSettings):
        made(**flags)


def test_loopback_names():
    assert all(is_loopback(host) for host in ("localhost", "LOCALHOST.", "127.9.9.9", "::1"))
    assert not any(is_loopback(host) for host in ("", "0.0.0.0", "localhost.evil.example", "10.0.0.1"))
