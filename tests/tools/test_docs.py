"""The reference pages made from the code."""

from dataclasses import dataclass

import pytest

from kernel.counters import Counter
from kernel.settings.table import DURATION, TEXT, setting
from tools import docs
from tools.cli import Command

COMMAND = Command("edge", "edge.__main__", "Run an edge.", ("file",))


@dataclass(frozen=True)
class Settings:
    listen: str = setting(TEXT, None, "Where to listen.", required=True)
    drain: float = setting(DURATION, "30s", "How long a|b.", least=1, most=60)
    names: tuple[str, ...] = setting(TEXT, None, "Names.", many=True)


def test_a_setting_shows_flag_kind_limits_default_and_sentence():
    page = docs.settings_page({COMMAND: Settings}).splitlines()
    assert "## matinee edge FILE" in page
    assert "| `--listen` | text | must be set | Where to listen. |" in page
    assert "| `--drain` | duration, min 1 s, max 1 min | `30s` | How long a\\|b. |" in page
    assert "| `--names` | text, several | not set | Names. |" in page


@pytest.mark.parametrize(
    ("kind", "limit", "text"),
    [
        ("size", 1 << 20, "1 MiB"),
        ("size", 65536, "64 KiB"),
        ("duration", 365 * 86400, "365 d"),
        ("duration", 0.1, "0.1 s"),
        ("duration", 90, "90 s"),
        ("integer", 1_000_000, "1000000"),
        ("number", 0.01, "0.01"),
        ("size", 0, "0"),
    ],
)
def test_a_limit_is_printed_in_the_largest_unit_that_divides_it(kind, limit, text):
    assert docs.format_limit(kind, limit) == text


def test_settings_that_three_commands_share_are_listed_once():
    commands = {Command(name, "edge.__main__", "Run it.", ()): Settings for name in ("origin", "control", "services")}
    page = docs.settings_page(commands)
    assert page.count("| `--listen` |") == 1
    assert page.count("From [Shared by programs](#shared-by-programs): `--listen`, `--drain`, `--names`.") == 3


def test_a_counter_shows_its_labels():
    counter = Counter("matinee_edge_requests_total", "counter", "Requests.", ("outcome",))
    page = docs.counters_page({"edge.counters": (counter,)}, {"edge.log_fields": ()})
    assert "| `matinee_edge_requests_total` | counter | outcome | Requests. |" in page
    assert "## edge: fields of a log line (edge.log_fields)" in page


def test_errors_and_refusals_are_all_there():
    page = docs.errors_page()
    assert "| `BadSettings` | " in page
    assert "| `country` | 451 | " in page


def test_a_docstrings_first_paragraph_becomes_one_line():
    assert docs.first_sentence("One\n    two.\n\n    More.") == "One two."
    assert docs.first_sentence(None) == ""


def test_modules_are_found_below_our_packages_only(tmp_path):
    for name in ("edge/counters.py", "edge/wire/counters.py", "kernel/counters.py", "elsewhere/counters.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list(docs.find_modules("counters.py", tmp_path)) == ["edge.counters", "edge.wire.counters"]


@pytest.fixture
def one_page(tmp_path, monkeypatch):
    page = tmp_path / "settings.md"
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    monkeypatch.setattr(docs, "pages", lambda missing: {page: "as the code says\n"})
    return page


def test_a_page_is_written_and_then_passes_the_check(one_page, capsys):
    assert docs.main(["--check"]) == 1
    assert "+as the code says" in capsys.readouterr().err
    assert not one_page.exists()
    assert docs.main([]) == 0
    assert one_page.read_text() == "as the code says\n"
    assert docs.main(["--check"]) == 0


def test_a_command_whose_module_is_missing_fails_only_the_check(one_page, monkeypatch, capsys):
    monkeypatch.setattr(docs, "pages", lambda missing: missing.append("`matinee gone`") or {})
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 1
    assert "matinee gone" in capsys.readouterr().err


def test_a_module_that_is_not_there_is_told_by_name():
    with pytest.raises(docs.Missing, match=r"edge\.no_such"):
        docs.load("edge.no_such")
