"""Where the queue is."""

import pytest

from kernel.errors import BadSettings
from origin.jobs.job_settings import job_database


def test_a_file_or_a_server(tmp_path):
    assert job_database(None, None, tmp_path).path == tmp_path / "jobs.sqlite3"
    assert job_database("postgresql://host/name", None, tmp_path).url == "postgresql://host/name"


@pytest.mark.parametrize("text", ["other.sqlite3", "mysql://host/name", "postgresql://host"])
def test_addresses_that_are_refused(tmp_path, text):
    with pytest.raises(BadSettings, match="database"):
        job_database(text, None, tmp_path)
