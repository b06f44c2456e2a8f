"""Stories from TOML, and what is refused."""

import pytest

from kernel.errors import BadSettings
from loadtest.population.arrivals import FlashCrowd
from loadtest.stories.reader import population_of, read_story

LEAST = 'name = "n"\nsummary = "s"\nplayers = 10\nseconds = 60\n'


def story(text=""):
    return read_story(LEAST + text, "mine.toml")


def test_a_story_of_four_lines_is_a_story():
    found = story()
    assert (found.name, found.players, found.seconds, found.speed) == ("n", 10, 60, 1)
    assert population_of(found).networks, "what it leaves out has defaults"


def test_a_story_describes_its_population():
    found = story("""
days = 3
[popularity]
exponent = 0.8
[arrivals]
hours = [18, 24]
[[arrivals.crowds]]
at = 0.5
share = 0.4
[networks]
fibre = 1
barge = 1
[[own_networks]]
name = "barge"
steps = [[10, 1.5], [5, 0.2]]
latency_ms = 300
""")
    population = population_of(found)
    assert population.popularity.exponent == 0.8
    assert population.arrivals.hours == (18, 24)
    assert population.arrivals.crowds == (FlashCrowd(0.5, 0.4),)
    barge = population.own_networks["barge"]
    assert [(step.seconds, step.rate_bps) for step in barge.steps] == [(10, 1.5e6), (5, 0.2e6)]
    assert barge.latency_s == 0.3
    assert population.days == 3


def test_an_action_repeats_evenly_between_its_moments():
    found = story('[actions.storm]\nat = "50%"\nuntil = 50\nstart = "true"\nrepeat = 4\n').actions["storm"]
    assert found.starts_at(60) == (30, 35, 40, 45)
    assert found.stops_at(60) == 50


def test_an_action_without_an_end_stops_with_the_run():
    found = story('[actions.kill]\nat = "40%"\nstart = "true"\n').actions["kill"]
    assert found.starts_at(100) == (40,)
    assert found.stops_at(100) == 100


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("plyers = 3", "plyers", "no such key"),
        ("[arrivals]\nwithn = 1", "arrivals.withn", "hours, within|crowds, hours, within"),
        ("[[arrivals.crowds]]\nat = 1\nshare = 1\nhow = 2", "arrivals.crowds[0].how", "no such key"),
        ("[actions.a]\nat = 1\nstrat = 'x'", "actions.a.strat", "no such key"),
        ("[arrivals]\nwithin = 'soon'", "arrivals.within", "'soon'"),
        ("speed = 0", "speed", "it is 0"),
        ("[titles]\nlimit = 0", "titles.limit", "it is 0"),
        ("[devices]\nfridge = 1", "devices.fridge", "desktop, phone, tablet, tv"),
        ("[networks]\nbarge = 1", "networks.barge", "is none of 3g"),
        ("[networks]\nlte = 0", "networks", "shares"),
        ("[[own_networks]]\nname = 'x'\nsteps = [[0, 1]]", "own_networks[0].steps", "without seconds"),
        ("[arrivals]\nhours = [23, 2]", "arrivals.hours", "ends before it begins"),
        ("[actions.a]\nat = 'noon'\nstart = 'true'", "actions.a.at", "'noon' is neither"),
        ("[actions.a]\nat = '140%'\nstart = 'true'", "actions.a.at", "'140%' is neither"),
        ("[actions.a]\nat = 90\nstart = 'true'", "actions.a.at", "after the run's end"),
        ("[actions.a]\nat = '5%'", "actions.a", "neither a `start` nor a `stop`"),
        ("[actions.a]\nat = '5%'\nstart = 'true'\nrepeat = 3", "actions.a.repeat", "needs an `until`"),
        ("[expect]\nalways = ['joy > 3']", "expect", "no figure 'joy'"),
        ("players = ", "story", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_named_with_file_key_and_value(text, key, says):
    with pytest.raises(BadSettings, match=says) as caught:
        read_story(text if text == "players = " else LEAST.replace("players = 10", "players = 10\n" + text, 1)
                   if text.startswith(("plyers", "speed")) else LEAST + text, "mine.toml")  # fmt: skip
    assert caught.value.setting == key
    assert "mine.toml" in str(caught.value)
