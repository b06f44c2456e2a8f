"""What `matinee up` prints."""

from pathlib import Path

from tools.up.output import address_tables, say
from tools.up.plan import Addresses, Plan, all_programs

CHOICES = Plan(Addresses(9000), Path("/state"), "DE", None, 5.0)


def test_the_table_names_every_address_and_where_the_key_is():
    text = address_tables(CHOICES, "bunny", "Big Buck Bunny")
    for part in all_programs(CHOICES):
        assert part.name in text
        assert all(f"{host}:{port}" in text for host, port in part.listens)
    assert "http://127.0.0.1:9000/" in text
    assert "/state/services/api.key" in text
    assert "\x1b" not in text


def test_a_terminal_that_went_away_stops_nothing(monkeypatch):
    def gone(*_args, **_options):
        raise BrokenPipeError

    monkeypatch.setattr("builtins.print", gone)
    say("hello")
