"""Grammars of spoken commands, and saved states of streams."""

from __future__ import annotations

import functools
import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kws.console import quiet
from kws.grammar.compiling import compile_grammar
from kws.grammar.reading import read_grammar
from kws.packaged import packaged_model
from kws.spotter import KeywordSpotter
from kws.state import MAGIC

from .changes import NUMBERS, change_bytes, change_text, change_values
from .reader import Reader

_CONTEXT = """\
context:
  expressions:
    switch:
      - "[turn, switch] $state:state (all, @article) lights (in the $room:room)"
      - set the brightness to $pv.Percent:level
  slots:
    state:
      - "on"
      - "off"
    room:
      - kitchen
      - living room
  macros:
    article:
      - the
      - my
"""
_JSGF = """\
#JSGF V1.0 UTF-8 en;
grammar lights;
public <switch> = (turn | switch) {x} [the] lights (on {on} | off) <room>*;
<room> = /2/ kitchen | /1/ living room | <NULL>;
"""
_change_grammar = change_text(
    (
        *(
            "$room:room",
            "@article",
            "[",
            "]",
            "(",
            ")",
            "(((((((((a)))))))))",
            "|",
            "*",
            "+",
            "<room>",
        ),
        *(
            "<VOID>",
            "<NULL>",
            "{",
            "}",
            "/9/",
            "public",
            "#JSGF V1.0;",
            "$pv.Alphabetic:x",
            "import",
        ),
        *(
            "- a",
            "  ",
            "\t",
            "&a",
            "*a",
            "!!python/object",
            "a: b",
            "[a, b",
            "|\n",
            ">\n",
            "---",
            "[" * 900,
        ),
        *("(a) " * 40, "[a, b] " * 30, "(a | b)* " * 20, "$room:a " * 30, "<a>" * 50),
    ),
    " \n:,;=",
)


def _read_grammar(content: bytes, folder: Path) -> str:
    path = folder / "grammar"
    path.write_bytes(content)
    grammar = read_grammar(path)
    # whatever the words are: how they are said is another matter
    said = {word: ((1 + number % 30, 2),) for number, word in enumerate(grammar.words())}
    compile_grammar(grammar, said)
    return "compiled"


# --- states -------------------------------------------------------------------------------------


@functools.cache
def _spotter() -> KeywordSpotter:
    with quiet():
        return KeywordSpotter(packaged_model("commands-small"), 22050)


@functools.cache
def _state_seeds() -> tuple[bytes, ...]:
    spotter = _spotter()
    found = []
    for seconds in (0.0, 0.3, 2.0):
        spotter.reset()
        rng = np.random.default_rng(0)
        spotter.process(rng.normal(0, 0.1, round(22050 * seconds)).astype(np.float32))
        found.append(spotter.state())
    return tuple(found)


def _read_state(content: bytes, folder: Path) -> str:
    spotter = _spotter()
    spotter.reset()
    spotter.restore(content)
    noise = np.random.default_rng(1).normal(0, 0.1, 4410).astype(np.float32)
    spotter.process(noise)
    spotter.state()
    return "goes on"


def _mend_state(content: bytes) -> bytes:
    return content[:-32] + hashlib.sha256(content[:-32]).digest()


def _change_state(content: bytes, draw: random.Random) -> bytes:
    """Change the table or the numbers; the digest is right."""
    if draw.random() < 0.1:
        return change_bytes(content, draw)
    first = len(MAGIC) + 4
    length = int.from_bytes(content[len(MAGIC) : first], "little")
    header, data = (
        json.loads(content[first : first + length]),
        bytearray(content[first + length : -32]),
    )
    what = draw.randrange(4)
    if what == 0:
        header = change_values(header, draw)
    elif what == 1:
        header["arrays"] = change_values(header["arrays"], draw)
    else:
        for _ in range(draw.choice((1, 1, 3, 10))):
            width = draw.choice((1, 4, 8))
            at = draw.randrange(max(1, len(data) - width))
            odd = (
                np.float32(np.nan),
                np.float32(1e38),
                np.int64(-1),
                np.int64(2**62),
                np.float64(1e300),
            )
            numbers = [(number % 2**64).to_bytes(8, "little") for number in NUMBERS]
            value = draw.choice((*numbers, *(one.tobytes() for one in odd)))[:width]
            data[at : at + len(value)] = value
    text = json.dumps(header).encode()
    size = draw.choice((len(text), len(text), len(text), len(text), draw.choice(NUMBERS) % 2**32))
    whole = MAGIC + size.to_bytes(4, "little") + text + bytes(data)
    return whole + hashlib.sha256(whole).digest()


def readers() -> Iterator[Reader]:
    """Yield the readers of grammars and states."""
    seeds = (_CONTEXT.encode(), _JSGF.encode())
    yield Reader(
        "grammar",
        "Rhino's contexts and JSGF, compiled",
        lambda: seeds,
        _read_grammar,
        _change_grammar,
        memory=256,
        seconds=30,
    )
    yield Reader(
        "state",
        "saved states of streams, with right digests",
        _state_seeds,
        _read_state,
        _change_state,
        _mend_state,
    )
