"""What control may be set to."""

from __future__ import annotations

import pytest

from control.settings import check
from kernel.errors import BadSettings


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.0.0.2:8084", "localhost:1", "[::1]:1"])
def test_on_loopback_everybody_is_believed_unless_told_otherwise(settings_of, listen: str) -> None:
    check(settings_of(listen=listen, tls="off"))
    assert not settings_of(listen=listen).mtls
    assert settings_of(listen=listen, tls="required").mtls


@pytest.mark.parametrize("listen", ["0.0.0.0:8084", "192.0.2.1:1", "example.org:1", "[::]:1"])
def test_on_the_network_certificates_are_asked_for_always(settings_of, listen: str) -> None:
    check(settings_of(listen=listen))
    assert settings_of(listen=listen).mtls
    with pytest.raises(BadSettings, match=r"tls.*loopback only"):
        check(settings_of(listen=listen, tls="off"))


def test_there_is_nothing_to_join_without_certificates(settings_of) -> None:
    with pytest.raises(BadSettings, match="enrol_listen"):
        check(settings_of(enrol_listen="127.0.0.1:5"))
    check(settings_of(enrol_listen="127.0.0.1:5", tls="required"))


@pytest.mark.parametrize(
    "texts", [{"admin": "127.0.0.1:1"}, {"admin": "127.0.0.1:2", "enrol_listen": "127.0.0.1:2", "tls": "required"}]
)
def test_two_doors_cannot_be_one(settings_of, texts) -> None:
    with pytest.raises(BadSettings, match="is where"):
        check(settings_of(listen="127.0.0.1:1", **texts))


def test_the_database_is_named_by_a_setting_and_its_password_is_not(settings_of) -> None:
    settings = settings_of(database="postgresql://me@host/fleet")
    assert settings.database == "postgresql://me@host/fleet"
    assert settings_of().database is None
    assert settings_of().database_password_file is None
