"""Which arm a profile is in."""

from collections import Counter

import pytest

from services.recommend.experiments.assignment import assign, in_holdout, merge_changes, unit_hash
from services.recommend.experiments.definition import Arm, Changes, Experiment, State, StoredExperiment

PROFILES = [f"p-{number}" for number in range(4_000)]


def stored(name, *, salt=None, layer="lists", share=1.0, first=0, arms=None, **more):
    arms = arms or (Arm("control"), Arm("new", 1, Changes(page=f"{name}-page")))
    experiment = Experiment(name, arms, layer, share, **more)
    return StoredExperiment(name, experiment, State.RUNNING, salt or f"salt of {name}", first)


def arms_of(running, holdout=0.0, country="DE", surface="home"):
    return {
        profile: {one.experiment_id: one.arm for one in assign(profile, running, holdout, country, surface)}
        for profile in PROFILES
    }


def test_arms_are_stable_and_of_their_shares():
    running = [stored("a", arms=(Arm("control", 3), Arm("new", 1)))]
    found = arms_of(running)
    assert found == arms_of(running)
    counts = Counter(arms["a"] for arms in found.values())
    assert counts["new"] == pytest.approx(1_000, rel=0.12)
    [one] = assign("p-1", running, 0.0, None, "")
    assert one.propensity in (0.75, 0.25)


def test_the_hash_is_the_same_for_ever():
    # Were it another after an upgrade, every viewer of a running experiment would change sides.
    assert unit_hash("arm", "salt", "p-1") == pytest.approx(HASH, abs=1e-15)


HASH = 0.2255002248581638


def test_experiments_are_independent_of_each_other():
    found = arms_of([stored("a"), stored("b", layer="pages")])
    pairs = Counter((arms["a"], arms["b"]) for arms in found.values())
    assert len(pairs) == 4
    assert all(count == pytest.approx(1_000, rel=0.15) for count in pairs.values())
    again = arms_of([stored("a", salt="of its second run")])
    moved = sum(found[profile]["a"] != again[profile]["a"] for profile in PROFILES)
    assert moved == pytest.approx(2_000, rel=0.1)


def test_one_layer_gives_a_profile_one_experiment():
    found = arms_of([stored("a", share=0.3), stored("b", share=0.5, first=3_000)])
    assert all(len(arms) <= 1 for arms in found.values())
    counts = Counter(name for arms in found.values() for name in arms)
    assert counts["a"] == pytest.approx(1_200, rel=0.12)
    assert counts["b"] == pytest.approx(2_000, rel=0.12)


def test_the_holdout_sees_nothing_and_grows_without_a_change_of_sides():
    found = arms_of([stored("a")], holdout=0.1)
    held = {profile for profile, arms in found.items() if arms == {"holdout": "holdout"}}
    assert len(held) == pytest.approx(400, rel=0.2)
    assert all(arms["holdout"] == "exposed" and "a" in arms for profile, arms in found.items() if profile not in held)
    assert all(in_holdout(profile, 0.2) for profile in held)
    assert not any(arms_of([], holdout=0.1).values())


def test_only_the_named_countries_and_surfaces_take_part():
    running = [stored("a", countries=("FR",)), stored("b", layer="pages", surfaces=("home",))]
    assert {name for arms in arms_of(running).values() for name in arms} == {"b"}
    assert {name for arms in arms_of(running, country="FR", surface="tv").values() for name in arms} == {"a"}


def test_changes_of_layers_come_together():
    one = stored("a", arms=(Arm("x", 1, Changes(diversity=0.5)), Arm("y", 1, Changes(diversity=0.5))))
    other = stored("b", layer="l", arms=(Arm("x", 1, Changes(page="p", diversity=0.9)),) * 2)
    merged = merge_changes(assign("p-1", [other, one], 0.0, None, ""))
    assert (merged.diversity, merged.page, merged.weights) == (0.5, "p", None)
