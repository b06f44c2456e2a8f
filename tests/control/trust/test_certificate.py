"""Control's own certificate."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from control.settings import ControlSettings
from control.trust.authority import Authority
from control.trust.certificate import RenewedConfiguration, ServerCertificate, server_credentials
from kernel.fleet.identity import CONTROL_NAME, BadIdentity
from tests.certificates import NOW, fleet_authority

AUTHORITY = fleet_authority()


def test_it_names_control_and_its_hosts_and_is_made_anew_at_two_thirds_of_its_life() -> None:
    now = [NOW]
    made = ServerCertificate(AUTHORITY, "replica-of-the-test", ["control.example", "192.0.2.1"], 600, lambda: now[0])
    first = made.configuration()
    assert (made.identity.role, made.identity.id) == ("control", "control-replica-of-t")
    now[0] += 200
    assert made.configuration() is first
    now[0] += 250
    assert made.configuration() is not first
    assert made.identity.ends == pytest.approx(NOW + 450 + 600, abs=1)


def test_a_name_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(BadIdentity, match="no name of a host"):
        ServerCertificate(AUTHORITY, "r", ["münchen.example"], 600, lambda: NOW)


async def test_what_a_peer_is_shown(tmp_path, settings_of) -> None:
    from control.app import running

    settings: ControlSettings = settings_of(tls="required", enrol_listen="127.0.0.1:0", server_name="control.example")
    async with running(settings) as control:
        authority = Authority.open(tmp_path / "data" / "ca", NOW)
        context = ssl.create_default_context(cadata=authority.pem.decode())
        context.set_alpn_protocols(["h2"])
        assert control.enrol is not None
        for name in (CONTROL_NAME, "control.example", "127.0.0.1", "localhost"):
            _, writer = await asyncio.open_connection(
                control.enrol.host, control.enrol.port, ssl=context, server_hostname=name
            )
            writer.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection(control.enrol.host, control.enrol.port, ssl=context, server_hostname="e1")


def test_credentials_are_made_of_it() -> None:
    made = ServerCertificate(AUTHORITY, "r", [], 600, lambda: NOW)
    assert server_credentials(made, ask_for_one=True) is not None


def test_a_listener_is_told_of_a_certificate_only_when_it_is_a_new_one() -> None:
    now = [NOW]
    made = ServerCertificate(AUTHORITY, "r", [], 600, lambda: now[0])
    listeners = [RenewedConfiguration(made, made.configuration()) for _ in range(2)]
    assert [one.fetch() for one in listeners] == [None, None]
    now[0] += 450
    told = [one.fetch() for one in listeners]
    assert told == [made.configuration()] * 2
    assert [one.fetch() for one in listeners] == [None, None]
