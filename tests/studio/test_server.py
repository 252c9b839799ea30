"""The studio over HTTP: who is let in, what is refused, what becomes of recordings."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import os
import socket
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kws.modelfile import write_model
from kws.packaged import packaged_model
from kws.pcm import to_int16
from kws_studio.project import Project
from kws_studio.recording_handlers import LOOKS_AT_ONCE, PAGE

from .chromium import demo_word, put_model
from .conftest import RATE, Client, studio

pytest.importorskip("aiohttp", reason="no aiohttp: pip install '.[studio]'")


def test_a_recording_comes_is_listed_heard_seen_and_thrown_out(
    client: Client, spoken: Callable[[int], bytes]
) -> None:
    pytest.importorskip("PIL", reason="no Pillow: pip install '.[studio]'")
    kept = client.values("POST", "/api/recordings/learn?name=a.wav", spoken(0))
    assert kept["problems"] == []
    (name,) = kept["names"]
    listed = client.values("GET", "/api/recordings/learn")
    assert (listed["count"], listed["recordings"][0]["name"]) == (1, name)
    assert listed["recordings"][0]["findings"] == []
    status, headers, sound = client.ask("GET", f"/api/audio/learn/{name}")
    assert (status, headers["Content-Type"], sound[:4]) == (200, "audio/wav", b"RIFF")
    status, _, picture = client.ask("GET", f"/api/picture/learn/{name}")
    assert (status, picture[1:4]) == (200, b"PNG")
    moved = {"shelf": "learn", "name": name, "to": "thrown"}
    assert client.values("POST", "/api/move", moved)["name"] == name
    assert client.values("GET", "/api/recordings/learn")["count"] == 0
    assert client.ask("GET", f"/api/audio/learn/{name}")[0] == 404
    counts = client.values("GET", "/api/state")["project"]["counts"]
    assert (counts["learn"], counts["thrown"]) == (0, 1)


def test_many_recordings_are_looked_at_in_parts(
    client: Client, tmp_path: Path, spoken: Callable[[int], bytes]
) -> None:
    folder = tmp_path / "project" / "recordings" / "computer"
    folder.mkdir(parents=True)
    count = PAGE + LOOKS_AT_ONCE + 3
    for number in range(count):
        (folder / f"{number:03}.wav").write_bytes(spoken(number))
    path = "/api/recordings/learn?order=name"
    first = client.values("GET", path)
    assert (first["count"], first["pending"]) == (count, 3)
    assert all("seconds" in one for one in first["recordings"])
    assert client.values("GET", path)["pending"] == 0
    # the last page is complete at once, whatever is pending
    (folder / "999.wav").write_bytes(spoken(999))
    last = client.values("GET", f"{path}&page={first['pages'] - 1}")
    assert "seconds" in last["recordings"][-1]


def test_exports_of_another_threshold_are_none(client: Client, tmp_path: Path) -> None:
    root = tmp_path / "project"
    model = packaged_model("computer")
    (root / "models").mkdir()
    path = root / "models" / "m.tflite"
    write_model(path, model.network, model.metadata)
    (root / "exports" / "m" / "web").mkdir(parents=True)
    (root / "exports" / "m" / "web" / "kws.js").write_text("// module")
    (row,) = client.values("GET", "/api/models")["models"]
    assert row["exports"] == ["web"]
    address = f"/try/m/{row['made']}/kws.js"
    assert client.ask("GET", address)[0] == 200
    later = time.time_ns() + 10**9
    os.utime(path, ns=(later, later))
    (row,) = client.values("GET", "/api/models")["models"]
    assert row["exports"] == []
    assert client.ask("GET", address)[0] == 404


def test_only_what_is_complete_and_of_this_model_is_taken(client: Client, tmp_path: Path) -> None:
    root = tmp_path / "project"
    model = packaged_model("computer")
    folder = root / "exports" / "m" / "binary"
    folder.mkdir(parents=True)
    (folder / "m-old").write_bytes(b"of before another threshold")
    os.utime(folder / "m-old", (1, 1))
    (folder / ".part").write_bytes(b"of a command that was killed")
    (root / "models").mkdir()
    write_model(root / "models" / "m.tflite", model.network, model.metadata)
    assert client.values("GET", "/api/models")["models"][0]["exports"] == []
    address = "/api/take/export/m/binary"
    assert "was not exported to" in client.values("GET", address, status=400)["error"]
    (folder / "m-new").write_bytes(b"a program")
    (folder / "m-new").chmod(0o755)
    assert client.values("GET", "/api/models")["models"][0]["exports"] == ["binary"]
    status, _, content = client.ask("GET", address)
    assert status == 200
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (found,) = archive.infolist()
        assert found.filename == "m_binary/m-new"
        assert found.external_attr >> 16 & 0o111 == 0o111
    for other in ("..", "models", "%2e%2e"):
        assert client.ask("GET", f"/api/take/export/m/{other}")[0] in (400, 404)


def test_those_who_listen_keep_nobody_else_waiting(client: Client, tmp_path: Path) -> None:
    """Two streams come as fast as they can, as from pages that were held up; a third page asks."""
    put_model(Project(tmp_path / "project"))
    samples = np.tile(np.concatenate([np.zeros(RATE), demo_word()]), 40)
    spoken = to_int16(samples.astype(np.float32), nearest=True).tobytes()
    messages = [spoken[start : start + 2048] for start in range(0, len(spoken), 2048)]
    found, answers = asyncio.run(two_streams(client.port, messages))
    assert found[0] == found[1]
    assert found[0] > 30
    assert answers >= 20  # three of them, when the network ran in the server's loop


async def two_streams(port: int, messages: list[bytes]) -> tuple[list[int], int]:
    """Send two streams; gives the detections of each, and the questions answered meanwhile."""
    import aiohttp

    address, begun = f"http://127.0.0.1:{port}", asyncio.Event()

    async def listen(session: aiohttp.ClientSession) -> int:
        found = 0
        path = f"{address}/api/listen?model=computer.tflite&rate={RATE}"
        async with session.ws_connect(path) as socket:

            async def send() -> None:
                for message in messages:
                    await socket.send_bytes(message)

            sending = asyncio.create_task(send())
            for _ in messages:
                found += len((await socket.receive_json())["found"])
                begun.set()
            await sending
        return found

    async with aiohttp.ClientSession() as session:
        streams = [asyncio.create_task(listen(session)) for _ in range(2)]
        await begun.wait()
        answers = 0
        while not all(stream.done() for stream in streams):
            async with session.get(f"{address}/api/state") as answer:
                assert answer.status == 200
            answers += 1
        return [await stream for stream in streams], answers


def test_text_named_wav_is_refused_by_its_name(client: Client, tmp_path: Path) -> None:
    answer = client.values("POST", "/api/recordings/learn?name=notes.wav", b"some text", 400)
    assert "notes.wav" in answer["error"]
    assert str(tmp_path) not in answer["error"]
    answer = client.values("POST", "/api/recordings/learn?name=notes.txt", b"some text", 400)
    assert "is no recording" in answer["error"]
    assert client.values("GET", "/api/recordings/learn")["count"] == 0


def test_a_body_of_50_mb_is_refused_before_it_is_read(client: Client, tmp_path: Path) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=60)
    connection.putrequest("POST", "/api/recordings/learn?name=a.wav")
    connection.putheader("Content-Length", "50000000")
    connection.endheaders(b"RIFF")
    answer = connection.getresponse()
    assert answer.status == 413
    assert "more than 20 MB" in json.loads(answer.read())["error"]
    connection.close()
    # one that does not say how large it is
    sent = 0
    with socket.create_connection(("127.0.0.1", client.port), timeout=60) as stream:
        stream.sendall(
            b"POST /api/recordings/learn?name=a.wav HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        block = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        try:
            while sent < 50:
                stream.sendall(block)
                sent += 1
            first = stream.recv(100)
        except OSError:
            first = b""
    assert b" 200 " not in first
    assert not list((tmp_path / "project").glob(".coming-*/*"))
    assert client.values("GET", "/api/recordings/learn")["count"] == 0


@pytest.mark.parametrize(
    "path",
    [
        "/api/audio/learn/..%2f..%2f..%2fsecret.wav",
        "/api/audio/learn/../../../secret.wav",
        "/api/audio/..%2f..%2f../secret.wav",
        "/api/audio/learn/%2e%2e%5csecret.wav",
        "/api/picture/learn/..%2f..%2f..%2fsecret.wav",
        "/pages/..%2f..%2fserver.py",
        "/pages/../server.py",
        "/api/take/model/..%2f..%2fsecret.wav",
        "/try/..%2fx/1/kws.js",
        "/try/x/1/..%2f..%2fkws.js",
        "/api/take/export/x/..%2f..",
    ],
)
def test_no_path_leads_out_of_the_folder(client: Client, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.wav").write_bytes(b"secret")
    status, _, content = client.ask("GET", path)
    assert status in (400, 404)
    assert b"secret" not in content.replace(b"secret.wav", b"")


def test_what_is_written_stays_in_the_folder(
    client: Client, tmp_path: Path, spoken: Callable[[int], bytes]
) -> None:
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    client.values("POST", "/api/recordings/speech?name=..%2f..%2fescaped.wav", spoken(0))
    assert client.ask("POST", "/api/recordings/learn?speaker=..%2f..%2fx", spoken(0))[0] == 400
    move = {"shelf": "learn", "name": "../../studio.json", "to": "thrown"}
    assert client.ask("POST", "/api/move", move)[0] == 400
    assert client.ask("POST", "/api/phrase", {"phrase": "../../up"})[0] == 400
    new = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert len(new) == 1
    assert all(path.is_relative_to(tmp_path / "project" / "other_speech") for path in new)


def test_strangers_pages_and_names_are_refused(client: Client) -> None:
    assert client.ask("GET", "/", headers={"Host": "evil.example"})[0] == 403
    assert client.ask("GET", "/api/state", headers={"Origin": "https://evil.example"})[0] == 403
    # nor by a form of a page from elsewhere, which cannot send JSON
    sent = {"Content-Type": "text/plain"}
    assert client.ask("POST", "/api/phrase", b'{"phrase": "x"}', sent)[0] == 400
    status, headers, page = client.ask("GET", "/")
    assert (status, b"kws studio" in page) == (200, True)
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert b"http://" not in page
    assert b"https://" not in page


def test_others_need_the_token(tmp_path: Path) -> None:
    with studio(tmp_path / "project", token="t" * 24) as client:
        for path in ("/", "/api/state", "/api/jobs", "/api/phone", "/try/a/1/kws.js"):
            assert client.ask("GET", path)[0] == 401
        assert client.ask("POST", "/api/phrase", {"phrase": "x"})[0] == 401
        assert client.ask("GET", "/?token=wrong")[0] == 401
        status, headers, _ = client.ask("GET", f"/?token={'t' * 24}")
        assert (status, headers["Location"]) == (303, "/")
        assert "HttpOnly" in headers["Set-Cookie"]
        client.cookie = headers["Set-Cookie"].partition(";")[0]
        assert client.ask("GET", "/")[0] == 200
        client.cookie = "kws_test=" + "u" * 24
        assert client.ask("GET", "/")[0] == 401


def test_who_is_invited_records_and_nothing_else(
    tmp_path: Path, spoken: Callable[[int], bytes]
) -> None:
    pytest.importorskip("segno", reason="no segno: pip install '.[studio]'")
    root = tmp_path / "project"
    with studio(root, "t" * 24, addresses=("http://192.0.2.1:1",)) as client:
        owner, guest = client, Client(client.port)
        owner.cookie = f"kws_test={'t' * 24}"
        owner.values("POST", "/api/phrase", {"phrase": "computer"})
        said = owner.values("POST", "/api/invitation", {})
        assert said["qr"].startswith("<svg")
        path = said["link"].removeprefix("http://192.0.2.1:1")
        assert guest.values("GET", f"{path}/about")["phrase"] == "computer"
        assert guest.ask("GET", path)[0] == 200
        assert guest.ask("GET", "/api/recordings/learn")[0] == 401
        assert "tick first" in guest.values("POST", f"{path}/take", spoken(0), 400)["error"]
        taken = guest.values("POST", f"{path}/take?consent=1&speaker=ben", spoken(0))
        assert taken["kept"]
        listed = owner.values("GET", "/api/recordings/learn")["recordings"]
        assert [one["name"] for one in listed] == ["ben_nohash_0.wav"]
        owner.ask("DELETE", "/api/invitation")
        assert guest.ask("GET", path)[0] == 404
        assert guest.ask("POST", f"{path}/take?consent=1", spoken(1))[0] == 404


def test_all_is_there_after_a_restart(tmp_path: Path, spoken: Callable[[int], bytes]) -> None:
    root = tmp_path / "project"
    with studio(root) as client:
        client.values("POST", "/api/phrase", {"phrase": "computer", "language": "de"})
        client.values("POST", "/api/recordings/learn", spoken(0))
        before = client.values("GET", "/api/state")
    with studio(root) as client:
        assert client.values("GET", "/api/state") == before
        assert before["project"]["counts"]["learn"] == 1


def test_each_visitor_has_a_project_and_may_do_little(tmp_path: Path) -> None:
    with studio(tmp_path / "visits", visitors=True) as client:
        _, headers, _ = client.ask("GET", "/api/state")
        client.cookie = headers["Set-Cookie"].partition(";")[0]
        client.values("POST", "/api/phrase", {"phrase": "computer"})
        assert client.values("GET", "/api/state")["project"]["phrase"] == "computer"
        other = Client(client.port)
        assert other.values("GET", "/api/state")["project"]["phrase"] == ""
        refused = client.values("POST", "/api/jobs", {"kind": "good"}, 400)
        assert "shared by many" in refused["error"]
    assert not list((tmp_path / "visits").glob("*/studio.json"))


def test_questions_that_make_no_sense_get_one_line(client: Client) -> None:
    for method, path, body in (
        ("POST", "/api/phrase", b"["),
        ("POST", "/api/jobs", {"kind": "rm"}),
        ("POST", "/api/jobs/1/stop", {}),
        ("GET", "/api/jobs/x", None),
        ("GET", "/api/curve/99", None),
        ("GET", "/api/listen", None),
        ("POST", "/api/trim", {"shelf": "learn", "name": "x.wav", "start": "a", "end": 1}),
    ):
        status, _, content = client.ask(method, path, body)
        assert status == 400, path
        assert "\n" not in json.loads(content)["error"]
    assert client.ask("GET", "/nothing")[0] == 404
    # what a step lacks is an answer
    assert "\n" not in client.values("GET", "/api/plan/judge?model=x")["missing"]
