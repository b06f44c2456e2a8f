"""Whatever changes something leaves its row in the audit log: every route and every gRPC method is called here.

A new one that changes something and is not in the tables below fails; so does one that leaves no row.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import grpc.aio
import pytest
from sqlalchemy import select

from control.api.openapi import ROUTES
from control.app import running
from control.db.schema import audit
from control.fleet.fanout import Edge
from control.trust.authority import Authority
from control.trust.enrolment import Enrolment, Invitation
from kernel.auth.signing_keys import generate_ed25519_pem, public_jwks
from kernel.fleet.identity import identity, make_key
from kernel.fleet.identity import request as certificate_request
from kernel.fleet.messages import Hello
from rpc.v1 import control_pb2 as pb
from rpc.v1.control_pb2_grpc import FleetStub

JWKS = public_jwks(generate_ed25519_pem(), "k1")
LAYERS = {"layers": {"all": {"default_ttl": "7s"}}}

CHANGES: dict[tuple[str, str], tuple[str, Any, str]] = {
    ("PUT", "/v1/titles/{contentId}"): ("/v1/titles/film", {"allow": ["DE"]}, "titles.put"),
    ("DELETE", "/v1/titles/{contentId}"): ("/v1/titles/film", None, "titles.remove"),
    ("PUT", "/v1/keys"): ("/v1/keys", JWKS, "keys.put"),
    ("DELETE", "/v1/keys/{kid}"): ("/v1/keys/k1", None, "keys.withdraw"),
    ("POST", "/v1/revocations"): ("/v1/revocations", {"sid": "s"}, "session.revoke"),
    ("POST", "/v1/purges"): ("/v1/purges", {"keys": ["film"]}, "purge.make"),
    ("POST", "/v1/prefetches"): ("/v1/prefetches", {"urls": ["/cdn/eu/film/a"]}, "prefetch.make"),
    ("PUT", "/v1/edges/{edgeId}"): ("/v1/edges/e1", {"region": "eu"}, "node.put"),
    ("POST", "/v1/edges/{edgeId}/drain"): ("/v1/edges/e1/drain", None, "node.drain"),
    ("POST", "/v1/edges/{edgeId}/undrain"): ("/v1/edges/e1/undrain", None, "node.undrain"),
    ("PUT", "/v1/settings"): ("/v1/settings", LAYERS, "settings.push"),
    ("POST", "/v1/settings/rollout/{verb}"): ("/v1/settings/rollout/hold", None, "settings.hold"),
    ("DELETE", "/v1/edges/{edgeId}"): ("/v1/edges/e1", None, "node.remove"),
    ("POST", "/v1/edges/{edgeId}/release"): ("/v1/edges/e7/release", None, "node.release"),
    ("PUT", "/v1/groups/{name}"): ("/v1/groups/fra", {"region": "eu"}, "group.put"),
    ("DELETE", "/v1/groups/{name}"): ("/v1/groups/fra", None, "group.remove"),
    ("POST", "/v1/revisions/{number}/rollback"): ("/v1/revisions/{title}/rollback", None, "revision.rollback"),
    ("POST", "/v1/enrolments"): ("/v1/enrolments", {"id": "e9"}, "enrolment.make"),
    ("POST", "/v1/api-keys"): ("/v1/api-keys", {"name": "n", "role": "admin"}, "api-key.make"),
    ("DELETE", "/v1/api-keys/{keyId}"): ("/v1/api-keys/{key}", None, "api-key.revoke"),
    ("POST", "/v1/epoch"): ("/v1/epoch", None, "epoch.new"),
}
"""By method and path of a route, in an order in which each finds something to do: URL, body, action."""
READS = {("POST", "/v1/why"), ("POST", "/v1/settings/diff")}
"""What is no GET and changes nothing."""

PUTS: dict[str, tuple[Any, str]] = {
    "PutTitles": (pb.PutTitlesRequest(titles=[pb.Title(content_id="film", licence=b"{}")]), "titles.put"),
    "PutKeys": (pb.PutKeysRequest(jwks=json.dumps(JWKS).encode()), "keys.put"),
    "Revoke": (pb.RevokeRequest(session="s"), "session.revoke"),
}
ELSEWHERE = {"Enrol", "Renew"}
"""gRPC methods that need a certificate or a token: see `test_nodes_that_join_and_renew_are_in_the_log`."""
TELLS = {"Subscribe", "Status", "Route", "PutSignals"}
"""gRPC methods that change nothing that anybody desires: what nodes and sessions say of themselves."""


async def newest(store: Any) -> dict[str, Any]:
    rows = await store.read(select(audit).order_by(audit.c.seq.desc()).limit(1))
    return rows[0] if rows else {"seq": 0}


def test_every_route_and_method_is_in_the_tables() -> None:
    changing = {(route.method, route.path) for route in ROUTES if route.method != "GET"}
    assert changing == CHANGES.keys() | READS
    services = pb.DESCRIPTOR.services_by_name
    methods = {method.name for service in services.values() for method in service.methods}
    assert methods == PUTS.keys() | ELSEWHERE | TELLS


SENT = {"Authorization": "Bearer a-key-of-the-tests", "X-Request-Id": "r7", "Content-Type": "application/json"}


async def test_every_changing_route_leaves_a_row(api, trusted) -> None:
    api.plane.enrolment = trusted
    api.plane.fanout.edges["e1"] = Edge(Hello("e1", region="eu"), 0.0, connected=True)
    store, names = api.plane.store, {"key": "", "title": ""}
    await api.plane.quarantine.hold("e7", "claims too much")
    assert (await newest(store))["action"] == "node.quarantine"
    for (method, _), (path, body, action) in CHANGES.items():
        before = (await newest(store))["seq"]
        url = path.format(**names) + "?reason=because"
        async with api.client.request(method, url, json=body, headers=SENT) as answer:
            told = await answer.json()
            assert answer.status < 300, (url, told)
        row = await newest(store)
        assert row["seq"] > before, f"{method} {path} left no row"
        assert (row["action"], row["reason"]) == (action, "because"), path
        assert (row["actor"], row["peer"], row["request_id"]) == ("api-key file", "127.0.0.1", "r7"), path
        assert row["target"]
        assert row["before"] or row["after"], path
        if path == "/v1/titles/film" and method == "PUT":
            names["title"] = str(told["revision"] + 1)  # of the DELETE that follows
        if path == "/v1/api-keys":
            names["key"] = told["id"]


async def test_every_changing_method_of_grpc_leaves_a_row(settings_of: Callable) -> None:
    async with running(settings_of()) as control:
        store = control.plane.store
        async with grpc.aio.insecure_channel(str(control.listen)) as channel:
            stub = FleetStub(channel)
            for method, (request, action) in PUTS.items():
                before = (await newest(store))["seq"]
                await getattr(stub, method)(request, timeout=10)
                row = await newest(store)
                assert row["seq"] > before, f"{method} left no row"
                assert (row["action"], row["actor"], row["peer"]) == (action, "services", "127.0.0.1"), method


async def test_what_an_operator_asks_for_is_there_even_where_nothing_had_to_be_changed(api) -> None:
    await api("PUT", "/v1/titles/film", {})
    await api("PUT", "/v1/titles/film?reason=again", {})
    latest = (await api("GET", "/v1/audit"))["audit"][0]
    assert (latest["action"], latest["reason"], latest["before"], latest["after"]) == (
        "titles.put",
        "again",
        None,
        None,
    )


async def test_no_secret_stands_in_the_log(api) -> None:
    key = (await api("POST", "/v1/api-keys", {"name": "n", "role": "admin"}, status=201))["key"]
    rows = await api.plane.store.read(select(audit))
    assert key.split("-", 2)[2] not in str(rows)  # the secret may have a hyphen itself


async def test_nodes_that_join_and_renew_are_in_the_log(api, trusted) -> None:
    token = await trusted.invite(Invitation("e1"), author="operator")
    request = certificate_request(make_key(), "e1")
    made = await trusted.enrol(token.text, request)
    row = await newest(api.plane.store)
    assert (row["action"], row["actor"], row["target"]) == ("node.enrol", "e1", "e1")
    await trusted.enrol(token.text, request)  # the answer was lost: another certificate for the same key
    assert (await newest(api.plane.store))["seq"] > row["seq"]
    await trusted.renew(identity(made), request)
    row = await newest(api.plane.store)
    assert (row["action"], row["actor"]) == ("node.renew", "e1")
    assert json.loads(row["after"])["serial"]


@pytest.fixture
def trusted(api, tmp_path) -> Enrolment:
    now = api.plane.clock.wall()
    return Enrolment(api.plane.store, Authority.open(tmp_path / "ca", now), api.plane.clock, 3_600.0)
