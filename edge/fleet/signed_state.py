"""The last good state as signed by control: an edge starts from it while control is away, however long that is.

`state.signed` has one line for each update that the state is made of: a snapshot of a type, then the deltas since, each
with its signature (kernel/fleet/signed.py) and a checksum. New lines are appended. A new snapshot makes the older lines
of its type dead; when dead lines outweigh the others, the file is rewritten without them. A file that control has not
signed for this very edge is set aside whole: the edge then waits for control and refuses viewers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from edge.fleet.apply import FleetState, apply
from edge.fleet.state_file import DamagedState, decode_update, encode_update, set_aside
from kernel.errors import StorageFailed
from kernel.fleet.messages import DOCUMENTS, Nack, Resource, Update, Version
from kernel.fleet.signed import NotSigned, check
from system.durable_files import replace_file

FILE_NAME = "state.signed"
MIN_DEAD_BYTES = 1 << 20
"""Bytes of dead lines that a file may have, however small the state."""
MAX_DELTAS = 4_000
MIN_DELTA_BYTES = 1 << 20
"""Bytes of deltas kept of a type. Beyond that, and beyond its snapshot's size, the edge asks for a new snapshot."""
_HEAD = b"matinee-edge-state 2\n"


@dataclass(slots=True)
class _Line:
    """One live line of the file."""

    update_type: str
    snapshot: bool
    offset: int
    length: int


@dataclass(slots=True)
class UpdateChain:
    """The resources of a type, after its snapshot and the deltas since."""

    version: Version
    resources: dict[str, Resource]
    past_epochs: set[str] = field(default_factory=set)
    """Epochs that have ended."""

    @classmethod
    def from_snapshot(cls, update: Update) -> UpdateChain:
        """A chain that starts with this snapshot."""
        return cls(update.version, {one.name: one for one in update.resources})

    def extend(self, update: Update) -> None:
        """Apply the next update. Raises ValueError if it cannot follow."""
        same = update.version.epoch == self.version.epoch
        if same and update.version.number < self.version.number:
            raise ValueError(f"{update.type} goes back from {self.version.number} to {update.version.number}")
        if update.snapshot:
            if update.version.epoch in self.past_epochs:
                raise ValueError(f"{update.type} goes back to an epoch that was over")
            if not same:
                self.past_epochs.add(self.version.epoch)
            self.resources = {one.name: one for one in update.resources}
        else:
            if not same or update.base != self.version.number:
                raise ValueError(f"{update.type} lacks what came between {self.version.number} and {update.base}")
            for name in update.removed:
                self.resources.pop(name, None)
            self.resources |= {one.name: one for one in update.resources}
        self.version = update.version

    def as_snapshot(self, kind: str) -> Update:
        """The whole chain as one snapshot."""
        return Update(kind, self.version, "", snapshot=True, resources=tuple(self.resources.values()))


