"""A real tus client, killed and resumed, against an origin that is killed and started again."""

import hashlib
import random
import subprocess
import sys
from pathlib import Path

from origin.uploads.spool import SYNC_BYTES

ROOT = Path(__file__).resolve().parents[2]
CLIENT = """
import sys
from tusclient.client import TusClient
from tusclient.storage.filestorage import FileStorage
client, (url, file, chunk, stop) = TusClient(sys.argv[1] + "/content/uploads"), sys.argv[1:]
storage = FileStorage(file + ".urls")
uploader = client.uploader(file, chunk_size=int(chunk), metadata={"filename": "film.mp4", "contentId": "up"},
                           store_url=True, url_storage=storage, upload_checksum=True)
uploader.upload(stop_at=int(stop))
if int(stop) < uploader.get_file_size():
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL)
print(uploader.offset)
"""


class Origin:
    def __init__(self, folder):
        self.folder, self.port, self.process = folder, 0, None

    def start(self):
        arguments = ["--store", str(self.folder / "store"), "--listen", f"127.0.0.1:{self.port}", "--workers", "0"]
        command = [sys.executable, "-P", "-m", "tools.cli", "origin", *arguments]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        line = self.process.stdout.readline().decode()
        assert line.startswith("ready"), line
        self.port = int(line.rsplit(":", 1)[1])

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def upload(self, file, stop):
        command = [sys.executable, "-c", CLIENT, f"http://127.0.0.1:{self.port}", str(file), str(100_000), str(stop)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_an_upload_survives_kills_of_both_sides(tmp_path):
    """tuspy is killed, then the origin, then both; the film arrives as it was sent."""
    film = tmp_path / "film.mp4"
    film.write_bytes(random.Random(1).randbytes(1_000_000))
    assert film.stat().st_size < SYNC_BYTES
    origin = Origin(tmp_path)
    origin.start()
    try:
        assert origin.upload(film, 300_000).returncode == -9
        origin.kill()
        origin.start()
        assert origin.upload(film, 600_000).returncode == -9
        done = origin.upload(film, 1_000_000)
        assert (done.returncode, done.stdout.strip()) == (0, "1000000"), done.stderr
    finally:
        origin.kill()
    [arrived] = (tmp_path / "store-jobs/uploads").iterdir()
    assert hashlib.sha256(arrived.read_bytes()).digest() == hashlib.sha256(film.read_bytes()).digest()
