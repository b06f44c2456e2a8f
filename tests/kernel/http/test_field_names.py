"""Which request fields are not simply passed on."""

from __future__ import annotations

import pytest

from kernel.http.field_names import ANSWERED_HERE, NEVER_UPSTREAM, OF_ONE_VIEWER, is_cmcd, is_override

OVERRIDES = (
    "X-Forwarded-Host X-Forwarded-For X-Forwarded-Proto X-Forwarded-Scheme X-Forwarded-Port X-Forwarded-Server "
    "X-Forwarded-Prefix X-Forwarded Forwarded X-Host X-Original-URL X-Original-Host X-Rewrite-URL "
    "X-HTTP-Method-Override X-HTTP-Method X-Method-Override X-HTTP-Host-Override X-Http-Destinationurl "
    "X-Real-IP X-Client-IP True-Client-IP "
    "Client-IP X-Originating-IP X-Remote-Addr X-Remote-IP X-ProxyUser-Ip Proxy-Host Request-Uri X-Proxy-Url Base-Url "
    "X-Server-Name X-URL-Scheme X-Scheme Front-End-Https X-Forwarded-SSL X-Backend-Host X-Cluster-Client-IP "
    "CF-Connecting-IP X_Forwarded_Host Proxy X-Sendfile-Type X-Accel-Mapping X-WAP-Profile X-Vhost"
).lower().split()  # fmt: skip
ORDINARY = (
    "Accept Accept-Language Accept-Encoding Authorization Cookie Cache-Control Pragma Origin Referer User-Agent DNT "
    "Sec-Fetch-Mode Sec-CH-UA Upgrade-Insecure-Requests Save-Data Priority From Foo Test-ID X-Test X-Requested-With "
    "X-Custom X-API-Key Traceparent Content-Type Max-Forwards Prefer X-CSRF-Token X-Request-ID "
    "X-Playback-Session-Id Icy-Metadata"
).lower().split()  # fmt: skip


@pytest.mark.parametrize("name", OVERRIDES)
def test_fields_that_make_an_origin_answer_for_another_request(name: str) -> None:
    assert is_override(name.encode())


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_fields_are_none_of_them(name: str) -> None:
    assert not is_override(name.encode())


def test_what_the_player_says_to_the_edge() -> None:
    assert is_cmcd(b"cmcd-request")
    assert not is_cmcd(b"cmsd-static")


def test_names_are_in_lower_case_as_requests_hold_them() -> None:
    for name in ANSWERED_HERE | NEVER_UPSTREAM | OF_ONE_VIEWER:
        assert name == name.lower()
