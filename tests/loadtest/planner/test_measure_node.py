"""What a shield and TLS cost, from what their processes used. `make measure` asks real ones."""

import contextlib
import ssl

import pytest

from loadtest.bench import Figures
from loadtest.planner.measure_node import own_certificate, shield_figures, tls_figures
from loadtest.session import RequestKey, RequestKind, SessionRecord, Tier, Viewer


async def test_a_shield_pays_for_what_it_fetches(monkeypatch):
    clock = iter((5.0, 5.25))

    @contextlib.contextmanager
    def shield(upstream, folder, core, *, program, flags):
        assert (program, flags) == ("shield", ())
        yield upstream, 4711

    monkeypatch.setattr("loadtest.planner.measure_node.edge", shield)
    monkeypatch.setattr("loadtest.planner.measure_node.cpu_s", lambda pid: next(clock))
    found = await shield_figures(None, seconds=4.0)
    # Nine segments of 3 Mbit/s, and what belongs to them.
    assert found["cpuSecondsPerGB"] == pytest.approx(0.25 / (9 * 1.5e6) * 1e9, rel=0.01)
    assert "none of them in its cache" in found["note"]


def figures(edge_cpu):
    record = SessionRecord(Viewer(1, "t"))
    record.add_request(RequestKey(RequestKind.SEGMENT, 200, Tier.EDGE, "e"), 500_000_000, 0.1, 0.1)
    record.add_request(RequestKey(RequestKind.MANIFEST, 200, Tier.EDGE, "e"), 900_000_000, 0.1, 0.1)
    return Figures(1, 1.0, 0.1, edge_cpu, 1.0, [record])


async def test_tls_costs_what_an_edge_uses_more_with_it(monkeypatch):
    asked = []

    async def measure(players, seconds, ramp_s, line, core, flags=()):
        asked.append("--tls-cert" in flags)
        return figures(0.45 if asked[-1] else 0.2)

    monkeypatch.setattr("loadtest.planner.measure_node.measure", measure)
    found = await tls_figures(None)
    assert asked == [False, True]
    assert found["cpuSecondsPerGB"] == 0.5, "of media alone"
    assert "0.90 s/GB with TLS 1.3, 0.40 without" in found["note"]


def test_the_certificate_is_one_that_servers_load(tmp_path):
    certificate, key = own_certificate(tmp_path)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    assert key.stat().st_mode & 0o077 == 0
