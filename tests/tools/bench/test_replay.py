"""The comparison of policies: its trace, its rows, its targets."""

from tools.bench import replay
from tools.bench.replay import Figure, compare, misses_of_targets, table, trace


def told(_):
    """Nobody looks."""


def test_a_trace_is_made_of_its_seed():
    assert trace(500, 1, titles=50) == trace(500, 1, titles=50) != trace(500, 2, titles=50)
    made = trace(2000, 1, titles=50)
    assert len(made) == 2000
    assert len(dict(made)) == len(set(made)), "an object keeps its size"
    assert all(20_000 <= size <= 4 << 20 for _, size in made)


def test_rows_of_both_kinds_of_cache():
    one, two = compare(trace(3000, 1, titles=50), told)
    assert {"ours, s3fifo", "ours, lru"} <= {figure.name for figure in one}
    assert [figure.name for figure in two] == ["ours, s3fifo, second", "ours, s3fifo, always", "ours, lru, always"]
    assert all(0 < figure.byte_miss <= 1 for figure in (*one, *two))
    assert two[0].written < two[1].written
    assert table("t", [*one, *two]).row_count == len(one) + len(two)


class Library:
    """As libCacheSim looks: a cache that holds everything."""

    class Request:
        obj_id = obj_size = 0

    class Cache:
        def __init__(self, cache_size, **more):
            self.known = set()

        def get(self, request):
            known = request.obj_id in self.known
            self.known.add(request.obj_id)
            return known

    LRU = S3FIFO = ARC = Sieve = TwoQ = Cache


def test_peers_stand_beside_ours_when_they_are_installed(monkeypatch):
    monkeypatch.setattr(replay, "peers", lambda: Library)
    requests = trace(1000, 1, titles=20)
    one, _ = compare(requests, told)
    theirs = [figure for figure in one if figure.peer]
    assert len(theirs) == len(replay.PEERS)
    assert {figure.object_miss for figure in theirs} == {len(dict(requests)) / 1000}


def test_what_misses_its_target_is_said():
    lru, near = Figure("ours, lru", 0.6, 0.6), Figure("ours, s3fifo", 0.5, 0.51)
    best = Figure("libCacheSim ARC", 0.5, 0.5, peer=True)
    two = [Figure("second", 0.4, 0.4, 0.04), Figure("always", 0.4, 0.4, 0.4), Figure("lru", 0.45, 0.45, 0.4)]
    assert misses_of_targets([best, near, lru], two) == []
    assert misses_of_targets([near, lru], two) == []
    far = Figure("ours, s3fifo", 0.5, 0.52)
    worse = [Figure("second", 0.4, 0.46, 0.06), *two[1:]]
    assert len(misses_of_targets([best, far, lru], worse)) == 3
