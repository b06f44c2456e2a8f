"""What is repaired, and from where."""

import itertools

import pytest

from origin.upkeep.repairs import Copy, Health, plan_repair

HOT, COLD, REPLICA = Copy.HOT, Copy.COLD, Copy.REPLICA
GOOD, MISSING, DAMAGED, UNKNOWN = Health.GOOD, Health.MISSING, Health.DAMAGED, Health.UNKNOWN


@pytest.mark.parametrize(
    ("found", "source", "targets"),
    [
        ({HOT: GOOD}, HOT, ()),
        ({HOT: GOOD, REPLICA: GOOD}, HOT, ()),
        ({HOT: GOOD, REPLICA: MISSING}, HOT, (REPLICA,)),
        ({HOT: DAMAGED, REPLICA: GOOD}, REPLICA, (HOT,)),
        ({HOT: MISSING, REPLICA: GOOD}, REPLICA, (HOT,)),
        ({HOT: MISSING, COLD: GOOD}, COLD, ()),
        ({HOT: MISSING, COLD: GOOD, REPLICA: MISSING}, COLD, (REPLICA,)),
        ({HOT: MISSING, COLD: DAMAGED, REPLICA: GOOD}, REPLICA, (COLD, HOT)),
        ({HOT: MISSING, COLD: MISSING, REPLICA: GOOD}, REPLICA, (HOT,)),
        ({HOT: MISSING, COLD: UNKNOWN, REPLICA: GOOD}, REPLICA, ()),
        ({HOT: GOOD, COLD: DAMAGED}, HOT, (COLD,)),
        ({HOT: GOOD, REPLICA: UNKNOWN}, HOT, ()),
        ({HOT: DAMAGED, REPLICA: UNKNOWN}, None, ()),
    ],
)
def test_a_repair(found, source, targets):
    repair = plan_repair(found)
    assert (repair.source, repair.targets, repair.is_lost) == (source, targets, False)


@pytest.mark.parametrize("found", [{HOT: MISSING}, {HOT: DAMAGED, REPLICA: MISSING}, {HOT: MISSING, COLD: DAMAGED}])
def test_what_is_lost_is_not_touched(found):
    assert plan_repair(found) == plan_repair(dict(reversed(found.items())))
    assert (plan_repair(found).targets, plan_repair(found).is_lost) == ((), True)


def test_a_good_copy_is_never_written_and_a_bad_one_never_read():
    for hot, cold, replica in itertools.product(Health, repeat=3):
        found = {HOT: hot, COLD: cold, REPLICA: replica}
        repair = plan_repair(found)
        assert all(found[target] in (MISSING, DAMAGED) for target in repair.targets)
        assert repair.source is None or found[repair.source] is GOOD
