"""The image, the compose file and the examples say what the code can read. No engine runs here: they are parsed."""

import json
import re
import shlex
import tomllib

import pytest

from edge.policy.rules import Rules
from kernel.settings.command_line import read
from kernel.settings.table import resolve
from kernel.vocabulary import is_content_id
from tools.cli import find
from tools.docs import load


@pytest.fixture(scope="module")
def dockerfile(root):
    """The instructions: (name, arguments), continuation lines joined."""
    text = re.sub(r"\\\n", " ", (root / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


def last_stage(instructions):
    starts = [n for n, (name, _) in enumerate(instructions) if name == "FROM"]
    return instructions[starts[-1] :]


def test_the_image_is_built_in_stages_from_bases_that_a_build_can_pin_by_digest(dockerfile):
    first = next(n for n, (name, _) in enumerate(dockerfile) if name == "FROM")
    given = dict(rest.split("=", 1) for name, rest in dockerfile[:first] if name == "ARG")
    bases = [rest.split()[0] for name, rest in dockerfile if name == "FROM"]
    assert len(bases) >= 2
    assert {base.strip("${}") for base in bases} <= set(given)
    assert all(":" in default and not default.endswith(":latest") for default in given.values())


def test_what_the_image_runs_is_compiled_in_it(dockerfile, packages):
    """Nothing writes bytecode at run time, so each start would compile everything anew."""
    last = last_stage(dockerfile)
    names = [name for name, _ in last]
    (at,) = [n for n, (name, rest) in enumerate(last) if name == "RUN" and "compileall" in rest]
    assert "--invalidation-mode unchecked-hash" in last[at][1]
    copied = [n for n, name in enumerate(names) if name == "COPY"]
    assert max(copied) < at < names.index("USER")
    assert set(packages) - {"loadtest"} <= set(last[at][1].split())
    assert "/app/.venv/lib" in last[at][1]


def test_nothing_is_fetched_but_by_hash(dockerfile, root):
    """uv, which checks all the others, and the players too."""
    installs = [rest for name, rest in dockerfile if name == "RUN" and re.search(r"pip install|npm (ci|install)", rest)]
    text = re.sub(r"\\\n", " ", (root / "tools/setup.sh").read_text())
    installs += [line for line in text.splitlines() if "pip install" in line and not line.lstrip().startswith("#")]
    assert len(installs) == 4
    for line in installs:
        assert line.count("--require-hashes") == line.count("pip install")
        assert "npm install" not in line
    lock = (root / "tools/uv.lock.txt").read_text()
    assert re.findall(r"^\S+==", lock, re.MULTILINE) == ["uv=="]
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", lock)) > 5  # the wheels of every platform
    players = json.loads((root / "package-lock.json").read_text())["packages"]
    assert all(one["integrity"].startswith("sha512-") for name, one in players.items() if name)


def test_the_image_runs_unprivileged_with_a_health_check(dockerfile):
    names = [name for name, _ in last_stage(dockerfile)]
    users = [rest for name, rest in last_stage(dockerfile) if name == "USER"]
    assert users == ["10001:10001"]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert "HEALTHCHECK" in names
    assert not any(name == "RUN" for name in names[names.index("USER") :])


def test_the_exec_forms_are_json(dockerfile):
    for name, rest in dockerfile:
        if name in ("ENTRYPOINT", "CMD"):
            assert all(isinstance(word, str) for word in json.loads(rest)), rest


def test_what_the_image_copies_exists_and_is_let_through(dockerfile, root):
    ignored = (root / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    copied = {s for name, rest in dockerfile if name == "COPY" and "--from" not in rest for s in rest.split()[:-1]}
    assert {source for source in copied if source.split("/")[0] not in let_through - {source}} == let_through
    assert all((root / source).exists() for source in copied)


def test_the_image_holds_every_package_that_a_program_needs(dockerfile, packages):
    copied = {rest.split()[0] for name, rest in dockerfile if name == "COPY"}
    assert set(packages) - copied == {"loadtest"}


def test_no_secret_is_baked_in(dockerfile):
    assert not [
        rest
        for name, rest in dockerfile
        if name in ("ENV", "ARG") and re.search("secret|password|token", rest, re.IGNORECASE)
    ]


def commands(root):
    """The `command:` and `entrypoint:` lists of the compose file; they are written as JSON."""
    text = (root / "deploy/compose.yaml").read_text(encoding="utf-8")
    return [
        json.loads(found[1]) for found in re.finditer(r"^    (?:command|entrypoint): (\[.*\])$", text, re.MULTILINE)
    ]


def test_every_command_of_the_compose_file_is_one_that_matinee_reads(root):
    names = []
    for argv in commands(root):
        if argv[0].endswith("/matinee"):
            argv = [*argv[1:], "/films/film.mp4"]
        entry, rest = find(argv)
        names.append(entry.name)
        read(
            load(entry.module).SETTINGS,
            rest,
            prog=entry.name,
            summary="",
            env={},
            read_text=lambda name: "",
            positional=entry.positional,
        )
    assert sorted(names) == ["control", "edge", "ingest", "origin", "services", "shield"]


def test_the_example_of_an_edge_is_one_that_an_edge_reads(root):
    path = root / "docs/examples/edge.toml"
    settings = resolve(load("edge.__main__").SETTINGS, file=tomllib.loads(path.read_text()), file_name=path.name)
    assert settings.id == "e1"


def test_the_example_of_an_origin_is_one_that_an_origin_reads(root):
    path = root / "docs/examples/origin.toml"
    settings = resolve(load("origin.__main__").SETTINGS, file=tomllib.loads(path.read_text()), file_name=path.name)
    assert [str(one) for one in (settings.store, settings.replica_store, settings.cold_store)] == [
        "s3://films/matinee", "s3://films-replica/matinee", "s3://films-cold/matinee"
    ]  # fmt: skip


def test_the_example_of_routes_is_one_that_an_edge_reads(root):
    path = root / "docs/examples/routes.toml"
    settings = resolve(load("edge.__main__").SETTINGS, file=tomllib.loads(path.read_text()), file_name=path.name)
    assert len(settings.route) == 4


def test_the_example_of_rules_is_one_that_an_edge_reads(root):
    data = (root / "docs/examples/rules.json").read_bytes()
    Rules.from_bytes(data)
    assert all(map(is_content_id, json.loads(data)["titles"]))


def test_ci_runs_the_checks_and_then_the_tests_with_nothing_left_out(root):
    script = (root / ".ci/run").read_text()
    lines = [shlex.split(line, comments=True) for line in script.splitlines() if line.startswith(("make", "REQUIRE"))]
    assert lines == [
        ["make", "check", "||", "status=1"],
        ["REQUIRE_ALL=1", "make", "test", "||", "status=1"],
    ]
    assert (root / ".ci/run").stat().st_mode & 0o111
