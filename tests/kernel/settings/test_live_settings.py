"""What control may push of an edge's settings, checked alike on both sides."""

from __future__ import annotations

import pytest

from edge.settings import EdgeSettings, ShieldSettings
from kernel.documents import BadDocument
from kernel.settings.live_settings import NAMES, check_settings, values
from kernel.settings.table import table, tables_of


def test_every_live_setting_is_one_of_the_edges_with_the_same_limits() -> None:
    for settings_class in (EdgeSettings, ShieldSettings):
        rows = [*table(settings_class), *tables_of(settings_class)]
        assert set(NAMES) <= {row.name for row in rows}
    assert {"id", "role", "listen", "tokens", "workers", "profile", "control"}.isdisjoint(NAMES)


def test_a_document_is_in_the_form_of_the_settings_file() -> None:
    given = {"default-ttl": "60s", "max_connections": 10, "upstream": ["http://a:1#weight=2", "http://b:2"],
             "route": [{"path": "/cdn/*/*/posters/", "token": "off"}]}  # fmt: skip
    document = check_settings(given)
    assert set(document) == {"default_ttl", "max_connections", "upstream", "route"}
    made = values(document)
    assert made["default_ttl"] == 60.0
    assert made["upstream"] == ("http://a:1#weight=2", "http://b:2")
    assert made["route"][0].token == "off"
    assert check_settings({}) == {}
    assert values({}) == {}


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], "must be an object, not a list"),
        ({"listen": "127.0.0.1:1"}, "`listen` is no setting that can be pushed"),
        ({"default_ttl": "soon"}, "setting `default_ttl`.*not a duration"),
        ({"default_ttl": None}, "setting `default_ttl`"),
        ({"default_ttl": ["1s", "2s"]}, "takes one value"),
        ({"default-ttl": 1, "default_ttl": 1}, "stands twice"),
        ({"idle_timeout": "100d"}, "setting `idle_timeout`.*above the most"),
        ({"upstream": []}, "setting `upstream`.*empty list"),
        ({"upstream": ["ftp://x"]}, "setting `upstream`"),
        ({"upstream": [f"http://h:{n + 1}" for n in range(65)]}, "at most 64"),
        ({"route": [{}, {"path": "/../"}]}, "route 2"),
        ({"route": {}}, "list of tables"),
        ({"route": [{}] * 101}, "at most 100"),
    ],
)
def test_what_is_wrong_is_told_with_its_setting(document: object, told: str) -> None:
    with pytest.raises(BadDocument, match=told):
        check_settings(document)
