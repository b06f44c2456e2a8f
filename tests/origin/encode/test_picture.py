"""The filters of the picture."""

import pytest

from origin.encode.picture import needs_tone_map, peak_of, rung_colour, rung_filters, source_filters, tone_map_filters
from origin.encode.source import Colour, Crop, Dynamic, Fields
from tests.origin.encode.plans import make_plan, make_source

PQ = Colour("bt2020", "smpte2084", "bt2020nc", mastering="G(1,2)B(3,4)R(5,6)WP(7,8)L(40000000,50)")


def test_interlaced_pictures_are_deinterlaced_by_their_field_order():
    """They came out combed."""
    assert source_filters(make_plan()) == []
    assert "parity=bff" in source_filters(make_plan(fields=Fields.BOTTOM_FIRST))[0]


def test_a_crop_is_applied_where_ffmpeg_did_not():
    """The picture was cropped and then stretched to its old shape."""
    crop = source_filters(make_plan(crop=Crop(10, 30, 0, 40)))[0]
    assert crop.startswith("crop=w=min(iw\\,600):h=min(ih\\,320):x=if(gt(iw\\,600)\\,10\\,0)")


@pytest.mark.parametrize(
    ("colour", "size", "pixels", "tags"),
    [
        (Colour(), (1920, 1080), "yuv420p", ("bt709", "bt709", "bt709")),
        (Colour(), (640, 480), "yuv420p", ("smpte170m", "smpte170m", "smpte170m")),
        (Colour(), (720, 576), "yuv420p", ("bt470bg", "smpte170m", "bt470bg")),
        (Colour("bt709", "bt709", "bt709"), (640, 480), "yuv420p", ("bt709", "bt709", "bt709")),
        (Colour("", "", "gbr"), (640, 480), "gbrp", ("bt709", "bt709", "bt709")),
        (Colour(), (640, 480), "rgb24", ("bt709", "bt709", "bt709")),
        (Colour("bt2020", "bt709", "bt2020nc"), (1920, 1080), "yuv420p10le", ("bt2020", "bt709", "bt2020nc")),
        (PQ, (1920, 1080), "yuv420p10le", ("bt709", "bt709", "bt709")),
    ],
)
def test_every_rung_is_tagged(colour, size, pixels, tags):
    """As the source says, else as players would guess for the source's size and not for the rung's."""
    video = make_source(size=size, colour=colour, pixel_format=pixels).video
    found = rung_colour(video, Dynamic.SDR)
    assert (found.primaries, found.transfer, found.matrix) == tags


def test_hdr_is_mapped_once_and_its_rungs_are_not():
    """SDR rungs at the size of the largest; HDR rungs keep their tags and ten bits."""
    plan = make_plan(profile="hdr", colour=PQ)
    sdr, hdr = plan.groups()
    assert needs_tone_map(plan, sdr)
    assert not needs_tone_map(plan, hdr)
    assert tone_map_filters(plan, sdr)[0].startswith("scale=640:360:")
    assert "format=yuv420p10le" in rung_filters(plan, hdr[0])
    assert "color_trc=smpte2084" in rung_filters(plan, hdr[0])[-1]
    assert peak_of(PQ) == 4000.0
    assert peak_of(Colour(transfer="smpte2084")) == 1000.0
