"""Where YAMNet's weights come from, against real servers on this machine."""

import dataclasses
import hashlib
import os
import socket
import sys
import termios
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from kws.errors import ModelError
from kws_training.data import download
from kws_training.networks import weights
from kws_training.networks.weights import Download, find_yamnet

PAYLOAD = np.random.default_rng(1).bytes(400_000)


@dataclasses.dataclass
class Mirror:
    """What a server has and how it behaves.

    ``stops`` are the bytes after which it breaks off, one per request; then it is well.
    """

    content: bytes = PAYLOAD
    ranges: bool = True
    shift: int = 0  # of the ranges that it sends: a confused server
    status: int = 200
    stops: list[int] = dataclasses.field(default_factory=list)
    answers: threading.Event | None = None  # it waits for this before it answers
    asked: list[str | None] = dataclasses.field(default_factory=list)
    url: str = ""


@contextmanager
def serving(*mirrors):
    """Serve each mirror on a port of its own."""
    servers = []
    for mirror in mirrors:

        class Handler(BaseHTTPRequestHandler):
            mirror: Mirror

            def log_message(self, *_):
                pass

            def do_GET(self):
                mirror, asked = self.mirror, self.headers.get("Range")
                mirror.asked.append(asked)
                if mirror.answers is not None:
                    mirror.answers.wait(60)
                start, status = 0, mirror.status
                if asked and mirror.ranges and status == 200:
                    start = int(asked.removeprefix("bytes=").rstrip("-")) + mirror.shift
                    status = 206 if start < len(mirror.content) else 416
                body = mirror.content[start:] if status in (200, 206) else b""
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if status == 206:
                    end = len(mirror.content)
                    self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
                self.end_headers()
                stop = mirror.stops.pop(0) if mirror.stops else len(body)
                with suppress(OSError):  # the client may cut us off
                    self.wfile.write(body[:stop])

        Handler.mirror = mirror
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        mirror.url = f"http://127.0.0.1:{server.server_port}/yamnet.tflite"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
    try:
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def source(*mirrors):
    digest = hashlib.sha256(PAYLOAD).hexdigest()
    return Download("file.bin", len(PAYLOAD), digest, tuple(mirror.url for mirror in mirrors))


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.delenv(weights.VARIABLE, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def fetch(folder, *mirrors):
    return find_yamnet(source=source(*mirrors), cache=folder)


def only(folder):
    """The names in the folder, without the lock."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def one_line(error) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_given_path_wins_over_all(tmp_path, monkeypatch):
    given, other = tmp_path / "given.h5", tmp_path / "other.h5"
    given.write_bytes(b"1")
    other.write_bytes(b"2")
    monkeypatch.setenv(weights.VARIABLE, str(other))
    assert find_yamnet(given) == given
    assert find_yamnet() == other


def test_given_path_knows_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.tflite").write_bytes(b"1")
    monkeypatch.setenv(weights.VARIABLE, "~/mine.tflite")
    assert find_yamnet() == tmp_path / "mine.tflite"


def test_given_path_that_is_not_there(tmp_path, monkeypatch):
    with pytest.raises(ModelError, match=r"--yamnet: .*nowhere is not a file: give") as error:
        find_yamnet(tmp_path / "nowhere")
    one_line(error)
    monkeypatch.setenv(weights.VARIABLE, str(tmp_path))
    with pytest.raises(ModelError, match=r"KWS_YAMNET: .* is not a file"):
        find_yamnet()


def test_downloads_once(tmp_path):
    mirror = Mirror()
    with serving(mirror):
        for _ in range(2):
            path = fetch(tmp_path / "new" / "folder", mirror)
            assert path == tmp_path / "new" / "folder" / "file.bin"
            assert path.read_bytes() == PAYLOAD
    assert mirror.asked == [None]
    assert only(path.parent) == ["file.bin"]


def test_cached_file_needs_no_server(tmp_path):
    (tmp_path / "file.bin").write_bytes(PAYLOAD)
    assert fetch(tmp_path, Mirror(url="http://127.0.0.1:1/")) == tmp_path / "file.bin"


def test_default_folder_is_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("KWS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    mirror = Mirror()
    with serving(mirror):
        assert find_yamnet(source=source(mirror)) == tmp_path / "kws" / "file.bin"


def test_damaged_cache_is_replaced(tmp_path):
    (tmp_path / "file.bin").write_bytes(PAYLOAD[:-1] + b"?")
    mirror = Mirror()
    with serving(mirror):
        assert fetch(tmp_path, mirror).read_bytes() == PAYLOAD


@pytest.mark.parametrize("ranges", [True, False])
def test_goes_on_where_it_broke_off(tmp_path, ranges):
    mirror = Mirror(stops=[250_000], ranges=ranges)
    with serving(mirror):
        assert fetch(tmp_path, mirror).read_bytes() == PAYLOAD
    first, second = mirror.asked
    assert first is None
    held = int(second.removeprefix("bytes=").removesuffix("-"))
    assert 250_000 - download.CHUNK <= held <= 250_000
    assert only(tmp_path) == ["file.bin"]


def test_goes_on_at_the_next_mirror(tmp_path):
    # The second request brings nothing, so the first mirror is given up.
    one, two = Mirror(stops=[200_000, 0]), Mirror()
    with serving(one, two):
        assert fetch(tmp_path, one, two).read_bytes() == PAYLOAD
    assert len(one.asked) == 2
    assert two.asked[0].startswith("bytes=")


def test_goes_on_in_the_next_run(tmp_path):
    mirror = Mirror(stops=[200_000, 0])
    with serving(mirror):
        with pytest.raises(ModelError, match="broke off"):
            fetch(tmp_path, mirror)
        assert only(tmp_path) == ["file.bin.part"]
        assert fetch(tmp_path, mirror).read_bytes() == PAYLOAD
    assert mirror.asked[-1].startswith("bytes=")


def test_server_that_breaks_off_forever_is_given_up(tmp_path):
    mirror = Mirror(stops=[100_000] * 99)
    with serving(mirror), pytest.raises(ModelError, match="broke off"):
        fetch(tmp_path, mirror)
    assert len(mirror.asked) == download.ATTEMPTS


def test_whole_part_is_only_checked(tmp_path):
    (tmp_path / "file.bin.part").write_bytes(PAYLOAD)
    assert fetch(tmp_path, Mirror(url="http://127.0.0.1:1/")).read_bytes() == PAYLOAD


@pytest.mark.parametrize("junk", [b"?" * 1000, b"?" * len(PAYLOAD), b"?" * (len(PAYLOAD) + 1)])
def test_foreign_part_is_not_the_mirrors_fault(tmp_path, junk):
    (tmp_path / "file.bin.part").write_bytes(junk)
    mirror = Mirror()
    with serving(mirror):
        assert fetch(tmp_path, mirror).read_bytes() == PAYLOAD
    assert mirror.asked[-1] is None


def test_server_with_confused_ranges(tmp_path):
    (tmp_path / "file.bin.part").write_bytes(PAYLOAD[:1000])
    for shift in (7, len(PAYLOAD)):  # another range, and 416
        mirror = Mirror(shift=shift)
        with serving(mirror):
            assert fetch(tmp_path, mirror).read_bytes() == PAYLOAD
        assert mirror.asked == ["bytes=1000-", None]
        (tmp_path / "file.bin").unlink()
        (tmp_path / "file.bin.part").write_bytes(PAYLOAD[:1000])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (Mirror(content=PAYLOAD[:-1] + b"?"), "wrong SHA-256"),
        (Mirror(content=PAYLOAD + b"?"), "sent more than 400000 bytes"),
        (Mirror(content=PAYLOAD * 100), "sent more than 400000 bytes"),
        (Mirror(content=b"<html>log in</html>"), "sent 19 bytes instead of 400000"),
        (Mirror(status=404), "HTTP 404"),
        (Mirror(status=503), "HTTP 503"),
    ],
)
def test_bad_mirror(tmp_path, bad, reason):
    good = Mirror()
    with serving(bad, good):
        with pytest.raises(ModelError, match=reason):
            fetch(tmp_path, bad)
        assert only(tmp_path) == []
        assert fetch(tmp_path, bad, good).read_bytes() == PAYLOAD
    assert only(tmp_path) == ["file.bin"]


def test_offline_says_what_to_do(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mirrors = [Mirror(url=f"http://127.0.0.1:{port}/{place}") for place in "abc"]
    with pytest.raises(ModelError) as error:
        fetch(tmp_path, *mirrors)
    text = one_line(error)
    assert text.count(f"127.0.0.1:{port}: no connection") == 3
    assert "connect to the network and try again" in text
    for part in (f"{mirrors[0].url} ", "--yamnet FILE", "KWS_YAMNET=FILE"):
        assert part in text


def test_silent_server_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", (1, 0.2))
    mirror = Mirror(answers=threading.Event())
    with serving(mirror):
        with pytest.raises(ModelError, match="timed out"):
            fetch(tmp_path, mirror)
        mirror.answers.set()


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelError, match=r"cannot keep file.bin there .*KWS_CACHE") as error:
        fetch(tmp_path / "file" / "kws", Mirror(url="http://127.0.0.1:1/"))
    assert "--yamnet FILE" in one_line(error)


def test_two_at_once_download_once(tmp_path):
    mirror = Mirror(answers=threading.Event())
    paths = []
    with serving(mirror):
        threads = [
            threading.Thread(target=lambda: paths.append(fetch(tmp_path, mirror))) for _ in "ab"
        ]
        for thread in threads:
            thread.start()
        mirror.answers.set()
        for thread in threads:
            thread.join()
    assert [path.read_bytes() for path in paths] == [PAYLOAD] * 2
    assert mirror.asked == [None]


def test_no_progress_in_a_pipe(tmp_path, capfd):
    mirror = Mirror()
    with serving(mirror):
        fetch(tmp_path, mirror)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("progress", [True, False])
def test_progress_on_a_terminal(tmp_path, monkeypatch, progress):
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    mirror = Mirror()
    with serving(mirror), os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        find_yamnet(source=source(mirror), cache=tmp_path, progress=progress)
        print("end", file=terminal, flush=True)
        shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert ("file.bin" in shown) == progress


def test_the_pinned_download():
    assert len(weights.YAMNET.mirrors) == 3
    assert all(url.startswith("https://") for url in weights.YAMNET.mirrors)


@pytest.mark.data
def test_the_official_file_has_the_pinned_digest(tmp_path, shared):
    mirror = Mirror(content=(shared / "yamnet" / "yamnet.tflite").read_bytes(), stops=[3_000_000])
    with serving(mirror):
        pinned = dataclasses.replace(weights.YAMNET, mirrors=(mirror.url,))
        path = find_yamnet(source=pinned, cache=tmp_path)
    assert path.read_bytes() == mirror.content
    assert len(mirror.asked) == 2
