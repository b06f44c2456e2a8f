"""A job as the API shows it, in the shape of RFC 8007's trigger status (§4.2, §5.1.3). Pure.

`pending`: no node has answered. `active`: a connected node has not. `processed`: every connected node has, and nodes
that are away (listed as lagging) do it before they are ready. `complete`: all have.
`failed`: all have, one with an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, NamedTuple

from kernel.fleet.messages import DONE, PURGE

ACTIVE, COMPLETE, FAILED, PENDING, PROCESSED = "active", "complete", "failed", "pending", "processed"
ENDED = (COMPLETE, FAILED)
MAX_AUDITED = 20
MAX_LAGGING = 100
"""Nodes listed as lagging; `counts` has their number."""


class JobNode(NamedTuple):
    """A node that a job concerns; times in Unix seconds."""

    id: str
    role: str
    connected: bool
    last_seen: float
    done: bool


class ReceivedReceipt(NamedTuple):
    """What a node answered for a job; `at` in Unix seconds."""

    edge: str
    at: float
    objects: int
    bytes: int
    status: str


def state_of(stored: str, nodes: Sequence[JobNode], receipts: Sequence[ReceivedReceipt]) -> str:
    """A job's state, from its stored state, the nodes it concerns and the receipts that have arrived."""
    if stored in ENDED:
        return stored
    missing = [node for node in nodes if not node.done]
    if not nodes or (len(missing) == len(nodes) and not receipts):
        return PENDING
    if not missing:
        return FAILED if any(one.status != DONE for one in receipts) else COMPLETE
    return ACTIVE if any(node.connected for node in missing) else PROCESSED


def job_summary_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """A job in a list; times in Unix seconds."""
    note = json.loads(row["note"] or "{}")
    content = json.loads(row["content"])
    kind = "invalidate" if row["kind"] == PURGE and content.get("soft") else _TYPES.get(row["kind"], row["kind"])
    made: dict[str, Any] = {
        "job": row["seq"],
        "kind": row["kind"],
        "status": row["state"],
        "trigger": {"type": kind, "content": content},
        "author": row["author"],
        "reason": row["reason"],
        "ctime": round(row["at"], 3),
        "mtime": round(row["changed"], 3),
        "etime": None if row["ended"] is None else round(row["ended"], 3),
    }
    if note.get("late"):
        made["lateShields"] = {name: note.get("again", {}).get(name) for name in note["late"]}
    if note.get("refers"):
        made["refersTo"] = note["refers"]
    return made


_TYPES = {"purge": "purge", "prefetch": "preposition"}
"""RFC 8007's words (§5.2.1)."""


def job_json(row: Mapping[str, Any], receipts: Sequence[ReceivedReceipt], nodes: Sequence[JobNode]) -> dict[str, Any]:
    """A job with its receipts, their latencies, and the nodes that lag."""
    lagging = [node for node in nodes if not node.done]
    state = state_of(row["state"], nodes, receipts)
    took = sorted(max(0.0, one.at - row["at"]) for one in receipts)
    last = max((one.at for one in receipts), default=row["changed"])
    if state in ENDED and row["state"] not in ENDED:
        row = {**row, "ended": last}
    errors = [
        {"error": "esys", "edge": one.edge, "description": one.status} for one in receipts if one.status != DONE
    ]  # fmt: skip
    return job_summary_json({**row, "state": state, "changed": max(row["changed"], last)}) | {
        "counts": {
            "nodes": len(nodes),
            "done": len(nodes) - len(lagging),
            "receipts": len(receipts),
            "failed": len(errors),
            "lagging": len(lagging),
            "objects": sum(one.objects for one in receipts),
            "bytes": sum(one.bytes for one in receipts),
        },
        "receiptSeconds": {"p50": quantile(took, 0.5), "p99": quantile(took, 0.99), "last": quantile(took, 1.0)},
        "receipts": [
            {
                "edge": one.edge,
                "at": round(one.at, 3),
                "seconds": round(max(0.0, one.at - row["at"]), 6),
                "count": one.objects,
                "bytes": one.bytes,
                "status": one.status,
            }
            for one in sorted(receipts, key=lambda one: (one.at, one.edge))
        ],
        "lagging": [
            {"edge": node.id, "role": node.role, "connected": node.connected, "lastSeen": round(node.last_seen, 3)}
            for node in lagging[:MAX_LAGGING]
        ],
        "errors": errors,
    }


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The value that this share of them does not exceed (nearest rank); None of nothing."""
    return round(ordered[max(1, ceil(share * len(ordered))) - 1], 6) if ordered else None


def audit_value(content: bytes) -> dict[str, Any]:
    """A job as the audit log holds it: the first names of long lists, and how many there are."""
    named = json.loads(content)
    long = {name: len(given) for name, given in named.items() if isinstance(given, list) and len(given) > MAX_AUDITED}
    return {name: given[:MAX_AUDITED] if name in long else given for name, given in named.items()} | (
        {"of": long} if long else {}
    )
