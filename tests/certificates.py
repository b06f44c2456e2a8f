"""A fleet's authority, for tests that need no control."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from control.trust.authority import Authority
from kernel.fleet.identity import make_key, request
from rpc.identity_file import Credentials

NOW = time.time()  # noqa: TID251 (TLS libraries look at the machine's clock)


def fleet_authority() -> Authority:
    """A new one; its files are gone."""
    with tempfile.TemporaryDirectory() as folder:
        return Authority.open(Path(folder), NOW)


def credentials(
    authority: Authority, node_id: str = "e1", role: str = "edge", now: float = NOW, life: float = 600
) -> Credentials:
    """A certificate that nobody asked control for."""
    key = make_key()
    return Credentials.from_parts(key, authority.issue(request(key, node_id), node_id, role, now, life), authority.pem)
