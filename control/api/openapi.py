"""The routes of control's API as a table, and the OpenAPI document made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from httpd.openapi import API_KEY as BEARER
from httpd.openapi import Operation, Parameter, make_document

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
            "description": "all, role/R, region/R, pop/P, group/G, edge/ID: settings of that layer; null removes it",
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
    "description": "surrogate keys, URLs (or paths), URL prefixes, or all; soft: mark stale, not remove",
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
        "ttl": {"type": ["string", "number"], "description": "such as `1h`, or seconds; at most 30 days"},
    },
}


@dataclass(frozen=True, slots=True)
class Route:
    """One route: its handler's name, a summary, the schema of its body.

    `open`: needs no API key; `local`: needs none from this machine. Other routes need a key with `role` or a higher
    one: `needs`, by default viewer for a GET and operator otherwise.
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
        """The lowest role that may call it."""
        return self.needs or ("viewer" if self.method == "GET" else "operator")


ROUTES = (
    Route("GET", "/healthz", "health", "Whether the process is alive.", open=True),
    Route("GET", "/readyz", "readiness", "Whether control accepts changes and edges.", open=True),
    Route("GET", "/metrics", "metrics", "Counters in Prometheus' text form.", local=True),
    Route("GET", "/openapi.json", "openapi", "This document.", open=True),
    Route("GET", "/v1/titles", "list_titles", "List the licences that edges hold.", pages=True),
    Route("GET", "/v1/titles/{contentId}", "get_title", "Show a title's licence."),
    Route("PUT", "/v1/titles/{contentId}", "put_title", "Set a title's licence.", LICENCE),
    Route("DELETE", "/v1/titles/{contentId}", "delete_title", "Remove a title's licence: the default applies to it."),
    Route("GET", "/v1/keys", "get_keys", "List the public keys that tokens verify with."),
    Route("PUT", "/v1/keys", "put_keys", "Replace the operators' public keys; the services' own stay.", JWKS),
    Route("DELETE", "/v1/keys/{kid}", "withdraw_key", "Withdraw a public key at once, of operators or services."),
    Route("POST", "/v1/revocations", "revoke", "Revoke a session: its tokens are refused.", REVOCATION),
    Route("POST", "/v1/purges", "post_purge", "Purge on every edge and shield; 201 names the job.", PURGE, query=WAIT),
    Route("POST", "/v1/prefetches", "post_prefetch", "Prefetch objects to every edge.", PREFETCH),
    Route("GET", "/v1/jobs", "list_jobs", "List purges and prefetches, the latest first.", pages=True),
    Route("GET", "/v1/jobs/{job}", "get_job", "Show a job: receipts by node, latencies, lagging nodes.", query=WAIT),
    Route("GET", "/v1/edges", "list_edges", "List the nodes, and the versions that each has applied.", pages=True),
    Route("GET", "/v1/edges/{edgeId}", "get_edge", "Show a node: its claims, its state, what operators set."),
    Route("PUT", "/v1/edges/{edgeId}", "put_edge", "Set a node's role, region, PoP, group, capacity, address.", NODE),
    Route("DELETE", "/v1/edges/{edgeId}", "delete_edge", "Remove a node: its certificate is no longer valid."),
    Route("POST", "/v1/edges/{edgeId}/drain", "drain_edge", "Stop sending viewers to a node."),
    Route("POST", "/v1/edges/{edgeId}/undrain", "undrain_edge", "Resume sending viewers to a node."),
    Route("POST", "/v1/edges/{edgeId}/release", "release_edge", "Release a node from quarantine."),
    Route(
        "POST",
        "/v1/epoch",
        "new_epoch",
        "Start a new epoch after restoring control's database: nodes take snapshots and drop their caches.",
        needs="admin",
    ),
    Route("GET", "/v1/route", "route", "Rank the edges that a session would use, with reasons.", query=ROUTE_QUERY),
    Route("GET", "/v1/standings", "list_standings", "List each edge's standing in routing, with the reason."),
    Route("POST", "/v1/why", "why", "Explain what each node would do with a URL.", WHY, needs="viewer"),
    Route("GET", "/v1/settings", "get_settings", "Show the settings by layer, and their rollout."),
    Route("PUT", "/v1/settings", "put_settings", "Roll out settings: canaries, then waves, reverted on harm.", LAYERS),
    Route(
        "POST",
        "/v1/settings/diff",
        "diff_settings",
        "Preview each edge's settings.",
        LAYERS,
        needs="viewer",
    ),
    Route("POST", "/v1/settings/rollout/{verb}", "move_rollout", "Hold, resume (go-on) or revert (back) a rollout."),
    Route("GET", "/v1/hot", "hot", "List popular renditions, and the hot titles by region.", pages=True),
    Route("GET", "/v1/groups", "list_groups", "List the groups of nodes."),
    Route("PUT", "/v1/groups/{name}", "put_group", "Set a group's role, region, PoP, capacity.", GROUP),
    Route("DELETE", "/v1/groups/{name}", "delete_group", "Remove an empty group."),
    Route("GET", "/v1/revisions/{number}", "get_revision", "Show a revision's changes, before and after."),
    Route("POST", "/v1/revisions/{number}/rollback", "roll_back", "Roll a revision back by a new one."),
    Route("GET", "/v1/diff", "diff", "Show what changed after revision `from`, up to `to`."),
    Route("GET", "/v1/revisions", "list_revisions", "List the latest revisions.", pages=True),
    Route(
        "POST",
        "/v1/enrolments",
        "make_enrolment",
        "Create an enrolment token for a node, shown once.",
        ENROLMENT,
        needs="admin",
    ),
    Route("GET", "/v1/api-keys", "list_api_keys", "List the API keys, without their secrets.", needs="admin"),
    Route("POST", "/v1/api-keys", "make_api_key", "Create an API key, shown once.", API_KEY, needs="admin"),
    Route("DELETE", "/v1/api-keys/{keyId}", "revoke_api_key", "Revoke an API key.", needs="admin"),
    Route(
        "GET",
        "/v1/audit/verify",
        "verify_audit",
        "Verify the whole audit log.",
        query=("after",),
        needs="admin",
    ),
    Route("GET", "/v1/audit", "list_audit", "List the audit log, newest first.", pages=True, needs="admin"),
)


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    operations = [_operation(route) for route in ROUTES]
    return make_document("Matinee control", "1", operations, security_schemes={"apiKey": BEARER})


def _operation(route: Route) -> Operation:
    parameters = [Parameter(name) for name in route.query]
    if route.pages:
        parameters.append(Parameter("cursor", "`next` of the page before."))
        parameters.append(Parameter("limit", "Rows per page.", schema={"type": "integer", "minimum": 1}))
    if route.method in ("PUT", "POST", "DELETE"):
        parameters.append(Parameter("reason", "Recorded in the audit log."))
    return Operation(
        route.method,
        route.path,
        route.summary,
        tuple(parameters),
        route.body,
        responses={"201" if route.method == "POST" else "200": "Done."},
        security=() if route.open else ("apiKey",),
        operation_id=route.handler,
        extensions={"x-role": "" if route.open else route.role},
    )
