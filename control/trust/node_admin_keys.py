"""The keys that control presents at nodes' admin ports: a file of mode 0600, read at the start.

    KEY           for every node without a line of its own
    NODE KEY      for the node with this id
    # …           a comment

An admin key lets its holder purge and drain a node. With one line per node, a node that is taken over learns only its
own key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kernel.errors import BadSettings
from kernel.fleet.messages import NODE_ID
from system.private_files import read_secret

SETTING = "node_admin_keys"
MIN_LENGTH = 16
"""Characters of a key, as nodes require them of their own file."""
MAX_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class NodeAdminKeys:
    """Admin keys by node id; `default` is for all other nodes, "" for none."""

    default: str = field(default="", repr=False)
    by_node: Mapping[str, str] = field(default_factory=dict, repr=False)

    def headers_for(self, node_id: str) -> dict[str, str]:
        """The header fields that authorise control at this node's admin port; none without a key."""
        key = self.by_node.get(node_id, self.default)
        return {"Authorization": f"Bearer {key}"} if key else {}


def read_node_admin_keys(path: Path | None) -> NodeAdminKeys:
    """Read the file; no keys without one. Raises BadSettings naming the line, never the key."""
    if path is None:
        return NodeAdminKeys()
    try:
        data = read_secret(path, SETTING, MAX_BYTES + 1)
    except OSError as error:
        raise BadSettings(SETTING, f"{path} cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise BadSettings(SETTING, f"{path} is larger than {MAX_BYTES >> 20} MiB")
    default, by_node = "", dict[str, str]()
    for number, line in enumerate(data.decode("ascii", "replace").splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        *names, key = words
        if len(names) > 1 or len(key) < MIN_LENGTH or not key.isascii() or not key.isprintable():
            raise BadSettings(
                SETTING, f"{path}, line {number}: must be KEY or NODE KEY, a key of at least {MIN_LENGTH} characters"
            )
        if names and not NODE_ID.fullmatch(names[0]):
            raise BadSettings(SETTING, f"{path}, line {number}: {names[0][:80]!r} cannot be a node's id")
        if names[0] in by_node if names else default:
            raise BadSettings(SETTING, f"{path}, line {number}: a second key for {names[0] if names else 'every node'}")
        if names:
            by_node[names[0]] = key
        else:
            default = key
    return NodeAdminKeys(default, by_node)
