"""What the written pages say exists: commands, targets, files, headings."""

import re
import shlex
from urllib.parse import unquote

from tools.cli import find

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^(?:    |\$ |)((?:\.venv/bin/)?(?:matinee|make) [^\n]*)$", re.MULTILINE)


def pages(files):
    return {name: path.read_text(encoding="utf-8") for name, path in files.items() if name.endswith(".md")}


def anchor(heading: str) -> str:
    """A heading's anchor as code hosts make it."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def anchors(text: str) -> set[str]:
    return {anchor(line.lstrip("#")) for line in FENCE.sub("", text).splitlines() if line.startswith("#")}


def test_every_link_of_the_pages_leads_somewhere(files, root):
    broken = []
    for name, text in pages(files).items():
        for found in LINK.finditer(FENCE.sub("", text)):
            link = unquote(found[1] or found[2])
            if re.match(r"[a-z]+:", link):
                continue
            path, _, part = link.partition("#")
            target = (root / name).parent / path if path else root / name
            if not target.exists():
                broken.append(f"{name}: {link}")
            elif part and target.suffix == ".md" and part not in anchors(target.read_text(encoding="utf-8")):
                broken.append(f"{name}: {link} (no such heading)")
    assert not broken


def commands_in(text: str):
    for block in FENCE.findall(text):
        if block.startswith(("```sh", "```console", "```bash")):
            joined = block.replace("\\\n", " ")
            yield from (found[1] for found in SHELL.finditer(joined))


def test_every_make_target_of_the_pages_exists(files, root):
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    for name, text in pages(files).items():
        for command in commands_in(text):
            if command.startswith("make "):
                asked = {word for word in shlex.split(command, comments=True)[1:] if re.fullmatch(r"[a-z-]+", word)}
                assert asked <= targets, f"{name}: {command}"


def test_every_matinee_command_of_the_pages_exists(files):
    from kernel.settings.table import table
    from tools.docs import load

    for name, text in pages(files).items():
        for command in commands_in(text):
            if "make " in command[:5]:
                continue
            argv = shlex.split(re.sub(r"[\[\]…]", "", command), comments=True)[1:]
            if argv[:1] in (["--help"], ["COMMAND"]):
                continue
            found = find(argv)
            assert found, f"{name}: {command}"
            flags = {row.flag for row in table(load(found[0].module).SETTINGS)} | {"--config", "--help"}
            asked = {word.partition("=")[0] for word in found[1] if word.startswith("--")}
            assert asked <= flags, f"{name}: {command}: {asked - flags}"


def test_the_readme_shows_the_two_commands(root):
    text = (root / "README.md").read_text(encoding="utf-8")
    assert "make up" in text
    assert "make test" in text


def test_the_makefiles_help_shows_every_target_that_is_described(root):
    text = (root / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())
    assert phony == set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))


def test_pages_are_short_lines_of_text_and_end_with_a_newline(files):
    for name, text in pages(files).items():
        assert text.endswith("\n"), name
        assert not text.endswith("\n\n"), name
