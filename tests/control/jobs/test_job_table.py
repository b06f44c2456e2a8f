"""What rows of the job log say; the statements are tested with control.jobs.service, on both databases."""

import pytest

from control.jobs.job_table import LogStart, entry_from_row, late_shields, log_start
from kernel.fleet.messages import Job

EPOCH = {"name": "epoch-jobs", "value": "e"}


@pytest.mark.parametrize(
    ("rows", "head", "begin"),
    [
        ([], 0, None),
        ([EPOCH], 5, LogStart("e", 0)),
        ([EPOCH, {"name": "floor-jobs", "value": "7"}], 9, LogStart("e", 7)),
        ([EPOCH, {"name": "floor-jobs", "value": "7"}], 10_100, LogStart("e", 100)),
    ],
)
def test_where_the_log_begins(rows: list, head: int, begin: LogStart | None):
    assert log_start(rows, head) == begin


@pytest.mark.parametrize(
    ("note", "refers", "late"),
    [
        ("", (), []),
        ('{"refers": [3]}', (3,), []),
        ('{"late": ["s1", "s2"], "again": {"s1": 9}}', (), ["s2"]),
    ],
)
def test_what_a_row_notes(note: str, refers: tuple[int, ...], late: list[str]):
    row = {"seq": 4, "kind": "purge", "content": b"{}", "at": 1.0, "note": note}
    assert (entry_from_row(row).job, entry_from_row(row).refers, late_shields(row)) == (
        Job(4, "purge", b"{}"),
        refers,
        late,
    )
