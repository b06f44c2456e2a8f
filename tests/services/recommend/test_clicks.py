"""Clicks that search reports."""

from types import SimpleNamespace

import pytest

from kernel.errors import StorageFailed
from services.recommend.clicks import Clicks
from services.recommend.viewers import ViewerRules
from tests.doubles.clock import FakeClock


class Sink:
    def __init__(self, failed=None):
        self.events = []
        self.failed = failed

    async def append_feedback(self, event):
        if self.failed is not None:
            raise self.failed
        self.events.append(event)

    async def store_feedback(self, event):
        self.events.append(event)


def directory(consent):
    async def rules_of(_):
        return ViewerRules(None, consent)

    return SimpleNamespace(rules_of=rules_of)


@pytest.mark.parametrize(("consent", "stored"), [(True, 1), (False, 0)])
async def test_a_click_is_a_signal_with_consent_alone(consent, stored):
    for with_log in (True, False):
        sink = Sink()
        clicks = Clicks(sink, directory(consent), sink if with_log else None, FakeClock())
        await clicks.report("p-1", "film", "DE")
        assert [(one.user, one.content, one.action.value) for one in sink.events] == [("p-1", "film", "CLICK")] * stored


async def test_a_full_disk_does_not_break_search():
    sink = Sink(StorageFailed("full"))
    await Clicks(sink, directory(True), sink, FakeClock()).report("p-1", "film", None)
    assert sink.events == []
