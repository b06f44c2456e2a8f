"""What is worth a write."""

import pytest

from cache.eviction.admission import ADMISSIONS, MEMORY_SHARE, Always, OnSecondFetch


@pytest.mark.parametrize(("name", "kind"), [("always", Always), ("second", OnSecondFetch)])
def test_names(name, kind):
    assert isinstance(ADMISSIONS[name](100), kind)


def test_always_is_always():
    assert all(Always().admits(b"/k", 1) for _ in range(3))


def test_the_second_fetch_is_written_and_the_third_is_a_first_one():
    second = OnSecondFetch(1000)
    assert [second.admits(b"/k", 10) for _ in range(4)] == [False, True, False, True]


def test_a_first_fetch_is_forgotten_after_a_share_of_the_disks_bytes():
    second, rounds = OnSecondFetch(1000), int(1000 * MEMORY_SHARE) // 10
    for number in range(rounds + 1):
        assert not second.admits(b"/%d" % number, 10)
    assert second.admits(b"/1", 10)
    assert not second.admits(b"/0", 10)


def test_an_object_larger_than_the_memory_is_never_known():
    second = OnSecondFetch(1000)
    assert not second.admits(b"/large", 2000)
    assert not second.admits(b"/large", 2000)
