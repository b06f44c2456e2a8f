"""A shield answers loopback and whom it is told to, and nobody else."""

from pathlib import Path

import pytest

from edge import shield
from edge.policy.locate import Locator
from edge.settings import ShieldSettings
from tests.edge.ground import standing


def test_it_is_the_edge_program_with_other_presets():
    assert shield.SETTINGS is ShieldSettings
    assert callable(shield.run)


@pytest.mark.parametrize(
    ("role", "allow", "peer", "status"),
    [
        ("shield", "", "127.0.0.1", 200),
        ("shield", "", "192.0.2.1", 503),
        ("shield", "192.0.2.0/24", "192.0.2.1", 200),
        ("shield", "192.0.2.0/24", "198.51.100.1", 503),
        ("edge", "", "192.0.2.1", 200),
    ],
)
async def test_whom_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str, allow: str, peer: str, status: int
):
    """The address of the connection counts; the refusal arrives though the request came with it."""
    real = Locator.locate
    monkeypatch.setattr(Locator, "locate", lambda self, address, forwarded=(): real(self, peer, forwarded))
    async with standing(tmp_path, role=role, allow=allow, profile="media") as ground:
        got = await ground.gets("/cdn/eu/t1/v720/1.m4s")
        assert got.status == status
        assert len(ground.upstream.asked) == (status == 200)
