"""Settings from control on one node: prepared whole, refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from edge.fleet.live_settings import prepare_settings
from edge.settings import EdgeSettings
from kernel.errors import BadSettings
from kernel.settings.table import resolve


def start(**more: str) -> EdgeSettings:
    given = {"upstream": "http://127.0.0.1:1", "tokens": "off"} | more
    return resolve(EdgeSettings, flags={name: [text] for name, text in given.items()})


def test_a_document_lies_over_the_start_and_what_it_leaves_out_is_as_it_was() -> None:
    made = prepare_settings(start(idle_timeout="9s", default_ttl="1s"), {"default_ttl": "60s", "upstream_idle": "2s"})
    assert (made.settings.default_ttl, made.settings.idle_timeout) == (60.0, 9.0)
    assert made.routes.default.keep_policy.default == 60
    assert made.upstreams.timeouts.idle == 2.0
    assert prepare_settings(start(default_ttl="1s"), {}).settings == start(default_ttl="1s")


@pytest.mark.parametrize(
    ("given", "document", "setting", "where"),
    [
        ({}, {"route": [{"token": "required"}]}, "keys", "from control"),
        ({}, {"route": [{"host": "a.example"}]}, "host", "route 1"),
        ({"profile": "general"}, {"route": [{}, {"content": "film"}]}, "content", "route 2"),
        ({"upstream": "https://h:1", "upstream_ca": "/nowhere"}, {"default_ttl": "1s"}, "upstream_ca", "from control"),
        ({"upstream": "https://h:1", "upstream_name": "x"}, {"upstream": "http://h:1"}, "upstream_name", ""),
    ],
)
def test_what_this_node_cannot_follow_is_refused_by_name(
    given: dict[str, str], document: dict[str, Any], setting: str, where: str
) -> None:
    with pytest.raises(BadSettings) as caught:
        prepare_settings(start(**given), document)
    assert caught.value.setting == setting
    assert where in str(caught.value)
