"""Settings tables: which source wins, and what an operator reads when one is wrong."""

from dataclasses import dataclass

import pytest

from kernel.errors import BadSettings
from kernel.settings.table import (
    ADDRESS,
    INTEGER,
    SWITCH,
    TEXT,
    Address,
    choice,
    resolve,
    setting,
    table,
    tables,
    tables_of,
    unknown_variables,
)


@dataclass(frozen=True)
class Sample:
    """A program's settings."""

    listen: Address = setting(ADDRESS, "127.0.0.1:8081", "Where it listens.")
    workers: int = setting(INTEGER, "1", "How many.", least=1, most=64)
    upstream_list: tuple[str, ...] = setting(TEXT, None, "Whom to ask.", many=True)
    policy: str = setting(choice("s3fifo", "lru"), "s3fifo", "Who leaves.")
    api_key: str | None = setting(TEXT, None, "A secret.", secret=True)
    tokens: bool = setting(SWITCH, "on", "Whether tokens are asked for.")
    not_a_setting: int = 3


@dataclass(frozen=True)
class Needed:
    """Settings of which one must be given, and a secret number."""

    name: str = setting(TEXT, None, "Its name.", required=True)
    pin: int | None = setting(INTEGER, None, "A secret number.", secret=True)


def test_defaults_fill_what_is_not_given():
    assert resolve(Sample) == Sample(Address("127.0.0.1", 8081), 1, (), "s3fifo", None, True)


def test_flags_win_over_variables_over_the_file_over_defaults():
    sources = {
        "flags": {"workers": ["2"]},
        "env": {"MATINEE_WORKERS": "3", "MATINEE_POLICY": "lru"},
        "file": {"workers": 4, "policy": "s3fifo", "tokens": False},
    }
    assert resolve(Sample, **sources, file_name="x.toml").workers == 2
    assert resolve(Sample, **sources).policy == "lru"
    assert resolve(Sample, **sources).tokens is False
    del sources["flags"]
    assert resolve(Sample, **sources).workers == 3


