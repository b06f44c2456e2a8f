"""Nothing in the repository names a machine, a registry or the place where it was written."""

import re

import pytest

# Written in pieces, so that this file passes its own check.
HOSTS = ["py" + "pi.org", "python" + "hosted", "npm" + "js.", "proxy.go" + "lang", "crates" + ".io", "docker" + ".io/"]
PLACES = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "/Us" + "ers/", "/tmp/" + "bash"]
AUTHORS = ["clau" + "de", "anthro" + "pic", "chat" + "gpt", "co-" + "authored-by", "help" + "er agent", "sub" + "agent"]

FORBIDDEN = re.compile(
    "|".join(
        [
            *(re.escape(word) for word in (*HOSTS, *AUTHORS)),
            *(rf"(?<![\w.}}/]){re.escape(word)}" for word in PLACES),
        ]
    ),
    re.IGNORECASE,
)


def test_no_file_names_a_registry_a_machine_or_a_workplace(files):
    found = {}
    for name, path in files.items():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        found |= {f"{name}:{text.count(chr(10), 0, m.start()) + 1}": m[0] for m in FORBIDDEN.finditer(text)}
    assert not found


@pytest.mark.parametrize("text", [HOSTS[0], f"see {PLACES[0]}main", f'"{PLACES[1]}x"', AUTHORS[0].upper()])
def test_what_is_found(text):
    assert FORBIDDEN.search(text)


@pytest.mark.parametrize(
    "text", ["homework/", "/app/wo" + "rk/", "a network/", "the session ends", "https://example.org/ho" + "me/"]
)
def test_what_is_not(text):
    assert not FORBIDDEN.search(text)
