"""The last good state as control signed it: what the edge starts from while control is away, however long that is.

`state.signed` has one line for each update that the state is made of: a snapshot of a type, then the deltas since, each
with its signature (kernel/fleet/signed.py) and a checksum. The file is appended to; a new snapshot makes the older
lines of its type useless, and when those outweigh the others the file is written anew without them. A file that is
not as control signed it, for this very edge, is set aside whole: the edge waits for control then, and refuses viewers
rather than trust.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from edge.fleet.apply import State, apply
from edge.fleet.state_file import Damaged, line_of, set_aside, update_of
from kernel.errors import StorageFailed
from kernel.fleet.messages import DOCUMENTS, Nack, Resource, Update, Version
from kernel.fleet.signed import NotSigned, check
from system.durable_files import replace_file

NAME = "state.signed"
MIN_DEAD = 1 << 20
"""Bytes of useless lines that a file may have however small the state."""
MAX_DELTAS = 4_000
MIN_DELTA_BYTES = 1 << 20
"""Deltas of a type that are kept; beyond, and beyond its snapshot's size, a new snapshot is asked for."""
_HEAD = b"matinee-edge-state 2\n"


@dataclass(slots=True)
class _Line:
    """One line of the file that still counts."""

    update_type: str
    snapshot: bool
    offset: int
    length: int


@dataclass(slots=True)
class Chain:
    """A type's resources as its snapshot and the deltas since make them."""

    version: Version
    resources: dict[str, Resource]
    left: set[str] = field(default_factory=set)
    """Epochs that were over."""

    @classmethod
    def begun(cls, update: Update) -> Chain:
        """Of a snapshot."""
        return cls(update.version, {one.name: one for one in update.resources})

    def add(self, update: Update) -> None:
        """What came next. Raises ValueError where it cannot have."""
        same = update.version.epoch == self.version.epoch
        if same and update.version.number < self.version.number:
            raise ValueError(f"{update.type} goes back from {self.version.number} to {update.version.number}")
        if update.snapshot:
            if update.version.epoch in self.left:
                raise ValueError(f"{update.type} goes back to an epoch that was over")
            if not same:
                self.left.add(self.version.epoch)
            self.resources = {one.name: one for one in update.resources}
        else:
            if not same or update.base != self.version.number:
                raise ValueError(f"{update.type} lacks what came between {self.version.number} and {update.base}")
            for name in update.removed:
                self.resources.pop(name, None)
            self.resources |= {one.name: one for one in update.resources}
        self.version = update.version

    def whole(self, kind: str) -> Update:
        """All of it as one snapshot."""
        return Update(kind, self.version, "", snapshot=True, resources=tuple(self.resources.values()))


