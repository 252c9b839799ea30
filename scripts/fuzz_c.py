"""Runs the C of a model under libFuzzer, with the sanitizers of addresses and undefined behaviour.

    python scripts/fuzz_c.py --frames 10000000

The chain that `kws export` writes is compiled by clang, and fed samples, frames, states, logits and
WAV files of any content until it has taken so many frames. The status is 1 if a sanitizer said
anything, or something came out that is no detection; the input is kept.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from kws.packaged import find_model
from kws_deploy.native.stream import stream_sources

HARNESS = Path(__file__).parent / "fuzzing" / "chain.c"
FLAGS = (
    *("-std=c99", "-O2", "-g", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all"),
    "-fsanitize=address,undefined,float-cast-overflow,float-divide-by-zero",
)
#: Files of arithmetic on arrays: what their comparisons compare guides to nothing, and to tell
#: libFuzzer of each took five sixths of the time. The sanitizers are in them all the same, and
#: libFuzzer counts which code runs.
ARITHMETIC = ("kws_front_end.c", "kws_kernels.c", "kws_network.c")
#: Seconds that one input may take.
LONGEST = 60


def compile_chain(model: Path, folder: Path, clang: str, kernels: bool) -> Path:
    """Write and compile the C of a model; return the program.

    Parameters
    ----------
    model : Path
        A model file, or a name of the package.
    folder : Path
        For the sources and the program.
    clang : str
        The compiler, with libFuzzer.
    kernels : bool
        Whether with the arithmetic of TensorFlow Lite for Microcontrollers.
    """
    for name, content in stream_sources(find_model(model)).items():
        (folder / name).write_bytes(content)
    program = folder / "fuzz"
    kind = ["-DKWS_REFERENCE_KERNELS"] if kernels else []
    objects = []
    for source in (HARNESS, *sorted(folder.glob("*.c"))):
        objects.append(folder / f"{source.stem}.o")
        guided = ["-fsanitize=fuzzer-no-link"]
        if source.name in ARITHMETIC:
            guided.append("-fno-sanitize-coverage=trace-cmp")
        command = [clang, *FLAGS, *guided, *kind, "-I", str(folder), "-c", str(source)]
        subprocess.run([*command, "-o", str(objects[-1])], check=True)
    link = [clang, *FLAGS, "-fsanitize=fuzzer", *map(str, objects), "-lm"]
    subprocess.run([*link, "-o", str(program)], check=True)
    return program


def write_seeds(corpus: Path) -> None:
    """Write an input of each way, so that the first ones do something.

    Parameters
    ----------
    corpus : Path
        A new folder.
    """
    from fuzzing.audio import wav_seeds

    corpus.mkdir()
    ways = [b"\0seed\xff" + bytes(100), b"\1seed\xff" + bytes(range(256))]
    for number, seed in enumerate([*ways, *(b"\2" + wav for wav in wav_seeds())]):
        (corpus / str(number)).write_bytes(seed)


def run(program: Path, corpus: Path, frames: int, seed: int, keep: Path) -> tuple[int, int, str]:
    """Run inputs until so many frames were taken.

    Returns
    -------
    (int, int, str)
        Frames, inputs, and what a sanitizer said last, empty if nothing.
    """
    taken = inputs = 0
    count = 500
    while taken < frames:
        seed += 1
        done = subprocess.run(
            [
                *(program, corpus, f"-runs={count}", f"-seed={seed}", f"-timeout={LONGEST}"),
                *("-max_len=4096", "-rss_limit_mb=512", f"-artifact_prefix={keep}/"),
                "-print_final_stats=1",
            ],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            return taken, inputs, done.stderr[-6000:]
        new = int(re.findall(r"^frames: (\d+)", done.stderr, re.MULTILINE)[-1])
        taken += new
        inputs += int(re.findall(r"number_of_executed_units: +(\d+)", done.stderr)[-1])
        print(f"  … {taken} frames, {inputs} inputs", file=sys.stderr, flush=True)
        enough = 1 + (frames - taken) * count // new + 100 if new else 20_000
        count = min(20_000, max(500, count * 2), enough)
    return taken, inputs, ""


def main() -> int:
    """Compile, run, and say what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", type=Path, default=Path("commands-small"), help="int8 model")
    parser.add_argument("--frames", type=int, default=100_000, help="frames of 10 ms to take")
    parser.add_argument("--seed", type=int, default=0, help="of what is random")
    parser.add_argument("--reference", action="store_true", help="the reference kernels")
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="for what breaks")
    options = parser.parse_args()
    clang = shutil.which("clang")
    if clang is None:
        print("clang is not installed: apt-get install clang")
        return 2
    options.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kws-fuzz-c-") as name:
        folder = Path(name)
        program = compile_chain(options.model, folder, clang, options.reference)
        write_seeds(folder / "corpus")
        taken, inputs, said = run(
            program, folder / "corpus", options.frames, options.seed, options.keep
        )
    if said:
        print(said)
        print(f"broken after {taken} frames: its input is in {options.keep}")
        return 1
    print(f"{options.model}: {taken} frames of {inputs} inputs, and the sanitizers were silent")
    return 0


if __name__ == "__main__":
    sys.exit(main())
