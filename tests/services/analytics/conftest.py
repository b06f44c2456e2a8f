"""A lake in a folder and in a bucket, records to fill it with, and a log that hands them out."""

import pytest

from kernel.settings.store_address import StoreAddress
from services.analytics.event_source import RecordPage, StoredRecord
from services.analytics.lake.lake_store import FolderLake, open_lake
from tests import seaweedfs

T = 1_800_000_000.0
NUMBERS = iter(range(1_000_000))


@pytest.fixture(scope="session")
def s3_server():
    program = seaweedfs.find_program()
    if program is None:
        pytest.skip("SeaweedFS is not installed")
    with seaweedfs.Server(program) as server:
        yield server


@pytest.fixture(params=["folder", "bucket"])
def lake(request, tmp_path):
    """The lake in both of its stores."""
    if request.param == "folder":
        return FolderLake(tmp_path / "lake")
    server = request.getfixturevalue("s3_server")
    return open_lake(StoreAddress(None, "vod", f"lake-{next(NUMBERS)}"), None, server.environment)


@pytest.fixture
def folder_lake(tmp_path):
    return FolderLake(tmp_path / "lake")


def cmcd_line(session, second, sequence, event="ps", **keys):
    """A line of CMCD at a second after T."""
    more = "".join(f",{name.replace('_', '-')}={value}" for name, value in keys.items())
    return f'cid="film",e={event},sid="{session}",sn={sequence},ts={int((T + second) * 1000)}{more}'


FILM = ((0, "s"), (1, "p"), (31, "r"), (33, "p"), (60, "e"))


def cmcd_film(session, start=0):
    """The lines of a film that stalled once, for two seconds."""
    return "\n".join(
        cmcd_line(session, start + at, number, sta=state) for number, (at, state) in enumerate(FILM)
    ).encode()


class MemoryLog:
    """A record source in memory; `page` records a read."""

    def __init__(self, name="log-0", page=3):
        self.name = name
        self.page = page
        self.records = []
        self.acknowledged = 0
        self.erased = frozenset()
        """Positions of records that are read over."""

    def append(self, kind, body, at=0.0, **more):
        position = self.records[-1].end if self.records else 0
        self.records.append(StoredRecord(position, position + len(body) + 12, kind, T + at, body, **more))

    def read(self, cursor):
        found = [one for one in self.records if one.position >= cursor][: self.page]
        kept = [one for one in found if one.position not in self.erased]
        return RecordPage(kept, found[-1].end if found else cursor)

    def acknowledge(self, cursor, now):
        self.acknowledged = cursor


@pytest.fixture
def memory_log():
    return MemoryLog()
