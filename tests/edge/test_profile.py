"""What the two profiles let through."""

import pytest

from edge.profile import PROFILES, with_default_freshness

MEDIA, GENERAL = PROFILES["media"], PROFILES["general"]
CONDITIONS = (b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range", b"range")


def names(fields):
    return [name for name, _ in fields]


def test_media_sends_only_the_trace_upstream():
    """Nothing a viewer can say may split or poison what everybody gets."""
    request = dict.fromkeys(
        (b"cookie", b"authorization", b"x-forwarded-host", b"accept", b"range", b"traceparent"), b"x"
    )
    assert MEDIA.upstream_fields(request) == [(b"traceparent", b"x")]


def test_general_sends_every_field_that_is_no_hop_by_hop_field():
    request = dict.fromkeys((b"cookie", b"authorization", b"x-anything", b"accept", b"cache-control", b"pragma"), b"x")
    hops = dict.fromkeys(
        (b"te", b"keep-alive", b"upgrade", b"transfer-encoding", b"proxy-connection", b"trailer"), b"x"
    )
    assert GENERAL.upstream_fields(request | hops) == list(request.items())


@pytest.mark.parametrize("connection", [b"X-One", b"close, x-one", b"x-one ,\tclose"])
def test_what_connection_names_ends_here(connection: bytes):
    """RFC 9110 §7.6.1."""
    fields = GENERAL.upstream_fields({b"connection": connection, b"x-one": b"1", b"x-two": b"2", b"close": b"3"})
    assert b"x-one" not in names(fields)
    assert b"x-two" in names(fields)


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_of_a_get_are_answered_here_and_of_other_methods_upstream(name: bytes):
    assert names(GENERAL.upstream_fields({name: b"x"})) == []
    assert names(GENERAL.upstream_fields({name: b"x"}, retrieves=False)) == [name]
    assert names(MEDIA.upstream_fields({name: b"x"}, retrieves=False)) == []


def test_methods_and_bodies():
    assert MEDIA.methods == {b"GET", b"HEAD", b"OPTIONS"}
    assert GENERAL.methods is None
    assert (MEDIA.body, GENERAL.body > 0) == (0, True)


def test_a_default_freshness_changes_nothing_else():
    changed = with_default_freshness(MEDIA, 60)
    assert changed.keeps.default == 60
    assert with_default_freshness(changed, MEDIA.keeps.default) == MEDIA


def test_what_media_drops_of_a_response_it_says_itself_or_not_at_all():
    said = {line.split(b":")[0].lower() for line in MEDIA.lines.split(b"\r\n") if line}
    assert said <= MEDIA.drops
    assert {b"set-cookie", b"server"} <= MEDIA.drops
    assert MEDIA.lines.endswith(b"\r\n")
