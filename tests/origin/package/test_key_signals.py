"""Keys as manifests and init segments name them."""

import base64

import pytest
from defusedxml import ElementTree

from kernel.errors import Bug
from kernel.media.content_keys import ContentKey, EncryptionScheme, KeyLabel
from kernel.media.drm_signals import DrmSystem
from kernel.media.mpd_document import write_mpd
from kernel.media.xml_reader import read_xml
from origin.package.encryption import Encryption
from origin.package.key_signals import manifest_key_ids, signal_init, signal_manifest
from origin.verify.boxes import bodies

SD = ContentKey(KeyLabel.SD, "1" * 32, b"\xa1" * 16)
HD = ContentKey(KeyLabel.HD, "2" * 32, b"\xb2" * 16)
ENCRYPTION = Encryption(EncryptionScheme.CBCS, {KeyLabel.SD: SD, KeyLabel.HD: HD})
SIGNALS = ENCRYPTION.signals(KeyLabel.SD)


def group(key, folder):
    kid = "-".join(key.key_id[start:end] for start, end in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))
    return f"""<AdaptationSet>
      <ContentProtection value="cbcs" schemeIdUri="urn:mpeg:dash:mp4protection:2011" cenc:default_KID="{kid}"/>
      <ContentProtection schemeIdUri="urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"><cenc:pssh>AAAA</cenc:pssh>
      </ContentProtection><Role/>
      <Representation><SegmentTemplate initialization="{folder}/init.mp4"/></Representation></AdaptationSet>"""


MANIFEST = (
    '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:cenc="urn:mpeg:cenc:2013"><Period>'
    + group(SD, "v240")
    + group(HD, "v720")
    + "</Period></MPD>"
).encode()


def box(key):
    return base64.b64encode(ENCRYPTION.signals(key.label)[DrmSystem.WIDEVINE].pssh).decode()


def test_each_adaptation_set_names_its_own_key_only():
    """And Clear Key without a licence URL: a Laurl would win over the URL of the session in Shaka."""
    root = read_xml(MANIFEST)
    assert manifest_key_ids(root) == {"v240": "", "v720": ""}
    signal_manifest(root, {"v240": SIGNALS, "v720": ENCRYPTION.signals(KeyLabel.HD)})
    written = write_mpd(root)
    assert b"Laurl" not in written
    assert b"<cenc:pssh>" in written
    assert b"<mspr:pro>" in written
    assert manifest_key_ids(ElementTree.fromstring(written)) == {"v240": SD.key_id, "v720": HD.key_id}
    sets = written.decode().split("<AdaptationSet")[1:]
    for text, own, other in ((sets[0], SD, HD), (sets[1], HD, SD)):
        assert box(own) in text
        assert box(other) not in text
        assert text.index("ContentProtection") < text.index("Role"), "the schema's order"


def test_an_adaptation_set_of_two_keys_is_a_bug():
    """A player would ask for one of them only."""
    root = read_xml(MANIFEST)
    period = root[0]
    first, second = period
    first.append(second[-1])
    period.remove(second)
    with pytest.raises(Bug, match="does not have one key"):
        signal_manifest(root, {"v240": SIGNALS, "v720": ENCRYPTION.signals(KeyLabel.HD)})


def test_an_init_segment_gets_its_boxes():
    """In `moov`, whose size grows; what is before and behind stays. The common one lists every key, for hls.js."""
    init = b"\0\0\0\x08ftyp" + b"\0\0\0\x10moov\0\0\0\x08mvhd" + b"\0\0\0\x08free"
    signalled = signal_init(init, ENCRYPTION.init_boxes(KeyLabel.SD))
    assert signalled.startswith(init[:8])
    assert signalled.endswith(init[-8:])
    common, playready, widevine = bodies(signalled, b"moov", b"pssh")
    for body, system in ((common, DrmSystem.COMMON), (playready, DrmSystem.PLAYREADY), (widevine, DrmSystem.WIDEVINE)):
        assert body[4:20].hex() == str(system).replace("-", "")
    assert bytes.fromhex(SD.key_id) in common
    assert bytes.fromhex(HD.key_id) in common
    assert bytes.fromhex(SD.key_id) in widevine
    assert bytes.fromhex(HD.key_id) not in widevine
    assert len(list(bodies(signalled, b"moov", b"mvhd"))) == 1


def test_a_clear_tree_is_a_bug():
    with pytest.raises(Bug, match="no ContentProtection"):
        signal_manifest(read_xml(b"<MPD/>"), {})
    with pytest.raises(Bug, match="no moov"):
        signal_init(b"\0\0\0\x08ftyp\0\0\0\0moov", [])
