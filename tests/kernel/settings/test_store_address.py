"""Folder or bucket, from one setting."""

from pathlib import Path

import pytest

from kernel.settings.store_address import StoreAddress, parse_store


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (".matinee/store", StoreAddress(Path(".matinee/store"))),
        ("/srv/s3:store", StoreAddress(Path("/srv/s3:store"))),
        ("s3://vod", StoreAddress(None, "vod")),
        ("s3://vod/", StoreAddress(None, "vod")),
        ("s3://vod.example/films/eu/", StoreAddress(None, "vod.example", "films/eu")),
    ],
)
def test_an_address(text, address):
    assert parse_store(text) == address
    assert parse_store(str(address)) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "folder or s3"),
        ("a\0b", "folder or s3"),
        ("gs://vod/x", "neither a folder nor"),
        ("s3://", "not the name of an S3 bucket"),
        ("s3://VOD", "not the name of an S3 bucket"),
        ("s3://a..b", "not the name of an S3 bucket"),
        ("s3://vod/../x", "prefix"),
        ("s3://vod//x", "prefix"),
        ("s3://key:secret@vod", "credentials in the URL"),
    ],
)
def test_what_is_no_address(text, why):
    with pytest.raises(ValueError, match=why) as failed:
        parse_store(text)
    assert "secret" not in str(failed.value).replace("store_credentials", "")
