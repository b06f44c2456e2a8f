"""An encrypted title by the real packager: what is published, and that nobody plays it without the keys."""

import os
import subprocess
from contextlib import contextmanager
from dataclasses import replace

import pytest

from kernel.errors import BadSettings, Bug, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.media.content_keys import ContentKey, EncryptionScheme, KeyLabel
from kernel.media.playlist import parse_media
from origin.encode.encoder import Track
from origin.ingest.ingest_request import IngestRequest
from origin.ingest.pipeline import ingest
from origin.package.encryption import Encryption
from origin.verify.encryption import check_encryption, is_encrypted, read_protection


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


def order(film, scheme, **more):
    return IngestRequest(film, title="Film", content_id="film", preset="ultrafast", rungs=1, encryption=scheme, **more)


@pytest.fixture(scope="module", params=list(EncryptionScheme))
def encrypted(request, tmp_path_factory, films, tools):
    """(the published record, its media folder, the keys) of a short film."""
    from origin.ingest.pipeline import IngestContext
    from origin.ingest.progress import Silent
    from origin.ingest.timings import Timings
    from origin.ingest.work_dir import WorkDir
    from origin.storage.blocking_library import BlockingLibrary
    from origin.stores.folder import open_folder
    from system.clock import SystemClock
    from tests.doubles.object_store import stored_file

    folder = tmp_path_factory.mktemp("encrypted")
    made = {}

    class Remembering(Keys):
        def fetch_encryption(self, *asked):
            made["encryption"] = super().fetch_encryption(*asked)
            return made["encryption"]

    library = BlockingLibrary(open_folder(folder / "store"))
    context = IngestContext(
        library, WorkDir(folder / "work"), tools, Silent(), Timings(SystemClock.mono), Remembering()
    )
    done = ingest(order(films("encrypted.mp4", seconds=6), request.param), context)
    return done.title, stored_file(folder / "store", "film", "manifest.mpd").parent, made["encryption"]


def decoded(tools, folder, key=None):
    """(ffmpeg's errors, hash of all frames) of a rendition's init and segments, joined."""
    playlist = parse_media((folder / "main.m3u8").read_text())
    joined = folder.parent / f"joined-{folder.name}.mp4"
    names = [playlist.init, *(segment.uri for segment in playlist.segments)]
    joined.write_bytes(b"".join((folder / name).read_bytes() for name in names))
    command = [tools.ffmpeg, "-v", "error", "-nostdin", *(["-decryption_key", key.hex()] if key else [])]
    command += ["-i", str(joined), "-map", "0", "-f", "hash", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    joined.unlink()
    return done.stderr, done.stdout


def test_the_record_names_the_keys(encrypted):
    """Ids only: the record is public, by GET /library."""
    title, _, encryption = encrypted
    assert title.encryption.scheme == encryption.scheme
    assert title.encryption.key_ids == {"SD": encryption.keys["SD"].key_id, "AUDIO": encryption.keys["AUDIO"].key_id}


def test_segments_play_with_their_key_only(encrypted, tools):
    """Each rendition decodes without an error by the key of its label, and is noise without it or by another."""
    _, media, encryption = encrypted
    for folder, label, other in (("v240", "SD", "AUDIO"), ("a_und", "AUDIO", "SD")):
        errors, frames = decoded(tools, media / folder, encryption.keys[label].key)
        assert not errors
        assert frames
        for key in (None, encryption.keys[other].key):
            errors, noise = decoded(tools, media / folder, key)
            assert errors or noise != frames


def test_no_published_file_holds_a_key(encrypted):
    _, media, encryption = encrypted
    stored = b"".join(file.read_bytes() for file in media.parents[2].rglob("*") if file.is_file())
    for key in encryption.keys.values():
        assert key.key not in stored
        assert key.key.hex().encode() not in stored.lower()


def test_the_top_files_of_a_tier_keep_the_signalling(encrypted):
    _, media, _ = encrypted
    manifest = (media / "manifest-sd.mpd").read_text()
    assert manifest.count("e2719d58-a985-b3c9-781a-b030af78d30e") >= 2
    assert "<cenc:pssh>" in manifest
    assert "<mspr:pro>" in manifest
    assert "Laurl" not in manifest


@contextmanager
def damaged(file, change):
    before = file.read_bytes()
    file.write_bytes(change(before))
    try:
        yield
    finally:
        file.write_bytes(before)


TRACKS = (Track("a_und"),)


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("init.mp4", lambda data: data.replace(b"enca", b"mp4a"), "not encrypted as intended, but clear"),
        ("init.mp4", lambda data: data.replace(b"cbcs", b"cens").replace(b"cenc", b"cens"), "but .'cens'"),
        ("init.mp4", lambda data: data.replace(b"\x12\x10", b"\x12\x10other"), "other pssh boxes"),
        ("00001.m4s", lambda data: data.replace(b"senc", b"free"), "00001.m4s is not encrypted"),
        ("00002.m4s", lambda data: b"", "00002.m4s is not encrypted"),
        ("main.m3u8", lambda data: data.replace(b"org.w3.clearkey", b"identity"), "does not signal its key"),
    ],
)
def test_what_is_not_encrypted_is_not_published(encrypted, name, change, why):
    """As a clear lead, a wrong scheme or a lost signal would be."""
    _, media, encryption = encrypted
    with damaged(media / "a_und" / name, change), pytest.raises(Bug, match=why):
        check_encryption(media, TRACKS, 1, encryption)


def test_another_key_is_not_published(encrypted):
    _, media, encryption = encrypted
    wrong = ContentKey(KeyLabel.AUDIO, "f" * 32, b"k" * 16)
    with pytest.raises(Bug, match="does not signal its key"):
        check_encryption(media, TRACKS, 1, replace(encryption, keys={KeyLabel.AUDIO: wrong}))


@pytest.mark.parametrize("data", [b"", b"\0\0\0\0moov", b"\xff\xff\xff\xffmoof", b"\0\0\0\x08moof", b"abc"])
def test_damaged_boxes_are_clear(data):
    assert read_protection(data) is None
    assert not is_encrypted(data)


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
