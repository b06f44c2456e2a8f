"""No pattern of the source takes more than linear time, whatever it is fed.

Every pattern given to `re` (and to msgspec's `Meta`, which searches with it) is found in the source and run by the
machine of `tests.backtracking` over attacks that are made of the pattern's own parts: repeated, led up to by what the
pattern wants before it, and followed by what it cannot take. What this proves: none of these attacks grows faster than
its text. It is no proof for all texts, and says nothing of loops round a pattern; those are in tests/test_parsers.py.
"""

import ast
import importlib
import random
import re
from pathlib import PurePosixPath

import pytest

from tests.backtracking import Steps, worst

METHODS = {"match": "match", "fullmatch": "fullmatch"} | dict.fromkeys(
    ("search", "sub", "subn", "split", "findall", "finditer"), "search"
)
GENERATED = ("rpc/v1/", "control/migrations/")
BEHIND = {
    ("edge/wire/head.py", "_FIELD"): "goes over lines that _FIELD_LINES has matched, one match behind the other",
}
"""Patterns that are not fed just anything, and why."""


def patterns_of(name, tree, everywhere):
    """(line, pattern, the methods it is used by) of every pattern in a module."""
    module = importlib.import_module(
        str(PurePosixPath(name).with_suffix("")).replace("/", ".").removesuffix(".__init__")
    )
    compiled = {}  # the call that makes it -> the name it gets
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            compiled |= {id(call): node.targets[0].id for call in ast.walk(node.value) if is_compile(call)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id == "Meta":
            yield from ((node.lineno, evaluated([one.value], module)[0], {"search"})
                        for one in node.keywords if one.arg == "pattern")  # fmt: skip
        elif is_compile(node):
            if (name, compiled.get(id(node))) in BEHIND:
                continue
            used = everywhere.get((name, compiled.get(id(node))), set()) or set(METHODS.values())
            yield from ((node.lineno, one, used) for one in evaluated(node.args, module, compiled.get(id(node))))
        elif is_of_re(called) and called.attr in METHODS:
            yield from ((node.lineno, one, {METHODS[called.attr]}) for one in evaluated(node.args[:1], module))


def is_of_re(called):
    return isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "re"


def is_compile(node):
    return isinstance(node, ast.Call) and is_of_re(node.func) and node.func.attr == "compile"


def evaluated(arguments, module, name=None):
    """The patterns that a call makes: of its arguments, else (in a comprehension) those that its name holds."""
    try:
        return [re.compile(*(eval(ast.unparse(one), vars(module)) for one in arguments))]
    except NameError:
        found = [one for one in vars(module).get(name, ()) if isinstance(one, re.Pattern)]
        assert found, f"{module.__name__}: a pattern is made where no check can see it; make it a name of the module"
        return found


def uses(sources):
    """(module, name of a pattern) -> how it is used, there or (where it is public) anywhere."""
    found, public = {}, {}
    for name, (_, tree) in sources.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in METHODS:
                of = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", None)
                found.setdefault((name, of), set()).add(METHODS[node.attr])
                public.setdefault(of, set()).add(METHODS[node.attr])
    every = {(name, of): methods for (name, of), methods in found.items()}
    return every | {(name, of): public[of] for name in sources for of in public if of and not of.startswith("_")}


def test_no_pattern_of_the_source_takes_more_than_linear_time(sources):
    everywhere = uses(sources)
    slow, seen = {}, 0
    for name, (text, tree) in sources.items():
        if name.startswith(GENERATED) or name.endswith("__main__.py") or ("re." not in text and "Meta(" not in text):
            continue
        assert "from re import" not in text, f"{name}: say re.compile, so that this check sees it"
        for line, pattern, methods in patterns_of(name, tree, everywhere):
            seen += 1
            if (found := worst(pattern, sorted(methods))) is not None:
                slow[f"{name}:{line}"] = f"{pattern.pattern!r:.100} by {found}"
    assert seen > 100
    assert not slow


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (rb"[ \t]*(?:([!-~]+)(?:=(?:\"((?:[^\"\\]|\\.)*)\"|((?:[ \t]*[^,\" \t])*)))?)?[ \t]*(?:,|$)", "match"),
        (r"(a+)+b", "match"),
        (r"(a|a)*b", "match"),
        (r"(?:a|ab|b)*c", "match"),
        (r"\s*x?\s*,", "match"),
        (r"\w+(?:-\w+)+", "search"),
        (r'"(?:[^"\\]|\\["\\])*"', "search"),
        (r"a.*b.*c", "match"),
        (r"^(\d+)*$", "fullmatch"),
    ],
)
def test_a_pattern_that_looks_back_is_found(pattern, method):
    assert worst(re.compile(pattern), [method]) is not None


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"[ \t]*+x?[ \t]*+,", "match"),
        (r"(?<!\w)\w++(?:-\w++)++", "search"),
        (r'"(?:[^"\\]|\\["\\])*"', "match"),
        (r"(?>a+)b", "match"),
        (r"[a-z]{1,30}-[0-9]{1,30}", "search"),
    ],
)
def test_a_pattern_that_does_not_is_not(pattern, method):
    assert worst(re.compile(pattern), [method]) is None


PARTS = ["a", "b", "[ab]", ".", "(?:a|ab)", "(a)", "a*", "a+?", "[^a]*", "(?:ab){2,3}", "b?", "a*+", "(?>a|ab)",
         "(?=a)", "(?<=b)", "(?!b)", "^", "$", r"\b", r"\w+", r"\s*"]  # fmt: skip


def test_the_machine_finds_what_re_finds():
    """Else its steps would be those of another pattern."""
    chosen = random.Random(8)
    for _ in range(3_000):
        text = "".join(chosen.choices("ab \n-", k=chosen.randrange(8)))
        pattern = re.compile("".join(chosen.choices(PARTS, k=chosen.randrange(1, 5))))
        machine = Steps(pattern)
        match, whole, found = pattern.match(text), pattern.fullmatch(text), pattern.search(text)
        assert machine.match(text) == (match and match.end()), (pattern, text)
        assert (machine.match(text, whole=True) is None) == (whole is None), (pattern, text)
        assert machine.search(text) == (found and found.span()), (pattern, text)
