"""Tokens in what players report."""

import pytest

from services.events.redaction import remove_tokens

TOKEN = b"eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl-_"


@pytest.mark.parametrize(
    "report",
    [
        b'url="https://edge/t/%s/cdn/eu/film/v720/00001.m4s",sid="a"',
        b'nor="..%%2F..%%2Ft%%2F%s%%2Fcdn%%2F00002.m4s"',
        b'nor="%%2ft%%2f%s%%2fcdn"',
        b'{"url":"https:\\/\\/edge\\/t\\/%s\\/cdn"}',
        b"Authorization: Bearer %s",
        b"token=%s&x=1",
        b"%s",
    ],
)
def test_no_part_of_a_token_is_left(report):
    redacted = remove_tokens(report % TOKEN)
    for part in TOKEN.split(b"."):
        assert part not in redacted
    assert b"REDACTED" in redacted


def test_a_token_that_is_no_jws_goes_with_its_path():
    assert remove_tokens(b'"/t/opaque-secret/cdn/eu"') == b'"/t/REDACTED/cdn/eu"'


def test_the_rest_of_a_report_stays():
    report = b'br=3000,bl=4000,sid="9f2c",url="https://edge/cdn/eu/film/t/00001.m4s",ot=v,eyJ'
    assert remove_tokens(report) == report.replace(b"/t/00001.m4s", b"/t/REDACTED")
