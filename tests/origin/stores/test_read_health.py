"""When a copy that failed is asked again."""

from origin.stores.read_health import FIRST_PAUSE, LONGEST_PAUSE, ReadHealth


def test_pauses_double_one_reader_asks_after_each_and_a_success_ends_them():
    health = ReadHealth()
    assert health.is_usable(0.0)
    health.note_failure(0.0)
    assert not health.is_usable(FIRST_PAUSE - 0.1)
    assert health.is_usable(FIRST_PAUSE)
    assert not health.is_usable(FIRST_PAUSE), "the others wait for what the first one finds"
    health.note_failure(FIRST_PAUSE)
    assert not health.is_usable(2.9 * FIRST_PAUSE)
    now = 1000.0
    for _ in range(20):
        health.note_failure(now)
    assert not health.is_usable(now + LONGEST_PAUSE - 1)
    assert health.is_usable(now + LONGEST_PAUSE)
    health.note_success()
    assert health.is_usable(now)
    assert health.is_usable(now)
