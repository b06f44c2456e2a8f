"""What edges and control say to one another."""

from __future__ import annotations

import pytest

from kernel.fleet.messages import NODE_ID


@pytest.mark.parametrize(
    ("text", "fits"), [("e1", True), ("pop-1.fra", True), ("", False), (".e", False), ("e 1", False), ("e" * 65, False)]
)
def test_what_can_be_an_edges_id(text: str, fits: bool) -> None:
    assert bool(NODE_ID.fullmatch(text)) is fits
