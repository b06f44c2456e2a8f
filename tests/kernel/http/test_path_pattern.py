"""Patterns of paths: whole segments, and what of a folder they mean."""

import pytest

from kernel.http.path_pattern import MAX_SEGMENTS, parse_pattern


def matches(pattern: str, path: str) -> bool:
    return parse_pattern(pattern).matches(path.encode()[1:].split(b"/"))


@pytest.mark.parametrize(
    ("pattern", "paths", "others"),
    [
        ("/a/", ["/a/", "/a/b", "/a/b/c"], ["/a", "/ab/c", "/b/a/c", "/"]),
        ("/a/**", ["/a/", "/a/b/c"], ["/a"]),
        ("/a/*", ["/a/b", "/a/"], ["/a/b/c", "/a"]),
        ("/a/b", ["/a/b"], ["/a/b/", "/a", "/a/bc", "/A/b"]),
        ("*.m3u8", ["/x.m3u8", "/a/b/x.m3u8", "/.m3u8"], ["/x.m3u8/y", "/x.m3u", "/x.m3u8;a", "/x.m3u8%2F"]),
        ("poster.jpg", ["/poster.jpg", "/a/poster.jpg"], ["/a/xposter.jpg", "/poster.jpg/a"]),
        ("/cdn/*/*/p/*.jpg", ["/cdn/eu/t/p/a.jpg"], ["/cdn/eu/t/v/x.m4s/p/a.jpg", "/cdn/eu/t/p/a.jpg/b"]),
        ("/live/**/i.m3u8", ["/live/i.m3u8", "/live/a/b/i.m3u8"], ["/live/a/b/j.m3u8", "/i.m3u8"]),
        ("/**/a/*", ["/a/b", "/x/y/a/b"], ["/a", "/a/b/c"]),
        ("/v*-x/a", ["/v-x/a", "/v720-x/a"], ["/v-/a", "/x/a", "/v/x/a"]),
        ("/ab*ba/c", ["/abba/c"], ["/aba/c"]),
        ("/**", ["/", "/a", "/a/b"], []),
    ],
)
def test_what_a_pattern_means(pattern: str, paths: list[str], others: list[str]):
    assert [path for path in paths if not matches(pattern, path)] == []
    assert [path for path in others if matches(pattern, path)] == []


@pytest.mark.parametrize(
    "pattern", ["", "a/b", "/a//../b", "/a/%2e%2e/b", "/%61", "/a?b", "/a/**/b/**/c", "/a/x*y*z", "/a/b**", "/ä",
                "/a b", "/a#b", "/a\\b", "/" + "a/" * MAX_SEGMENTS]
)  # fmt: skip
def test_what_is_no_pattern(pattern: str):
    with pytest.raises(ValueError, match=r"."):
        parse_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "folder", "verdict"),
    [
        ("/a/", "/a", True),
        ("/a/", "/a/b", True),
        ("/a/", "/b", False),
        ("/a/*", "/a", True),
        ("/a/*", "/a/b", False),
        ("*.jpg", "/a", None),
        ("/a/*.jpg", "/a", None),
        ("/a/*.jpg", "/b", False),
        ("/a/b", "/a", None),
        ("/a/**/x", "/a/b/c", None),
        ("/a/**/x", "/b", False),
    ],
)
def test_whether_all_files_of_a_folder_are_meant(pattern: str, folder: str, verdict: bool | None):
    assert parse_pattern(pattern).of_folder(folder.encode()[1:].split(b"/")) is verdict
