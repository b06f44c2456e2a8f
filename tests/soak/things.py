"""What the soak's origin holds: objects whose bytes are a function of name, alternate, version and offset. Pure.

Nothing is stored: any byte of any version of any object can be made, or checked, wherever it is met.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import xxhash

TAPE_LENGTH = 1_048_583
"""A prime above 1 MiB: no two slices of an object, and no two power-of-two offsets, have the same bytes."""
PIECE = 1 << 18
"""Most bytes that are made in one go."""
_TAPE = random.Random("matinee soak").randbytes(TAPE_LENGTH)
_TAPE += _TAPE[:PIECE]

SIZES = (0, 1, 2, 1023, 1024, 5000, 65535, 65536, 65537, 200_000, 1048575, 1048576, 1048577, 3_000_000, 20 << 20)
_CHANCES = (3, 3, 1, 4, 12, 14, 5, 5, 5, 12, 2, 4, 2, 3, 2)


def _start(name: str, tongue: str, label: str) -> int:
    return xxhash.xxh3_64_intdigest(f"{name}|{tongue}|{label}".encode()) % TAPE_LENGTH


def body_bytes(name: str, tongue: str, label: str, offset: int, length: int) -> bytes:
    """At most PIECE bytes of a version's body from `offset` on."""
    at = (_start(name, tongue, label) + offset) % TAPE_LENGTH
    return _TAPE[at : at + min(length, PIECE)]


def whose(data: bytes, offset: int, candidates: list[tuple[str, str, str]]) -> str:
    """Whose bytes these are that should not be here: for the report of a failure."""
    at = _TAPE.find(data[:24])
    if at < 0 or len(data) < 8:
        return f"no bytes of the origin's: {data[:40]!r}"
    for name, tongue, label in candidates:
        start = _start(name, tongue, label)
        if (start + offset) % TAPE_LENGTH == at:
            return f"the bytes of {name} {tongue!r} {label} at this offset"
    for name, tongue, label in candidates:
        start = _start(name, tongue, label)
        if (at - start) % TAPE_LENGTH % 1024 == 0:
            return f"bytes of {name} {tongue!r} {label}, {(at - start) % TAPE_LENGTH - offset} further on"
    return f"the origin's bytes, of tape position {at}"


@dataclass(frozen=True, slots=True)
class Thing:
    """One object and how the origin speaks of it. `life`, `swr`, `sie`, `age`: seconds.

    `says`: how freshness is told. `unshared`: why each answer is for its asker alone ("" for what is shared; each
    unshared answer has bytes of its own). `statuses`: of the versions, in turn. `grows`: bytes a version is longer.
    """

    name: str
    size: int
    says: str
    life: int
    swr: int = 0
    sie: int = 0
    must: bool = False
    unshared: str = ""
    etag: str = "strong"
    last_modified: bool = False
    framing: str = "length"
    ranges: bool = True
    vary: bool = False
    dated: bool = True
    age: int = 0
    grows: int = 0
    slow: float = 0.0
    statuses: tuple[int, ...] = (200,)
    keys: tuple[str, ...] = ()

    def length(self, version: int) -> int:
        """Bytes of a version's body; what is not a 200 has little to say."""
        return self.size + version * self.grows if self.status(version) == 200 else 37

    def status(self, version: int) -> int:
        """Of a version."""
        return self.statuses[version % len(self.statuses)]

    def fresh_for(self, version: int, *, general: bool) -> float:
        """For how long an answer may be served without asking again, at most."""
        if not general and not self.unshared and self.says == "none" and self.status(version) in (404, 410):
            return 3.0  # what is not there is asked for every three seconds by the CDN's rules
        if self.unshared or self.says == "no-cache":
            return 0.0
        if self.says == "none":
            return 90_000.0 if general and self.last_modified else 0.0
        return max(0.0, float(self.life - self.age))

    def tag(self, label: str) -> str | None:
        """The ETag of a version."""
        return {"strong": f'"{label}"', "weak": f'W/"{label}"'}.get(self.etag)


def make_things(seed: str, names: list[str], *, general: bool) -> list[Thing]:
    """One thing a name, of every kind; the same for the same seed."""
    return [_make(random.Random(f"{seed}|{name}"), name, general=general) for name in names]


def _make(rng: random.Random, name: str, *, general: bool) -> Thing:
    size = rng.choices(SIZES, _CHANCES)[0]
    keys = (name.split("/")[-2], f"k{rng.randrange(6)}")
    ours = {"name": name, "size": size, "keys": keys}
    if rng.random() < 0.15:
        reasons = ("private", "no-store", "authorization" if general else "set-cookie")
        return Thing(says="max-age", life=60, unshared=rng.choice(reasons), etag=rng.choice(("strong", "")),
                     framing=rng.choice(("length", "chunked")), slow=rng.choice((0, 0, 0.4)), **ours)  # fmt: skip
    windows = rng.random() < 0.35
    return Thing(
        says=rng.choices(("max-age", "s-maxage", "expires", "cdn", "no-cache", "none"), (8, 2, 2, 2, 2, 2))[0],
        life=rng.choice((1, 2, 5, 60, 3600)),
        swr=rng.choice((0, 2, 30)) if windows else 0,
        sie=rng.choice((0, 5, 60)) if windows else 0,
        must=rng.random() < 0.1,
        etag=rng.choices(("strong", "weak", ""), (7, 1, 2))[0],
        last_modified=rng.random() < 0.4,
        framing=rng.choices(("length", "chunked", "close"), (6, 2, 1))[0],
        ranges=rng.random() < 0.7,
        vary=general and size < 100_000 and rng.random() < 0.15,
        dated=rng.random() < 0.9,
        age=rng.choice((0, 0, 0, 0, 3)),
        grows=rng.choice((0, 0, 1, 7)),
        slow=rng.choice((0, 0, 0, 0, 0.3, 1.0)),
        statuses=rng.choices(((200,), (200, 404), (200, 302), (410,)), (20, 2, 1, 1))[0],
        **ours,
    )  # fmt: skip
