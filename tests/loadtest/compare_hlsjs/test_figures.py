import pytest

from loadtest.compare_hlsjs.figures import Seen, differences, mean, of_page, of_record, table
from loadtest.session import SessionRecord, Stall, Viewer

LIKE = Seen(1.0, 0.01, 3e6, 4)
PAGE = {
    "startupMs": 800,
    "stalledMs": 1000,
    "played": 49.0,
    "switches": 2,
    "rungs": {"1000000": 10.0, "3000000": 30.0},
    "errors": [],
}


@pytest.mark.parametrize(
    ("own", "missed"),
    [
        (Seen(1.25, 0.025, 3.1e6, 5), ""),
        (Seen(1.0, 0.01, 3.2e6, 4), "bitrate"),
        (Seen(1.0, 0.01, 3e6, 6), "switches"),
        (Seen(1.0, 0.04, 3e6, 4), "rebuffer ratio"),
        (Seen(1.4, 0.01, 3e6, 4), "start-up"),
    ],
)
def test_each_bound_is_named(own, missed):
    found = differences(own, LIKE)
    assert [one.startswith(missed) for one in found] == ([True] if missed else [])


def test_many_switches_may_differ_by_a_fifth():
    assert not differences(Seen(1, 0, 1, 24), Seen(1, 0, 1, 20))
    assert differences(Seen(1, 0, 1, 25), Seen(1, 0, 1, 20))


def test_both_players_are_measured_alike():
    record = SessionRecord(Viewer(1, "t"), startup_s=0.8, played_s=49.0, switches=2)
    record.rungs_s = {1_000_000: 10.0, 3_000_000: 30.0}
    record.add_stall(Stall(5.0, 1.0))
    assert of_record(record) == of_page(PAGE) == Seen(0.8, 0.02, 2_500_000, 2)


def test_who_did_not_start_is_not_compared():
    with pytest.raises(ValueError, match="did not start"):
        of_record(SessionRecord(Viewer(1, "t")))
    with pytest.raises(ValueError, match="did not play"):
        of_page(PAGE | {"startupMs": None})
    with pytest.raises(ValueError, match="no run"):
        mean([])


def test_the_table_shows_means():
    both = mean([LIKE, Seen(2.0, 0.03, 5e6, 6)])
    assert "| cable | virtual | 4.00 | 5.0 | 0.020 | 1500 |" in table({"cable": (both, LIKE)})
