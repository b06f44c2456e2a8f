"""The data of DRM systems in a key server's answer: what is taken over, and what is refused."""

import base64
from xml.etree import ElementTree as ET

import pytest

from kernel.media.content_keys import ContentKey, EncryptionScheme, KeyLabel
from kernel.media.cpix_systems import append_system, cpix, read_signals, read_systems
from kernel.media.drm_signals import DrmSystem, SystemSignals, pssh_box, signal_key

KEY = ContentKey(KeyLabel.SD, "1" * 32, b"k" * 16)
WIDEVINE = DrmSystem.WIDEVINE
LINE = '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://theirs",KEYFORMAT="com.apple.streamingkeydelivery"'


def document(*systems):
    """A document with these (system, signals)."""
    root = ET.Element(cpix("CPIX"))
    listed = ET.SubElement(root, cpix("DRMSystemList"))
    for system, signals in systems:
        append_system(listed, KEY.key_id, system, signals)
    return root


def element(name, data, **more):
    """A DRMSystem of Widevine with one child."""
    system = ET.Element(cpix("DRMSystem"), {"systemId": WIDEVINE})
    ET.SubElement(system, cpix(name), more).text = data if isinstance(data, str) else base64.b64encode(data).decode()
    return system


@pytest.mark.parametrize("system", list(DrmSystem))
def test_all_data_of_a_system_is_read_as_it_was_written(system):
    made = signal_key(KEY, EncryptionScheme.CBCS, b"i" * 16)[system]
    found = read_systems(document((system, made)), {KEY.key_id}, refuse_unknown=True)
    assert read_signals(system, found[KEY.key_id, system]) == made


def test_a_vendors_own_data_is_taken_over():
    """Lines may be several, and base64 may be wrapped."""
    lines = f"{LINE}\n{LINE}\n"
    wrapped = "\n  ".join(base64.b64encode(lines.encode()).decode()[at : at + 20] for at in range(0, 400, 20)).strip()
    assert read_signals(WIDEVINE, element("HLSSignalingData", wrapped, playlist="media")).key_lines == lines.strip()
    box = pssh_box(WIDEVINE, b"provider and content")
    assert read_signals(WIDEVINE, element("PSSH", box)) == SystemSignals(pssh=box)


@pytest.mark.parametrize(
    ("system", "why"),
    [
        (element("PSSH", "!"), "PSSH is not base64"),
        (element("PSSH", pssh_box(DrmSystem.PLAYREADY, b"x")), "not a pssh box of this system"),
        (element("ContentProtectionData", b"<pssh>"), "is not XML"),
        (element("ContentProtectionData", b"<!DOCTYPE a><pssh/>"), "is not XML"),
        (element("ContentProtectionData", b"</ContentProtection><other/>"), "is not XML"),
        (element("ContentProtectionData", b"\xff\xfe"), "is not XML"),
        (element("HLSSignalingData", b"#EXTINF:4,\nhttps://elsewhere/x.ts"), "lines #EXT-X-KEY:"),
        (element("HLSSignalingData", f"{LINE}\r#EXT-X-ENDLIST".encode()), "lines #EXT-X-KEY:"),
        (element("HLSSignalingData", LINE.encode(), playlist="master"), "lines #EXT-X-SESSION-KEY:"),
        (element("HLSSignalingData", "\n".join([LINE] * 9).encode()), "8 at most"),
        (element("HLSSignalingData", b"#EXT-X-KEY:METHOD=NONE"), "needs METHOD, URI and KEYFORMAT"),
        (element("HLSSignalingData", LINE.encode(), playlist="else"), "'else' is not media or master"),
    ],
)
def test_what_would_break_a_playlist_or_manifest_is_refused(system, why):
    """The data goes into published files as it is."""
    with pytest.raises(ValueError, match=why):
        read_signals(WIDEVINE, system)


def test_systems_of_other_keys_and_second_ones_are_refused():
    """A system that nobody here knows is left out of an answer."""
    twice = document((WIDEVINE, SystemSignals()), (WIDEVINE, SystemSignals()))
    with pytest.raises(ValueError, match="a second one"):
        read_systems(twice, {KEY.key_id}, refuse_unknown=False)
    with pytest.raises(ValueError, match="no ContentKey"):
        read_systems(document((WIDEVINE, SystemSignals())), {"2" * 32}, refuse_unknown=False)
    with pytest.raises(ValueError, match="129 DRMSystem elements"):
        read_systems(document(*[(WIDEVINE, SystemSignals())] * 129), {KEY.key_id}, refuse_unknown=False)
    unknown = document((WIDEVINE, SystemSignals()))
    unknown[0][0].set("systemId", "5e629af5-38da-4063-8977-97ffbd9902d4")
    assert read_systems(unknown, {KEY.key_id}, refuse_unknown=False) == {}
