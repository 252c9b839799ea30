"""Texts of a command line, an address or a broker; and the log of what a device kept."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from kws.audio import load_audio
from kws.errors import AudioError
from kws.hub.name import parse_name
from kws.keeping.labels import OTHER, PHRASE, KeptFolder
from kws.keeping.log import LOG, NEW, KeptRecording, Listened
from kws.name_list import names
from kws.reactions.mqtt import Broker
from kws.serving.addresses import parse_http, parse_uri
from kws.serving.origins import OriginRules

from .audio import wav_seeds
from .changes import change_bytes, change_text, change_values, to_json
from .reader import BrokenPromiseError, Reader

_PARSERS = (
    names,
    parse_uri,
    parse_http,
    Broker.parse,
    parse_name,
    lambda text: OriginRules([text]),
)


def _text_seeds() -> tuple[bytes, ...]:
    return (
        b'"yes, please", no, stop',
        b"tcp://127.0.0.1:10400",
        b"unix:///run/kws.sock",
        b"http://[::1]:8765/",
        b"mqtts://broker.local:8883/home/kitchen",
        b"anna/lights@v2",
        b"https://panel.example:8443",
    )


def _read_text(content: bytes, folder: Path) -> str:
    text = content.decode("utf-8", "surrogateescape")
    for parse in _PARSERS[1:]:
        try:
            parse(text)
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "kws" or "\n" in str(error):
                raise
    rules = OriginRules()
    rules.allows_origin(text, text)
    if rules.allows_host(text) and "evil" in text.lower():
        raise BrokenPromiseError(f"a host that is not ours: {text!r}")
    if any(name != name.strip() or not name for name in names(text)):
        raise BrokenPromiseError(f"a name with blanks: {names(text)}")
    return "read"


_change_text = change_text(
    (
        "mqtt://",
        "tcp://",
        "[::1]",
        "65536",
        "0",
        "evil.example",
        "@",
        "#",
        "+",
        "$SYS",
        "localhost",
    ),
    ":/@,. ",
)


def _kept_seeds() -> tuple[bytes, ...]:
    one = KeptRecording(
        *("20261130-120000-yes.wav", "2026-11-30T12:00:00+00:00", "yes", 0.9, 0.8, True),
        *("commands", "ab" * 32, 0.1, 0.6, "-"),
    )
    near = KeptRecording(
        *("20261130-130000-no.wav", "2026-11-30T13:00:00+00:00", "no", 0.5, 0.8, False),
        *("commands", "ab" * 32, 0.1, 0.6, "a.wav"),
    )
    listened = Listened(
        *("2026-11-30T11:00:00+00:00", "2026-11-30T14:00:00+00:00", 10800.0, "commands", "ab" * 32),
        *(0.5, {"yes": 0.8, "no": 0.8}, {"yes": 1}, {"no": 1}),
    )
    return ("\n".join(json.dumps(asdict(row)) for row in (one, near, listened)).encode(),)


def _read_kept(content: bytes, folder: Path) -> str:
    (folder / LOG).write_bytes(content)
    new = folder / NEW
    new.mkdir()
    for name in ("20261130-120000-yes.wav", "20261130-130000-no.wav", "odd [x]*.wav"):
        (new / name).write_bytes(wav_seeds()[0])
    kept = KeptFolder(folder)
    for number, one in enumerate(kept.waiting()):
        try:
            load_audio(kept.place(one.file), 16000)
        except AudioError as error:
            raise BrokenPromiseError(f"a recording that was there: {error}") from None
        kept.label(one.file, PHRASE if number else OTHER)
    kept.write_lists()
    outcomes = [asdict(one) for one in kept.outcomes()]
    for one in kept.outcomes():
        low, high = one.interval
        if not 0 <= low <= one.false_accepts_per_hour <= high:
            raise BrokenPromiseError(f"an interval of {low} to {high}")
    json.dumps([outcomes, kept.labels()], allow_nan=False).encode()
    return "read"


def _change_kept(content: bytes, draw: random.Random) -> bytes:
    if draw.random() < 0.2:
        return change_bytes(content, draw)
    rows = content.splitlines()
    which = draw.randrange(len(rows))
    rows[which] = to_json(change_values(json.loads(rows[which]), draw), draw)
    return b"\n".join(rows)


def readers() -> Iterator[Reader]:
    """Yield the readers of texts, and of what was kept."""
    yield Reader(
        "names", "names and addresses, as people give them", _text_seeds, _read_text, _change_text
    )
    yield Reader("kept", "folders of kws listen --keep", _kept_seeds, _read_kept, _change_kept)
