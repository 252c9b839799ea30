"""Looks for inputs that run other code than those before, with atheris, in a process of its own."""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

from .reader import Reader, outcome_of

#: Bytes of an input, at most.
LARGEST = 1 << 16


def run(reader: Reader, seed: int, count: int, keep: Path) -> bool:
    """Run a reader, guided by coverage.

    Parameters
    ----------
    reader : Reader
        Which way inputs come in.
    seed : int
        Of what is random.
    count : int
        How many inputs are run.
    keep : Path
        Folder for inputs that break the promise.

    Returns
    -------
    bool
        Whether one broke it; what libFuzzer says goes to stderr.
    """
    keep.mkdir(parents=True, exist_ok=True)
    top = Path(tempfile.mkdtemp(prefix="kws-fuzz-")).resolve()
    child = os.fork()
    if child == 0:
        _fuzz(reader, seed, count, keep.resolve(), top)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    shutil.rmtree(top, ignore_errors=True)
    broken = status != 0
    print(f"{reader.name:<12} {count} inputs, guided: {'broken' if broken else 'no fault'}")
    return broken


def _own_functions() -> Iterator[FunctionType]:
    """Yield the functions and methods of the modules of kws that are loaded."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] not in ("kws", "kws_training", "kws_deploy"):
            continue
        for value in list(vars(module).values()):
            if getattr(value, "__module__", "") != name:
                continue  # of another module
            holder = vars(value).values() if isinstance(value, type) else (value,)
            for one in holder:
                bare = getattr(one, "__func__", getattr(one, "fget", one))
                if isinstance(bare, FunctionType):
                    yield bare


def _fuzz(reader: Reader, seed: int, count: int, keep: Path, top: Path) -> None:
    import atheris

    corpus, folder = top / "corpus", top / "here"
    corpus.mkdir()
    folder.mkdir()
    for number, content in enumerate(reader.seeds()):
        (corpus / str(number)).write_bytes(content)
    os.chdir(folder)
    os.environ.update(HOME=str(folder), KWS_CACHE=str(folder / "cache"))
    for content in reader.seeds():  # what is read needs its modules loaded
        outcome_of(reader, content, folder)
    for function in _own_functions():
        atheris.instrument_func(function)

    def one(content: bytes) -> None:
        outcome_of(reader, reader.mend(content), folder)

    def change(content: bytes, most: int, number: int) -> bytes:
        draw = random.Random(number)
        if draw.random() < 0.5:
            return bytes(atheris.Mutate(content, most))
        try:
            return reader.change(content, draw)[:most]
        except Exception:  # what bytes have become is no longer what it knows
            return bytes(atheris.Mutate(content, most))

    options = (
        *(f"-runs={count}", f"-seed={seed + 1}", f"-max_len={LARGEST}", "-timeout=60"),
        *(f"-artifact_prefix={keep}/{reader.name}-", "-rss_limit_mb=4096", "-print_final_stats=1"),
    )
    atheris.Setup([sys.argv[0], *options, str(corpus)], one, custom_mutator=change)
    atheris.Fuzz()
