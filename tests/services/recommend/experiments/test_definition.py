"""What an experiment may be, and which slots it gets."""

import pytest

from services.recommend.experiments.definition import SLOTS, Arm, Changes, Experiment, fault_of, find_slots

ARMS = (Arm("control"), Arm("new"))


@pytest.mark.parametrize(
    ("wanted", "taken", "first"),
    [
        (SLOTS, [], 0),
        (3_000, [(0, 5_000)], 5_000),
        (3_000, [(5_000, 5_000), (0, 1_000)], 1_000),
        (3_000, [(2_000, 8_000)], None),
        (1, [(0, SLOTS)], None),
    ],
)
def test_experiments_of_a_layer_never_share_a_slot(wanted, taken, first):
    assert find_slots(wanted, taken) == first


@pytest.mark.parametrize(
    ("name", "experiment", "fault"),
    [
        ("fine", Experiment("x", ARMS), ""),
        ("holdout", Experiment("x", ARMS), "see no experiment"),
        ("twice", Experiment("x", (Arm("a"), Arm("a"))), "one name"),
        ("model", Experiment("x", (Arm("a"), Arm("b", 1, Changes({"magic": 1.0})))), "no model 'magic'"),
        ("nothing", Experiment("x", (Arm("a"), Arm("b", 1, Changes({"ease": 0.0})))), "all 0"),
    ],
)
def test_impossible_definitions_are_told(name, experiment, fault):
    assert (fault in fault_of(name, experiment)) if fault else fault_of(name, experiment) == ""


def test_shares_sum_up_to_one():
    assert Experiment("x", (Arm("a", 3), Arm("b", 1))).shares == [0.75, 0.25]
