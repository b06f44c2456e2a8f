"""Which part of a query is keyed, and so sent upstream: the very same bytes, in the order they came. Pure.

Only `&` separates parameters: `;` is data, or a program behind us would see a parameter where we saw none. CMCD
(CTA-5004) is the player's word to the edge: never keyed, never sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.policy.authorise import TOKEN_NAMES
from kernel.http.paths import normal_name

_CMCD = b"CMCD"


@dataclass(frozen=True, slots=True)
class KeyedQuery:
    """`names` are kept (`only`) or left out; `ordered`: by name, those of one name in the order they came.

    `tokens`: ours may stand in the query, and are left out.
    """

    only: bool
    names: frozenset[bytes] = frozenset()
    ordered: bool = False
    tokens: bool = False

    def of(self, query: bytes) -> bytes:
        """The keyed part of a query without its `?`; empty where nothing is kept."""
        if not query or (self.only and not self.names):
            return b""
        if not (self.names or self.ordered or self.tokens or b"%" in query or _CMCD in query):
            return query
        found = [(normal_name(pair.partition(b"=")[0]), pair) for pair in query.split(b"&")]
        kept = [one for one in found if self._keeps(one[0])]
        if self.ordered:
            kept.sort(key=lambda one: one[0])
        return b"&".join(pair for _, pair in kept)

    def _keeps(self, name: bytes) -> bool:
        if name == _CMCD or (self.tokens and name in TOKEN_NAMES):
            return False
        return (name in self.names) is self.only


NOTHING = KeyedQuery(only=True)
EVERYTHING = KeyedQuery(only=False)
