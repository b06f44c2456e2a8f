"""What may be served now: table tests of the model that the soak believes."""

import pytest

from tests.soak.model import FAILURE_REMEMBERED, SHADOW, WAKE, Answer, Model, Purge
from tests.soak.things import Thing

THING = Thing("t/a", 10, "max-age", 10, keys=("t", "k1"))


def model(**terms):
    """A version answered at 100 and over at once, by default fresh for 10 s."""
    made = Model({"t/a": THING})
    made.answered(Answer(1, "t/a", "", "v0", 200, 10, 100.0, 100.0, 100.0, **{"fresh": 10.0, **terms}))
    return made


def why(made, sent, label="v0"):
    return made.may_serve("t/a", "", label, sent, sent + 0.1)


@pytest.mark.parametrize(
    ("terms", "sent", "allowed"),
    [
        ({}, 109.0, True),
        ({}, 112.0, False),
        ({"swr": 5.0}, 114.0, True),
        ({"swr": 5.0}, 117.0, False),
        ({"swr": 5.0, "must": True}, 114.0, False),
        ({"sie": 50.0}, 130.0, False),
        ({"shared": False}, 101.0, True),
        ({"shared": False}, 100.0 + WAKE + 0.1, False),
        ({"fresh": 0.0}, 101.0, True),
        ({"fresh": 0.0}, 100.0 + WAKE + 0.1, False),
    ],
    ids=str,
)
def test_freshness_and_windows(terms, sent, allowed):
    assert (why(model(**terms), sent) == "") is allowed


def test_a_fill_that_runs_serves_whoever_comes():
    made = model(fresh=0.0)
    made.answers[1].ended = 150.0
    assert not why(made, 151.0)


def test_stale_if_error_needs_an_error():
    made = model(sie=500.0)
    fault = made.fault(129.0, "t/a", "origin: 500")
    fault.ended = 129.5
    assert not why(made, 130.0)
    assert not why(made, 130.0 + SHADOW)
    assert why(made, 130.0 + SHADOW + FAILURE_REMEMBERED)
    assert not made.troubled("t/b", 130.0, 130.1)


def test_a_fault_of_all_troubles_all_while_it_lasts():
    made = model()
    fault = made.fault(50.0, None, "origin down")
    assert made.troubled("t/a", 90.0, 90.1)
    fault.ended = 60.0
    assert not made.troubled("t/a", 90.0, 90.1)


def test_after_the_receipt_of_a_purge_nothing_from_before_it():
    made = model(fresh=1000.0)
    made.purges.append(Purge(105.0, 105.2, names=frozenset(["t/a"])))
    assert not why(made, 105.1)
    assert "before a purge" in why(made, 105.3)
    made.answered(Answer(2, "t/a", "", "v0", 304, 10, 105.1, 105.1, 105.1, fresh=1000.0))
    assert not why(made, 106.0)


def test_a_soft_purge_ends_freshness_and_leaves_the_windows():
    purge = Purge(105.0, 105.2, soft=True, keys=frozenset(["k1"]))
    for terms, sent, allowed in (({}, 107.0, False), ({"swr": 5.0}, 109.0, True), ({"swr": 5.0}, 112.0, False)):
        made = model(**({"fresh": 1000.0} | terms))
        made.purges.append(purge)
        assert (why(made, sent) == "") is allowed


@pytest.mark.parametrize(
    ("purge", "reached"),
    [
        ({"names": frozenset(["t/a"])}, True),
        ({"names": frozenset(["t/b"])}, False),
        ({"prefixes": ("t/",)}, True),
        ({"prefixes": ("u/",)}, False),
        ({"keys": frozenset(["t"])}, True),
        ({"everything": True}, True),
        ({}, False),
    ],
)
def test_what_a_purge_reaches(purge, reached):
    assert Purge(0, 0, **purge).reaches(THING) is reached


def test_a_version_that_was_never_given_or_not_yet():
    made = model()
    assert "never gave" in why(made, 101.0, "v1")
    assert "never gave" in made.may_serve("t/a", "", "v0", 98.0, 99.0)


def test_the_story_is_in_order():
    made = model()
    made.changed("t/a", 101.0)
    made.note("t/a", 100.5, "200 v0")
    assert [line.split("  ")[-1][:9] for line in made.story("t/a")] == ["answer 1:", "200 v0", "version 1"]
