"""Encryption's arguments and signalling."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from kernel.media.content_keys import ContentKey, EncryptionScheme, KeyLabel, constant_iv
from kernel.media.drm_signals import DrmSystem, SystemSignals
from origin.package.encryption import Encryption, packager_flags

SD = ContentKey(KeyLabel.SD, "1" * 32, b"\xa1" * 16)
AUDIO = ContentKey(KeyLabel.AUDIO, "3" * 32, b"\xc3" * 16)
ENCRYPTION = Encryption(EncryptionScheme.CBCS, {KeyLabel.SD: SD, KeyLabel.AUDIO: AUDIO})


def test_keys_are_in_a_file_that_ends_with_the_block():
    """Not in the arguments, and not on any disk."""
    with packager_flags(ENCRYPTION) as (flags, descriptor):
        text = Path(f"/proc/self/fd/{descriptor}").read_text()
        assert str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith("/memfd:")
        assert f"label=SD:key_id={'1' * 32}:key={'a1' * 16}:iv={constant_iv(SD.key_id).hex()}," in text
        assert not [flag for flag in flags if SD.key.hex() in flag or AUDIO.key.hex() in flag]
        assert flags[flags.index("--clear_lead") + 1] == "0"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_under_cenc_each_track_has_an_iv_of_its_own():
    """One IV for two tracks of a key would encrypt both by the same key stream."""
    with packager_flags(replace(ENCRYPTION, scheme=EncryptionScheme.CENC)) as (_, descriptor):
        assert ":iv=" not in Path(f"/proc/self/fd/{descriptor}").read_text()


def test_what_the_key_server_says_wins_over_our_own():
    """Its data of a system replaces ours, field by field; a key line of its own without a session line leaves none."""
    given = {DrmSystem.WIDEVINE: SystemSignals(key_lines="#EXT-X-KEY:theirs"), DrmSystem.COMMON: SystemSignals(b"box")}
    signals = replace(ENCRYPTION, given={KeyLabel.SD: given}).signals(KeyLabel.SD)
    own = ENCRYPTION.signals(KeyLabel.SD)
    assert signals[DrmSystem.WIDEVINE].key_lines == "#EXT-X-KEY:theirs"
    assert not signals[DrmSystem.WIDEVINE].session_lines
    assert signals[DrmSystem.WIDEVINE].pssh == own[DrmSystem.WIDEVINE].pssh
    assert signals[DrmSystem.COMMON].pssh == b"box"
    assert signals[DrmSystem.FAIRPLAY] == own[DrmSystem.FAIRPLAY]
    assert replace(ENCRYPTION, given={KeyLabel.SD: given}).signals(KeyLabel.AUDIO) == ENCRYPTION.signals(KeyLabel.AUDIO)


def test_a_message_shows_no_key():
    assert ENCRYPTION.redact(f"bad flag --keys={'a1' * 16}, {'C3' * 16}") == "bad flag --keys=…, …"
