"""A `[[route]]` of the settings file: what is refused, and how it is said."""

from typing import Any

import pytest

from edge.settings import EdgeSettings
from kernel.errors import BadSettings
from kernel.settings.route import RouteSettings
from kernel.settings.table import resolve, table

NODE = {"upstream": "http://h:1", "tokens": "off"}


def read(*routes: dict[str, Any], **more: str) -> EdgeSettings:
    return resolve(EdgeSettings, file=NODE | more | {"route": list(routes)}, file_name="edge.toml")


def test_a_route_that_says_nothing_leaves_everything_to_the_node():
    (route,) = read({}).route
    assert [row.name for row in table(RouteSettings) if getattr(route, row.name)] == []


@pytest.mark.parametrize(
    ("given", "key", "why"),
    [
        ({"slice": "1B"}, "slice", "below the least"),
        ({"slices": "1MiB"}, "slices", "no such setting"),
        ({"default-ttl": "soon"}, "default_ttl", "not a duration"),
        ({"path": []}, "path", "empty list"),
        ({"path": "/a/"}, "path", "region is no part of the key"),
        ({"path": "/cdn/eu/t/"}, "path", "region is no part of the key"),
        ({"path": "/cdn/*/../b"}, "path", "normal form"),
        ({"query": ["all", "a"]}, "query", "stands alone"),
        ({"query": "a", "query-except": "b"}, "query_except", "one of the two"),
        ({"query": "a=b"}, "query", "name of a parameter"),
        ({"forward": "x-forwarded-host"}, "forward", "never sent upstream"),
        ({"forward": "Range"}, "forward", "answered by the edge"),
        ({"forward": "cookie"}, "forward", "token"),
        ({"key-fields": "authorization"}, "key_fields", "token"),
        ({"key-fields": "CMCD-Request"}, "key_fields", "never sent upstream"),
        ({"forward": "a b"}, "forward", "field name"),
        ({"cors": "example.org"}, "cors", "origin such as"),
        ({"cors": ["*", "https://a"]}, "cors", "stands alone"),
        ({"token": "maybe"}, "token", "not one of"),
        ({"content": "../x"}, "content", "contentId"),
        ({"host": "h"}, "host", "every host"),
        ({"key-host": False}, "key_host", "every host"),
        ({"token": {"a": 1}}, "token", "must be a text"),
        ({"keep": "never", "key_host": True, "key-host": True}, "key-host", "twice"),
    ],
)
def test_what_is_refused_names_file_number_and_key(given: dict[str, Any], key: str, why: str):
    with pytest.raises(BadSettings, match=why) as caught:
        read({"path": "*.mp4"}, given)
    assert (caught.value.setting, caught.value.source) == (key, "file edge.toml, route 2")


@pytest.mark.parametrize(
    ("given", "key"),
    [({"content": "t1"}, "content"), ({"token": "required"}, "token"), ({"host": "a/b"}, "host"),
     ({"host": "h", "key-host": False}, "key_host")],
)  # fmt: skip
def test_what_the_general_profile_does_not_have(given: dict[str, Any], key: str):
    with pytest.raises(BadSettings) as caught:
        read(given, profile="general")
    assert (caught.value.setting, caught.value.source) == (key, "file edge.toml, route 1")


def test_general_takes_hosts_any_path_and_every_field_that_goes_upstream():
    (route,) = read({"host": ["*.A.org"], "path": "/a//b/", "forward": ["Cookie"]}, profile="general").route
    assert (route.host, route.forward) == ((b"*.a.org",), (b"cookie",))


def test_a_route_that_requires_tokens_needs_keys():
    with pytest.raises(BadSettings, match="a route requires tokens"):
        read({"token": "required"})


def test_there_is_an_end_to_routes():
    with pytest.raises(BadSettings, match="at most 100"):
        read(*[{}] * 101)
