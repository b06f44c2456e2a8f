"""Control's HTTP door: what every handler uses."""

from __future__ import annotations

import pytest

from control.db.store import Store
from kernel.errors import Overloaded, StorageFailed
from kernel.vocabulary import OverloadReason


@pytest.mark.parametrize(
    ("error", "status"),
    [(Overloaded(OverloadReason.CHANGES_WAITING), 503), (StorageFailed("no space"), 503), (RuntimeError("oops"), 500)],
)
async def test_our_own_troubles_have_their_status(api, monkeypatch, error: Exception, status: int) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Store, "commit", fails)
    answer = await api("PUT", "/v1/titles/film", {}, status=status)
    assert "oops" not in str(answer)
