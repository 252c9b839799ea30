"""Public data sets in small: archives as the real ones are laid out, on a server that can break."""

import csv
import dataclasses
import hashlib
import io
import tarfile
import threading
import zipfile
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import soundfile

from kws_training.data import fetching
from kws_training.data.sources import SOURCES
from kws_training.data.unpack import Bounds


def sound(form="WAV", seconds=0.1, seed=0):
    file = io.BytesIO()
    samples = np.random.default_rng(seed).normal(0, 0.1, round(16000 * seconds))
    soundfile.write(file, samples, 16000, format=form)
    return file.getvalue()


def lines(*rows):
    return "\r\n".join(rows).encode() + b"\r\n"


WAV, FLAC = sound(), sound("FLAC")

#: Archives as the real ones are laid out, with few recordings.
LAYOUTS = {
    "speech-commands": {
        "./README.md": b"text",
        "./validation_list.txt": lines("yes/0fa1e7a9_nohash_0.wav"),
        "./testing_list.txt": lines("yes/2c6d3924_nohash_0.wav", "no/2c6d3924_nohash_1.wav"),
        "./yes/0fa1e7a9_nohash_0.wav": WAV,
        "./yes/2c6d3924_nohash_0.wav": WAV,
        "./no/2c6d3924_nohash_1.wav": WAV,
        "./no/5c8af87a_nohash_0.wav": WAV,
        "./_background_noise_/pink_noise.wav": WAV,
        "./_background_noise_/README.md": b"text",
    },
    "speech-commands-test": {
        "./yes/0fa1e7a9_nohash_0.wav": WAV,
        "./_unknown_/bird_0fa1e7a9_nohash_0.wav": WAV,
        "./_silence_/1.wav": WAV,
    },
    "musan": {
        "musan/README": b"text",
        "musan/music/fma/music-fma-0000.wav": WAV,
        "musan/speech/librivox/speech-librivox-0000.wav": WAV,
        "musan/noise/free-sound/noise-free-sound-0000.wav": WAV,
        "musan/noise/free-sound/LICENSE": b"text",
        "musan/noise/sound-bible/noise-sound-bible-0000.wav": WAV,
    },
    "musan-whole": {
        "musan/README": b"text",
        **{
            f"musan/{kind}/{origin}/{kind}-{origin}-{number:04}.wav": sound(
                seconds=4, seed=10 * place + number
            )
            for place, (kind, origin) in enumerate(
                (("music", "fma"), ("speech", "us-gov"), ("noise", "free-sound"))
            )
            for number in range(3)
        },
        "musan/music/fma/LICENSE": b"text",
        "musan/music/fma/ANNOTATIONS": b"text",
    },
    "rirs": {
        "RIRS_NOISES/README": b"text",
        "RIRS_NOISES/real_rirs_isotropic_noises/noise_list": (
            b"--noise-id 00001 --noise-type isotropic --bg-fg-type background "
            b"--room-linkage RVB2014_type1_rir_largeroom1 "
            b"RIRS_NOISES/real_rirs_isotropic_noises/RVB2014_type1_noise_largeroom1_1.wav\n"
        ),
        "RIRS_NOISES/real_rirs_isotropic_noises/RVB2014_type1_noise_largeroom1_1.wav": WAV,
        "RIRS_NOISES/real_rirs_isotropic_noises/RVB2014_type1_rir_largeroom1_far_angla.wav": WAV,
        "RIRS_NOISES/simulated_rirs/smallroom/Room001/Room001-00001.wav": WAV,
    },
    "esc-50": {
        "ESC-50-33c8ce9eb2cf0b1c2f8bcf322eb349b6be34dbb6/meta/esc50.csv": lines(
            "filename,fold,target,category,esc10,src_file,take",
            "1-100032-A-0.wav,1,0,dog,True,100032,A",
            "1-100032-B-0.wav,1,0,dog,True,100032,B",
            "2-100038-A-14.wav,2,14,chirping_birds,False,100038,A",
        ),
        **{
            f"ESC-50-33c8ce9eb2cf0b1c2f8bcf322eb349b6be34dbb6/audio/{name}.wav": WAV
            for name in ("1-100032-A-0", "1-100032-B-0", "2-100038-A-14")
        },
    },
    "urbansound8k": {
        "UrbanSound8K/metadata/UrbanSound8K.csv": lines(
            "slice_file_name,fsID,start,end,salience,fold,classID,class",
            "100032-3-0-0.wav,100032,0.0,0.317551,1,5,3,dog_bark",
            "100263-2-0-117.wav,100263,58.5,62.5,2,10,2,children_playing",
        ),
        "UrbanSound8K/audio/fold5/100032-3-0-0.wav": WAV,
        "UrbanSound8K/audio/fold10/100263-2-0-117.wav": WAV,
        "UrbanSound8K/audio/fold10/.DS_Store": b"",
    },
    **{
        f"librispeech-{subset}": {
            "LibriSpeech/SPEAKERS.TXT": (
                b";ID  |SEX| SUBSET           |MINUTES| NAME\n"
                b"61   | M | test-clean       | 8.08 | Paul-Gabriel Wiener\n"
                b"121  | F | test-clean       | 8.13 | Nikolle Doolin\n"
            ),
            f"LibriSpeech/{subset}/61/70968/61-70968-0000.flac": FLAC,
            f"LibriSpeech/{subset}/61/70968/61-70968.trans.txt": (
                b"61-70968-0000 HE BEGAN A CONFUSED COMPLAINT\n"
            ),
            f"LibriSpeech/{subset}/121/121726/121-121726-0000.flac": FLAC,
        }
        for subset in ("test-clean", "dev-clean", "train-clean-100")
    },
}


def pack(members, name, links=()):
    file = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(file, "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content)
    else:
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            for member, content in members.items():
                info = tarfile.TarInfo(member)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            for link in links:
                archive.addfile(link)
    return file.getvalue()


def rows_of(folder):
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Site:
    """A server of archives that can break off, once for each entry of ``stops``."""

    def __init__(self, url):
        self.url = url
        self.files: dict[str, bytes] = {}
        self.stops: list[int] = []
        self.asked: list[tuple[str, str | None]] = []

    def offer(self, name, members=None, **changes):
        """Put a small archive on the server; return the table's entry for it."""
        source = next(source for source in SOURCES if source.name == name)
        content = pack(LAYOUTS[name] if members is None else members, source.archive.name)
        self.files[f"/{source.archive.name}"] = content
        archive = dataclasses.replace(
            source.archive,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            mirrors=(f"{self.url}/{source.archive.name}",),
        )
        bounds = Bounds(files=100, size=20_000_000)
        return dataclasses.replace(source, archive=archive, bounds=bounds, **changes)


@pytest.fixture
def site(monkeypatch):
    """A server of archives on this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv(fetching.MIRROR, raising=False)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            asked = self.headers.get("Range")
            site.asked.append((self.path, asked))
            content = site.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(content) - start))
            if asked:
                end = len(content)
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
            self.end_headers()
            stop = site.stops.pop(0) if site.stops else len(content)
            with suppress(OSError):
                self.wfile.write(content[start : start + stop])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield site
    server.shutdown()
    server.server_close()
