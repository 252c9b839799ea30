"""Downloads of pinned files: what `test_weights` does not show."""

import hashlib
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kws_training.data import download
from kws_training.data.download import Download, DownloadError, fetch

PAYLOAD = bytes(range(256)) * 2000


@pytest.fixture
def server(monkeypatch):
    """Serve the payload, but break off after 100,000 bytes of each answer."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            asked = self.headers.get("Range")
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(PAYLOAD) - start))
            if asked:
                end = len(PAYLOAD)
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(PAYLOAD[start : start + 100_000])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/file.bin"
    server.shutdown()
    server.server_close()


def pinned(url, md5=None):
    return Download("file.bin", len(PAYLOAD), None, (url,), md5 or hashlib.md5(PAYLOAD).hexdigest())


def test_a_long_download_may_break_off_more_often(tmp_path, server, monkeypatch):
    with pytest.raises(DownloadError, match="broke off"):
        fetch(pinned(server), tmp_path)
    (tmp_path / "file.bin.part").unlink()
    monkeypatch.setattr(download, "BYTES_PER_ATTEMPT", 100_000)
    assert fetch(pinned(server), tmp_path).read_bytes() == PAYLOAD


def test_md5_where_nothing_else_was_published(tmp_path, server, monkeypatch):
    monkeypatch.setattr(download, "BYTES_PER_ATTEMPT", 100_000)
    wrong = pinned(server, md5="0" * 32)
    with pytest.raises(DownloadError, match="wrong MD5"):
        fetch(wrong, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin.lock"]


def test_sha256_wins_over_md5():
    both = Download("file.bin", 1, "a" * 64, (), "b" * 32)
    assert both.digest == ("SHA-256", "a" * 64)
    with pytest.raises(ValueError, match="no digest"):
        _ = Download("file.bin", 1, None, ()).digest
