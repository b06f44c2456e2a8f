"""Encryption's arguments and signalling."""

import base64
import os
from pathlib import Path

import pytest
from defusedxml import ElementTree

from kernel.errors import Bug
from kernel.media.content_keys import ContentKey, EncryptionScheme, KeyLabel
from kernel.media.ladder import ladder
from origin.encode.encoder import Track
from origin.ingest.probe import AudioTrack
from origin.package.encryption import (
    Encryption,
    labels_of,
    manifest_key_ids,
    packager_flags,
    signal_manifest,
    signal_playlist,
)

SD = ContentKey(KeyLabel.SD, "1" * 32, b"\xa1" * 16)
AUDIO = ContentKey(KeyLabel.AUDIO, "3" * 32, b"\xc3" * 16)
ENCRYPTION = Encryption(EncryptionScheme.CBCS, {KeyLabel.SD: SD, KeyLabel.AUDIO: AUDIO})
PLAYLIST = """#EXTM3U
#EXT-X-MAP:URI="init.mp4"
#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://key",IV=0x4526dd16e7e20f8808573de86a4bb85c,KEYFORMAT="identity"
#EXT-X-KEY:METHOD=SAMPLE-AES,URI="data:text/plain;base64,AAAA",KEYID=0x11111111111111111111111111111111,\
KEYFORMATVERSIONS="1",KEYFORMAT="urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"
#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://key",KEYFORMATVERSIONS="1",KEYFORMAT="com.apple.streamingkeydelivery"
#EXTINF:4.000,
00001.m4s
#EXT-X-ENDLIST
"""
MANIFEST = b"""<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:cenc="urn:mpeg:cenc:2013"><Period>
    <AdaptationSet>
      <ContentProtection value="cbcs" schemeIdUri="urn:mpeg:dash:mp4protection:2011" \
cenc:default_KID="11111111-1111-1111-1111-111111111111"/>
      <ContentProtection schemeIdUri="urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"/>
      <Representation><SegmentTemplate initialization="v240/init.mp4"/></Representation>
    </AdaptationSet></Period></MPD>"""


def test_each_track_has_the_key_of_its_label():
    """A ladder up to 1440 lines and sound: four keys."""
    rungs = ladder(2560, 1440, 25, most=5)
    tracks = [Track(rung.name, rung=rung) for rung in rungs] + [Track("a_eng", audio=AudioTrack(1, "eng", "", 2))]
    assert set(labels_of(tracks)) <= set(KeyLabel)
    assert {KeyLabel.SD, KeyLabel.HD, KeyLabel.AUDIO} <= set(labels_of(tracks))


def test_keys_are_in_a_file_that_ends_with_the_block():
    """Not in the arguments, and not on any disk."""
    with packager_flags(ENCRYPTION) as (flags, descriptor):
        text = Path(f"/proc/self/fd/{descriptor}").read_text()
        assert str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith("/memfd:")
        assert f"label=SD:key_id={'1' * 32}:key={'a1' * 16}" in text
        assert not [flag for flag in flags if SD.key.hex() in flag or AUDIO.key.hex() in flag]
        assert flags[flags.index("--clear_lead") + 1] == "0"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_message_shows_no_key():
    assert ENCRYPTION.redact(f"bad flag --keys={'a1' * 16}, {'C3' * 16}") == "bad flag --keys=…, …"


def test_a_playlist_signals_every_key_system():
    """The identity line, on which players fail, becomes Clear Key's; FairPlay's names the key."""
    signalled = signal_playlist(PLAYLIST, SD.key_id)
    lines = signalled.splitlines()
    kid = base64.b64encode(bytes.fromhex(SD.key_id)).decode()
    assert lines[2] == (
        f'#EXT-X-KEY:METHOD=SAMPLE-AES,URI="data:text/plain;base64,{kid}",KEYID=0x{SD.key_id},'
        'KEYFORMAT="org.w3.clearkey",KEYFORMATVERSIONS="1"'
    )
    assert lines[3] == PLAYLIST.splitlines()[3], "Widevine's is kept"
    assert f'URI="skd://{SD.key_id}"' in lines[4]
    assert "identity" not in signalled
    assert "skd://key" not in signalled
    assert lines[5:] == PLAYLIST.splitlines()[5:]


def test_a_manifest_names_clear_key_without_a_licence_url():
    """A Laurl would win over the URL of the session in Shaka."""
    signalled = signal_manifest(MANIFEST)
    assert b"Laurl" not in signalled
    root = ElementTree.fromstring(signalled)
    assert manifest_key_ids(root, "{urn:mpeg:dash:schema:mpd:2011}") == {"v240": SD.key_id}
    assert manifest_key_ids(ElementTree.fromstring(MANIFEST), "{urn:mpeg:dash:schema:mpd:2011}") == {"v240": ""}


def test_cenc_has_no_identity_line():
    """The packager writes none: Clear Key's line is added all the same."""
    lines = PLAYLIST.splitlines(keepends=True)
    cenc = "".join(lines[:2] + lines[3:4] + lines[5:]).replace("SAMPLE-AES", "SAMPLE-AES-CTR")
    signalled = signal_playlist(cenc, SD.key_id)
    assert 'METHOD=SAMPLE-AES-CTR,URI="data:text/plain;base64,EREREREREREREREREREREQ==",KEYID' in signalled
    assert signalled.count("#EXT-X-KEY") == 2


def test_a_clear_tree_is_a_bug():
    with pytest.raises(Bug, match="no key line"):
        signal_playlist("#EXTM3U\n", SD.key_id)
    with pytest.raises(Bug, match="no ContentProtection"):
        signal_manifest(b"<MPD/>")
