"""A process of agents."""

from __future__ import annotations

import os
import resource

from cryptography import x509

from tools.fleet_sim.crowd import AgentProcess, CrowdPlan, main, make_certificate_request, raise_file_limit


async def test_it_hears_which_title_rises():
    crowd = AgentProcess(CrowdPlan(["127.0.0.1:1"], "", "", [], 5, 0.0))
    assert len(crowd.world.popular) == 5
    crowd.handle_command({"rise": ["film", 0.1]})
    crowd.handle_command({"something": "else"})
    assert crowd.world.rising is not None
    assert crowd.world.rising[:2] == ("film", 0.1)


def test_a_crowd_whose_parent_is_gone_does_not_begin(monkeypatch):
    monkeypatch.setattr("tools.fleet_sim.crowd.die_with_parent", lambda parent: parent == os.getppid())
    assert main(["1", "no-such-plan"]) == 1


def test_a_key_and_its_request():
    key, asked = make_certificate_request("e1")
    assert b"PRIVATE KEY" in key
    assert x509.load_pem_x509_csr(asked).is_signature_valid


def test_open_files_are_never_made_fewer():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    raise_file_limit(16)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before