class SignedState:
    """The file in `folder` of the edge `edge`. One process has it, and calls `load` and `store` one at a time.

    `authority` returns the certificate (PEM) of the fleet's authority; None before the edge has joined. `spread` in [0,
    1) makes edges ask for snapshots at different times.
    """

    def __init__(self, folder: Path, edge: str, authority: Callable[[], bytes | None], spread: float = 0.0) -> None:
        self.path = folder / FILE_NAME
        self._edge = edge
        self._authority = authority
        self._spread = 1.0 + spread
        self._trusted: tuple[bytes, ec.EllipticCurvePublicKey] | None = None
        self._lines: list[_Line] = []
        self._size = 0
        """Length of the valid part of the file; 0: no file, or none that is valid."""
        self._pending: list[Update] = []
        self._lost: set[str] = set()
        """Types whose lines are lost; they are stored again from their next snapshot on."""

    # -- trust

    def verify(self, update: Update) -> None:
        """Raises NotSigned unless the fleet's authority has signed this, and for this edge if it is meant for one."""
        key = self._key()
        if key is None:
            raise NotSigned("this edge has not joined a fleet yet")
        check(update, key, self._edge if update.type in DOCUMENTS else "")

    def _key(self) -> ec.EllipticCurvePublicKey | None:
        pem = self._authority()
        if pem is None:
            return None
        if self._trusted is None or self._trusted[0] != pem:
            # The edge has joined another fleet: the stored state is no longer valid.
            self._forget()
            key = x509.load_pem_x509_certificate(pem).public_key()
            assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101 (the identity was checked; for the types)
            self._trusted = (pem, key)
        return self._trusted[1]

    def wants_snapshot(self, kind: str) -> bool:
        """Whether so many deltas of a type are stored that control should send a snapshot instead of the next one."""
        if kind in self._lost:
            return True
        own = [line for line in self._lines if line.update_type == kind]
        deltas = [line.length for line in own if not line.snapshot]
        most = max(MIN_DELTA_BYTES, sum(line.length for line in own if line.snapshot))
        return len(deltas) > MAX_DELTAS * self._spread or sum(deltas) > most * self._spread

    # -- at start

    def load(self) -> FleetState | None:
        """The last good state; None without one. Raises DamagedState, and StorageFailed if the file cannot be read."""
        self._lines, self._size = [], 0
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageFailed(f"{self.path} cannot be read: {error.strerror}") from None
        if self._key() is None:
            # The state of a fleet that this edge is no member of: it is rewritten once the edge has joined.
            return None
        try:
            state = self._verified(data)
        except ValueError as error:
            self._lines = []
            raise DamagedState(str(error), set_aside([self.path])) from None
        self._size = data.rindex(b"\n") + 1
        return state

    def _verified(self, data: bytes) -> FleetState:
        if not data.startswith(_HEAD):
            raise ValueError("it does not begin as a signed state does")
        chains: dict[str, UpdateChain] = {}
        for number, (offset, line) in enumerate(_lines(data), 1):
            try:
                update = decode_update(line)
                self.verify(update)
                self._index_line(update, offset, len(line) + 1)
                held = chains.get(update.type)
                if held is not None:
                    held.extend(update)
                elif update.snapshot:
                    chains[update.type] = UpdateChain.from_snapshot(update)
                else:
                    raise ValueError(f"{update.type} begins with a delta")
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
        state = FleetState()
        for kind, chain in chains.items():
            state, effects = apply(state, chain.as_snapshot(kind))
            refused = next((effect.error for effect in effects if isinstance(effect, Nack)), None)
            # A document of another release is left out: control sends it again.
            if refused is not None and kind not in DOCUMENTS:
                raise ValueError(f"{kind}: {refused}")
        return state

    # -- storing

    def store(self, _state: FleetState, updates: Sequence[Update]) -> None:
        """Store durably the `updates` that led to the state since the last call.

        Raises StorageFailed; what was not written is kept and written the next time.
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
        """The file is gone or no longer valid."""
        self._lost |= {line.update_type for line in self._lines}
        self._lines, self._size = [], 0

    def _write(self) -> None:
        self._lost -= {update.type for update in self._pending if update.snapshot}
        self._pending = [update for update in self._pending if update.type not in self._lost]
        added = [encode_update(update) for update in self._pending]
        place = self._size or len(_HEAD)
        for update, line in zip(self._pending, added, strict=True):
            self._index_line(update, place, len(line))
            place += len(line)
        alive = sum(line.length for line in self._lines)
        if self._size == 0 or place - alive > max(MIN_DEAD_BYTES, alive):
            self._rewrite(b"".join(added))
            return
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "wb") as file:
            # A failed write or a crash may have left bytes there.
            file.truncate(self._size)
            file.seek(self._size)
            file.write(b"".join(added))
            file.flush()
            os.fsync(file.fileno())
        self._size = place

    def _rewrite(self, added: bytes) -> None:
        """Write a file of the live lines only. The lines in `added` follow those in the file."""
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

    def _index_line(self, update: Update, offset: int, length: int) -> None:
        if update.snapshot:
            self._lines = [line for line in self._lines if line.update_type != update.type]
        self._lines.append(_Line(update.type, update.snapshot, offset, length))


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(offset, line) of each complete line after the first. A truncated line is ignored, as if it had never arrived."""
    place = len(_HEAD)
    while (end := data.find(b"\n", place)) >= 0:
        yield place, data[place:end]
        place = end + 1
