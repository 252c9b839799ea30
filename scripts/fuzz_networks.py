"""Counts what becomes of a model whose network is damaged: refused, run, or a crash of the process.

    python scripts/fuzz_networks.py kws/models/commands-small.tflite [--count 2000] [--seed 0]
        [--keep FOLDER]

Numbers of the flatbuffer's structure and scales are changed, weights are not. What
`kws.untrusted.structure` lets through is loaded and run in a child process. The status is 1 if one
crashed, or if the check raised anything but a `ModelError`; --keep keeps those networks.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from kws.errors import ModelError
from kws.modelfile import read_model
from kws.network import interpreter_class
from kws.untrusted.flatbuffer import FlatbufferReader
from kws.untrusted.structure import MODEL, check_network

#: Seconds after which a child is taken for hung.
LONGEST = 20
#: Numbers that readers trip over.
NUMBERS = (0, 1, 2, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
SCALES = (0.0, 1e-38, 1e-20, 1e-6, 1e-3, 1.0, 100.0, 1e4, 1e8, 1e20, 3e38, -1.0, np.nan, np.inf)


def places(network: bytes) -> tuple[list[int], list[int]]:
    """Return where the structure of a network is, word by word, and where its scales are."""
    model = FlatbufferReader(network).root(MODEL)
    structure = np.ones(len(network), np.bool_)
    for buffer in model["buffers"]:
        data = bytes(buffer.get("data", b""))
        if len(data) > 64:  # shorter ones are shapes and places
            at = network.find(data)
            structure[at : at + len(data)] = False
    scales = []
    for tensor in model["graphs"][0]["tensors"]:
        data = bytes(tensor.get("quantization", {}).get("scales", b""))
        if data:
            at = network.find(data)
            scales += range(at, at + len(data), 4)
    return [at for at in np.flatnonzero(structure).tolist() if at % 4 == 0], scales


def damaged(network: bytes, where: tuple[list[int], list[int]], draw: random.Random) -> bytes:
    """Return a network with one to eight words changed."""
    structure, scales = where
    content = bytearray(network)
    for _ in range(draw.choice((1, 1, 1, 2, 4, 8))):
        if scales and draw.random() < 0.4:
            at, word = draw.choice(scales), np.float32(draw.choice(SCALES)).tobytes()
        else:
            at = draw.choice(structure)
            number = draw.choice((*NUMBERS, draw.randrange(2**32), draw.randrange(len(content))))
            word = number.to_bytes(4, "little")
            if draw.random() < 0.5:  # a single byte or bit
                old = int.from_bytes(content[at : at + 4], "little")
                word = (old ^ 1 << draw.randrange(32)).to_bytes(4, "little")
        content[at : at + 4] = word[: len(content) - at]
    return bytes(content)


def run_in_child(network: bytes) -> str:
    """Load and run a network in a child process; return how that ended."""
    child = os.fork()
    if child == 0:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        signal.alarm(LONGEST)
        try:
            interpreter = interpreter_class()(model_content=network, num_threads=1)
            interpreter.allocate_tensors()
            for tensor in interpreter.get_input_details():
                interpreter.set_tensor(tensor["index"], np.zeros(tensor["shape"], tensor["dtype"]))
            for _ in range(2):
                interpreter.invoke()
        except (ValueError, RuntimeError):
            os._exit(3)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return f"crashed: {signal.Signals(os.WTERMSIG(status)).name}"
    return {0: "run", 3: "refused by the interpreter"}.get(os.WEXITSTATUS(status), "crashed")


def main() -> int:
    """Damage a network again and again, and print what became of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", type=Path, help="a model file of kws")
    parser.add_argument("--count", type=int, default=2000, help="damaged networks")
    parser.add_argument("--seed", type=int, default=0, help="of what is changed")
    parser.add_argument("--keep", type=Path, help="folder for networks that crashed")
    options = parser.parse_args()
    network = read_model(options.model).network
    where, draw, ends = places(network), random.Random(options.seed), Counter[str]()
    for number in range(options.count):
        content = damaged(network, where, draw)
        try:
            check_network(content)
        except ModelError:
            ends["refused"] += 1
            continue
        except Exception as error:
            end = f"crashed: {type(error).__name__} in the check"
        else:
            end = run_in_child(content)
        ends[end] += 1
        if end.startswith("crashed") and options.keep is not None:
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / f"{options.seed}-{number}.network").write_bytes(content)
    for end, count in ends.most_common():
        print(f"{count:6} {end}")
    return int(any(end.startswith("crashed") for end in ends))


if __name__ == "__main__":
    sys.exit(main())
