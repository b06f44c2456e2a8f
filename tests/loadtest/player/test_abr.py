import pytest

from loadtest.player.abr import Bola, FixedRung, HlsJsRule, Situation, Transfer, rule_named
from loadtest.player.bandwidth import BandwidthEstimator
from loadtest.player.presentation import Rung

LADDER = [Rung(bps, bps, ()) for bps in (800_000, 1_600_000, 3_000_000, 6_000_000)]


def situation(*, last=1, buffer_s=20.0, allowed=3, **more):
    return Situation(LADDER, allowed, last, 0, buffer_s, 4.0, has_playlist=[True] * 4, **more)


def estimate(bps, ttfb_s=0.02):
    made = BandwidthEstimator(500e3)
    for _ in range(20):
        made.sample(4.0, int(bps / 2))
        made.sample_ttfb(ttfb_s)
    return made


@pytest.mark.parametrize(
    ("last", "bps", "chosen"),
    [
        (1, 4.2e6, 1),  # 70 % of it is less than 3 Mbit/s
        (1, 4.4e6, 2),
        (2, 3.2e6, 2),  # to stay, 95 % is enough
        (2, 3.1e6, 1),
        (3, 0.5e6, 0),
        (0, 50e6, 3),
    ],
)
def test_hls_js_goes_up_at_70_and_stays_at_95_percent(last, bps, chosen):
    assert HlsJsRule().choose(situation(last=last), estimate(bps)) == chosen


def test_hls_js_takes_no_segment_that_arrives_after_the_buffer_is_empty():
    rule, rate = HlsJsRule(), estimate(6.5e6)
    assert rule.choose(situation(last=3, buffer_s=20.0), rate) == 3
    assert rule.choose(situation(last=3, buffer_s=2.0), rate) < 3


def test_the_first_choice_is_by_the_default_estimate_and_four_seconds():
    fresh = BandwidthEstimator(3e6)
    assert HlsJsRule().choose(situation(last=None, buffer_s=0.0)._replace(segment_s=1.0), fresh) == 2
    nothing_fits = BandwidthEstimator(100e3)
    assert HlsJsRule().choose(situation(last=None, buffer_s=0.0), nothing_fits) == 0


@pytest.mark.parametrize("rule", [HlsJsRule(), Bola(30.0), FixedRung(9e9)])
def test_no_rule_exceeds_what_the_device_plays(rule):
    assert rule.choose(situation(allowed=1), estimate(50e6)) <= 1


def test_a_rung_that_failed_is_avoided_when_switching():
    sound = [True, True, True, False]
    assert HlsJsRule().choose(situation(is_sound=sound), estimate(50e6)) == 2


@pytest.mark.parametrize(
    ("elapsed_s", "loaded", "buffer_s", "rescued"),
    [
        (1.0, 10_000, 1.0, False),  # less than half of its duration has passed
        (3.0, 100_000, 30.0, True),  # 100 kB in 3 s: it would take 90 s
        (3.0, 10_000, 30.0, False),  # so slow that no rung would come sooner than ten durations
        (3.0, 2_500_000, 30.0, False),  # nearly there
        (3.0, 0, 30.0, False),  # no byte yet, and by the estimate it arrives in time
        (3.0, 1_000_000, 5.0, True),
    ],
)
def test_a_segment_that_comes_too_late_is_given_up(elapsed_s, loaded, buffer_s, rescued):
    transfer = Transfer(3, elapsed_s, 0.02 if loaded else None, loaded, 3_000_000)
    found = HlsJsRule().rescue(situation(last=3, buffer_s=buffer_s), estimate(6e6), transfer)
    assert (found is not None) == rescued


@pytest.mark.parametrize(
    ("buffer_s", "loaded", "chosen", "bps"),
    [
        # At 1.01 Mbit/s the rest takes 14.9 s. The next lower segment that is in time takes 3.2 s, less than half of
        # it: hls.js gives up at once, starts over at the lowest rung, and takes that rung's rate for its estimate.
        (6.0, 500_000, 0, 800_000),
        # At 3.8 Mbit/s the rest takes 2.3 s, a segment of 3 Mbit/s more, one of 1.6 Mbit/s 1.7 s: that one is next,
        # and what was seen of the transfer is counted.
        (2.0, 1_900_000, 1, None),
    ],
)
def test_what_follows_a_segment_that_was_given_up(buffer_s, loaded, chosen, bps):
    rate = estimate(4e6)
    before = rate.bps
    transfer = Transfer(3, 4.0, 0.02, loaded, 3_000_000)
    assert HlsJsRule().rescue(situation(last=3, buffer_s=buffer_s), rate, transfer) == chosen
    assert rate.bps == bps if bps else rate.bps < before


def test_the_lowest_rung_is_never_given_up():
    assert HlsJsRule().rescue(situation(), estimate(1e6), Transfer(0, 9.0, 0.1, 10, 400_000)) is None


def test_bola_climbs_with_the_buffer():
    rule, rate = Bola(30.0), estimate(50e6)
    chosen = [rule.choose(situation(last=3, buffer_s=level), rate) for level in (10.5, 14.0, 18.0, 24.0, 30.0)]
    assert chosen == sorted(chosen)
    assert chosen[0] < chosen[-1] == 3


def test_bola_does_not_climb_past_the_throughput():
    assert Bola(30.0).choose(situation(last=1, buffer_s=29.0), estimate(2e6)) == 1


@pytest.mark.parametrize(("bps", "rung"), [(1, 0), (800_000, 0), (3.1e6, 2), (9e9, 3)])
def test_a_fixed_rung_is_the_highest_that_fits(bps, rung):
    assert FixedRung(bps).choose(situation(), estimate(1)) == rung


def test_rules_have_names():
    assert isinstance(rule_named("hls.js", 30), HlsJsRule)
    assert isinstance(rule_named("bola", 30), Bola)
    assert isinstance(rule_named("fixed:3e6", 30), FixedRung)
    for wrong in ("", "best", "fixed", "fixed:much"):
        with pytest.raises(ValueError, match=r"fixed:BPS"):
            rule_named(wrong, 30)
