"""Whatever happens on the way, an edge ends with the state that a fresh one has: all types, documents too.

Two replicas of control over one database, one of them often behind; an edge that is cut off, killed and restarted from
its files; messages that are lost with their connection or arrive twice. The decisions are the real ones:
`read_settings`, `diff`, `documents`, `apply`, and the state file with its journal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from control.desired import changes, key_set
from control.desired.diff import Track, is_ahead, next_update, with_answer, with_sent
from control.desired.documents import Document, next_document
from control.desired.resources import Desired
from control.fleet.session import ALL_TYPES
from control.rollout.layers import EdgeLabels
from control.rollout.rollout import next_state, revert
from control.rollout.settings_state import RolloutConflict, read_settings, start_rollout, store_step
from edge.fleet.apply import FleetState, apply
from edge.fleet.state_file import decode_state, encode_state, journal_head, journal_lines, replay_journal
from kernel.auth.signing_keys import generate_ed25519_pem, public_jwks
from kernel.fleet.messages import HOT, NOTHING, SETTINGS, TYPES, Ack, Known, Nack, Update, Version

ME = EdgeLabels("e1")
FLEET = [ME, *(EdgeLabels(f"e{number}") for number in range(2, 8))]
KEYS = [public_jwks(generate_ed25519_pem(), kid) for kid in ("a", "b")]


class Database:
    """What both replicas read."""

    def __init__(self) -> None:
        self.desired = Desired("epoch")
        self.hot = 0

    def commit(self, change: changes.Change) -> None:
        effective = self.desired.effective(change)
        if effective:
            self.desired = self.desired.with_change(effective, self.desired.revision + 1)

    def changes(self, number: int) -> None:
        """One of the things that happen."""
        now, rollout = float(self.desired.revision), read_settings(self.desired).rollout
        match number:
            case 0 | 1:
                self.commit(
                    changes.put_titles(self.desired, {f"film{number}": {"allow": ["DE", "FR"][: int(now) % 3]}})
                )
            case 2:
                self.commit(changes.put_titles(self.desired, {}, ["film0"]))
            case 3:
                self.commit(key_set.put_keys(self.desired, KEYS[int(now) % 2]))
            case 4:
                self.hot += 1
            case 5 | 6:
                edits = {"all": {"default_ttl": int(now)} if number == 5 else None}
                self.commit(start_rollout(self.desired, edits, FLEET, now))
            case 7 if rollout is not None:
                self.commit(store_step(self.desired, next_state(rollout, now + 1e6, "", applied=True)))
            case 8 if rollout is not None:
                self.commit(store_step(self.desired, revert(rollout, now, "harm")))


class Replica:
    """A control process: what it has read, and its end of one connection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.reads()

    def reads(self) -> None:
        self.desired, self.hot = self._database.desired, self._database.hot

    def meets(self, known: list[Known]) -> None:
        claims = [(one.type, version) for one in known for version in (one.version, one.refused)]
        if any(is_ahead(self.desired, *claim) for claim in claims):
            self.reads()
        assert not any(is_ahead(self.desired, *claim) for claim in claims)
        self.tracks = {one.type: Track.from_hello(one) for one in known}
        self._nonce = 0

    def says(self) -> list[Update]:
        made = []
        for kind in ALL_TYPES:
            self._nonce += 1
            nonce, track = str(self._nonce), self.tracks[kind]
            if kind in TYPES:
                update = next_update(self.desired, track, nonce)
            else:
                update = next_document(self._document(kind), track, nonce)
            if update is not None:
                self.tracks[kind] = with_sent(track, update)
                made.append(update)
        return made

    def _document(self, kind: str) -> Document | None:
        if kind == SETTINGS:
            return read_settings(self.desired).document(ME, self.desired.epoch)
        return Document(Version("hot", self.hot), b'{"rows":[]}' if self.hot % 2 else b"") if self.hot else None

    def hears(self, answer: Ack | Nack) -> None:
        self.tracks[answer.type] = with_answer(self.tracks[answer.type], answer)


