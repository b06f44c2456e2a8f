"""What a packaged tree must hold; that a lying packager is found out is in test_pipeline."""

import shutil

import msgspec
import pytest

from kernel.errors import Bug
from origin.encode.check import check_encoded
from origin.encode.encoder import plan_tracks
from origin.encode.planner import plan_encode
from origin.encode.profile import PROFILES
from origin.ingest.encode_tracks import encode_tracks
from origin.ingest.probe import probe
from origin.ingest.verify import check_tree
from origin.package.packager import package


@pytest.fixture(scope="module")
def packaged(tmp_path_factory, films, tools):
    """(the tree of a packaged film, its tracks, their measurements)."""
    film = films("published.mp4", seconds=6, size="640x360")
    plan = plan_encode(probe(tools, film), msgspec.structs.replace(PROFILES["default"], preset="ultrafast"))
    encoded, tree = tmp_path_factory.mktemp("encoded"), tmp_path_factory.mktemp("tree")
    encode_tracks(film, plan, tools, encoded, lambda _: None)
    tracks = plan_tracks(plan)
    package(tools, tracks, encoded, tree, 1)
    return tree, tracks, check_encoded(tools, plan, encoded)


def test_a_whole_tree_passes(packaged):
    """Nothing missing, all adds up."""
    tree, tracks, measured = packaged
    check_tree(tree, tracks, 1, measured)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / "v240/00002.m4s").unlink(), "missing or empty"),
        (lambda folder: (folder / "v240/main.m3u8").unlink(), "cannot be read"),
        (lambda folder: (folder / "v360/00001.m4s").write_bytes(b""), "missing or empty"),
    ],
)
def test_what_is_missing_is_named(packaged, tmp_path, spoil, says):
    """A packager's status is 0 all the same."""
    tree, tracks, measured = packaged
    shutil.copytree(tree, tmp_path / "tree")
    spoil(tmp_path / "tree")
    with pytest.raises(Bug, match=says):
        check_tree(tmp_path / "tree", tracks, 1, measured)
