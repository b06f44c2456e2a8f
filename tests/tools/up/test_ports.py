"""Ports are looked at before anything is started."""

import socket

import pytest

from kernel.errors import BadSettings
from tools.up.plan import PlannedProgram
from tools.up.ports import check_ports, why_not_free


@pytest.fixture
def taken():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def part(name, host, port):
    return PlannedProgram(name, (), ((host, port),), "", "")


def test_a_port_in_use_is_named_with_the_program_that_needs_it(taken):
    with pytest.raises(BadSettings, match=rf"127\.0\.0\.1:{taken} \(needed by edge1\) is in use"):
        check_ports([part("edge1", "127.0.0.1", taken)], wait=0)


def test_the_same_port_on_the_other_loopback_address_is_free(taken):
    check_ports([part("edge2", "127.0.0.2", taken)], wait=0)


def test_an_address_that_is_not_of_this_machine_says_so():
    assert "cannot be used" in why_not_free("192.0.2.1", 8080)
