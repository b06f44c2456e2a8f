"""What becomes of the edge's state when control says something."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.fleet.apply import Changed, FleetState, apply
from edge.policy.authorise import is_revoked, licence_refusal
from kernel.auth.signing_keys import generate_ed25519_pem, public_jwks
from kernel.fleet.messages import DOCUMENTS, HOT, KEYS, NOTHING, RULES, SETTINGS, Ack, Nack, Resource, Update, Version
from kernel.vocabulary import Refusal

JWK_A = public_jwks(generate_ed25519_pem(), "a")["keys"][0]
JWK_B = public_jwks(generate_ed25519_pem(), "b")["keys"][0]


def res(name: str, content: object, number: int = 1) -> Resource:
    return Resource(name, number, json.dumps(content).encode())


ALLOW = res("default", {"default": "allow"})


def rules(number: int, *resources: Resource, base: int | None = None, removed=(), epoch: str = "e") -> Update:
    """A snapshot, or a delta where a base is given."""
    return Update(RULES, Version(epoch, number), f"n{number}", base is None, base or 0, resources, tuple(removed))


def keys(number: int, *jwks: dict, base: int | None = None, removed=()) -> Update:
    resources = tuple(res(jwk["kid"], jwk) for jwk in jwks)
    return Update(KEYS, Version("e", number), f"n{number}", base is None, base or 0, resources, tuple(removed))


def test_before_anything_was_heard_nothing_is_licensed_and_nothing_verifies() -> None:
    assert licence_refusal(FleetState().rules, "film", "DE", 0) is Refusal.COUNTRY
    assert len(FleetState().keys) == 0
    assert FleetState().version(RULES) == NOTHING


def test_a_snapshot_is_taken_acknowledged_and_announced() -> None:
    update = rules(
        3, res("title/film", {"allow": ["DE"]}), res("session/s", {"until": None}), res("default", {"default": "allow"})
    )
    state, effects = apply(FleetState(), update)
    assert effects == (Ack(RULES, Version("e", 3), "n3"), Changed(RULES, Version("e", 3)))
    assert state.rules.version == 3
    assert licence_refusal(state.rules, "film", "FR", 0) is Refusal.COUNTRY
    assert licence_refusal(state.rules, "other", "FR", 0) is None
    assert is_revoked(state.rules, "s", 1e12)


def test_a_snapshot_replaces_everything() -> None:
    state, _ = apply(FleetState(), rules(1, res("title/a", {}), ALLOW))
    state, _ = apply(state, rules(2, res("title/b", {})))
    assert set(state.rules.titles) == {"b"}
    assert state.rules.unlisted is Refusal.COUNTRY


def test_a_delta_changes_only_what_it_names() -> None:
    state, _ = apply(
        FleetState(),
        rules(1, res("title/a", {}), res("title/b", {}), res("session/s", {}), ALLOW),
    )
    state, effects = apply(
        state, rules(2, res("title/a", {"allow": []}), base=1, removed=["title/b", "session/s", "default", "title/x"])
    )
    assert effects[0] == Ack(RULES, Version("e", 2), "n2")
    assert set(state.rules.titles) == {"a"}
    assert not state.rules.sessions
    assert licence_refusal(state.rules, "a", "DE", 0) is licence_refusal(state.rules, "b", "DE", 0) is Refusal.COUNTRY


def test_a_delta_over_a_gap_asks_for_a_snapshot() -> None:
    state, _ = apply(FleetState(), rules(1))
    for update in (rules(5, base=3), rules(5, base=0), rules(9, base=1, epoch="other")):
        after, effects = apply(state, update)
        assert after is state
        assert effects[0].resync


def test_what_is_old_changes_nothing_and_is_answered_with_what_is_held() -> None:
    state, _ = apply(FleetState(), rules(5, res("title/a", {})))
    for update in (rules(5), rules(4), rules(5, base=4), rules(3, base=2, removed=["title/a"])):
        assert apply(state, update) == (state, (Ack(RULES, Version("e", 5), update.nonce),))


def test_a_new_epoch_is_taken_though_its_number_is_lower() -> None:
    state, _ = apply(FleetState(), rules(5, res("title/a", {})))
    state, _ = apply(state, rules(1, res("title/b", {}), epoch="later"))
    assert state.version(RULES) == Version("later", 1)
    assert set(state.rules.titles) == {"b"}


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        (res("title/a", {"allow": ["Germany"]}), "title/a.allow[0]"),
        (res("title/../x", {}), "contentId"),
        (res("title/a", None), "title/a: must be an object"),
        (Resource("title/a", 1, b"{"), "title/a: is not valid JSON"),
        (Resource("title/a", 1, b'"' + b"x" * 70_000 + b'"'), "larger than 64 KiB"),
        (res("session/", {}), "session/"),
        (res("session/s", {"until": "soon"}), "session/s.until"),
        (res("default", {"default": "maybe"}), "default.default"),
        (res("movie/a", {}), "movie/a"),
    ],
)
def test_invalid_content_is_refused_whole_and_the_old_state_stays(resource: Resource, message: str) -> None:
    state, _ = apply(FleetState(), rules(1, res("title/a", {"allow": ["DE"]})))
    after, effects = apply(state, rules(2, res("title/b", {}), resource, base=1))
    assert after is state
    (nack,) = effects
    assert isinstance(nack, Nack)
    assert nack.version == Version("e", 2)
    assert not nack.resync
    assert message in nack.error


def test_a_type_from_the_future_is_refused_by_name() -> None:
    after, (nack,) = apply(FleetState(), replace(rules(1), type="weather"))
    assert after == FleetState()
    assert "weather" in nack.error


def test_more_than_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.fleet.apply.MAX_TITLES", 1)
    _, (nack,) = apply(FleetState(), rules(1, res("title/a", {}), res("title/b", {})))
    assert "more than 1 titles" in nack.error


def test_keys_rotate_and_the_set_is_named_for_its_version() -> None:
    state, _ = apply(FleetState(), keys(1, JWK_A))
    state, _ = apply(state, keys(2, JWK_B, base=1))
    assert {key.kid for key in state.keys} == {"a", "b"}
    assert state.keys.version == "e:2"
    state, _ = apply(state, keys(3, base=2, removed=["a"]))
    assert {key.kid for key in state.keys} == {"b"}
    state, _ = apply(state, keys(4, base=3, removed=["b"]))
    assert len(state.keys) == 0


@pytest.mark.parametrize("jwk", [{"kid": "other"}, [], {**JWK_A, "d": "AAAA"}, {**JWK_A, "x": "AA"}])
def test_a_key_that_cannot_be_is_refused_and_the_old_keys_stay(jwk: object) -> None:
    state, _ = apply(FleetState(), keys(1, JWK_B))
    after, (nack,) = apply(state, Update(KEYS, Version("e", 2), "n", False, 1, (res("a", jwk),)))
    assert after is state
    assert isinstance(nack, Nack)


# -- documents


def document(kind: str, number: int, *contents: object, **more: object) -> Update:
    resources = tuple(res(kind, content, number) for content in contents)
    return replace(Update(kind, Version("e", number), "n", True, 0, resources), **more)


@pytest.mark.parametrize(("kind", "content"), [(SETTINGS, {"drain": "3s"}), (HOT, {"rows": []})])
def test_a_document_is_taken_replaced_and_taken_away(kind: str, content: object) -> None:
    assert kind in DOCUMENTS
    state, effects = apply(FleetState(), document(kind, 1, content))
    assert effects == (Ack(kind, Version("e", 1), "n"), Changed(kind, Version("e", 1)))
    assert state.documents == {kind: content}
    same, _ = apply(state, document(kind, 1))
    assert same is state
    state, _ = apply(state, document(kind, 2))
    assert state.documents == {}
    assert state.version(kind).number == 2
    assert state.without_document(kind) == FleetState()


@pytest.mark.parametrize(
    ("update", "message"),
    [
        (document(SETTINGS, 2, []), "must be an object"),
        (document(SETTINGS, 2, {"listen": "x"}), "`listen` is no setting that can be pushed"),
        (document(HOT, 2, {"rows": 7}), "rows"),
        (document(SETTINGS, 2, {}, {}), "one resource"),
        (document(SETTINGS, 2, {}, snapshot=False, base=1), "one resource"),
        (document(SETTINGS, 2, removed=("settings",)), "one resource"),
        (document(HOT, 2, {}, type=SETTINGS), "is not the document settings"),
        (document(HOT, 2, {}, resources=(Resource(HOT, 2, b" " * (2 << 20)),)), "larger than 1024 KiB"),
    ],
)
def test_a_document_that_cannot_be_is_refused_and_the_old_one_stays(update: Update, message: str) -> None:
    before, _ = apply(apply(FleetState(), document(SETTINGS, 1, {}))[0], document(HOT, 1, {"rows": []}))
    state, (nack,) = apply(before, update)
    assert state is before
    assert isinstance(nack, Nack)
    assert message in nack.error


# -- any order of deltas, losses and reconnects ends in the same state

NAMES = ["title/a", "title/b", "title/c", "session/s", "default"]
CONTENTS = {"title": [{}, {"allow": ["DE"]}, {"allow": []}], "session": [{}], "default": [{"default": "allow"}]}


@st.composite
def histories(draw) -> list[dict[str, object]]:
    """The resources as of each version, from version 0 (none) on."""
    steps = [{}]
    for _ in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from(NAMES))
        now = dict(steps[-1])
        if name in now and draw(st.booleans()):
            del now[name]
        else:
            now[name] = draw(st.sampled_from(CONTENTS[name.split("/", maxsplit=1)[0]]))
        steps.append(now)
    return steps


def snapshot(history, number: int) -> Update:
    return rules(number, *(res(name, content) for name, content in history[number].items()))


def delta(history, base: int, number: int) -> Update:
    then, now = history[base], history[number]
    return rules(
        number,
        *(res(name, content) for name, content in now.items() if then.get(name) != content),
        base=base,
        removed=[name for name in then if name not in now],
    )


@given(st.data())
def test_any_order_of_deltas_losses_and_repeats_ends_in_the_same_state(data) -> None:
    history = data.draw(histories())
    last = len(history) - 1
    number = st.integers(0, last)
    state = FleetState()
    for _ in range(data.draw(st.integers(0, 12))):
        base, to = sorted((data.draw(number), data.draw(number)))
        update = snapshot(history, to) if data.draw(st.booleans()) or base == to else delta(history, base, to)
        state, effects = apply(state, update)
        held = state.version(RULES)
        if held != NOTHING:
            assert state.rules == apply(FleetState(), snapshot(history, held.number))[0].rules
        if isinstance(effects[0], Nack):
            assert effects[0].resync
    held = state.version(RULES)
    final = snapshot(history, last) if held == NOTHING else delta(history, held.number, last)
    state, _ = apply(state, final)
    assert state.rules == apply(FleetState(), snapshot(history, last))[0].rules
