"""Which pathway a player loads from: content steering, and failover when requests fail. Pure.

A pathway is tried only while it carries no penalty. The steering server's order counts first (RFC 8216bis §7.2), then
the manifest's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

PENALTY_S = 300.0
"""A pathway that failed is avoided for this long, as in hls.js."""
DEFAULT_TTL_S = 300.0
MAX_PATHWAYS = 32
MAX_RELOAD_URI = 4_096


class Clone(NamedTuple):
    """A pathway made of another one by replacing parts of its addresses (PATHWAY-CLONES)."""

    name: str
    base: str
    host: str | None
    params: tuple[tuple[str, str], ...]

    def rewritten(self, url: str) -> str:
        """An address of the base pathway, on this one."""
        parts = urlsplit(url)
        netloc = parts.netloc
        if self.host is not None:
            port = f":{parts.port}" if parts.port and ":" not in self.host.rpartition("]")[2] else ""
            netloc = self.host + port
        query = parts.query
        if self.params:
            names = {name for name, _ in self.params}
            kept = [(name, value) for name, value in parse_qsl(parts.query, True) if name not in names]
            query = urlencode([*kept, *self.params])
        return urlunsplit((parts.scheme, netloc, parts.path, query, ""))


class SteeringManifest(NamedTuple):
    """The answer of a steering server."""

    ttl_s: float
    priority: tuple[str, ...]
    reload_uri: str | None
    clones: tuple[Clone, ...]


def read_steering(data: bytes) -> SteeringManifest:
    """Raises ValueError when it is no steering manifest of version 1."""
    found = json.loads(data)
    if not isinstance(found, dict) or found.get("VERSION") != 1:
        raise ValueError("the steering manifest is no JSON object of VERSION 1")
    priority = _listed(found, "PATHWAY-PRIORITY")
    if not all(isinstance(one, str) for one in priority):
        raise ValueError("PATHWAY-PRIORITY is no list of names")
    ttl, reload_uri = found.get("TTL", DEFAULT_TTL_S), found.get("RELOAD-URI")
    if not isinstance(ttl, int | float) or ttl != ttl:
        raise ValueError("TTL is no number")
    if reload_uri is not None and (not isinstance(reload_uri, str) or len(reload_uri) > MAX_RELOAD_URI):
        raise ValueError("RELOAD-URI is no address")
    made = tuple(_clone(one) for one in _listed(found, "PATHWAY-CLONES")[:MAX_PATHWAYS])
    return SteeringManifest(min(max(1.0, float(ttl)), 86_400.0), tuple(priority[:MAX_PATHWAYS]), reload_uri, made)


def _listed(found: dict[str, Any], name: str) -> list[Any]:
    value = found.get(name, [])
    if isinstance(value, list):
        return value
    raise ValueError(f"{name} is no list")


def _clone(found: Any) -> Clone:
    try:
        replacement = found["URI-REPLACEMENT"]
        params = tuple((str(name), str(value)) for name, value in replacement.get("PARAMS", {}).items())
        return Clone(str(found["ID"]), str(found["BASE-ID"]), replacement.get("HOST"), params)
    except (KeyError, TypeError, AttributeError):
        raise ValueError("a member of PATHWAY-CLONES lacks ID, BASE-ID or URI-REPLACEMENT") from None


@dataclass(slots=True)
class Pathways:
    """The pathways of one session."""

    names: list[str]
    current: str
    clones: dict[str, Clone] = field(default_factory=dict)
    priority: tuple[str, ...] = ()
    _penalties: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, names: Sequence[str], first: str | None) -> "Pathways":
        """Begin at `first` when it is one of them."""
        return cls(list(names), first if first is not None and first in names else names[0])

    def steer(self, manifest: SteeringManifest, now: float) -> bool:
        """Follow a steering manifest; whether the pathway changed."""
        for clone in manifest.clones:
            if (clone.base in self.names or clone.base in self.clones) and clone.name not in self.names:
                self.clones[clone.name] = clone
                self.names.append(clone.name)
        self.priority = manifest.priority
        return self._move_to_best(now)

    def penalize(self, now: float) -> bool:
        """The current pathway failed: avoid it, and move to the best other one. False when there is none."""
        self._penalties[self.current] = now + PENALTY_S
        before = self.current
        self._move_to_best(now)
        return self.current != before

    def _move_to_best(self, now: float) -> bool:
        usable = [name for name in self.names if self._penalties.get(name, 0.0) <= now]
        ordered = [name for name in self.priority if name in usable]
        # Without an order the player stays where it is.
        ordered += [self.current] if self.current in usable else []
        ordered += usable
        before = self.current
        if ordered:
            self.current = ordered[0]
        return self.current != before

    @property
    def base(self) -> str:
        """The pathway of the manifest that the current one is, or is cloned from."""
        name = self.current
        for _ in range(MAX_PATHWAYS):
            if name not in self.clones:
                break
            name = self.clones[name].base
        return name

    def rewritten(self, url: str) -> str:
        """An address of the base pathway, on the current one."""
        chain: list[Clone] = []
        name = self.current
        while name in self.clones and len(chain) < MAX_PATHWAYS:
            chain.append(self.clones[name])
            name = self.clones[name].base
        for clone in reversed(chain):
            url = clone.rewritten(url)
        return url


def steering_request(url: str, *, dash: bool, pathway: str, throughput_bps: float | None) -> str:
    """The address with what the player says of itself (RFC 8216bis §7.4, TS 103 998 §6.3)."""
    prefix = "_DASH" if dash else "_HLS"
    added = {f"{prefix}_pathway": f'"{pathway}"' if dash else pathway}
    if throughput_bps is not None:
        added[f"{prefix}_throughput"] = str(round(throughput_bps))
    joint = "&" if urlsplit(url).query else "?"
    return f"{url}{joint}{urlencode(added)}"
