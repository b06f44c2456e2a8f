"""Connections of all processes of a node, in one map."""

from edge.serve.shared_counts import SharedCounts, map_size


def test_each_process_sees_the_others():
    memory = bytearray(map_size(3))
    one, two, three = (SharedCounts(memory, slot, 3) for slot in range(3))
    one.set_connections(4)
    two.set_connections(2)
    one.add(b"\xc0\x00\x02\x01", 3)
    two.add(b"\xc0\x00\x02\x01", 1)
    assert (three.connections_of_others(), one.connections_of_others()) == (6, 2)
    assert (three.of_others(b"\xc0\x00\x02\x01"), one.of_others(b"\xc0\x00\x02\x01")) == (4, 1)
    assert (one.is_busier(), three.is_busier()) == (True, False)


def test_a_new_process_clears_what_the_dead_one_left():
    memory = bytearray(map_size(2))
    one, two = (SharedCounts(memory, slot, 2) for slot in range(2))
    two.set_connections(9)
    two.add(b"\xc0\x00\x02\x01", 9)
    SharedCounts(memory, 1, 2)
    assert (one.connections_of_others(), one.of_others(b"\xc0\x00\x02\x01")) == (0, 0)
