"""HDR to SDR: the points that standards name, and order."""

import pytest

from origin.encode.profile import ToneMap
from origin.encode.source import Dynamic
from origin.encode.tone_map import WHITE, cube, map_pixel, pq_code, pq_light, tone_curve

MAPS = list(ToneMap)


def test_pq_is_that_of_the_standard():
    """ST 2084: full code is 10,000 cd/m², and BT.2408 puts reference white at 58 %."""
    assert pq_light(1.0) == pytest.approx(10_000)
    assert pq_code(203.0) == pytest.approx(0.5807, abs=0.0005)
    assert pq_light(pq_code(5.0)) == pytest.approx(5.0)


@pytest.mark.parametrize("tone_map", MAPS)
def test_curves_rise_from_black_to_white(tone_map):
    """Brighter stays brighter, and nothing is beyond white."""
    shares = [tone_curve(light, tone_map, 1000.0) for light in (0.01, 1, 10, 50, 100, 203, 400, 1000, 4000)]
    assert shares == sorted(shares)
    assert shares[0] < 0.01
    assert shares[-1] == pytest.approx(1.0, abs=0.001)


def test_bt2390_keeps_mid_tones_and_detail_in_highlights():
    """Below the knee nothing changes; above it 400 and 1000 cd/m² still differ."""
    assert tone_curve(20.0, ToneMap.BT2390, 1000.0) == pytest.approx(20 / WHITE, rel=0.01)
    assert tone_curve(400.0, ToneMap.BT2390, 1000.0) < 0.97
    assert tone_curve(400.0, ToneMap.CLIP, 1000.0) == 1.0


@pytest.mark.parametrize("tone_map", MAPS)
def test_grey_stays_grey(tone_map):
    """And black black, whichever transfer."""
    for dynamic, code in ((Dynamic.HDR10, 0.5), (Dynamic.HLG, 0.6)):
        red, green, blue = map_pixel((code, code, code), tone_map, dynamic, 1000.0)
        assert red == pytest.approx(green, abs=0.005)
        assert green == pytest.approx(blue, abs=0.005)
        assert 0.2 < red < 0.95
        assert map_pixel((0.0, 0.0, 0.0), tone_map, dynamic, 1000.0) == (0.0, 0.0, 0.0)


def test_hlg_and_pq_of_the_same_light_look_the_same():
    """HLG's reference white is code 0.75."""
    hlg = map_pixel((0.75, 0.75, 0.75), ToneMap.BT2390, Dynamic.HLG, 1000.0)
    pq = map_pixel((pq_code(203.0),) * 3, ToneMap.BT2390, Dynamic.HDR10, 1000.0)
    assert hlg == pytest.approx(pq, abs=0.01)


def test_colours_that_bt709_lacks_are_in_range():
    """The purest green of BT.2020."""
    assert all(0.0 <= part <= 1.0 for part in map_pixel((0.0, 0.58, 0.0), ToneMap.BT2390, Dynamic.HDR10, 1000.0))


def test_the_table_has_the_cube_format():
    """Red varies fastest."""
    lines = cube(ToneMap.CLIP, Dynamic.HDR10, 1000.0).splitlines()
    assert lines[0] == "LUT_3D_SIZE 33"
    assert len(lines) == 1 + 33**3
    assert lines[1] == "0.00000 0.00000 0.00000"
    assert float(lines[20].split()[0]) > float(lines[20].split()[2])
