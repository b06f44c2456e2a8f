"""The routes of control's API as a table, and the OpenAPI document made from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

COUNTRIES: Schema = {"type": "array", "items": {"type": "string", "pattern": "^[A-Z]{2}$"}}
MOMENT: Schema = {"type": ["string", "null"], "format": "date-time"}
LICENCE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "allow": COUNTRIES | {"type": ["array", "null"], "description": "null: everywhere; empty: nowhere"},
        "deny": COUNTRIES,
        "from": MOMENT,
        "until": MOMENT,
    },
}
JWKS: Schema = {
    "type": "object",
    "required": ["keys"],
    "properties": {"keys": {"type": "array", "maxItems": 64, "items": {"type": "object", "required": ["kid", "kty"]}}},
}
_WORD: Schema = {"type": "string", "maxLength": 64}
_CAPACITY: Schema = {"type": "integer", "minimum": 0, "description": "bits a second"}
GROUP: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"role": _WORD, "region": _WORD, "pop": _WORD, "capacity": _CAPACITY},
}
NODE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": GROUP["properties"]
    | {"group": _WORD, "address": {"type": "string", "description": "HOST:PORT where viewers reach it"}},
}
WHY: Schema = {
    "type": "object",
    "required": ["url"],
    "additionalProperties": False,
    "properties": {
        "url": {"type": "string"},
        "country": {"type": "string"},
        "address": {"type": "string"},
        "edges": {"type": "array", "items": {"type": "string"}},
    },
}
LAYERS: Schema = {
    "type": "object",
    "required": ["layers"],
    "additionalProperties": False,
    "properties": {
        "layers": {
            "type": "object",
            "description": "all, role/R, region/R, pop/P, group/G, edge/ID: settings of that layer; null takes it away",
            "additionalProperties": {"type": ["object", "null"]},
        }
    },
}
API_KEY: Schema = {
    "type": "object",
    "required": ["name", "role"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "maxLength": 200},
        "role": {"type": "string", "enum": ["viewer", "operator", "admin"]},
        "expires": MOMENT,
    },
}
REVOCATION: Schema = {
    "type": "object",
    "required": ["sid"],
    "additionalProperties": False,
    "properties": {"sid": {"type": "string", "maxLength": 256}, "until": MOMENT},
}


_NAMES: Schema = {"type": "array", "items": {"type": "string"}, "maxItems": 5_000}
PURGE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "description": "surrogate keys, URLs (or paths), beginnings of such, or all; soft marks as stale, else removed",
    "properties": {
        "keys": _NAMES,
        "urls": _NAMES,
        "prefixes": _NAMES,
        "all": {"type": "boolean"},
        "soft": {"type": "boolean"},
    },
}
PREFETCH: Schema = {
    "type": "object",
    "required": ["urls"],
    "additionalProperties": False,
    "properties": {"urls": _NAMES},
}
WAIT = ("wait",)
ROUTE_QUERY = ("contentId", "rendition", "country", "region", "session", "without", "most")
ENROLMENT: Schema = {
    "type": "object",
    "required": ["id"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "maxLength": 64},
        "role": {"enum": ["edge", "shield", "service"]},
        "region": {"type": "string", "maxLength": 64},
        "ttl": {"type": ["string", "number"], "description": "as `1h`, or seconds; at most 30 days"},
    },
}


@dataclass(frozen=True, slots=True)
class Route:
    """One route: its handler's name, what it does, the body it takes.

    The API key is not asked for where `open`, nor, of a caller on this machine, where `local`; elsewhere it must be of
    this `role` or a higher one, which is viewer for a GET and operator for what changes something unless said.
    """

    method: str
    path: str
    handler: str
    summary: str
    body: Schema | None = None
    open: bool = False
    local: bool = False
    pages: bool = False
    query: tuple[str, ...] = ()
    needs: str = ""

    @property
    def role(self) -> str:
        """The least role that may."""
        return self.needs or ("viewer" if self.method == "GET" else "operator")


ROUTES = (
    Route("GET", "/healthz", "health", "Whether the process answers.", open=True),
    Route("GET", "/readyz", "readiness", "Whether changes and edges are taken.", open=True),
    Route("GET", "/metrics", "metrics", "Counters in Prometheus' text form.", local=True),
    Route("GET", "/openapi.json", "openapi", "This document.", open=True),
    Route("GET", "/v1/titles", "list_titles", "The licences that edges are to hold.", pages=True),
    Route("GET", "/v1/titles/{contentId}", "get_title", "One title's licence."),
    Route("PUT", "/v1/titles/{contentId}", "put_title", "Set a title's licence.", LICENCE),
    Route("DELETE", "/v1/titles/{contentId}", "delete_title", "Forget a title: it follows the default from now on."),
    Route("GET", "/v1/keys", "get_keys", "The public keys that tokens verify with."),
    Route("PUT", "/v1/keys", "put_keys", "Replace the operators' public keys; the services' own stay.", JWKS),
    Route("DELETE", "/v1/keys/{kid}", "withdraw_key", "Take a public key away at once, the services' own too."),
    Route("POST", "/v1/revocations", "revoke", "Refuse a session's tokens from now on.", REVOCATION),
    Route("POST", "/v1/purges", "post_purge", "Purge on every edge and shield; 201 names the job.", PURGE, query=WAIT),
    Route("POST", "/v1/prefetches", "post_prefetch", "Have objects brought to every edge.", PREFETCH),
    Route("GET", "/v1/jobs", "list_jobs", "Purges and prefetches, the latest first.", pages=True),
    Route("GET", "/v1/jobs/{job}", "get_job", "A job: its receipts by node, how long they took, who lags.", query=WAIT),
    Route("GET", "/v1/edges", "list_edges", "The edges seen, and how far each is.", pages=True),
    Route("GET", "/v1/edges/{edgeId}", "get_edge", "One edge: what it says of itself, what is said of it."),
    Route("PUT", "/v1/edges/{edgeId}", "put_edge", "Say what a node is: role, region, PoP, group, capacity.", NODE),
    Route("DELETE", "/v1/edges/{edgeId}", "delete_edge", "Forget a node: it may not renew its certificate."),
    Route("POST", "/v1/edges/{edgeId}/drain", "drain_edge", "Send no viewers there any more."),
    Route("POST", "/v1/edges/{edgeId}/undrain", "undrain_edge", "Send viewers there again."),
    Route("POST", "/v1/edges/{edgeId}/release", "release_edge", "Take a node out of quarantine: it may come again."),
    Route(
        "POST",
        "/v1/epoch",
        "new_epoch",
        "After control's database was put back from a copy: all nodes take snapshots and drop what they have cached.",
        needs="admin",
    ),
    Route(
        "GET", "/v1/route", "route", "Which edges a session would be sent to, best first, and why.", query=ROUTE_QUERY
    ),
    Route("GET", "/v1/standings", "list_standings", "How each edge stands with routing, and why."),
    Route("POST", "/v1/why", "why", "What edges would do with a URL, and why.", WHY, needs="viewer"),
    Route("GET", "/v1/settings", "get_settings", "Settings pushed, in layers, and how far they are rolled out."),
    Route("PUT", "/v1/settings", "put_settings", "Roll out settings: canaries, then waves, reverted on harm.", LAYERS),
    Route("POST", "/v1/settings/diff", "diff_settings", "What edges would get.", LAYERS, needs="viewer"),
    Route("POST", "/v1/settings/rollout/{verb}", "move_rollout", "Hold a rollout, let it go on, or take it back."),
    Route("GET", "/v1/hot", "hot", "What viewers take, and which titles are hot where.", pages=True),
    Route("GET", "/v1/groups", "list_groups", "Sets of nodes: region, PoP, role, capacity."),
    Route("PUT", "/v1/groups/{name}", "put_group", "Say what the nodes of a group are.", GROUP),
    Route("DELETE", "/v1/groups/{name}", "delete_group", "Forget a group that no node is in."),
    Route("GET", "/v1/revisions/{number}", "get_revision", "What a revision changed, from what to what."),
    Route("POST", "/v1/revisions/{number}/rollback", "roll_back", "Take a revision back, as a new revision."),
    Route("GET", "/v1/diff", "diff", "What changed after revision `from` up to revision `to`."),
    Route("GET", "/v1/revisions", "list_revisions", "The latest changes: when, by whom, why, what.", pages=True),
    Route(
        "POST",
        "/v1/enrolments",
        "make_enrolment",
        "A token, shown this once, that a node joins with.",
        ENROLMENT,
        needs="admin",
    ),
    Route("GET", "/v1/api-keys", "list_api_keys", "The API keys, without what proves them.", needs="admin"),
    Route("POST", "/v1/api-keys", "make_api_key", "Make an API key, shown this once.", API_KEY, needs="admin"),
    Route("DELETE", "/v1/api-keys/{keyId}", "revoke_api_key", "An API key opens nothing from now on.", needs="admin"),
    Route(
        "GET",
        "/v1/audit/verify",
        "verify_audit",
        "Whether the whole log is as it was written.",
        query=("after",),
        needs="admin",
    ),
    Route("GET", "/v1/audit", "list_audit", "Who did what, newest first.", pages=True, needs="admin"),
)


def document() -> Schema:
    """The OpenAPI 3.1 document."""
    paths: dict[str, Schema] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Matinee control", "version": "1"},
        "paths": paths,
        "components": {"securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(route: Route) -> Schema:
    done = "201" if route.method == "POST" else "200"
    operation: Schema = {
        "operationId": route.handler,
        "summary": route.summary,
        "responses": {done: {"description": "Done."}, "default": {"description": "A problem (RFC 9457)."}},
        "security": [] if route.open else [{"apiKey": []}],
        "x-role": "" if route.open else route.role,
    }
    parameters: list[Schema] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    parameters += [{"name": name, "in": "query", "schema": {"type": "string"}} for name in route.query]
    if route.pages:
        parameters.append({"name": "cursor", "in": "query", "schema": {"type": "string"}})
        parameters.append({"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}})
    if route.method in ("PUT", "POST", "DELETE"):
        parameters.append({"name": "reason", "in": "query", "schema": {"type": "string"}})
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": route.body}}}
    return operation
