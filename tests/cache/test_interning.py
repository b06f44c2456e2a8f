"""One copy of what many have alike."""

from cache import interning as module
from cache.interning import shared


def test_equal_values_are_one_object():
    one, two = ((b"a%d" % number, b"b") for number in (1, 1))
    assert one is not two
    assert shared(one) is shared(two)


def test_their_number_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MOST_SHARED", 10)
    for number in range(100):
        assert shared((number,)) == (number,)
    assert len(module._known) <= 10
