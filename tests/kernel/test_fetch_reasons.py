"""The reasons of fetches: which word stands for the status of an upstream."""

import pytest

from kernel.fetch_reasons import UPSTREAM_STATUS, UpstreamReason


@pytest.mark.parametrize(
    ("status", "reason", "answered"),
    [(500, "status-500", 500), (503, "status-503", 503), (304, "status-other", 502), (599, "status-other", 502)],
)
def test_an_error_of_the_upstream_keeps_its_status_where_clients_know_it(status, reason, answered):
    found = UpstreamReason.for_status(status)
    assert (found, UPSTREAM_STATUS[found]) == (reason, answered)