@pytest.mark.parametrize(
    ("file", "value"),
    [
        ({"upstream-list": ["a", "b"]}, ("a", "b")),
        ({"upstream_list": "a, b,,"}, ("a", "b")),
        ({"upstream_list": []}, ()),
    ],
)
def test_lists(file, value):
    assert resolve(Sample, file=file).upstream_list == value
    assert resolve(Sample, flags={"upstream_list": ["a", "b,c"]}).upstream_list == ("a", "b", "c")


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"flags": {"workers": ["0"]}}, "setting `workers` (flag --workers): '0' is below the least, 1"),
        ({"env": {"MATINEE_WORKERS": "65"}}, "setting `workers` (variable MATINEE_WORKERS): '65' is above the most"),
        ({"file": {"workers": "x"}}, "setting `workers` (file x.toml): 'x' is not a whole number"),
        ({"file": {"wrokers": 1}}, "setting `wrokers` (file x.toml): there is no such setting"),
        ({"file": {"not_a_setting": 1}}, "setting `not_a_setting` (file x.toml): there is no such setting"),
        ({"file": {"workers": [1, 2]}}, "setting `workers` (file x.toml): takes one value, not a list"),
        ({"file": {"workers": []}}, "setting `workers` (file x.toml): takes one value, not a list"),
        ({"file": {"workers": {}}}, "setting `workers` (file x.toml): must be a text, a number, true or false"),
        ({"file": {"upstream_list": [None]}}, "setting `upstream_list` (file x.toml): must be a text"),
        ({"file": {"upstream-list": "a", "upstream_list": "b"}}, "setting `upstream_list` (file x.toml): stands twice"),
        ({"flags": {"policy": ["fifo"]}}, "setting `policy` (flag --policy): 'fifo' is not one of s3fifo, lru"),
        ({"flags": {"upstream_list": ["a\0"]}}, "setting `upstream_list` (flag --upstream-list): must not hold a NUL"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named_with_its_place(sources, message):
    with pytest.raises(BadSettings) as raised:
        resolve(Sample, **sources, file_name="x.toml")
    assert str(raised.value).startswith(message)


def test_a_required_setting_says_how_to_give_it():
    with pytest.raises(BadSettings, match="setting `name`: must be set, for example with --name"):
        resolve(Needed)


def test_a_secret_is_never_shown():
    with pytest.raises(BadSettings) as raised:
        resolve(Needed, flags={"name": ["a"], "pin": ["hunter2"]})
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_the_table_has_flags_and_variables():
    rows = table(Sample)
    assert [row.flag for row in rows][:3] == ["--listen", "--workers", "--upstream-list"]
    assert rows[2].variable == "MATINEE_UPSTREAM_LIST"
    assert "not_a_setting" not in [row.name for row in rows]


@dataclass(frozen=True)
class Errand:
    """Settings of a command that does something once."""

    allow: str | None = setting(TEXT, None, "What to do.", flag_only=True)


def test_what_to_do_once_is_said_by_a_flag_alone():
    """Another program's variable of the same name neither fills it nor gets in its way."""
    assert resolve(Errand, env={"MATINEE_ALLOW": "10.0.0.0/8"}) == Errand(None)
    assert resolve(Errand, env={"MATINEE_ALLOW": "DE"}, flags={"allow": ["FR"]}) == Errand("FR")
    with pytest.raises(BadSettings, match=r"`allow` \(file x.toml\): is said with --allow each time"):
        resolve(Errand, file={"allow": "FR"}, file_name="x.toml")
    assert unknown_variables({"MATINEE_ALLOW": "x"}, table(Errand)) == ["MATINEE_ALLOW"]


def test_variables_that_nobody_reads():
    env = {"MATINEE_WORKERS": "1", "MATINEE_WROKERS": "1", "HOME": "/"}
    assert unknown_variables(env, table(Sample)) == ["MATINEE_WROKERS"]


@dataclass(frozen=True)
class Rule:
    """One table of a file."""

    name: str = setting(TEXT, None, "Its name.")
    limit: int | None = setting(INTEGER, None, "Its limit.", least=1)
    many: tuple[str, ...] = setting(TEXT, None, "Several.", many=True)

    def __post_init__(self) -> None:
        if self.name == "wrong":
            raise BadSettings("name", "is wrong")


@dataclass(frozen=True)
class Ruled:
    """A program with rules."""

    most: int = setting(INTEGER, "1", "How many.")
    rule: tuple[Rule, ...] = tables(Rule, "The rules.", most=2)

    def __post_init__(self) -> None:
        if len(self.rule) > self.most:
            raise BadSettings("name", "one too many", "rule 2")


def test_an_array_of_tables():
    """Each table is an object of its own settings, in the file's order; what is left out is None, or empty."""
    file = {"most": 2, "rule": [{"name": "a", "many": ["x", "y"]}, {"limit": 3}]}
    assert resolve(Ruled, file=file).rule == (Rule("a", None, ("x", "y")), Rule(None, 3, ()))
    assert resolve(Ruled).rule == ()
    assert [row.name for row in table(Ruled)] == ["most"]
    assert [(one.name, one.row_class, one.most) for one in tables_of(Ruled)] == [("rule", Rule, 2)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([{}, {"limit": 0}], "setting `limit` (file x.toml, rule 2): '0' is below the least, 1"),
        ([{"nope": 0}], "setting `nope` (file x.toml, rule 1): there is no such setting"),
        ([{"name": "wrong"}], "setting `name` (file x.toml, rule 1): is wrong"),
        ([{"many": []}], "setting `many` (file x.toml, rule 1): is an empty list"),
        ([{"name": ["a", "b"]}], "setting `name` (file x.toml, rule 1): takes one value"),
        ([{}, {}], "setting `name` (file x.toml, rule 2): one too many"),
        ([{}] * 3, "setting `rule` (file x.toml): there are 3 tables; at most 2 may be"),
        ({"name": "a"}, "setting `rule` (file x.toml): is a list of tables, each begun by [[rule]]"),
        ([1], "setting `rule` (file x.toml): is a list of tables"),
    ],
)
def test_an_error_in_a_table_names_file_number_and_key(given, said):
    with pytest.raises(BadSettings) as caught:
        resolve(Ruled, file={"rule": given}, file_name="x.toml")
    assert str(caught.value).startswith(said)


@dataclass(frozen=True)
class Whole:
    """A setting of several values that may hold commas."""

    header: tuple[str, ...] = setting(TEXT, None, "Header fields.", many=True, splits=False)


def test_values_that_may_hold_commas_are_not_split():
    found = resolve(Whole, flags={"header": ["Accept: a, b", "X-Key: c"]})
    assert found.header == ("Accept: a, b", "X-Key: c")
