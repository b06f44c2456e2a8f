"""The bytes that are checked by: a function of name, alternate, version and offset."""

from tests.soak.things import PIECE, TAPE_LENGTH, Thing, body_bytes, make_things, whose


def test_any_part_is_what_it_is_within_the_whole():
    whole = body_bytes("a", "de", "v1", 0, 5000)
    assert body_bytes("a", "de", "v1", 1234, 100) == whole[1234:1334]
    assert len(body_bytes("a", "", "v0", TAPE_LENGTH - 3, PIECE)) == PIECE


def test_names_tongues_versions_and_slices_differ():
    parts = {body_bytes(n, t, v, at, 64) for n in "ab" for t in ("", "de") for v in ("v0", "v1") for at in (0, 1 << 20)}
    assert len(parts) == 16


def test_strange_bytes_are_named():
    known = [("a", "", "v0"), ("a", "", "v1")]
    assert "v0 at this offset" in whose(body_bytes("a", "", "v0", 70, 64), 70, known)
    assert "65536 further on" in whose(body_bytes("a", "", "v1", 65536, 64), 0, known)
    assert "no bytes of the origin's" in whose(b"POISON POISON POISON", 0, known)


def test_the_same_seed_makes_the_same_things_of_every_kind():
    names = [f"t{n % 3}/k{n}" for n in range(400)]
    things = make_things("7", names, general=True)
    assert things == make_things("7", names, general=True)
    assert {thing.framing for thing in things} == {"length", "chunked", "close"}
    assert {thing.unshared for thing in things} == {"", "private", "no-store", "authorization"}
    assert {thing.says for thing in things} >= {"max-age", "s-maxage", "expires", "cdn", "no-cache", "none"}


def test_for_how_long():
    assert Thing("a", 1, "max-age", 60, age=3).fresh_for(0, general=True) == 57
    assert Thing("a", 1, "max-age", 60, unshared="private").fresh_for(0, general=True) == 0
    assert Thing("a", 1, "none", 60, statuses=(404,)).fresh_for(0, general=False) == 3
