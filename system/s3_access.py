"""How a bucket of S3 is reached: credentials from a file or the environment, and the options of obstore's client."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from kernel.errors import BadSettings
from kernel.settings.table import URL
from system.private_files import read_secret

CREDENTIALS_SETTING = "store_credentials"
MAX_CREDENTIALS_BYTES = 64 * 1024
CONNECT_SECONDS = 3
REQUEST_SECONDS = 60
"""The bound on one request with its body; bodies are parts of at most 8 MiB."""
RETRIES = 2
RETRY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class S3Access:
    """How to reach a bucket; "" where the environment or the machine's role decides."""

    aws_access_key_id: str = ""
    aws_secret_access_key: str = field(default="", repr=False)
    aws_session_token: str = field(default="", repr=False)
    region: str = ""
    endpoint_url: str = ""


def read_access(text: str, bucket: str, source: str) -> S3Access:
    """The section of a bucket, else `[default]`, of a file in the form of AWS's credentials. Raises BadSettings."""
    parser = configparser.ConfigParser(interpolation=None, default_section="\0")
    try:
        parser.read_string(text)
    except configparser.Error as error:
        # The message of some errors quotes the line, which may be a secret.
        raise BadSettings(CREDENTIALS_SETTING, f"is not a credentials file: {type(error).__name__}", source) from None
    section = next((name for name in (bucket, "default") if parser.has_section(name)), None)
    if section is None:
        raise BadSettings(CREDENTIALS_SETTING, f"has neither a section [{bucket}] nor [default]", source)
    known = {one.name for one in fields(S3Access)}
    unknown = sorted(set(parser[section]) - known)
    if unknown:
        raise BadSettings(CREDENTIALS_SETTING, f"[{section}] has an unknown key {unknown[0]!r}", source)
    return S3Access(**dict(parser[section]))


def access_of(environment: Mapping[str, str]) -> S3Access:
    """What the environment says, by AWS's names."""
    return S3Access(
        aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID", ""),
        aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY", ""),
        aws_session_token=environment.get("AWS_SESSION_TOKEN", ""),
        region=environment.get("AWS_REGION", environment.get("AWS_DEFAULT_REGION", "")),
        endpoint_url=environment.get("AWS_ENDPOINT_URL_S3", environment.get("AWS_ENDPOINT_URL", "")),
    )


def load_access(
    bucket: str, credentials: Path | None, environment: Mapping[str, str], setting: str = CREDENTIALS_SETTING
) -> S3Access:
    """From the file where one is named, else from the environment. Raises BadSettings naming the setting."""
    if credentials is None:
        return access_of(environment)
    try:
        text = read_secret(credentials, setting, MAX_CREDENTIALS_BYTES).decode()
    except OSError as error:
        raise BadSettings(setting, f"{credentials} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadSettings(setting, f"{credentials} is not UTF-8") from None
    return read_access(text, bucket, f"file {credentials}")


def client_options(access: S3Access) -> dict[str, Any]:
    """The options of obstore's S3 client. Raises BadSettings for an impossible endpoint."""
    options: dict[str, Any] = {
        "region": access.region or "us-east-1",
        "checksum_algorithm": "SHA256",
        "client_options": {
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "timeout": timedelta(seconds=REQUEST_SECONDS),
        },
        "retry_config": {"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
    }
    if access.endpoint_url:
        try:
            options["endpoint"] = URL.parse(access.endpoint_url)
        except ValueError as error:
            raise BadSettings(CREDENTIALS_SETTING, f"endpoint_url: {error}") from None
        options["virtual_hosted_style_request"] = False
        options["client_options"]["allow_http"] = access.endpoint_url.startswith("http://")
    if access.aws_access_key_id:
        options |= {"access_key_id": access.aws_access_key_id, "secret_access_key": access.aws_secret_access_key}
        options |= {"session_token": access.aws_session_token} if access.aws_session_token else {}
    return options
