"""What the services' settings refuse."""

import pytest

from kernel.errors import BadSettings
from kernel.http.door_rules import Call, refusal
from kernel.settings.table import resolve
from services.settings import ServicesSettings, check_settings, door_rules


def made(**flags):
    return resolve(ServicesSettings, flags={name: [text] for name, text in flags.items()})


def test_the_defaults_are_possible_and_bind_loopback(tmp_path):
    settings = made(data=str(tmp_path))
    check_settings(settings)
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
        check_settings(made(**flags))
    assert caught.value.setting == setting


@pytest.mark.parametrize(
    "flags", [{"only": "nothing"}, {"origin": "ftp://x"}, {"token_ttl": "1s"}, {"max_sessions": "0"}]
)
def test_impossible_values_are_refused(flags):
    with pytest.raises(BadSettings):
        made(**flags)


@pytest.mark.parametrize(
    ("flags", "host", "refused"),
    [
        ({}, "127.0.0.1:8080", None),
        ({}, "watch.example", "host"),
        ({"allowed_hosts": "watch.example"}, "watch.example", None),
        ({"trusted_proxies": "127.0.0.0/8"}, "watch.example", None),
        ({"trusted_proxies": "127.0.0.0/8", "allowed_hosts": "a.example"}, "watch.example", "host"),
        ({"listen": "0.0.0.0:8080"}, "watch.example", None),
        ({"listen": "0.0.0.0:8080", "allowed_hosts": "a.example"}, "watch.example", "host"),
        ({"trusted_proxies": "127.0.0.0/8", "insecure_dev": "on"}, "watch.example", "host"),
    ],
)
def test_every_name_is_answered_only_where_viewers_come_from_elsewhere(flags, host, refused):
    settings = resolve(ServicesSettings, flags={name: [text] for name, text in flags.items()})
    assert refusal(door_rules(settings), Call("GET", [host])) == refused
