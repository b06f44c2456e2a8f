"""Fold text for comparison and split it into words and index tokens, for any script. Pure."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache

MAX_TOKENS = 4096
"""Tokens of one text in the index."""
MAX_CACHED_KEYS = 65_536
"""Names whose folded form is kept: people and genres recur in many titles."""

# What viewers leave out when they type. Vowel signs of Indic scripts, Thai tone marks and Japanese voicing marks also
# are combining characters, but they make other words (शोले is not शाला), so they stay.
_OPTIONAL_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0640\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
# Letters that Unicode does not decompose although viewers type another, and those of one sound in Arabic script.
_LETTERS = str.maketrans(
    {
        "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ı": "i", "ŋ": "n", "æ": "ae", "œ": "oe",
        "ى": "ي", "ة": "ه", "ک": "ك", "ی": "ي", "&": " and ", "_": " ",
    }
)  # fmt: skip
_KATAKANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_APOSTROPHE = re.compile(r"(?<=\w)['’ʼ`´](?=\w)")


def _find_ranges(belongs: Callable[[str], bool]) -> str:
    """The characters for which `belongs` is true, as ranges of a character class."""
    found: list[str] = []
    start = None
    for code in range(0x300, 0x20001):  # no script beyond has combining marks
        inside = code < 0x20000 and belongs(chr(code))
        if inside and start is None:
            start = code
        elif not inside and start is not None:
            found.append(f"{chr(start)}-{chr(code - 1)}")
            start = None
    return "".join(found)


_MARKS = _find_ranges(lambda letter: unicodedata.category(letter) in ("Mn", "Mc"))
_IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]+"
)
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_WORD = re.compile(rf"[^\W_](?:\w|[{_MARKS}])*+")
_SPACELESS = re.compile(
    rf"(?:[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u3096\u309d-\u309f\u30a1-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    rf"\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003134f][{_MARKS}]*+)"
)
"""One letter, with its marks, of a script that is written without spaces, or whose words are compounds."""
_COMPOUND = re.compile(r"(?<!\w)\w++(?:[-–·./*:+'’]\w++)++")
_SIGN_IN_WORD = re.compile(r"\w[-–·./*:+'’]\w")


def fold(text: str) -> str:
    """Fold to lower case without what viewers leave out: accents, width, invisible marks; NFC and NFD fold alike."""
    if text.isascii():
        return text.lower().replace("&", " and ").replace("_", " ")
    plain = _IGNORABLE.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return unicodedata.normalize("NFC", _OPTIONAL_MARKS.sub("", plain).translate(_LETTERS).translate(_KATAKANA))


def words(text: str) -> list[str]:
    """The folded words of a text: `Ocean's Élite` → `oceans elite`, `Q & A` → `q and a`."""
    folded = fold(text)
    if folded.isascii():
        return _ASCII_WORD.findall(_APOSTROPHE.sub("", folded) if "'" in folded else folded)
    return _WORD.findall(_APOSTROPHE.sub("", folded))


@lru_cache(MAX_CACHED_KEYS)
def key(text: str) -> str:
    """A text as one comparable line; a text of signs only, such as `$`, is its signs."""
    return " ".join(words(text)) or "".join(fold(text).split())


def has_spaceless_script(word: str) -> bool:
    """Whether a word is written in letters that are indexed one by one and in pairs."""
    return not word.isascii() and _SPACELESS.search(word) is not None


def index_tokens(found: list[str]) -> Iterator[str]:
    """The tokens of words for the index: words of spaceless scripts give their letters and pairs of letters."""
    for word in found:
        if not has_spaceless_script(word):
            yield word
            continue
        for run in _split_runs(word):
            if isinstance(run, str):
                yield run
                continue
            yield from run
            yield from (first + second for first, second in itertools.pairwise(run))


def query_tokens(word: str) -> list[str]:
    """The tokens that a title must have to contain a word of a query."""
    if not has_spaceless_script(word):
        return [word]
    tokens: list[str] = []
    for run in _split_runs(word):
        if isinstance(run, str):
            tokens.append(run)
        else:
            tokens += run if len(run) == 1 else [a + b for a, b in itertools.pairwise(run)]
    return list(dict.fromkeys(tokens))


def _split_runs(word: str) -> Iterator[str | list[str]]:
    """Split a word into runs of other letters (str) and of letters of spaceless scripts (a list of them)."""
    at = 0
    run: list[str] = []
    for found in _SPACELESS.finditer(word):
        if found.start() > at:
            if run:
                yield run
                run = []
            yield word[at : found.start()]
        run.append(found.group())
        at = found.end()
    if run:
        yield run
    if at < len(word):
        yield word[at:]


def join_compounds(text: str) -> list[str]:
    """The compounds of a text as single words: `Spider-Man` → `spiderman`, `M*A*S*H` → `mash`."""
    return ["".join(words(compound)) for compound in _COMPOUND.findall(text)]


def index_text(text: str) -> str:
    """The tokens of a text for a field that is split at spaces, with compounds also joined."""
    own = words(text)
    tokens = own if text.isascii() else list(index_tokens(own))
    if len(own) > 1 and _SIGN_IN_WORD.search(text):
        tokens = [*tokens, *join_compounds(text)]
    return " ".join(tokens[:MAX_TOKENS])


def trigrams(text: str) -> list[str]:
    """The distinct trigrams of a folded line with a space in front (`abcd` → ` ab abc bcd`)."""
    padded = f" {text}"
    return list(dict.fromkeys(padded[start : start + 3] for start in range(len(padded) - 2)))
