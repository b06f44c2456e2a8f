"""The virtual player besides hls.js in Chromium, over one line: `python -m loadtest.compare_hlsjs` runs it in full."""

import pytest

from loadtest.compare_hlsjs.__main__ import HLS_JS
from loadtest.compare_hlsjs.film import make_film, page_in
from loadtest.compare_hlsjs.runs import LINES, compare


@pytest.mark.needs("chromium", "ffmpeg")
async def test_both_choose_the_same_rungs(tmp_path, program):
    """15 Mbit/s: the lowest rung first, then up in two steps. Times are compared in the full run."""
    make_film(program("ffmpeg"), tmp_path, 16)
    with page_in(tmp_path, HLS_JS):
        ((own, theirs, _),) = await compare(tmp_path, LINES["cable"], 14.0, 1, program("chromium"))
    assert own.bitrate_bps == pytest.approx(theirs.bitrate_bps, rel=0.3)
    assert abs(own.switches - theirs.switches) <= 1
    assert own.rebuffer_ratio < 0.05
