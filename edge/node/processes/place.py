"""The place of a process in its node: what the supervisor tells a child by one environment variable. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "MTN_NODE_PLACE"
TICKET_SECRET = "ticket-secret"  # noqa: S105 (a file's name)
OWNER = 0
"""The slot of the process that owns the cache; it serves viewers too."""


@dataclass(frozen=True, slots=True)
class NodePlace:
    """`slot` of `workers`; `folder`: where the node's sockets and maps are; `sockets`: descriptors that viewers connect
    to; `channel`: descriptor of the socket to the supervisor; `admin_port`: the same for every owner; `survivors`:
    slots of workers that already ran when this owner was started, so that they may hold an index; `takes_over`: a
    predecessor of the node must release the cache folder first."""

    slot: int
    workers: int
    folder: str
    sockets: tuple[int, ...]
    channel: int
    bodies_folder: str
    admin_port: int
    survivors: tuple[int, ...] = ()
    takes_over: bool = False

    @property
    def owns_cache(self) -> bool:
        """Whether this process owns the cache."""
        return self.slot == OWNER

    @property
    def index_socket(self) -> str:
        """The path of the owner's socket that workers follow its index by."""
        return str(Path(self.folder) / "index")

    @property
    def relay_socket(self) -> str:
        """The path of the owner's socket that workers relay requests to."""
        return str(Path(self.folder) / "relay")

    @property
    def touches(self) -> Path:
        """The file of the map of hits."""
        return Path(self.folder) / "touches"

    @property
    def connections(self) -> Path:
        """The file of the map of connections."""
        return Path(self.folder) / "connections"

    @property
    def ticket_secret(self) -> Path:
        """The file of the secret that the node's processes make the keys of TLS session tickets from."""
        return Path(self.folder) / TICKET_SECRET

    @property
    def bodies(self) -> Path:
        """The folder of objects of a node without a disk tier; it is in memory."""
        return Path(self.bodies_folder)

    def environment(self) -> dict[str, str]:
        """The variable for the child."""
        return {VARIABLE: json.dumps(asdict(self))}


def place_of(environment: Mapping[str, str]) -> NodePlace | None:
    """The place of this process; None if no supervisor started it."""
    text = environment.get(VARIABLE)
    if text is None:
        return None
    members = json.loads(text)
    members["sockets"], members["survivors"] = tuple(members["sockets"]), tuple(members["survivors"])
    return NodePlace(**members)
