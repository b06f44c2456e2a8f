"""Which cache answered, by the fields of the response. Pure."""

from collections.abc import Mapping

from loadtest.session import Tier

MAX_NAME = 64


def served_by(headers: Mapping[str, str], host: str) -> tuple[Tier, str]:
    """The tier that had the object, and the name of the cache nearest to the viewer.

    Cache-Status lists the caches from the origin's side to the viewer's (RFC 9211 §2). A hit of the last one is an
    edge hit, a hit of an earlier one a shield's; no hit at all means the origin. X-Cache counts where there is none.
    """
    status = headers.get("cache-status")
    if status:
        return _by_cache_status(status)
    word = headers.get("x-cache", "").lower()
    if "hit" in word:
        return Tier.EDGE, host
    if "miss" in word or "pass" in word:
        return Tier.ORIGIN, host
    return Tier.UNKNOWN, host


def _by_cache_status(text: str) -> tuple[Tier, str]:
    members = [member.split(";") for member in text.split(",")]
    node = members[-1][0].strip().strip('"')[:MAX_NAME]
    hits = [any(word.strip() == "hit" for word in member[1:]) for member in members]
    if hits[-1]:
        return Tier.EDGE, node
    return (Tier.SHIELD if any(hits) else Tier.ORIGIN), node
