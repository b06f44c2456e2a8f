"""`matinee token mint`: mint a viewer's token for a title, and print only the token."""

from __future__ import annotations

import time
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from kernel.auth.signing_keys import SigningKey
from kernel.auth.token import NotMintable, mint
from kernel.errors import BadSettings
from kernel.settings.table import CIDR, COUNTRY, DURATION, PATH, SWITCH, TEXT, choice, setting
from kernel.vocabulary import Tier

MAX_KEY_FILE_SIZE = 64 << 10


@dataclass(frozen=True, slots=True)
class MintSettings:
    """`matinee token mint`."""

    key: Path = setting(PATH, None, "File with the private key: PEM of Ed25519 or EC P-256.", required=True)
    kid: str = setting(TEXT, None, "Name of the key in the edges' key set.", required=True)
    path: str = setting(
        TEXT, None, "What the token permits: /cdn/<region>/<contentId>/ and everything below it.", required=True
    )
    ttl: float = setting(DURATION, "1h", "How long the token is valid from now on.")
    session: str | None = setting(TEXT, None, "Session that the token belongs to, by which it can be revoked.")
    country: str | None = setting(COUNTRY, None, "Country of the viewer if the address has none.")
    ip: IPv4Network | IPv6Network | None = setting(CIDR, None, "Address or network that alone may use the token.")
    tier: str | None = setting(choice(*Tier), None, "Tallest renditions that may be watched.")
    hs256: bool = setting(
        SWITCH, "off", "Sign with HS256: every byte of the key file is the secret, 32 of them or more."
    )


SETTINGS = MintSettings


def run(settings: MintSettings) -> int:
    """Print the token. Raises BadSettings naming the invalid setting."""
    key = read_key(settings.key, secret=settings.hs256)
    now = time.time()  # noqa: TID251 (this command's one clock)
    try:
        token = mint(
            key,
            settings.kid,
            path=settings.path,
            now=now,
            ttl=settings.ttl,
            session=settings.session,
            country=settings.country,
            tier=settings.tier,
            network=None if settings.ip is None else str(settings.ip),
        )
    except NotMintable as error:
        raise BadSettings("ip" if error.argument == "network" else error.argument, str(error)) from None
    print(token, flush=True)
    return 0


def read_key(file: Path, *, secret: bool) -> SigningKey:
    """Read a signing key. Raises BadSettings, whose message never contains the key."""
    source = f"file {file}"
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_KEY_FILE_SIZE + 1)
    except OSError as error:
        raise BadSettings("key", f"cannot be read: {error.strerror}", source) from None
    if len(content) > MAX_KEY_FILE_SIZE:
        raise BadSettings("key", "is too large to be a key", source)
    try:
        return SigningKey.from_secret(content) if secret else SigningKey.from_pem(content)
    except ValueError as error:
        raise BadSettings("key", str(error), source) from None
