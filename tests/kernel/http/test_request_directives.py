"""Cache directives of requests (RFC 9111 §5.2.1, §5.4), as tables."""

import pytest

from kernel.http.cache_control import MAX_SECONDS
from kernel.http.request_directives import NONE, FreshnessMatch, RequestDirectives, fit, wishes


@pytest.mark.parametrize(
    ("told", "honoured", "ignored"),
    [
        (b"no-cache", RequestDirectives(no_cache=True), NONE),
        (b"NO-CACHE", RequestDirectives(no_cache=True), NONE),
        (b"no-store", RequestDirectives(no_store=True), RequestDirectives(no_store=True)),
        (b"only-if-cached", RequestDirectives(only_if_cached=True), RequestDirectives(only_if_cached=True)),
        (b"max-age=0", RequestDirectives(max_age=0), NONE),
        (b'max-age="10"', RequestDirectives(max_age=10), NONE),
        (b"max-age=x", RequestDirectives(max_age=0), NONE),
        (b"max-age=99999999999", RequestDirectives(max_age=MAX_SECONDS), NONE),
        (b"min-fresh=5", RequestDirectives(min_fresh=5), NONE),
        (b"max-stale", RequestDirectives(max_stale=MAX_SECONDS), NONE),
        (b"max-stale=7", RequestDirectives(max_stale=7), NONE),
        (b"max-stale=junk", RequestDirectives(max_stale=0), NONE),
        (b"stale-if-error=9", RequestDirectives(stale_if_error=9), NONE),
        (b"no-transform, foo=bar", NONE, NONE),
        (b"max-age=5, only-if-cached, max-stale=1", RequestDirectives(max_age=5, only_if_cached=True, max_stale=1),
         RequestDirectives(only_if_cached=True)),
    ],
)  # fmt: skip
def test_what_is_asked(told, honoured, ignored):
    """§5.2.1.1 to §5.2.1.7; RFC 5861 §4."""
    assert wishes({b"cache-control": told}, honour=True) == honoured
    assert wishes({b"cache-control": told}, honour=False) == ignored


@pytest.mark.parametrize(
    ("request_fields", "no_cache"),
    [
        ({b"pragma": b"no-cache"}, True),
        ({b"pragma": b"No-Cache, x"}, True),
        ({b"pragma": b"x"}, False),
        ({b"pragma": b"no-cache", b"cache-control": b"max-stale"}, False),
        ({}, False),
    ],
)
def test_pragma_counts_where_there_is_no_cache_control(request_fields, no_cache):
    """§5.4."""
    assert wishes(request_fields, honour=True).no_cache is no_cache
    assert wishes(request_fields, honour=False).no_cache is False


@pytest.mark.parametrize(
    ("asked", "age", "ttl", "found"),
    [
        (NONE, 10, 5, FreshnessMatch.GOOD),
        (NONE, 10, 0, FreshnessMatch.REFUSED),
        (RequestDirectives(no_cache=True), 0, 60, FreshnessMatch.REFUSED),
        (RequestDirectives(max_age=10), 10, 5, FreshnessMatch.GOOD),
        (RequestDirectives(max_age=10), 11, 5, FreshnessMatch.REFUSED),
        (RequestDirectives(max_age=0), 0, 5, FreshnessMatch.GOOD),
        (RequestDirectives(max_age=0), 1, 5, FreshnessMatch.REFUSED),
        (RequestDirectives(min_fresh=5), 1, 5, FreshnessMatch.GOOD),
        (RequestDirectives(min_fresh=6), 1, 5, FreshnessMatch.REFUSED),
        (RequestDirectives(max_stale=10), 70, -10, FreshnessMatch.STALE),
        (RequestDirectives(max_stale=10), 70, -11, FreshnessMatch.REFUSED),
        (RequestDirectives(max_stale=0), 70, 0, FreshnessMatch.STALE),
        (RequestDirectives(max_stale=MAX_SECONDS), 70, -9999, FreshnessMatch.STALE),
        (RequestDirectives(max_stale=10, max_age=60), 70, -10, FreshnessMatch.REFUSED),
        (RequestDirectives(max_stale=10, min_fresh=1), 70, -10, FreshnessMatch.REFUSED),
    ],
)
def test_whether_a_stored_response_is_what_was_asked_for(asked, age, ttl, found):
    """§5.2.1."""
    assert fit(asked, age=age, ttl=ttl, immutable=False, must_revalidate=False) is found


def test_nobody_gets_stale_what_must_be_revalidated():
    """§4.2.4, §5.2.2.2: max-stale does not help."""
    assert (
        fit(RequestDirectives(max_stale=99), age=70, ttl=-1, immutable=False, must_revalidate=True)
        is FreshnessMatch.REFUSED
    )


@pytest.mark.parametrize(
    ("asked", "ttl", "found"),
    [
        (RequestDirectives(max_age=0), 5, FreshnessMatch.GOOD),
        (RequestDirectives(max_age=0), -5, FreshnessMatch.REFUSED),
        (RequestDirectives(max_age=5), 5, FreshnessMatch.REFUSED),
        (RequestDirectives(no_cache=True), 5, FreshnessMatch.REFUSED),
    ],
)
def test_a_reload_of_what_is_immutable(asked, ttl, found):
    """RFC 8246 §2: answered from the cache while it is fresh; a forced reload is not."""
    assert fit(asked, age=60, ttl=ttl, immutable=True, must_revalidate=False) is found
