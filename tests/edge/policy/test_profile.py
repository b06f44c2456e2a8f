"""What the two profiles let through."""

import pytest

from edge.policy.profile import KEY_EVERYTHING, KEY_NOTHING, PROFILES, KeyedQuery, end_to_end

MEDIA, GENERAL = PROFILES["media"], PROFILES["general"]
CONDITIONS = (b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range", b"range")


def to(profile, request, **more):
    return end_to_end(request, profile.forwarded_fields, **more)


def names(fields):
    return [name for name, _ in fields]


def test_media_sends_only_the_trace_upstream():
    """Nothing a viewer can say may split or poison what everybody gets."""
    request = dict.fromkeys(
        (b"cookie", b"authorization", b"x-forwarded-host", b"accept", b"range", b"traceparent"), b"x"
    )
    assert to(MEDIA, request) == [(b"traceparent", b"x")]


def test_general_sends_every_field_that_is_no_hop_by_hop_field():
    request = dict.fromkeys((b"cookie", b"authorization", b"x-anything", b"accept", b"cache-control", b"pragma"), b"x")
    hops = dict.fromkeys(
        (b"te", b"keep-alive", b"upgrade", b"transfer-encoding", b"proxy-connection", b"trailer"), b"x"
    )
    assert to(GENERAL, request | hops) == list(request.items())


@pytest.mark.parametrize("connection", [b"X-One", b"close, x-one", b"x-one ,\tclose"])
def test_what_connection_names_ends_here(connection: bytes):
    """RFC 9110 §7.6.1."""
    fields = to(GENERAL, {b"connection": connection, b"x-one": b"1", b"x-two": b"2", b"close": b"3"})
    assert b"x-one" not in names(fields)
    assert b"x-two" in names(fields)


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_of_a_get_are_answered_here_and_of_other_methods_upstream(name: bytes):
    assert names(to(GENERAL, {name: b"x"})) == []
    assert names(to(GENERAL, {name: b"x"}, retrieves=False)) == [name]
    assert names(to(MEDIA, {name: b"x"}, retrieves=False)) == []


def test_methods_and_bodies():
    assert MEDIA.methods == {b"GET", b"HEAD", b"OPTIONS"}
    assert GENERAL.methods is None
    assert (MEDIA.max_body, GENERAL.max_body > 0) == (0, True)


@pytest.mark.parametrize("name", ["x-forwarded-host", "x-http-method-override", "x_forwarded_host", "front-end-https"])
def test_fields_that_make_an_origin_answer_for_another_request_are_not_sent_for_what_all_get(name: str):
    assert to(GENERAL, {name.encode(): b"x"}) == []


def test_what_the_player_says_to_the_edge_ends_here():
    assert to(GENERAL, {b"cmcd-object": b"x"}, retrieves=False) == []


def test_what_media_drops_of_a_response_it_says_itself_or_not_at_all():
    said = {line.split(b":")[0].lower() for line in MEDIA.header_lines.split(b"\r\n") if line}
    assert said <= MEDIA.dropped_fields | MEDIA.cors.replaced_fields
    assert {b"set-cookie", b"server"} <= MEDIA.dropped_fields
    assert MEDIA.header_lines.endswith(b"\r\n")


LISTED = KeyedQuery(is_allow_list=True, names=frozenset((b"a", b"b")))
OTHERS = KeyedQuery(is_allow_list=False, names=frozenset((b"utm",)))


@pytest.mark.parametrize(
    ("rule", "query", "kept"),
    [
        (KEY_NOTHING, b"a=1&b", b""),
        (KEY_EVERYTHING, b"b=%61&&a;c=1&b", b"b=%61&&a;c=1&b"),
        (KEY_EVERYTHING, b"CMCD=x&a=1", b"a=1"),
        (KEY_EVERYTHING, b"a=1&%43M%43D=x&cmcd=1", b"a=1&cmcd=1"),
        (LISTED, b"c=1&b=2&a=1&b=1", b"b=2&a=1&b=1"),
        (LISTED, b"%61=1&CMCD=x", b"%61=1"),
        (LISTED, b"c=1", b""),
        (LISTED, b"", b""),
        (LISTED, b"c=1;a=2", b""),
        (LISTED, b"a=1;c=2", b"a=1;c=2"),
        (OTHERS, b"utm=1&a=1&u%74m=2", b"a=1"),
        (OTHERS, b"a=1;utm=2", b"a=1;utm=2"),
        (KeyedQuery(is_allow_list=False, is_sorted=True), b"b=2&a=1&b=1", b"a=1&b=2&b=1"),
        (KeyedQuery(is_allow_list=False, drops_tokens=True), b"token=x&a&URISigningPackage=y", b"a"),
        (
            KeyedQuery(is_allow_list=True, names=frozenset((b"token", b"CMCD")), drops_tokens=True),
            b"token=x&CMCD=y",
            b"",
        ),
    ],
)
def test_what_is_kept(rule: KeyedQuery, query: bytes, kept: bytes):
    """A parameter is cut at `&` alone; `;` is data. The viewer's order is kept unless the route sorts."""
    assert rule.keyed_part(query) == kept
    assert rule.keyed_part(kept) == kept
