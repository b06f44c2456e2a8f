"""Control's HTTP door: the fleet's nodes and groups, who is drained, and the past of it all."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from control import new_epoch as epoch
from control.api.http import author, body, cursor, limit
from control.audit.entry import Action
from control.commands import ControlService
from control.db import schema
from control.db.transaction import Tx, Work
from control.desired.revision_diff import touch_json
from control.fleet import nodes, quarantine
from control.fleet.fanout import Edge
from control.fleet.history import changes_between, prepare_rollback, read_revision, revision_json
from control.fleet.nodes import Group, Node, effective_node
from httpd.problem import problem
from kernel.documents import BadDocument, moment_text
from kernel.fleet.messages import NODE_ID, Report


class FleetApi:
    """The handlers; `control.api.openapi.ROUTES` says which route is whose."""

    def __init__(self, plane: ControlService) -> None:
        self._plane = plane

    async def list_edges(self, request: web.Request) -> web.Response:
        after, most = cursor(request, NODE_ID, "a node's id"), limit(request)
        edges = self._plane.fanout.edges
        said, groups = await self._said()
        names = sorted(name for name in {*edges, *said} if name > after)
        page = [self._shown(name, said, groups) for name in names[:most]]
        following = names[most - 1] if len(names) > most else None
        return web.json_response({"edges": page, "next": following, "revision": self._plane.store.desired.revision})

    async def get_edge(self, request: web.Request) -> web.Response:
        name = request.match_info["edgeId"]
        said, groups = await self._said()
        if name not in self._plane.fanout.edges and name not in said:
            return problem(404, "not-found", f"no edge {name[:80]!r} was ever seen")
        return web.json_response(self._shown(name, said, groups))

    async def put_edge(self, request: web.Request) -> web.Response:
        node = nodes.parse_node(request.match_info["edgeId"], await body(request))
        return await self._change(request, Action.NODE_PUT, node.id, lambda tx: nodes.put_node(tx, node))

    async def delete_edge(self, request: web.Request) -> web.Response:
        name = request.match_info["edgeId"]

        async def work(tx: Tx) -> None:
            await nodes.remove_node(tx, name)

        answer = await self._change(request, Action.NODE_REMOVE, name, work)
        self._plane.fanout.edges.pop(name, None)
        return answer

    async def drain_edge(self, request: web.Request) -> web.Response:
        name = request.match_info["edgeId"]
        return await self._change(request, Action.NODE_DRAIN, name, lambda tx: self._drained(tx, name, on=True))

    async def undrain_edge(self, request: web.Request) -> web.Response:
        name = request.match_info["edgeId"]
        return await self._change(request, Action.NODE_UNDRAIN, name, lambda tx: self._drained(tx, name, on=False))

    async def release_edge(self, request: web.Request) -> web.Response:
        """Out of quarantine: the node may come again, and is judged anew."""
        name = request.match_info["edgeId"]
        return await self._change(request, Action.NODE_RELEASE, name, lambda tx: quarantine.release(tx, name))

    async def new_epoch(self, request: web.Request) -> web.Response:
        """Control's history was lost: all nodes take snapshots and drop what they have cached."""
        jobs_epoch = self._plane.jobs.dispatch.log.epoch
        who = author(request, self._plane.clock, Action.EPOCH_BEGIN, "fleet")
        made = await self._plane.store.transact(lambda tx: epoch.start_new_epoch(tx, jobs_epoch), who)
        await self._plane.store.refresh()
        return web.json_response(made | {"revision": self._plane.store.desired.revision})

    async def _drained(self, tx: Tx, name: str, *, on: bool) -> Node:
        """An edge that only ever said hello becomes a node that something is said of."""
        edge = self._plane.fanout.edges.get(name)
        if edge is not None and name not in await nodes.read_nodes(tx.connection):
            await nodes.put_node(tx, Node(name, edge.hello.role))
        return await (nodes.drain if on else nodes.undrain)(tx, name)

    async def list_groups(self, _: web.Request) -> web.Response:
        groups = (await self._said())[1]
        return web.json_response({"groups": [group_json(groups[name]) for name in sorted(groups)]})

    async def put_group(self, request: web.Request) -> web.Response:
        group = nodes.parse_group(request.match_info["name"], await body(request))
        return await self._change(request, Action.GROUP_PUT, group.name, lambda tx: nodes.put_group(tx, group))

    async def delete_group(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return await self._change(request, Action.GROUP_REMOVE, name, lambda tx: nodes.remove_group(tx, name))

    async def get_revision(self, request: web.Request) -> web.Response:
        found = await read_revision(self._plane.store, _number(request.match_info["number"], "number"))
        return web.json_response(revision_json(found))

    async def diff(self, request: web.Request) -> web.Response:
        latest = self._plane.store.desired.revision
        older = _number(request.query.get("from", str(max(0, latest - 1))), "from")
        newer = _number(request.query.get("to", str(latest)), "to")
        changed = await changes_between(self._plane.store, older, newer)
        return web.json_response({"from": older, "to": newer, "changes": [touch_json(touch) for touch in changed]})

    async def roll_back(self, request: web.Request) -> web.Response:
        number = _number(request.match_info["number"], "number")
        work = await prepare_rollback(self._plane.store, number)
        who = author(request, self._plane.clock, Action.REVISION_ROLLBACK, str(number))
        made = await self._plane.store.transact(work, who)
        return web.json_response({"rolledBack": number, "revision": made})

    async def _change(self, request: web.Request, action: Action, target: str, work: Work) -> web.Response:
        made = await self._plane.store.transact(work, author(request, self._plane.clock, action, target))
        told = node_json(made) if isinstance(made, Node) else group_json(made) if isinstance(made, Group) else {}
        return web.json_response({"name": target} | told | {"revision": self._plane.store.desired.revision})

    async def _said(self) -> tuple[dict[str, Node], dict[str, Group]]:
        rows = await self._plane.store.read(schema.nodes.select())
        groups = await self._plane.store.read(schema.groups.select())
        return {row["id"]: Node(**row) for row in rows}, {row["name"]: Group(**row) for row in groups}

    def _shown(self, name: str, said: dict[str, Node], groups: dict[str, Group]) -> dict[str, Any]:
        edge = self._plane.fanout.edges.get(name)
        held = {"quarantined": quarantine.quarantined(self._plane.store.desired, name) or None}
        if edge is None:
            return {"id": name, "connected": False} | node_json(said[name]) | held
        shown = (
            edge_json(edge)
            | node_json(effective_node(edge.hello, said, groups, trusts_hello=self._plane.fleet_cache.trusts_hello))
            | held
        )
        age = None if edge.report is None else self._plane.clock.mono() - edge.reported_at
        return shown | {"report": report_json(edge.report), "reportAge": age}


def _number(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BadDocument(where, "must be the number of a revision")
    return int(text)


def edge_json(edge: Edge) -> dict[str, Any]:
    """An edge as the API shows it."""
    hello = edge.hello
    return {
        "id": hello.id,
        "role": hello.role,
        "region": hello.region,
        "address": hello.address,
        "admin": hello.admin,
        "release": hello.release,
        "connected": edge.connected,
        "lastSeen": moment_text(edge.last_seen),
        "acked": edge.acked,
        "applied": edge.applied,
        "errors": edge.errors,
    }


def node_json(node: Node) -> dict[str, Any]:
    """What is known of a node, by the operator's word first."""
    return {
        "role": node.role,
        "region": node.region,
        "pop": node.pop,
        "group": node.group,
        "capacity": node.capacity,
        "address": node.address,
        "drained": None if node.drained is None else moment_text(node.drained),
        "certificateEnds": None if node.certificate_ends is None else moment_text(node.certificate_ends),
    }


def group_json(group: Group) -> dict[str, Any]:
    """A group as the API shows it."""
    return {
        "name": group.name,
        "role": group.role,
        "region": group.region,
        "pop": group.pop,
        "capacity": group.capacity,
    }


def report_json(report: Report | None) -> dict[str, Any] | None:
    """An edge's last report, without its lists."""
    if report is None:
        return None
    return {
        "seconds": report.seconds,
        "requests": report.requests,
        "hits": report.hits,
        "errors": report.errors,
        "bytesSent": report.bytes_sent,
        "bytesFilled": report.bytes_filled,
        "connections": report.connections,
        "loopDelay": report.loop_delay,
        "slow": report.slow,
        "ramBytes": report.ram_bytes,
        "diskBytes": report.disk_bytes,
        "ready": report.ready,
        "draining": report.draining,
    }
