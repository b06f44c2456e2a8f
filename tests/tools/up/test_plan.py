"""What `matinee up` runs, as data."""

from itertools import pairwise
from pathlib import Path

import pytest

from kernel.settings.command_line import read
from tools.cli import COMMANDS, find, load
from tools.up.plan import PORTS_ABOVE, Addresses, Plan, all_programs, ingest_arguments, waves

CHOICES = Plan(Addresses(8080), Path("/state"), "DE", None, 5.0)
PARTS = {part.name: part for part in all_programs(CHOICES)}


def test_the_programs_start_in_the_order_in_which_they_need_one_another():
    assert [[part.name for part in wave] for wave in waves(CHOICES)] == [
        ["origin", "control"],
        ["shield"],
        ["edge1", "edge2", "services"],
    ]


def test_the_ports_are_those_that_people_script_against():
    assert {name: part.listens for name, part in PARTS.items()} == {
        "services": (("127.0.0.1", 8080),),
        "edge1": (("127.0.0.1", 8081), ("127.0.0.1", 9081)),
        "edge2": (("127.0.0.2", 8081), ("127.0.0.2", 9081)),
        "shield": (("127.0.0.1", 8082), ("127.0.0.1", 9082)),
        "origin": (("127.0.0.1", 8083),),
        "control": (("127.0.0.1", 8084), ("127.0.0.1", 8085), ("127.0.0.1", 8086)),
    }


def test_a_second_region_has_edges_of_its_own_that_serve_every_path():
    plan = Plan(Addresses(8080), Path("/state"), "DE", None, 5.0, regions=2)
    parts = {part.name: part for part in all_programs(plan)}
    assert {name: part.region for name, part in parts.items() if part.region} == {
        "edge1": "local", "edge2": "local", "edge3": "east", "edge4": "east",
    }  # fmt: skip
    assert parts["edge4"].listens == (("127.0.0.4", 8081), ("127.0.0.4", 9081))
    assert "--region" in parts["edge1"].arguments
    assert "--region" not in parts["edge3"].arguments
    assert "http://127.0.0.4:8081" in dict(pairwise(parts["services"].arguments))["--edges"]
    assert {member.id: member.region for member in plan.members}["edge3"] == "east"


def test_no_two_programs_want_one_place_and_none_is_above_the_highest():
    listens = [place for part in PARTS.values() for place in part.listens]
    assert len(set(listens)) == len(listens)
    assert max(port for _, port in listens) <= 8080 + PORTS_ABOVE


def test_no_secret_stands_on_a_command_line():
    for part in PARTS.values():
        assert not any(
            word in argument.lower() for argument in part.arguments for word in ("begin", "secret=", "bearer")
        )


@pytest.mark.parametrize("name", [*PARTS, "ingest"])
def test_every_program_takes_the_flags_it_is_given(name):
    arguments = (
        PARTS[name].arguments if name in PARTS else ingest_arguments(CHOICES, Path("f.mp4"), "F", Path("m.json"))
    )
    entry, rest = find(arguments)
    assert entry in COMMANDS
    try:
        module = load(entry.module)
    except ModuleNotFoundError as error:
        pytest.fail(f"`matinee {entry.name}` cannot be run: {error}")
    read(
        module.SETTINGS,
        rest,
        prog=entry.name,
        summary="",
        env={},
        read_text=lambda name: "",
        positional=entry.positional,
    )


def test_every_member_of_the_fleet_is_told_where_to_join_and_which_token_to_use():
    for member in CHOICES.members:
        arguments = PARTS["shield" if member.role == "shield" else member.id].arguments
        given = dict(pairwise(arguments))
        assert given["--enrol-token"] == str(member.token)
        assert given["--fleet-dir"] == str(member.folder)
        assert given["--enrol-at"] == CHOICES.addresses.enrol
    assert "required" in PARTS["control"].arguments
