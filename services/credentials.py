"""Reads or makes the secrets that the settings name, and what is built from them alone."""

from __future__ import annotations

from pathlib import Path
from secrets import token_bytes, token_urlsafe

from kernel.auth.signing_keys import SigningKey, generate_ed25519_pem
from kernel.clock import Clock
from kernel.errors import BadSettings
from services.fleet.signing_key import NamedSigningKey
from services.http.caller import Authenticator
from services.settings import ServicesSettings
from services.storage.secrets_file import read_or_create
from services.users.mail import MailServer, ResetMailer
from system.private_files import read_secret

MAX_SECRET_BYTES = 4096


def read_text(path: Path, setting: str) -> str:
    """The secret in a file of one line. Raises BadSettings naming the setting."""
    try:
        return read_secret(path, setting, MAX_SECRET_BYTES).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(setting, f"{path} cannot be read: {error}") from None


def make_mailer(settings: ServicesSettings, clock: Clock) -> ResetMailer | None:
    """The mailer of links for new passwords; None where no mail server is set. Raises BadSettings."""
    if settings.smtp is None:
        return None
    path = settings.smtp_password_file
    password = "" if path is None else read_text(path, "smtp_password_file")
    host, port = settings.smtp.host, settings.smtp.port
    sender = settings.mail_from or ""
    server = MailServer(host, port, sender, settings.smtp_user or sender, password, settings.smtp_tls)
    return ResetMailer(server, settings.public_url or "", clock)


def make_authenticator(settings: ServicesSettings) -> Authenticator:
    """The authenticator with the API key and the guests' secret; created if absent. Raises BadSettings."""
    key = read_or_create(settings.api_key_path, lambda: token_urlsafe(32).encode() + b"\n", "api_key_file")
    guest = read_or_create(settings.data / "guest.key", lambda: token_bytes(32).hex().encode(), "data")
    try:
        text = key.decode("ascii").strip()
    except UnicodeDecodeError:
        raise BadSettings("api_key_file", f"{settings.api_key_path} must contain ASCII characters only") from None
    if len(text) < 16 or any(letter.isspace() for letter in text):
        raise BadSettings("api_key_file", f"{settings.api_key_path} must contain one word of at least 16 characters")
    return Authenticator(text, guest, settings.insecure_dev)


def load_signing_key(settings: ServicesSettings) -> NamedSigningKey:
    """The key of viewers' tokens; created if absent. Raises BadSettings."""
    pem = read_or_create(settings.signing_key_file, generate_ed25519_pem, "signing_key")
    try:
        key = SigningKey.from_pem(pem)
    except ValueError as error:
        raise BadSettings("signing_key", f"{settings.signing_key_file}: {error}") from None
    return NamedSigningKey(key, settings.kid, settings.data / "signing-names.json")
