"""The limits of a film by setting."""

import dataclasses

import msgspec
import pytest

from kernel.errors import BadRequest
from kernel.settings.table import resolve
from origin.ingest.command import IngestSettings
from origin.ingest.limit_settings import LimitSettings, film_limits
from origin.ingest.limits import Limits
from origin.ingest.probe import probe
from origin.settings import OriginSettings


@pytest.mark.parametrize("settings", [OriginSettings, IngestSettings])
def test_each_limit_is_a_setting_of_the_service_and_of_the_command(settings):
    flags = {row.name: [str(500 + at)] for at, row in enumerate(dataclasses.fields(LimitSettings))}
    found = msgspec.structs.astuple(film_limits(resolve(settings, flags=flags)))
    assert found == (500, 501, 502, 503, 504)


def test_a_film_beyond_a_limit_is_refused(tools, films):
    """Its length, as the operator has set it."""
    with pytest.raises(BadRequest, match="more than the limit of 1 s"):
        probe(tools, films("a.mp4", seconds=2), Limits(seconds=1.0))
