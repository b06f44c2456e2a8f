"""The MPD as it is finished."""

import pytest

from kernel.errors import Bug
from kernel.media.mpd_document import dash, write_mpd
from kernel.media.xml_reader import read_xml
from origin.encode.plan import Thumbnails
from origin.package.images import ImageTrack
from origin.package.manifest import finish_manifest, read_tracks
from origin.package.packaged_track import PackagedTrack
from tests.origin.encoded_film import make_plan

PLAN = make_plan()


def shown(folder, timescale=1000, durations="4000 4240"):
    rows = "".join(f'<S d="{ticks}"/>' for ticks in durations.split())
    return (
        f'<Representation id="{folder}" bandwidth="1" codecs="x"><SegmentTemplate timescale="{timescale}" '
        f'initialization="{folder}/init.mp4" media="{folder}/$Number%05d$.m4s"><SegmentTimeline>{rows}'
        "</SegmentTimeline></SegmentTemplate></Representation>"
    )


# As the packager writes it: two languages' tracks of one codec in a set, roles before labels.
MPD = (
    '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT8.26S"><Period>'
    f'<AdaptationSet id="2" contentType="video" frameRate="25000/1000">{shown("v240")}{shown("v360")}</AdaptationSet>'
    f'<AdaptationSet id="0" contentType="audio" lang="en">{shown("a_eng", 48000, "192512 191488 11520")}'
    "</AdaptationSet>"
    '<AdaptationSet id="1" contentType="audio" lang="fr"><Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>'
    f"<Label>f</Label>{shown('a_fra', 48000)}{shown('a_fra_51', 48000)}</AdaptationSet>"
    f'<AdaptationSet id="4" contentType="text" lang="en">{shown("t_eng")}</AdaptationSet></Period></MPD>'
).encode()
PACKAGED = {
    name: PackagedTrack(name, "x", 1000, (4000, 4240), (1, 1)) for name in ("v240", "v360", "a_fra", "a_fra_51")
} | {"a_eng": PackagedTrack("a_eng", "x", 48000, (192512, 203008), (1, 1))}


def finished():
    root = read_xml(MPD)
    images = ImageTrack("thumbs", Thumbnails("v240", "v360", 4.0, 3, 160, 90), 8.24, (100,))
    finish_manifest(root, PLAN, PACKAGED, {"s_eng": "t_eng"}, images)
    return read_xml(write_mpd(root))


def groups(root):
    """(first folder or kind, the set) of each AdaptationSet."""
    for group in root.iter(dash("AdaptationSet")):
        template = next(group.iter(dash("SegmentTemplate")))
        yield (template.get("initialization") or template.get("media")).split("/")[0], group


def roles(group):
    return [role.get("value") for role in group.findall(dash("Role"))]


def test_each_sound_track_is_a_set_of_its_own():
    """Players switch within a set: from 5.1 to stereo, they must not."""
    found = dict(groups(finished()))
    assert list(found) == ["v240", "a_eng", "a_fra", "a_fra_51", "t_eng", "thumbs"]
    ids = [group.get("id") for group in found.values()]
    assert len(set(ids)) == len(ids)
    assert len(found["v240"].findall(dash("Representation"))) == 2


def test_roles_labels_and_accessibility():
    found = dict(groups(finished()))
    assert roles(found["v240"]) == roles(found["a_eng"]) == ["main"]
    assert roles(found["a_fra"]) == roles(found["a_fra_51"]) == ["commentary"]
    assert roles(found["t_eng"]) == ["caption"]
    assert found["a_fra_51"].findtext(dash("Label")) == "Le film, commenté"
    assert found["t_eng"].find(dash("Accessibility")).get("value") == "2"
    assert found["v240"].get("frameRate") == "25"


def test_children_are_in_the_schema_s_order():
    for name, group in groups(finished()):
        tags = [child.tag.rpartition("}")[2] for child in group]
        order = ["EssentialProperty", "Label", "Accessibility", "Role", "SegmentTemplate", "Representation"]
        assert tags == sorted(tags, key=order.index), name


def test_the_timeline_is_that_of_the_files():
    """Where the last two segments have become one, and the film ends with its picture."""
    root = finished()
    assert root.get("mediaPresentationDuration") == "PT8.24S"
    assert read_tracks(root)["a_eng"] == ("x", 48000, (192512, 203008))
    assert read_tracks(root)["v360"] == ("x", 1000, (4000, 4240))


@pytest.mark.parametrize(
    "change", [(b"Period", b"Other"), (b"SegmentTimeline", b"Other"), (b"SegmentTemplate", b"Other")]
)
def test_a_manifest_of_another_form_is_a_bug(change):
    root = read_xml(MPD.replace(*change))
    with pytest.raises(Bug, match="packager's manifest has"):
        finish_manifest(root, PLAN, PACKAGED, {"s_eng": "t_eng"}, None)
