"""One copy of what many have alike."""

from cache import interning as module
from cache.interning import intern


def test_equal_values_are_one_object():
    one, two = ((b"a%d" % number, b"b") for number in (1, 1))
    assert one is not two
    assert intern(one) is intern(two)


def test_their_number_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_INTERNED", 10)
    for number in range(100):
        assert intern((number,)) == (number,)
    assert len(module._known) <= 10
