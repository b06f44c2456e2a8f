"""The place of a process in its node."""

from edge.node.processes.place import NodePlace, place_of


def test_a_child_learns_its_place_from_its_environment():
    place = NodePlace(1, 4, "/f", (7, 9), 11, "/b", 9081, (2, 3))
    assert place_of(place.environment()) == place
    assert not place.owns_cache
    assert place_of({}) is None