class World:
    def __init__(self) -> None:
        self.database = Database()
        self.replicas = [Replica(self.database) for _ in range(2)]
        self.state = FleetState()
        self.refused: dict[str, Version] = {}
        self.file = encode_state(self.state)
        self.journal = journal_head(self.file)
        self.taken: list[Update] = []
        self.at: Replica | None = None
        self.to_edge: deque[Update] = deque()
        self.to_control: deque[Ack | Nack] = deque()

    def connects(self, number: int) -> None:
        self.is_cut_off()
        self.at = self.replicas[number]
        kinds = ALL_TYPES
        self.at.meets([Known(kind, self.state.version(kind), self.refused.get(kind, NOTHING)) for kind in kinds])

    def is_cut_off(self) -> None:
        self.at = None
        self.to_edge.clear()
        self.to_control.clear()

    def control_speaks(self) -> None:
        if self.at is not None:
            self.to_edge.extend(self.at.says())

    def edge_hears(self, *, twice: bool = False) -> None:
        if not self.to_edge:
            return
        update = self.to_edge.popleft()
        for _ in range(1 + twice):
            before = self.state
            self.state, effects = apply(self.state, update)
            if self.state is not before:
                self.taken.append(update)
            self.to_control.extend(effect for effect in effects if isinstance(effect, (Ack, Nack)))

    def control_hears(self) -> None:
        if self.to_control and self.at is not None:
            self.at.hears(self.to_control.popleft())

    def edge_keeps(self, *, whole: bool) -> None:
        if whole or any(update.snapshot and update.type in TYPES for update in self.taken):
            self.file = encode_state(self.state)
            self.journal = journal_head(self.file)
        else:
            self.journal += journal_lines(self.taken)
        self.taken = []

    def edge_is_killed(self, cut: int) -> None:
        """As it was about to append: so many bytes of that are there."""
        self.is_cut_off()
        torn = (
            journal_lines(self.taken)[:cut]
            if not any(one.snapshot and one.type in TYPES for one in self.taken)
            else b""
        )
        self.state = replay_journal(decode_state(self.file), self.journal + torn, self.file)
        self.file = encode_state(self.state)
        self.journal, self.taken = journal_head(self.file), []

    def comes_to_rest(self, number: int) -> None:
        for replica in self.replicas:
            replica.reads()
        self.connects(number)
        for _ in range(30):
            self.control_speaks()
            while self.to_edge:
                self.edge_hears()
            while self.to_control:
                self.control_hears()


STEPS: list[Callable[[World, int], object]] = [
    lambda world, n: world.database.changes(n % 9),
    lambda world, n: world.database.changes(n % 9),
    lambda world, n: world.replicas[n % 2].reads(),
    lambda world, n: world.connects(n % 2),
    lambda world, _: world.is_cut_off(),
    lambda world, _: world.control_speaks(),
    lambda world, n: world.edge_hears(twice=n % 3 == 0),
    lambda world, n: world.edge_hears(twice=n % 3 == 0),
    lambda world, _: world.control_hears(),
    lambda world, n: world.edge_keeps(whole=n % 2 == 0),
    lambda world, n: world.edge_is_killed(n * 7),
]


@given(st.lists(st.tuples(st.sampled_from(range(len(STEPS))), st.integers(0, 60)), max_size=60), st.integers(0, 1))
def test_any_order_of_losses_repeats_reconnects_and_restarts_ends_in_the_same_state(
    steps: list[tuple[int, int]], last: int
) -> None:
    world = World()
    for number, argument in steps:
        try:
            STEPS[number](world, argument)
        except RolloutConflict:
            continue
    world.comes_to_rest(last)
    fresh = World()
    fresh.database = world.database
    fresh.replicas = [Replica(world.database) for _ in range(2)]
    fresh.comes_to_rest(0)
    assert world.state.rules == fresh.state.rules
    assert world.state.jwks == fresh.state.jwks
    assert world.state.documents == fresh.state.documents
    assert dict(world.state.versions) == dict(fresh.state.versions)
    assert world.state.documents.get(HOT) == ({"rows": []} if world.database.hot % 2 else None)
