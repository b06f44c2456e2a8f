"""Applies `kernel.http.door_rules` to aiohttp requests: Host, cross-site requests, content type."""

from __future__ import annotations

from aiohttp import web
from aiohttp.http import HttpVersion10

from kernel.http.door_rules import JSON, Call, DoorRules, host_refusal, refusal
from kernel.vocabulary import DOOR_REFUSAL_SENTENCES, DoorRefusal


def call_of(request: web.Request) -> Call:
    """The parts of a request that the rules check."""
    headers = request.headers
    return Call(
        method=request.method,
        hosts=headers.getall("Host", []),
        http_1_0=request.version <= HttpVersion10,
        origin=headers.get("Origin"),
        fetch_site=headers.get("Sec-Fetch-Site"),
        fetch_mode=headers.get("Sec-Fetch-Mode"),
        content_type=request.content_type,
        has_body=request.body_exists,
    )


def door_refusal(request: web.Request, rules: DoorRules, takes: frozenset[str] | None = JSON) -> DoorRefusal | None:
    """Why a request is refused, or None. `takes`: accepted content types; not checked for an unknown path or method."""
    if request.match_info.http_exception is not None:
        takes = None
    return refusal(rules, call_of(request), takes)


def foreign_host(request: web.Request, rules: DoorRules) -> DoorRefusal | None:
    """The check of Host alone, for resources that any page may fetch."""
    hosts = request.headers.getall("Host", [])
    return host_refusal(rules, Call(request.method, hosts, request.version <= HttpVersion10))


def sentence(refused: DoorRefusal, setting: str = "allowed_hosts") -> str:
    """The sentence of a refusal, with the setting that allows more hosts."""
    more = f" See the setting {setting}." if refused is DoorRefusal.HOST else ""
    return DOOR_REFUSAL_SENTENCES[refused] + more