class SignedState:
    """The file in `folder` of the edge `edge`; one process has it, and calls `load` and `keep` one at a time.

    `authority` gives the certificate (PEM) of whom the edge trusts; None before it has joined. `spread` in [0, 1) makes
    edges ask for their snapshots at different times.
    """

    def __init__(self, folder: Path, edge: str, authority: Callable[[], bytes | None], spread: float = 0.0) -> None:
        self.path = folder / NAME
        self._edge = edge
        self._authority = authority
        self._spread = 1.0 + spread
        self._trusted: tuple[bytes, ec.EllipticCurvePublicKey] | None = None
        self._lines: list[_Line] = []
        self._size = 0
        """Length of the file as far as it counts; 0: there is none, or none that counts."""
        self._pending: list[Update] = []
        self._lost: set[str] = set()
        """Types whose lines are gone: kept again from their next snapshot on."""

    # -- trust

    def check(self, update: Update) -> None:
        """Raises NotSigned unless the fleet's authority has signed this, for this edge where it is for one."""
        key = self._key()
        if key is None:
            raise NotSigned("this edge has not joined a fleet yet")
        check(update, key, self._edge if update.type in DOCUMENTS else "")

    def _key(self) -> ec.EllipticCurvePublicKey | None:
        pem = self._authority()
        if pem is None:
            return None
        if self._trusted is None or self._trusted[0] != pem:
            self._forget()  # the edge has joined another fleet: what it kept counts no more
            key = x509.load_pem_x509_certificate(pem).public_key()
            assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101 (the identity was checked; for the types)
            self._trusted = (pem, key)
        return self._trusted[1]

    def is_full(self, kind: str) -> bool:
        """Whether so many deltas of a type are kept that a snapshot should come instead of the next one."""
        if kind in self._lost:
            return True
        own = [line for line in self._lines if line.update_type == kind]
        deltas = [line.length for line in own if not line.snapshot]
        most = max(MIN_DELTA_BYTES, sum(line.length for line in own if line.snapshot))
        return len(deltas) > MAX_DELTAS * self._spread or sum(deltas) > most * self._spread

    # -- at start

    def load(self) -> State | None:
        """The last good state; None when there is none. Raises Damaged, and StorageFailed when it cannot be read."""
        self._lines, self._size = [], 0
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageFailed(f"{self.path} cannot be read: {error.strerror}") from None
        if self._key() is None:
            return None  # of a fleet that this edge is no member of: written anew once it has joined
        try:
            state = self._verified(data)
        except ValueError as error:
            self._lines = []
            raise Damaged(str(error), set_aside([self.path])) from None
        self._size = data.rindex(b"\n") + 1
        return state

    def _verified(self, data: bytes) -> State:
        if not data.startswith(_HEAD):
            raise ValueError("it does not begin as a signed state does")
        chains: dict[str, Chain] = {}
        for number, (offset, line) in enumerate(_lines(data), 1):
            try:
                update = update_of(line)
                self.check(update)
                self._note(update, offset, len(line) + 1)
                held = chains.get(update.type)
                if held is not None:
                    held.add(update)
                elif update.snapshot:
                    chains[update.type] = Chain.begun(update)
                else:
                    raise ValueError(f"{update.type} begins with a delta")
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
        state = State()
        for kind, chain in chains.items():
            state, effects = apply(state, chain.whole(kind))
            refused = next((effect.error for effect in effects if isinstance(effect, Nack)), None)
            if refused is not None and kind not in DOCUMENTS:  # a document of another release: control sends it again
                raise ValueError(f"{kind}: {refused}")
        return state

    # -- keeping

    def keep(self, _state: State, updates: Sequence[Update]) -> None:
        """Keep `updates`, which led to the state since the last call.

        When this returns, the state outlives a loss of power. Raises StorageFailed; what was not written is kept then,
        and written the next time.
        """
        self._pending.extend(updates)
        before, size = list(self._lines), self._size
        try:
            self._write()
        except OSError as error:
            self._lines, self._size = before, size
            if isinstance(error, FileNotFoundError):
                self._forget()
            raise StorageFailed(f"{self.path} cannot be written: {error.strerror}") from None
        self._pending = []

    def _forget(self) -> None:
        """The file is gone, or counts no more."""
        self._lost |= {line.update_type for line in self._lines}
        self._lines, self._size = [], 0

    def _write(self) -> None:
        self._lost -= {update.type for update in self._pending if update.snapshot}
        self._pending = [update for update in self._pending if update.type not in self._lost]
        added = [line_of(update) for update in self._pending]
        place = self._size or len(_HEAD)
        for update, line in zip(self._pending, added, strict=True):
            self._note(update, place, len(line))
            place += len(line)
        alive = sum(line.length for line in self._lines)
        if self._size == 0 or place - alive > max(MIN_DEAD, alive):
            self._write_anew(b"".join(added))
            return
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "wb") as file:
            file.truncate(self._size)  # what a write that failed, or a crash, has left there
            file.seek(self._size)
            file.write(b"".join(added))
            file.flush()
            os.fsync(file.fileno())
        self._size = place

    def _write_anew(self, added: bytes) -> None:
        """The lines that count alone. Those of `added` stand behind what the file has."""
        end = self._size or len(_HEAD)
        pieces = [_HEAD]
        if self._size:
            with self.path.open("rb") as file:
                for line in self._lines:
                    if line.offset < end:
                        file.seek(line.offset)
                        pieces.append(file.read(line.length))
        pieces += [added[line.offset - end :][: line.length] for line in self._lines if line.offset >= end]
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        data = b"".join(pieces)
        replace_file(self.path, data)
        place = len(_HEAD)
        for line in self._lines:
            line.offset, place = place, place + line.length
        self._size = place

    def _note(self, update: Update, offset: int, length: int) -> None:
        if update.snapshot:
            self._lines = [line for line in self._lines if line.update_type != update.type]
        self._lines.append(_Line(update.type, update.snapshot, offset, length))


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(offset, line) of all whole lines after the first; one that was cut short is as if it had not come."""
    place = len(_HEAD)
    while (end := data.find(b"\n", place)) >= 0:
        yield place, data[place:end]
        place = end + 1
