"""One copy of what many have alike."""

from cache import interning as module
from cache.interning import intern


def test_equal_values_are_one_object():
    one, two = ((b"a%d" % number, b"b") for number in (1, 1))
    assert one is not two
    assert intern(one) is intern(two)


def test_their_number_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_INTERNED", 10)
    first, again = ((number, "first") for number in (1, 1))
    assert intern(first) is intern(again) is first
    for number in range(10):
        assert intern((number,)) == (number,)
    assert intern(again) is again, "the first is forgotten"
