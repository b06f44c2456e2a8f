"""How a bucket is reached: credentials that are right, and those that are refused without being shown."""

import pytest

from kernel.errors import BadSettings
from system.s3_access import S3Access, access_of, client_options, read_access

FILE = """
[default]
aws_access_key_id = AK
aws_secret_access_key = a/secret=%x
region = eu-central-1

[cold]
endpoint_url = https://cold.example
aws_access_key_id = CK
aws_secret_access_key = other
"""


def test_the_section_of_a_bucket_else_the_default():
    assert read_access(FILE, "vod", "f") == S3Access("AK", "a/secret=%x", "", "eu-central-1", "")
    assert read_access(FILE, "cold", "f").endpoint_url == "https://cold.example"
    assert "secret=" not in repr(read_access(FILE, "vod", "f"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[other]\nregion = x\n", r"neither a section \[vod\] nor \[default\]"),
        ("aws_secret_access_key = tell\n", "is not a credentials file"),
        ("[default]\naws_secret = tell\n", "unknown key 'aws_secret'"),
    ],
)
def test_a_wrong_file_is_refused_without_its_secrets(text, why):
    with pytest.raises(BadSettings, match=why) as failed:
        read_access(text, "vod", "file c")
    assert "store_credentials" in str(failed.value)
    assert "tell" not in str(failed.value)


def test_the_environment_by_awss_names():
    access = access_of({"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "S", "AWS_DEFAULT_REGION": "r"})
    assert (access.aws_access_key_id, access.aws_secret_access_key, access.region) == ("A", "S", "r")


def test_plain_http_only_where_the_endpoint_says_so():
    assert client_options(S3Access(endpoint_url="http://127.0.0.1:1"))["client_options"]["allow_http"] is True
    assert client_options(S3Access(endpoint_url="https://s3.example"))["client_options"]["allow_http"] is False
    assert "allow_http" not in client_options(S3Access())["client_options"]
    with pytest.raises(BadSettings, match="endpoint_url"):
        client_options(S3Access(endpoint_url="ftp://x"))
