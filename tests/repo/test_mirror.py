"""Each source file of some length has its test file at the same place below tests/."""

from pathlib import PurePosixPath

SHORT = 60
"""A module of fewer lines may be covered by the test of its user."""
WITHOUT = {"__init__.py", "__main__.py", "log_fields.py"}


def expected(source: str) -> str:
    path = PurePosixPath(source)
    return str("tests" / path.parent / f"test_{path.name.removeprefix('_')}")


def test_each_source_file_has_its_test_file(sources, files, exceptions, check_exceptions):
    """An __init__ holds nothing, a __main__ is started by its program's tests, log fields are a table (test_tables)."""
    long = [name for name, (text, _) in sources.items() if text.count("\n") >= SHORT]
    own = [name for name in long if PurePosixPath(name).name not in WITHOUT]
    check_exceptions({name: 1 for name in own if expected(name) not in files}, exceptions["without_test"])


def test_the_place_of_a_test_file():
    assert expected("services/catalogue/store.py") == "tests/services/catalogue/test_store.py"
