"""Encrypted media by the real packager: what its boxes say, and that nobody plays it without the keys."""

import os
import subprocess
from dataclasses import replace

import pytest

from kernel.errors import BadSettings, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.media.content_keys import ContentKey, EncryptionScheme, KeyLabel
from kernel.media.playlist import parse_media
from origin.ingest.ingest_request import IngestRequest
from origin.ingest.pipeline import ingest
from origin.package.encryption import Encryption
from origin.verify.encryption import is_encrypted, read_protection

SCHEMES = pytest.mark.parametrize("scheme", list(EncryptionScheme))


class Keys:
    """A key server in the process."""

    def __init__(self):
        self.asked = []

    def fetch_encryption(self, content, labels, scheme):
        self.asked.append((str(content), tuple(labels), scheme))
        return Encryption(scheme, {label: ContentKey(label, os.urandom(16).hex(), os.urandom(16)) for label in labels})


class NoKeys:
    def fetch_encryption(self, content, labels, scheme):
        raise UpstreamFailed(UpstreamReason.KEY_SERVER, detail="away")


def decoded(tools, folder, target, key=None):
    """(ffmpeg's errors, hash of all frames) of a rendition's init and segments, joined to `target`."""
    playlist = parse_media((folder / "main.m3u8").read_text())
    names = [playlist.init, *(segment.uri for segment in playlist.segments)]
    target.write_bytes(b"".join((folder / name).read_bytes() for name in names))
    command = [tools.ffmpeg, "-v", "error", "-nostdin", *(["-decryption_key", key.hex()] if key else [])]
    command += ["-i", str(target), "-map", "0", "-f", "hash", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stderr, done.stdout


@SCHEMES
def test_segments_play_with_their_key_only(packaged_film, tools, tmp_path, scheme):
    """Each rendition is as clear as before by the key of its label, and noise without it or by another.

    The last segment of the sound is two fragments in one file: both decrypt.
    """
    _, clear, _ = packaged_film("clear")
    _, folder, encryption = packaged_film(scheme)
    for name, label, other in (("v240", KeyLabel.SD, KeyLabel.AUDIO), ("a_eng", KeyLabel.AUDIO, KeyLabel.SD)):
        _, expected = decoded(tools, clear / "tree" / name, tmp_path / "clear.mp4")
        media, target = folder / "tree" / name, tmp_path / f"{name}.mp4"
        assert decoded(tools, media, target, encryption.keys[label].key) == ("", expected)
        for key in (None, encryption.keys[other].key):
            errors, noise = decoded(tools, media, target, key)
            assert errors or noise != expected


@SCHEMES
def test_no_packaged_file_holds_a_key(packaged_film, scheme):
    _, folder, encryption = packaged_film(scheme)
    stored = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    for key in encryption.keys.values():
        assert key.key not in stored
        assert key.key.hex().encode() not in stored.lower()


def test_boxes_say_scheme_and_key(packaged_film):
    """And only those of whole sample entries count."""
    _, folder, encryption = packaged_film("cenc")
    init = (folder / "tree" / "a_eng" / "init.mp4").read_bytes()
    assert read_protection(init) == ("cenc", encryption.keys[KeyLabel.AUDIO].key_id)
    assert read_protection(init.replace(b"enca", b"mp4a")) is None
    segment = (folder / "tree" / "a_eng" / "00002.m4s").read_bytes()
    assert is_encrypted(segment)
    at = segment.rindex(b"senc")
    assert not is_encrypted(segment[:at] + b"free" + segment[at + 4 :]), "the second fragment counts too"


@pytest.mark.parametrize("data", [b"", b"\0\0\0\0moov", b"\xff\xff\xff\xffmoof", b"\0\0\0\x08moof", b"abc"])
def test_damaged_boxes_are_clear(data):
    assert read_protection(data) is None
    assert not is_encrypted(data)


def order(film, scheme):
    return IngestRequest(film, title="Film", content_id="film", preset="ultrafast", rungs=1, encryption=scheme)


def test_the_same_film_encrypted_is_a_new_publication(films, kitchen_in, tmp_path):
    """And once more, it is recognised; without a key server nothing is encoded, and the old one stays."""
    context = kitchen_in(tmp_path)
    film = films()
    assert ingest(order(film, None), context).title.version == 1
    with pytest.raises(BadSettings, match="key_server"):
        ingest(order(film, EncryptionScheme.CBCS), context)
    with pytest.raises(UpstreamFailed, match="away"):
        ingest(order(film, EncryptionScheme.CBCS), replace(context, keys=NoKeys()))
    keys = Keys()
    assert ingest(order(film, EncryptionScheme.CBCS), replace(context, keys=keys)).title.version == 2
    assert not ingest(order(film, EncryptionScheme.CBCS), replace(context, keys=keys)).new
    assert set(keys.asked) == {("film:2", (KeyLabel.SD, KeyLabel.AUDIO), EncryptionScheme.CBCS)}
