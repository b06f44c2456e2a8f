"""Every file and module that a page names in backticks exists."""

import re

FILE = re.compile(r"`([\w*./-]+\.(?:py|proto|sh|conf|vcl))`")
MODULE = re.compile(r"`((\w+)\.[\w.]+)`")
SUFFIXES = {"py", "md", "toml", "json", "yaml", "proto", "log", "pem", "m3u8", "mpd"}


def pages(files):
    """The pages about the code as it is now: `docs/` and those of the root, except the changelog."""
    named = [n for n in files if n.endswith(".md") and (n.startswith("docs/") or "/" not in n)]
    return {name: files[name].read_text(encoding="utf-8") for name in named if name != "CHANGELOG.md"}


def test_every_file_that_a_page_names_exists(files, root):
    base_names = {name.rpartition("/")[2] for name in files}
    missing = []
    for name, text in pages(files).items():
        for path in FILE.findall(text):
            exists = any(root.glob(path)) if "/" in path else path in base_names
            if not exists:
                missing.append(f"{name}: {path}")
    assert not missing


def test_every_file_that_the_page_of_a_package_names_exists(files, root, packages):
    """Such a page names its files from where it stands."""
    missing = []
    for name in (f"{package}/README.md" for package in packages if f"{package}/README.md" in files):
        for path in FILE.findall(files[name].read_text(encoding="utf-8")):
            here, wanted = root / name.rpartition("/")[0], path.removeprefix("../")
            if not any(here.glob(wanted if "/" in wanted else f"**/{wanted}")) and not any(root.glob(wanted)):
                missing.append(f"{name}: {path}")
    assert not missing


def is_defined(dotted, files):
    """Whether the name is a package, a module, or made of words that the module contains."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        path = "/".join(parts[:length])
        source = files.get(f"{path}.py") or files.get(f"{path}/__init__.py")
        if source:
            text = source.read_text(encoding="utf-8")
            return all(re.search(rf"\b{part}\b", text) for part in parts[length:])
    return False


def test_every_module_that_a_page_names_exists(files, packages):
    missing = [
        f"{name}: {dotted}"
        for name, text in pages(files).items()
        for dotted, package in MODULE.findall(text)
        if package in packages and dotted.rpartition(".")[2] not in SUFFIXES and not is_defined(dotted, files)
    ]
    assert not missing
