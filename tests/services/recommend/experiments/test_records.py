"""What the event log holds of lists."""

import msgspec
import pytest

from services.recommend.experiments.records import SEEN, Draw, Exposure, SeenRecord, read_seen

RECORD = SeenRecord(
    SEEN, 7.5, "home", "tv", 21, "blend", "v1", ("a", "b"), (("rows", "new", 0.5),), ("d1", "b", 0.125, {"ease": "a"})
)


def test_exposures_and_draws_come_back():
    seen, drawn = read_seen(msgspec.json.encode(RECORD), "p-1", "DE")
    assert seen == [Exposure("rows", "p-1", "new", 7.5, 0.5, "DE", "home", "tv")]
    assert drawn == [Draw("d1", "p-1", "b", 7.5, 0.125, {"ease": "a"}, "v1")]


@pytest.mark.parametrize(("body", "user"), [(b"{broken", "p-1"), (b"{}", "p-1"), (b'{"event":"x","at":1}', "p-1")])
def test_other_records_say_nothing(body, user):
    assert read_seen(body, user, "DE") == ([], [])


def test_a_record_of_nobody_says_nothing():
    assert read_seen(msgspec.json.encode(RECORD), "", "DE") == ([], [])
