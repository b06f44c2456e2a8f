"""A worker process whose origin is gone ends at once."""

import subprocess
import sys

import msgspec

from origin.ingest.limits import Limits
from origin.jobs.job_settings import WorkerOptions


def test_the_origin_died_before_it_was_told(pytestconfig):
    values = dict.fromkeys(WorkerOptions.__struct_fields__, "") | {"parent": 1}
    values |= dict.fromkeys(("threads", "max_size", "rungs", "push_segments"), 0) | {"lease": 1.0, "idle_exit": 1.0}
    values |= dict.fromkeys(("folders", "hosts", "buckets", "networks"), ()) | {
        "masters": True,
        "stores": {},
        "limits": Limits(),
    }
    options = msgspec.json.encode(WorkerOptions(**values)) + b"\n"
    command = [sys.executable, "-m", "origin.jobs.work.worker_process"]
    done = subprocess.run(command, input=options, cwd=pytestconfig.rootpath, check=False, timeout=60)
    assert done.returncode == 1
