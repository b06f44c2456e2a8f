"""Accounts, profiles, devices and plans as values, and the rules for what people type in. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from kernel.vocabulary import Tier

MAX_EMAIL = 254
"""RFC 5321, section 4.5.3.1.3, less the angle brackets."""
MIN_PASSWORD = 8
MAX_PASSWORD = 256
"""Characters; NIST SP 800-63B asks for at least 64, and a bound keeps hashing cheap."""
MAX_PROFILES = 10
MAX_DEVICES = 50
MAX_NAME = 60
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}@[^\s@<>()\[\],;:\\\"]{1,253}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}", re.ASCII)
COMMON_PASSWORDS = frozenset(
    {
        "password", "password1", "password123", "12345678", "123456789", "1234567890", "11111111", "00000000",
        "qwertyui", "qwerty123", "iloveyou", "abc12345", "letmein1", "welcome1", "football", "baseball", "sunshine",
        "princess", "superman", "trustno1", "passw0rd",
    }
)  # fmt: skip


class InputFault(StrEnum):
    """Why something that a person typed in is not accepted; the value is the problem's reason word."""

    EMAIL = "email"
    PASSWORD_SHORT = "password-short"  # noqa: S105 (a reason word)
    PASSWORD_LONG = "password-long"  # noqa: S105
    PASSWORD_COMMON = "password-common"  # noqa: S105
    NAME = "name"
    LANGUAGE = "language"


INPUT_FAULT_SENTENCES = {
    InputFault.EMAIL: "This is not an e-mail address.",
    InputFault.PASSWORD_SHORT: f"A password has at least {MIN_PASSWORD} characters.",
    InputFault.PASSWORD_LONG: f"A password has at most {MAX_PASSWORD} characters.",
    InputFault.PASSWORD_COMMON: "This password is one of the first that attackers try: choose another one.",
    InputFault.NAME: f"A name has 1 to {MAX_NAME} printable characters.",
    InputFault.LANGUAGE: "A language is a tag such as en, de or pt-BR.",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What an account may watch: renditions up to `tier`, on `streams` screens at once; `countries` None = anywhere."""

    tier: Tier
    streams: int
    countries: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """One viewer of an account. `profile_id` is the userId of recommendations and events.

    `maturity`: the highest minimum age shown, None = no limit; `language` of audio and `subtitles` by BCP 47, "" = the
    film's own, none; `consent`: whether what this viewer watches may shape recommendations and measurements.
    """

    profile_id: str
    name: str
    kids: bool = False
    maturity: int | None = None
    language: str = ""
    subtitles: str = ""
    data_saver: bool = False
    consent: bool = True


@dataclass(frozen=True, slots=True)
class Device:
    """A device that has logged in; times in Unix seconds."""

    device_id: str
    name: str
    created: float
    seen: float


@dataclass(frozen=True, slots=True)
class Account:
    """One account; `created` in Unix seconds. `disabled` accounts can neither log in nor play."""

    account_id: str
    email: str
    country: str | None
    plan: Plan
    created: float
    disabled: bool = False


KIDS_MATURITY = 12
"""The highest minimum age that a kids' profile is shown."""


def check_email(text: str) -> InputFault | None:
    """Whether a text can be an address that mail reaches (not whether it does)."""
    return None if len(text) <= MAX_EMAIL and _EMAIL.fullmatch(text) and text.isprintable() else InputFault.EMAIL


def normalise_email(text: str) -> str:
    """The form by which an address is looked up: nobody means two accounts by A@B.org and a@b.org."""
    return unicodedata.normalize("NFKC", text).casefold()


def check_password(text: str) -> InputFault | None:
    """Whether a new password is acceptable: by length and against the most common ones, not by kinds of characters.

    NIST SP 800-63B, section 5.1.1.2.
    """
    if len(text) < MIN_PASSWORD:
        return InputFault.PASSWORD_SHORT
    if len(text) > MAX_PASSWORD:
        return InputFault.PASSWORD_LONG
    return InputFault.PASSWORD_COMMON if text.casefold() in COMMON_PASSWORDS else None


def normalise_password(text: str) -> str:
    """The same password typed on another keyboard gives the same text (NIST SP 800-63B: NFKC)."""
    return unicodedata.normalize("NFKC", text)


def check_name(text: str) -> InputFault | None:
    """Whether a text can be the name of a profile or device."""
    return None if 0 < len(text) <= MAX_NAME and text.isprintable() and text.strip() else InputFault.NAME


def check_language(text: str) -> InputFault | None:
    """Whether a text is a language tag, or empty for none."""
    return None if not text or _LANGUAGE.fullmatch(text) else InputFault.LANGUAGE


def shown_maturity(profile: Profile) -> int | None:
    """The highest minimum age that a profile is shown; None = no limit."""
    if profile.kids:
        return min(KIDS_MATURITY, profile.maturity if profile.maturity is not None else KIDS_MATURITY)
    return profile.maturity
