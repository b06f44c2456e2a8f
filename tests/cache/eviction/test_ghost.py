"""The ghost: marks of what left lately, in few bytes."""

import random
import sys

from cache.eviction.ghost import Ghost


def test_a_mark_is_taken_once():
    ghost = Ghost(100)
    assert not ghost.pop(7)
    ghost.remember(7, 10)
    assert ghost.pop(7)
    assert not ghost.pop(7)


def test_a_mark_lives_until_its_budget_was_remembered_after_it():
    ghost = Ghost(1000)
    for mark in range(101):
        ghost.remember(mark, 10)
    assert [mark for mark in range(101) if ghost.pop(mark)] == list(range(1, 101))


def test_a_mark_remembered_again_is_young():
    ghost = Ghost(100)
    ghost.remember(1, 60)
    ghost.remember(1, 60)
    ghost.remember(2, 30)
    assert ghost.pop(1)
    assert not ghost.pop(1)


def test_what_is_larger_than_the_budget_is_never_known():
    ghost = Ghost(100)
    ghost.remember(1, 101)
    assert not ghost.pop(1)


def test_a_budget_of_nothing_remembers_nothing():
    ghost = Ghost(0)
    ghost.remember(1, 0)
    assert not ghost.pop(1)


def test_many_marks_are_known_in_few_bytes_each():
    """Nearly all that should be, none that should not, and the table grows with them."""
    chance, count = random.Random(3), 50_000
    marks = [chance.getrandbits(64) for _ in range(2 * count)]
    ghost = Ghost(count * 1000)
    for mark in marks:
        ghost.remember(mark, 1000)
    assert sys.getsizeof(ghost) <= 24 * count
    assert sum(ghost.pop(mark) for mark in marks[count:]) > 0.98 * count
    assert sum(ghost.pop(mark) for mark in marks[:count]) < 0.001 * count


def test_its_clock_turns_round():
    ghost = Ghost(1000)
    for mark in range(3000):
        ghost.remember(mark, 100)
        assert ghost.pop(mark)
        ghost.remember(mark, 100)
    assert [mark for mark in range(2980, 3000) if ghost.pop(mark)] == list(range(2995, 3000))
