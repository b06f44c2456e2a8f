"""Log files that stay bounded."""

import os
import stat

from tools.up.supervise_log import keep_bounded, older, rotate, tail


def test_rotation_keeps_one_older_log(tmp_path):
    log = tmp_path / "edge.log"
    for text in ("first", "second", "third"):
        rotate(log)
        log.write_text(text)
    assert (log.read_text(), older(log).read_text()) == ("third", "second")


def test_a_log_that_is_not_there_needs_no_rotation(tmp_path):
    rotate(tmp_path / "none.log")
    assert list(tmp_path.iterdir()) == []


def test_a_log_over_the_limit_is_emptied_while_the_program_writes_on(tmp_path):
    log = tmp_path / "edge.log"
    with log.open("a") as program:
        program.write("x" * 100 + "\n")
        program.flush()
        assert keep_bounded(log, 50)
        program.write("next\n")
    assert log.read_text() == "next\n"
    assert older(log).read_text() == "x" * 100 + "\n"


def test_a_copy_put_aside_is_as_private_as_the_log(tmp_path):
    """Whatever the umask is, and though an older copy is open to all."""
    log = tmp_path / "edge.log"
    log.write_text("x" * 100)
    log.chmod(0o600)
    older(log).write_text("open to all")
    older(log).chmod(0o644)
    before = os.umask(0)
    try:
        assert keep_bounded(log, 50)
    finally:
        os.umask(before)
    assert stat.S_IMODE(older(log).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


def test_a_log_under_the_limit_or_missing_is_left_alone(tmp_path):
    log = tmp_path / "edge.log"
    assert not keep_bounded(log, 50)
    log.write_text("short")
    assert not keep_bounded(log, 50)
    assert log.read_text() == "short"


def test_the_tail_is_the_last_lines(tmp_path):
    log = tmp_path / "edge.log"
    assert tail(log) == "  (empty)"
    log.write_bytes(b"".join(b"line %d \xff\n" % n for n in range(5000)))
    assert tail(log, 2) == "  line 4998 �\n  line 4999 �"
