"""Arrays in files: features, checkpoints, and what is kept in the cache."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .changes import archive_of, change_bytes, entries_of, lie_about_sizes, with_bomb
from .reader import Reader

_WORDS = np.array(["yes", "no", "up"])
#: What each kind of file holds, by the entry that only it has.
KINDS: dict[str, dict[str, Any]] = {
    "features": {
        "x": np.zeros((3, 98, 40), np.uint8),
        "label": _WORDS,
        "speaker": _WORDS,
        "set": np.array(["training", "", "test"]),
    },
    "checkpoint": {
        "epochs_and_arrays": np.array([3, 2]),
        "a0": np.ones((4, 5), np.float32),
        "a1": np.ones(7, np.float32),
    },
    "frames": {
        "images": np.zeros((7, 40), np.uint8),
        "lengths": np.array([3, 4]),
        "reasons": np.array(["", "is nothing"]),
    },
    "phrase": {
        "samples": np.zeros(30, np.int16),
        "lengths": np.array([10, 20]),
        "texts": np.array(["a", "b"]),
        "speakers": np.array(["c", "d"]),
        "positives": np.array(1),
    },
    "spoken": {
        "images": np.zeros((7, 40), np.uint8),
        "frames": np.array([3, 4]),
        "phonemes": np.array([1, 2, 3], np.int16),
        "counts": np.array([1, 2]),
        "speakers": np.array(["a", "b"]),
    },
    "sentences": {"images": np.zeros((7, 40), np.uint8), "lengths": np.array([3, 4])},
    "taught": {
        "images": np.zeros((16, 40), np.uint8),
        "embeddings": np.zeros((2, 96), np.float16),
        "known": np.ones(2, np.bool_),
        "speech": np.array([0.0]),
        "background": np.array([0.0]),
    },
}


def _seeds() -> tuple[bytes, ...]:
    found = []
    for kind, arrays in KINDS.items():
        stream = io.BytesIO()
        (np.savez_compressed if kind == "phrase" else np.savez)(stream, **arrays)
        found.append(kind.encode() + b"\n" + stream.getvalue())
    rows = np.zeros((2, 16000), np.float32)
    rows[:, 0] = 1
    stream = io.BytesIO()
    np.save(stream, rows)
    found.append(b"rooms\n" + stream.getvalue())
    return tuple(found)


def _read(content: bytes, folder: Path) -> str:
    kind, _, rest = content.partition(b"\n")
    path = folder / ("a.npy" if kind == b"rooms" else "a.npz")
    path.write_bytes(rest)
    if kind == b"features":
        from kws_training.data.images import read_images

        read_images(path)
        return "read"
    kept: Any
    if kind == b"checkpoint":
        from kws_training.data.checkpoint import Checkpoint

        kept = Checkpoint(path).read()
    elif kind == b"frames":
        from kws_training.data.frames import _read as read_frames

        kept = read_frames(path, 2)
    elif kind == b"phrase":
        from kws_training.synthesis.phrases import _read as read_phrase

        kept = read_phrase(path)
    elif kind == b"sentences":
        from kws_training.synthesis.sentences import _read as read_sentences

        kept = read_sentences(path)
    elif kind == b"spoken":
        from kws_training.phonemes.sentences import _read as read_spoken

        kept = read_spoken(path)
    elif kind == b"taught":
        from kws_training.word_base.taught import _read as read_taught

        kept = read_taught(path)
    else:
        from kws_training.augmentation.rooms import _read_bank

        kept = _read_bank(path, 2)
    return "made anew" if kept is None else "read"


def _array(draw: random.Random, old: bytes) -> bytes:
    """Return an array as NumPy writes it, or nearly."""
    if draw.random() < 0.4:
        kinds = (np.uint8, np.int64, np.float32, np.float64, np.bool_, "<U9", "S3", "datetime64[s]")
        kinds += (np.complex64, "V4", "float16", "int8")
        shape = draw.choice(((), (0,), (2,), (3,), (7,), (3, 98, 40), (7, 40), (2, 3, 4), (30,)))
        stream = io.BytesIO()
        array = np.full(shape, draw.choice((0, 1, 2, 200, 255)), np.int64).astype(
            draw.choice(kinds)
        )
        np.save(stream, array)
        return stream.getvalue()
    shape = draw.choice(
        ("(2,)", "(10**9,)", "(1000000000, 1000000)", "(-1,)", "(1 << 70,)", "()", "(9")
    )
    kind = draw.choice(
        ("'<f4'", "'|O'", "'<U100000000'", "[('a', '<f4', (9, 9))]", "'<i8'", "0", "'<M8'")
    )
    order = draw.choice(("False", "True", "0"))
    text = f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}"
    text = draw.choice(
        (text, text, text, "(" * 9000, "[" * 200 + "]" * 200, text + ";", "'" * 70_000)
    )
    header = text.encode() + b"\n"
    version = draw.choice((b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\0\0"))
    width = 2 if version[0] == 1 else 4
    size = draw.choice((len(header), len(header), len(header), 2**31, 65535)) % 2 ** (8 * width)
    return b"\x93NUMPY" + version + size.to_bytes(width, "little") + header + old[128:]


def _change(content: bytes, draw: random.Random) -> bytes:
    kind, _, rest = content.partition(b"\n")
    return kind + b"\n" + _change_file(rest, draw)


def _change_file(content: bytes, draw: random.Random) -> bytes:
    if not content.startswith(b"PK"):
        return _array(draw, content) if draw.random() < 0.5 else change_bytes(content, draw)
    what = draw.randrange(12)
    entries = entries_of(content)
    name = draw.choice([*entries])
    if what < 5:
        for _ in range(draw.choice((1, 1, 2, 3))):
            name = draw.choice([*entries])
            entries[name] = _array(draw, entries[name])
    elif what == 5:
        entries[name] = change_bytes(entries[name], draw)
    elif what == 6:
        del entries[name]
    elif what == 7:
        odd = ("../x.npy", "x", "x.npy", "set.npy", "label", "a" * 60_000)
        entries[draw.choice(odd)] = entries[name]
    elif what == 8:
        begun = entries.pop(name)
        whole = archive_of([*entries.items()])
        if draw.random() < 0.5:
            return with_bomb(whole, name, draw)
        # the header of an array that fills the bomb
        sizes = {"descr": "|u1", "fortran_order": False, "shape": (begun[0] << 20,)}
        return archive_of([*entries.items(), (name, _header(sizes) + bytes(100))])
    elif what == 9:
        return lie_about_sizes(content, draw)
    elif what == 10:
        return archive_of([*entries.items()], method=draw.choice((8, zipfile.ZIP_BZIP2, 14)))
    else:
        return change_bytes(content, draw)
    return archive_of([*entries.items()])


def _header(values: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, values)
    return stream.getvalue()


def readers() -> Iterator[Reader]:
    """Yield the reader of arrays."""
    yield Reader("arrays", "features, checkpoints and kept arrays", _seeds, _read, _change)
