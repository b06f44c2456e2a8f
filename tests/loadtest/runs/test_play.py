"""From the command line to the report, against a small HLS server that is no Matinee."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kernel.errors import BadSettings
from loadtest.__main__ import main
from loadtest.runs.play import read_headers

MASTER = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360\nlow.m3u8\n"
MEDIA = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n" + "".join(f"#EXTINF:1.0,\n{n}.ts\n" for n in range(3)) + "#EXT-X-ENDLIST\n"
STORY = """
name = "tiny"
summary = "A few viewers."
players = 3
seconds = 20
[arrivals]
within = 0.01
[watching]
complete_share = 1.0
is_patient = true
seeks_mean = 0
pauses_mean = 0
resume_share = 0
[networks]
unlimited = 1
[player]
abr = "fixed:800000"
[expect]
always = ["errors = 0", "started = players", "requests > 10"]
"""


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = self.path.partition("?")[0].rpartition("/")[2]
        body = {"master.m3u8": MASTER.encode(), "low.m3u8": MEDIA.encode()}.get(name, b"x" * 100_000)
        allowed = self.headers.get("X-Key") == "open"
        self.send_response(200 if allowed else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def address():
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def story(tmp_path):
    def write(text=STORY):
        path = tmp_path / "tiny.toml"
        path.write_text(text)
        return str(path)

    return write


def test_a_foreign_cdn_needs_a_playlist_and_a_header(address, story, tmp_path, capsys):
    out = [f"--json={tmp_path / 'r.json'}", f"--html={tmp_path / 'r.html'}"]
    argv = [story(), "--target", f"{address}/vod/master.m3u8?sig=a", "--header", "X-Key: open", *out]
    assert main(argv) == 0, capsys.readouterr()
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["players"] == report["started"] == 3
    assert report["bitrateMean"] == 800_000
    assert report["bytes"] > 3 * 3 * 100_000
    assert report["ends"] == {"watched": 3}
    assert report["nodes"] == []
    assert "open" not in json.dumps(report), "no header value is written down"
    assert "tiny" in (tmp_path / "r.html").read_text()
    assert "passed" in capsys.readouterr().out


def test_what_viewers_saw_decides_the_exit_code(address, story, tmp_path):
    argv = [story(), "--target", f"{address}/vod/master.m3u8", "--json", str(tmp_path / "r.json")]
    assert main(argv) == 1
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["started"] == 0
    assert [row["ok"] for row in report["expectations"]] == [False, False, False]
    assert report["ends"] == {"refused": 3}


@pytest.mark.parametrize("field", ["", "x", ": v", "a b: c", "X-Key: a\r\nY: b"])
def test_what_is_no_header_field_is_refused_without_being_shown(field):
    with pytest.raises(BadSettings, match="field 1") as caught:
        read_headers([field])
    assert "X-Key" not in str(caught.value)
