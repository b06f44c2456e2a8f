"""The per-title ladder: what is sampled, and which rates follow."""

import msgspec
import pytest

from origin.encode.plan import with_rates
from origin.encode.planner import plan_encode
from origin.encode.profile import PROFILES
from origin.encode.rates import Trial, choose_rates, choose_trial, probe_rates, sample_chunks
from origin.ingest.decoders import has_filter
from origin.ingest.probe import probe
from tests.origin.encode.plans import make_plan

TRIALS = [Trial(17.0, 4e6, 96.0), Trial(21.0, 2e6, 94.0), Trial(27.0, 1e6, 86.0)]


def test_samples_are_spread_and_short():
    """Four of two seconds, away from titles and credits; a short film is sampled whole."""
    plan = make_plan(100.0)
    samples = sample_chunks(plan)
    assert [chunk.start_frame for chunk in samples] == [250, 900, 1550, 2200]
    assert {chunk.frames for chunk in samples} == {50}
    assert [chunk.frames for chunk in sample_chunks(make_plan(5.0))] == [125]
    assert [chunk.start_frame for chunk in sample_chunks(make_plan(100.0, seekable=False))] == [0]


@pytest.mark.parametrize(("loss", "crf", "rate"), [(6.0, 24.0, 1.414e6), (2.0, 21.0, 2e6), (20.0, 27.0, 1e6)])
def test_the_cheapest_quality_that_suffices(loss, crf, rate):
    """Between the trials, rates fall geometrically."""
    chosen = choose_trial(TRIALS, loss)
    assert chosen.crf == pytest.approx(crf)
    assert chosen.rate == pytest.approx(rate, rel=0.001)


def rates_of(*qualities, rate=1e5, names=("v240", "v360", "v480", "v720")):
    plan = make_plan(10.0, size=(1280, 720))
    trials = {
        name: [Trial(21.0, rate * (index + 1), quality)]
        for index, (name, quality) in enumerate(zip(names, qualities, strict=True))
    }
    return plan, choose_rates(plan.rungs, trials, "vmaf")


def test_a_rung_that_looks_no_better_is_left_out():
    """A cartoon at 480 lines may look as it does at 360; the highest stays."""
    plan, found = rates_of(60.0, 80.0, 81.0, 92.0)
    assert [one.rung for one in found] == ["v240", "v360", "v720"]
    assert [rung.name for rung in with_rates(plan, found).rungs] == ["v240", "v360", "v720"]
    assert [one.rung for one in rates_of(90.0, 90.5, 91.0, 91.2)[1]] == ["v240", "v720"]


def test_peaks_follow_the_film_and_never_exceed_the_ladder():
    """An easy film gets low peaks, a hard one those of the ladder."""
    plan, easy = rates_of(60.0, 70.0, 80.0, 90.0)
    assert easy[3].peak == 640_000
    _, hard = rates_of(60.0, 70.0, 80.0, 90.0, rate=9e6)
    assert [one.peak for one in hard] == [rung.peak for rung in plan.rungs]


def test_only_asked_for_rates_are_probed(tools, tmp_path):
    """Without the option the ladder's stay, and nothing is encoded."""
    plan = make_plan(10.0)
    assert with_rates(plan, probe_rates(tools, plan, tmp_path / "none", tmp_path)) == plan


def test_an_easy_film_gets_a_fraction_of_the_bits(films, tools, tmp_path):
    """Two seconds of a test picture, encoded and compared; by VMAF where an ffmpeg has it."""
    film = films("published.mp4", seconds=6, size="640x360")
    profile = msgspec.structs.replace(PROFILES["per-title"], preset="ultrafast", rungs=2)
    plan = plan_encode(probe(tools, film), profile)
    with_meter = any(has_filter(one, "libvmaf") for one in (tools.ffmpeg, *tools.others))
    found = probe_rates(tools, plan, film, tmp_path)
    assert [one.rung for one in found] == ["v240", "v360"]
    assert found[0].quality < found[1].quality
    assert found[1].quality > (80.0 if with_meter else 95.0)
    assert all(one.peak <= rung.peak for one, rung in zip(found, plan.rungs, strict=True))
    assert not list(tmp_path.iterdir())
