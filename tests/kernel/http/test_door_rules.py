"""Who a door for operators and services answers: by Host, Origin, Sec-Fetch-Site and Content-Type."""

import pytest

from kernel.http.door_rules import LOOPBACK_DOOR, Call, host_name, is_loopback, refusal, rules_for
from kernel.settings.setting_types import Address

JSON = "application/json"
INSIDE = rules_for(Address("10.0.0.7", 9081), ["Admin.Example.", "two.example:1"])


def call(method="POST", host="127.0.0.1:9081", content_type=JSON, **more):
    hosts = [host] if isinstance(host, str) else host
    return Call(method, hosts, content_type=content_type, **more)


@pytest.mark.parametrize(
    ("rules", "host", "refused"),
    [
        (LOOPBACK_DOOR, "127.0.0.1:9081", None),
        (LOOPBACK_DOOR, "127.9.9.9", None),
        (LOOPBACK_DOOR, "LocalHost.:1", None),
        (LOOPBACK_DOOR, "[::1]:9081", None),
        (LOOPBACK_DOOR, "[::ffff:127.0.0.1]", None),
        (LOOPBACK_DOOR, "evil.example", "host"),
        (LOOPBACK_DOOR, "evil.example:9081", "host"),
        (LOOPBACK_DOOR, "localhost.evil.example", "host"),
        (LOOPBACK_DOOR, "127.0.0.1.evil.example", "host"),
        (LOOPBACK_DOOR, "203.0.113.7", "host"),
        (LOOPBACK_DOOR, "2130706433", "host"),
        (LOOPBACK_DOOR, [], "host-malformed"),
        (LOOPBACK_DOOR, "", "host-malformed"),
        (LOOPBACK_DOOR, ["127.0.0.1", "127.0.0.1"], "host-malformed"),
        (LOOPBACK_DOOR, "localhost@evil.example", "host-malformed"),
        (LOOPBACK_DOOR, "localhost:80:80", "host-malformed"),
        (LOOPBACK_DOOR, "localhost, evil.example", "host-malformed"),
        (LOOPBACK_DOOR, "[127.0.0.1.evil]", "host-malformed"),
        (INSIDE, "10.0.0.7:9081", None),
        (INSIDE, "192.0.2.1", None),
        (INSIDE, "admin.example:443", None),
        (INSIDE, "TWO.example", None),
        (INSIDE, "three.example", "host"),
        (rules_for(Address("edge7", 1)), "edge7", None),
        (rules_for(Address("0.0.0.0", 1), any_name=True), "watch.example", None),
    ],
)
def test_which_hosts_are_answered(rules, host, refused):
    for method in ("GET", "POST"):
        assert refusal(rules, call(method, host)) == refused


def test_an_old_client_without_host_is_no_page():
    assert refusal(LOOPBACK_DOOR, call(host=[], http_1_0=True)) is None


@pytest.mark.parametrize(
    ("method", "origin", "site", "mode", "refused"),
    [
        ("POST", "https://evil.example", None, None, "cross-site"),
        ("GET", "https://evil.example", None, None, "cross-site"),
        ("POST", "null", None, None, "cross-site"),
        ("POST", "http://127.0.0.1:1", None, None, "cross-site"),
        ("POST", "http://[", None, None, "cross-site"),
        ("POST", "http://127.0.0.1:9081", None, None, None),
        ("POST", None, "cross-site", "no-cors", "cross-site"),
        ("POST", None, "same-site", "cors", "cross-site"),
        ("POST", None, "cross-site", "navigate", "cross-site"),
        ("GET", None, "cross-site", "no-cors", "cross-site"),
        ("GET", None, "cross-site", "navigate", None),
        ("POST", "http://127.0.0.1:9081", "cross-site", "cors", "cross-site"),
        ("POST", "https://admin.example", "same-origin", "cors", None),
        ("POST", None, "none", "navigate", None),
        ("POST", None, None, None, None),
    ],
)
def test_no_page_of_another_site_may_ask(method, origin, site, mode, refused):
    asked = call(method, origin=origin, fetch_site=site, fetch_mode=mode)
    assert refusal(LOOPBACK_DOOR, asked) == refused


@pytest.mark.parametrize(
    ("method", "has_body"), [("POST", True), ("POST", False), ("PUT", True), ("PATCH", True), ("DELETE", True)]
)
@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/jsonx"]
)
def test_a_body_and_every_post_must_be_json(method, has_body, content_type):
    asked = call(method, content_type=content_type, has_body=has_body)
    assert refusal(LOOPBACK_DOOR, asked) == "content-type"
    assert refusal(LOOPBACK_DOOR, call(method, content_type="Application/JSON", has_body=has_body)) is None
    assert refusal(LOOPBACK_DOOR, asked, takes=None) is None
    assert refusal(LOOPBACK_DOOR, call("GET", content_type=content_type, has_body=has_body)) is None


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_without_a_body_a_method_that_is_preflighted_needs_no_content_type(method):
    assert refusal(LOOPBACK_DOOR, call(method, content_type="", has_body=False)) is None
    assert (
        refusal(LOOPBACK_DOOR, call(method, content_type="", has_body=False, origin="https://evil.example")) is not None
    )


def test_hosts():
    assert host_name("[2001:DB8::1]:80") == host_name("2001:db8::1") == "2001:db8::1"
    assert host_name("h:65535") == "h"
    assert host_name("h:655350") is None
    assert all(map(is_loopback, ("localhost", "LOCALHOST.", "127.9.9.9", "::1")))
    assert not any(map(is_loopback, ("", "0.0.0.0", "localhost.evil.example", "10.0.0.1")))
