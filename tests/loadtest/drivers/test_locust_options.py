import argparse
import ssl
from itertools import islice

import pytest

from kernel.errors import BadSettings
from loadtest.drivers.locust_options import Audience, add_arguments, drawn, find_titles, options_of
from loadtest.session import UNLIMITED

PLAYLIST = "http://cdn.example/x/master.m3u8?token=1"


def options(*words, host=PLAYLIST):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return options_of(parser.parse_args(words), host)


def test_a_playlist_with_a_header_is_enough_for_a_foreign_cdn():
    found = options("--header", "Authorization: Bearer a:b", "--abr", "fixed:3e6", "--carry-query")
    assert found.fields == {"Authorization": "Bearer a:b"}
    assert (found.settings.gateway, found.settings.abr, found.settings.carries_query) == ("", "fixed:3e6", True)
    assert find_titles(found, ssl.create_default_context()) == (PLAYLIST,)


def test_another_address_is_a_gateway():
    assert options(host="http://127.0.0.1:8080/").settings.gateway == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("words", "host", "said"),
    [
        (("--abr", "best"), PLAYLIST, "fixed:BPS"),
        (("--header", "nonsense"), PLAYLIST, "Name: value"),
        ((), "cdn.example", "no address"),
    ],
)
def test_what_cannot_be_is_named(words, host, said):
    with pytest.raises(BadSettings, match=said):
        options(*words, host=host)


def test_a_host_that_is_no_gateway_is_named():
    with pytest.raises(BadSettings, match="neither a playlist nor a gateway"):
        Audience(options(host="http://127.0.0.1:1"), 0)


def test_each_process_draws_other_viewers_and_a_seed_the_same_ones():
    found = options("--unlimited", "--watch-seconds", "7")
    first = list(islice(drawn(found, ["t"], 1_000), 20))
    assert first == list(islice(drawn(found, ["t"], 1_000), 20))
    assert first != list(islice(drawn(found, ["t"], 1_001), 20))
    assert {(viewer.watch_s, viewer.network, viewer.arrival_s) for viewer in first} == {(7.0, UNLIMITED, 0.0)}


def test_viewers_do_not_run_out():
    numbers = [viewer.number for viewer in islice(drawn(options(), ["t"], 1), 2_500)]
    assert len(set(numbers)) == 2_500
