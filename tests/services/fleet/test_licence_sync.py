"""Control is told of keys and licences, from where it stands."""

import asyncio
from types import SimpleNamespace

import pytest

from kernel.errors import UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from services.catalogue.title import Change, Playable, Title
from services.counters import Counters
from services.fleet import licence_sync
from services.fleet.licence_sync import LicenceSync


class Control:
    def __init__(self):
        self.said = []
        self.cursors = {}
        self.failures = 0

    async def status(self):
        if self.failures:
            self.failures -= 1
            raise UpstreamFailed(UpstreamReason.CONTROL_UNREACHABLE, retry=True)
        return SimpleNamespace(cursors=self.cursors)

    async def put_titles(self, titles, *, removed=(), cursor=0, source=""):
        self.said.append(("titles", list(titles), list(removed), cursor, source))
        self.cursors[source] = cursor


class Catalogue:
    def __init__(self, *changes):
        self.changes = list(changes)

    async def head(self):
        return max((change.seq for change in self.changes), default=0)

    async def follow(self, after):
        batch = [change for change in self.changes if change.seq > after]
        if batch:
            yield batch
        await asyncio.Event().wait()


CHANGES = (
    Change(1, Title("words", "W")),
    Change(2, Title("film", "F", countries=("DE",), playable=Playable())),
    Change(3, Title("free", "F", playable=Playable())),
)


@pytest.fixture
async def linked(until, monkeypatch):
    monkeypatch.setattr(licence_sync, "MIN_RETRY_SECONDS", 0.01)
    tasks = []

    async def link(control, catalogue, said):
        made = LicenceSync(control, catalogue, "source", Counters())
        tasks.append(asyncio.get_running_loop().create_task(made.run()))
        await until(lambda: len(control.said) >= said)
        return control.said

    yield link
    for task in tasks:
        task.cancel()


async def test_the_licences_of_what_can_be_played_are_told(linked):
    said = await linked(Control(), Catalogue(*CHANGES), 1)
    titles = [{"contentId": "film", "countries": ("DE",)}, {"contentId": "free", "countries": None}]
    assert said[0] == ("titles", titles, ["words"], 3, "source")


async def test_it_goes_on_where_control_stands(linked):
    control = Control()
    control.cursors["source"] = 2
    said = await linked(control, Catalogue(*CHANGES), 1)
    assert [title["contentId"] for title in said[0][1]] == ["free"]


async def test_a_catalogue_behind_control_is_told_anew(linked):
    control = Control()
    control.cursors["source"] = 99
    said = await linked(control, Catalogue(*CHANGES), 1)
    assert len(said[0][1]) == 2


async def test_a_control_that_is_away_is_tried_again(linked):
    control = Control()
    control.failures = 3
    assert (await linked(control, Catalogue(*CHANGES), 1))[0][0] == "titles"
