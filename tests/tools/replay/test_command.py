"""`matinee replay`: the figures of small traces, what it says of bad ones, and how it is called."""

import gzip
import json

import pytest

from tools.cli import main

ROW = "{},{},1000\n"
KEYS = ("requests", "bytes", "object_miss", "byte_miss", "ram_hits", "disk_hits", "disk_bytes_written")


def written(tmp_path, text, name="trace.csv"):
    path = tmp_path / name
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return str(path)


def trace(*ids):
    return "time,obj_id,obj_size\n" + "".join(ROW.format(at, name) for at, name in enumerate(ids))


def replayed(capsys, *argv):
    code = main(["replay", *argv])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else None, err


@pytest.mark.parametrize("policy", ["s3fifo", "lru"])
def test_hits_and_misses_in_ram(tmp_path, capsys, policy):
    path = written(tmp_path, trace("a", "b", "a", "a"))
    code, figures, _ = replayed(capsys, path, "--ram", "1MiB", "--policy", policy)
    assert code == 0
    assert tuple(figures) == KEYS
    assert list(figures.values()) == [4, 4000, 0.5, 0.5, 2, 0, 0]


def test_bytes_are_weighed(tmp_path, capsys):
    path = written(tmp_path, "0,a,3000\n1,a,3000\n2,b,1000\n3,b,1000\n4,c,2000\n")
    _, figures, _ = replayed(capsys, path, "--ram", "1MiB")
    assert (figures["bytes"], figures["object_miss"], figures["byte_miss"]) == (10_000, 0.6, 0.6)


def test_each_object_counts_its_id_and_600_bytes_too(tmp_path, capsys):
    """Two of 1,601 bytes do not fit into 3,201, though their bodies would."""
    path = written(tmp_path, trace("a", "b", "a"))
    assert replayed(capsys, path, "--ram", "3202", "--policy", "lru")[1]["ram_hits"] == 1
    assert replayed(capsys, path, "--ram", "3201", "--policy", "lru")[1]["ram_hits"] == 0


def test_what_left_ram_is_a_hit_from_disk(tmp_path, capsys):
    names = [f"n{number:02}" for number in range(20)]
    path = written(tmp_path, trace(*names, *names))
    _, figures, _ = replayed(capsys, path, "--ram", "16KiB", "--disk", "1MiB", "--admission", "always")
    assert figures["object_miss"] == 0.5
    assert figures["disk_hits"] > 0
    assert figures["ram_hits"] + figures["disk_hits"] == 20
    assert figures["disk_bytes_written"] == 20 * (1000 + 3 + 600)


def test_on_second_an_object_fetched_once_is_not_written(tmp_path, capsys):
    names = [f"n{number:02}" for number in range(20)]
    path = written(tmp_path, trace(*names, names[0], names[0]))
    _, figures, _ = replayed(capsys, path, "--ram", "16KiB", "--disk", "1MiB", "--admission", "second")
    assert figures["disk_bytes_written"] == 1603
    _, default, _ = replayed(capsys, path, "--ram", "16KiB", "--disk", "1MiB")
    assert default == figures


@pytest.mark.parametrize("name", ["trace.csv.gz", "packed.gz"])
def test_a_packed_trace(tmp_path, capsys, name):
    assert replayed(capsys, written(tmp_path, trace("a", "a"), name))[1]["ram_hits"] == 1


def test_bad_lines_are_named_and_left_out(tmp_path, capsys):
    path = written(tmp_path, trace("a", "a") + "x,a,1\n5,a,big\n6,a,1000\n")
    code, figures, err = replayed(capsys, path)
    assert code == 1
    assert figures["requests"] == 3
    assert f"{path}: line 4: field `time`: 'x' is not a number of seconds" in err
    assert "line 5: field `obj_size`: 'big' is not a whole number of bytes" in err
    assert "skipped 2 invalid lines" in err


@pytest.mark.parametrize("text", ["", "time,obj_id,obj_size\n", "\n\n"])
def test_a_trace_without_a_request(tmp_path, capsys, text):
    code, figures, err = replayed(capsys, written(tmp_path, text))
    assert (code, figures) == (1, None)
    assert "contains no requests" in err


def test_a_trace_that_is_not_there(tmp_path, capsys):
    code, figures, err = replayed(capsys, str(tmp_path / "none.csv"))
    assert (code, figures) == (1, None)
    assert "cannot be read: No such file" in err


def test_a_packed_trace_that_ends_early(tmp_path, capsys):
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(trace(*map(str, range(5000))).encode())[:-40])
    code, figures, err = replayed(capsys, str(path))
    assert (code, figures) == (1, None)
    assert "truncated or damaged" in err


def test_a_trace_of_empty_objects_has_no_bytes_to_miss(tmp_path, capsys):
    assert replayed(capsys, written(tmp_path, "0,a,0\n1,a,0\n"))[1]["byte_miss"] == 0


@pytest.mark.parametrize("flags", [["--policy", "best"], ["--admission", "third"], ["--ram", "0"], ["--disk", "lots"]])
def test_wrong_usage(tmp_path, capsys, flags):
    code, figures, err = replayed(capsys, written(tmp_path, trace("a")), *flags)
    assert (code, figures) == (2, None)
    assert flags[0].removeprefix("--") in err


def test_the_policy_keeps_what_a_scan_would_push_out(tmp_path, capsys):
    """S3-FIFO misses less than LRU where many objects are asked for once."""
    ids = [name for number in range(300) for name in (f"hot{number % 8}", *(f"once{number}-{k}" for k in range(9)))]
    path = written(tmp_path, trace(*ids))
    missed = {p: replayed(capsys, path, "--ram", "80KiB", "--policy", p)[1]["byte_miss"] for p in ("s3fifo", "lru")}
    assert missed["s3fifo"] < missed["lru"] - 0.05
