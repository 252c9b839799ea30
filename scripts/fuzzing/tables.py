"""Tables and lists that come with recordings: manifests, metadata of data sets, speakers."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from .audio import wav_seeds
from .changes import change_text, change_values, to_json
from .reader import BrokenPromiseError, Reader

#: Recordings that are there.
THERE = ("yes/a.wav", "yes/b.wav", "no/c.wav", "ü é.wav")
_TOKENS = (
    *("path", "label", "speaker", "start", "end", "file_name", "split", "yes", "no", "_unknown_"),
    *(*THERE, "yes\\a.wav", "./yes/../a.wav", "yes//a.wav", "0,5", "0.5", "sep=;", ";", "\t", "|"),
)


def _recordings(folder: Path) -> None:
    for name in THERE:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.touch()


def _found(folder: Path, given: Path) -> str:
    from kws_training.data.dataset import find_clips

    clips = find_clips([given])
    for clip in clips:
        if clip.path.is_absolute() and not clip.path.resolve().is_relative_to(folder):
            raise BrokenPromiseError(f"a recording outside: {clip.path}")
    return "read"


def _manifest_seeds() -> tuple[bytes, ...]:
    rows = "path,label,speaker,start,end,room\nyes/a.wav,yes,anna,0.1,0.9,kitchen\n"
    more = 'yes/b.wav,yes,bert,,,"a, b"\nno/c.wav,no,anna,0,1,\n'
    return (
        (rows + more).encode(),
        ("sep=;\n" + (rows + more.replace('"a, b"', "x")).replace(",", ";")).encode("utf-16"),
        (rows + more).replace(",", "\t").replace('"', "").replace("a\t b", "x").encode("utf-8-sig"),
    )


def _read_manifest(content: bytes, folder: Path) -> str:
    _recordings(folder)
    path = folder / "list.csv"
    path.write_bytes(content)
    return _found(folder, path)


def _read_folder(content: bytes, folder: Path) -> str:
    """Read a folder whose manifest, found by itself, is the input."""
    _recordings(folder)
    (folder / "manifest.csv").write_bytes(content)
    return _found(folder, folder)


def _metadata_seeds() -> tuple[bytes, ...]:
    rows = [
        {"file_name": "yes/a.wav", "label": "yes", "speaker_id": "anna", "age": 30},
        {"file_name": "no/c.wav", "keyword": "no", "noise": 0.5, "ok": True, "more": None},
    ]
    lines = "\n".join(map(json.dumps, rows))
    table = "file_name,word,speaker\nyes/a.wav,yes,anna\nno/c.wav,no,bert\n"
    return lines.encode(), table.encode()


def _read_metadata(content: bytes, folder: Path) -> str:
    _recordings(folder)
    name = "metadata.jsonl" if content[:1] in b"{[" else "metadata.csv"
    (folder / name).write_bytes(content)
    return _found(folder, folder)


_text = change_text(_TOKENS)


def _change_metadata(content: bytes, draw: random.Random) -> bytes:
    if content[:1] == b"{" and draw.random() < 0.8:
        rows = [json.loads(line) for line in content.splitlines()]
        which = draw.randrange(len(rows))
        lines = [json.dumps(row).encode() for row in rows]
        lines[which] = to_json(change_values(rows[which], draw), draw)
        return b"\n".join(lines)
    return _text(content, draw)


def _list_seeds() -> tuple[bytes, ...]:
    return (
        b"validation\nyes/a.wav\nno/c.wav\n",
        b"speakers\n; a comment\n14   | F | train-clean-360  | 25.03 | Kristin\n",
        b"urban\nslice_file_name,fsID,salience,fold,class\na.wav,1,2,1,siren\n",
        b"esc\nfilename,fold,target,category,esc10,src_file,take\na.wav,1,0,dog,True,100032,A\n",
        b"noise\nfirst noise/a.wav\nsecond b.wav\n",
        b"voice\nclient_id\tpath\tsentence\tgender\nabc\ta.mp3\tHello\tmale\ndef\tb\tBye\t\n",
    )


def _read_list(content: bytes, folder: Path) -> str:
    from kws_training.data import common_voice, prepare

    kind, _, rest = content.partition(b"\n")
    _recordings(folder)
    if kind == b"validation":
        (folder / "validation_list.txt").write_bytes(rest)
        return _found(folder, folder)
    if kind == b"speakers":
        (folder / "SPEAKERS.TXT").write_bytes(rest)
        inner = folder / "subset" / "14" / "1"
        inner.mkdir(parents=True)
        (inner / "14-1.trans.txt").write_bytes(rest)
        (inner / "14-1-0.flac").touch()
        prepare.librispeech(folder)
    elif kind == b"urban":
        _write(folder / "metadata" / "UrbanSound8K.csv", rest)
        _write(folder / "audio" / "fold1" / "a.wav", b"")
        prepare.urbansound8k(folder)
    elif kind == b"esc":
        _write(folder / "meta" / "esc50.csv", rest)
        _write(folder / "audio" / "a.wav", b"")
        prepare.esc_50(folder)
    elif kind == b"noise":
        _write(folder / "real_rirs_isotropic_noises" / "noise_list", rest)
        _write(folder / "real_rirs_isotropic_noises" / "a.wav", b"")
        prepare.rirs(folder)
    else:
        _write(folder / "here" / "validated.tsv", rest)
        _write(folder / "here" / "clips" / "a.mp3", wav_seeds()[0])
        common_voice.import_common_voice(folder / "here", folder / "out", 1.0, 0)
    return "read"


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _change_list(content: bytes, draw: random.Random) -> bytes:
    kind, _, rest = content.partition(b"\n")
    return kind + b"\n" + _fields(rest, draw)


_fields: Callable[[bytes, random.Random], bytes] = change_text(
    (*_TOKENS, "a.wav", "a.mp3", "abc", "1", "fold1", "../../x.mp3"), ",\t| \n"
)


def _label_seeds() -> tuple[bytes, ...]:
    one = {"intent": "switch", "slots": {"state": "on"}, "text": "lights on", "speaker": "anna"}
    return (
        json.dumps({"a.wav": one, "b": {"intent": None, "slots": {}, "text": "hello"}}).encode(),
        b"path,intent,text,speaker,slot.state\nyes/a.wav,switch,lights on,anna,on\nb.wav,,hm,,\n",
    )


def _read_labels(content: bytes, folder: Path) -> str:
    from kws_training.evaluation.spoken import read_labels

    _recordings(folder)
    path = folder / ("labels.json" if content[:1] in b"{[" else "labels.csv")
    path.write_bytes(content)
    for one in read_labels(path, [folder]):
        texts = (one.text, one.speaker, *one.slots, *one.slots.values())
        if not one.path.is_file() or not all(isinstance(text, str) for text in texts):
            raise BrokenPromiseError(f"a label {one!r:.200}")
    return "read"


def _change_labels(content: bytes, draw: random.Random) -> bytes:
    if content[:1] == b"{" and draw.random() < 0.9:
        return to_json(change_values(json.loads(content), draw), draw)
    return _text(content, draw)


def readers() -> Iterator[Reader]:
    """Yield the readers of tables."""
    yield Reader(
        "labels",
        "what is said in recordings, JSON and CSV",
        _label_seeds,
        _read_labels,
        _change_labels,
    )
    yield Reader("manifest", "manifests that are named", _manifest_seeds, _read_manifest, _text)
    yield Reader("folder", "manifests of folders", _manifest_seeds, _read_folder, _text)
    yield Reader(
        "metadata",
        "metadata.csv and .jsonl of data sets",
        _metadata_seeds,
        _read_metadata,
        _change_metadata,
    )
    yield Reader("lists", "lists within public data sets", _list_seeds, _read_list, _change_list)
