"""Content keys: labels, tiers, and what keys belong to."""

import pytest

from kernel.media.content_keys import (
    ContentKey,
    EncryptedContent,
    KeyLabel,
    is_entitled,
    label_of_lines,
    parse_content,
)
from kernel.vocabulary import Tier


@pytest.mark.parametrize(
    ("lines", "label"), [(240, "SD"), (480, "SD"), (576, "SD"), (720, "HD"), (1080, "HD"), (1440, "UHD"), (2160, "UHD")]
)
def test_a_rendition_has_the_label_of_its_tier(lines, label):
    """The same limits as those of the edge, which refuses segments above a tier."""
    assert label_of_lines(lines) is KeyLabel(label)


@pytest.mark.parametrize(
    ("tier", "labels"),
    [
        (Tier.SD, {"SD", "AUDIO"}),
        (Tier.HD, {"SD", "AUDIO", "HD"}),
        (Tier.UHD, {"SD", "AUDIO", "HD", "UHD"}),
        (None, {"SD", "AUDIO", "HD", "UHD"}),
    ],
)
def test_a_tier_may_have_its_own_keys_and_those_below(tier, labels):
    assert {label for label in KeyLabel if is_entitled(tier, label)} == labels


def test_content_is_named_with_its_publication():
    assert parse_content("big-buck:12") == EncryptedContent("big-buck", 12)
    assert parse_content("film") == EncryptedContent("film", 1)
    assert str(parse_content("film")) == "film:1"


@pytest.mark.parametrize(
    "text", ["", ":1", "film:", "film:0", "film:1:2", "-film", "film:9999999", "a" * 65, "a b", "film:1 "]
)
def test_no_content(text):
    with pytest.raises(ValueError, match="is not a contentId"):
        parse_content(text)


def test_a_key_is_not_shown():
    """Tracebacks and logs show `repr`."""
    assert "secret" not in repr(ContentKey(KeyLabel.SD, "1" * 32, b"secret-secret-16"))
