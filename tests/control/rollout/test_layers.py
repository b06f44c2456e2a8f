"""What an edge gets of the layers of settings."""

from __future__ import annotations

import pytest

from control.rollout.layers import MAX_BYTES, EdgeLabels, apply_edits, merged_settings, settings_content
from kernel.documents import BadDocument

WHO = EdgeLabels("e1", "edge", "eu,uk", "fra1", "canaries")
LAYERS = {
    "edge/e1": {"max_connections": 7},
    "all": {"default_ttl": "1s", "max_connections": 1, "route": [{"keep": "never"}]},
    "role/edge": {"max_connections": 2},
    "role/shield": {"default_ttl": "9s"},
    "region/uk": {"max_connections": 3, "idle_timeout": "3s"},
    "region/eu": {"max_connections": 4, "route": []},
    "pop/fra1": {"max_connections": 5},
    "group/canaries": {"max_connections": 6},
    "edge/e2": {"default_ttl": "8s"},
}


def test_the_particular_lies_over_the_general_and_order_of_writing_is_nothing() -> None:
    wanted = {"default_ttl": "1s", "max_connections": 7, "route": [], "idle_timeout": "3s"}
    assert merged_settings(LAYERS, WHO) == merged_settings(dict(reversed(LAYERS.items())), WHO) == wanted
    for number, name in enumerate(("edge/e1", "group/canaries", "pop/fra1", "region/eu", "region/uk", "role/edge")):
        left = {key: value for key, value in LAYERS.items() if key not in list(WHO.layers())[-1 - number :]}
        assert merged_settings(left, WHO)["max_connections"] == 6 - number, name
    assert (
        settings_content(LAYERS, EdgeLabels("s1", "shield"))
        == b'{"default_ttl":"9s","max_connections":1,"route":[{"keep":"never"}]}'
    )
    assert settings_content({}, WHO) == b""


def test_layers_are_put_and_taken_away_and_checked_as_edges_will() -> None:
    made = apply_edits({"all": {"default_ttl": "1s"}}, {"all": None, "pop/x": {"default-ttl": 2}, "edge/none": None})
    assert made == {"pop/x": {"default_ttl": 2}}
    for edits, told in (
        ({"everybody": {}}, "is not a layer"),
        ({"region/e u": {}}, "is not a layer"),
        ({"all": {"default_ttl": "soon"}}, r"setting `default_ttl` \(layer all\)"),
        ({"all": {"listen": "x"}}, "layer all: `listen` is no setting that can be pushed"),
        ({"all": {"route": [{"path": "/" + "x" * 4_000}] * 100}}, f"larger than {MAX_BYTES >> 10} KiB"),
        ({f"edge/e{number}": {} for number in range(501)}, "at most 500 layers"),
    ):
        with pytest.raises(BadDocument, match=told):
            apply_edits({}, edits)
