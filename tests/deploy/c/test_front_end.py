"""The C front end against the Python one: compiled with gcc, fed by a pipe, value by value."""

from __future__ import annotations

import dataclasses
import platform
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws import KeywordSpotter
from kws.audio import load_audio
from kws.errors import ModelError
from kws.folders import recordings_below
from kws.frontend import SPEECH, WORDS, YAMNET, JoinedConfig, LogMelConfig, log_mel, mel_filters
from kws.packaged import packaged_model
from kws_deploy.c.front_end import TABLES, band_weights, front_end_sources, quantize

from ...conftest import needs_program

REPOSITORY = Path(__file__).resolve().parents[3]
SOURCES = REPOSITORY / "deploy" / "kws_deploy" / "c" / "sources"
DEMO = REPOSITORY / "demo" / "synthesized_commands.wav"
STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]

#: Reads samples in pieces of the sizes named by its arguments, in turn, and writes frames.
DRIVER = r"""
#include <stdio.h>
#include <stdlib.h>
#include "kws_front_end.h"

int main(int argc, char **argv)
{
    static kws_front_end front_end;
    static int16_t piece[1 << 16];
    int8_t frame[KWS_FRONT_END_BANDS];
    int turn = 1;
    kws_front_end_reset(&front_end);
    for (;;) {
        const size_t wanted = argc > 1 ? (size_t)atoi(argv[turn]) : 1024;
        const int16_t *samples = piece;
        size_t count = fread(piece, sizeof *piece, wanted, stdin);
        if (count == 0 && wanted > 0) {
            return 0;
        }
        while (kws_front_end_push(&front_end, &samples, &count, frame)) {
            fwrite(frame, 1, sizeof frame, stdout);
        }
        if (count != 0) {
            return 3;
        }
        turn = turn + 1 < argc ? turn + 1 : 1;
    }
}
"""

#: Two streams side by side, the second begun in the midst of something else.
TWO_STREAMS = r"""
#include <stdio.h>
#include <string.h>
#include "kws_front_end.h"

static kws_front_end one, other;
static int16_t sound[1 << 16];

int main(void)
{
    const size_t length = fread(sound, sizeof *sound, 1 << 16, stdin);
    const int16_t *at = sound + 100, *first = sound, *second = sound;
    size_t count = length - 100, rest = length, left = length, frames = 0;
    int8_t frame[KWS_FRONT_END_BANDS], same[KWS_FRONT_END_BANDS];
    memset(&other, 0x55, sizeof other);
    kws_front_end_reset(&other);
    while (kws_front_end_push(&other, &at, &count, same)) {
    }
    kws_front_end_reset(&one);
    kws_front_end_reset(&other);
    while (kws_front_end_push(&one, &first, &rest, frame)) {
        if (!kws_front_end_push(&other, &second, &left, same)) {
            return 1;
        }
        if (memcmp(frame, same, sizeof frame) != 0 || left != rest || first != second) {
            return 2;
        }
        frames++;
    }
    printf("%lu %lu\n", (unsigned long)frames, (unsigned long)sizeof one);
    return 0;
}
"""


@dataclasses.dataclass(frozen=True)
class Case:
    """A front end and the network's input."""

    config: LogMelConfig
    scale: float
    zero: int


def spread(config: LogMelConfig, low: float, high: float) -> Case:
    """Return a case whose 256 steps go from one logarithm to another."""
    scale = (high - low) / 255
    return Case(config, scale, round(-128 - low / scale))


#: The scale and zero point of the model in the package.
WORD_BASE = Case(WORDS, 0.10050234943628311, 18)
YAMNETS = spread(YAMNET, -7.0, 7.0)
FINE = Case(dataclasses.replace(WORDS, floor=-20.0), 0.05, 90)
SPEECHES = spread(dataclasses.replace(SPEECH, dc_frames=50), -14.7, 10.8)
#: YAMNet's and others without their DC offset, which the word base's front end removes anyhow.
WITHOUT_DC = [
    spread(dataclasses.replace(YAMNET, dc_frames=50), -7.0, 7.0),
    Case(LogMelConfig(16000, 7, 3, 8, 2, 0.0, 8000.0, "power", 0.0, -30.0, 5.0, 7), 0.12, 90),
    Case(
        LogMelConfig(48000, 1200, 480, 2048, 80, 0.0, 24000.0, "magnitude", 1e-3, -7.0, 9.0, 1),
        0.05,
        9,
    ),
    Case(LogMelConfig(16000, 1, 1, 16, 1, 0.0, 8000.0, "power", 0.5, -8.0, 5.0, 3), 0.1, 0),
]
#: Others: rate, window, hop, FFT, bands, range, spectrum, offset, floor, ceiling; scale, zero.
OTHERS = [
    Case(LogMelConfig(*numbers), scale, zero)
    for *numbers, scale, zero in (
        (8000, 200, 80, 256, 20, 60.0, 4000.0, "power", 1e-6, -30.0, 20.0, 0.1, 10),
        (16000, 401, 401, 512, 40, 20.0, 7600.0, "power", 0.0, -25.0, 15.0, 0.15, 20),
        (16000, 512, 128, 512, 256, 0.0, 8000.0, "magnitude", 0.0, -9.0, 9.0, 0.07, 0),
        (48000, 1200, 480, 2048, 80, 0.0, 24000.0, "magnitude", 1e-3, -7.0, 9.0, 0.05, 9),
        (44100, 8192, 3000, 8192, 64, 0.0, 2e4, "power", 1.0, -1.0, 25.0, 0.1, -120),
        (22050, 600, 256, 1024, 64, 0.0, 11025.0, "power", 1e-9, -80.0, 20.0, 0.14, 25),
        (16000, 7, 3, 8, 2, 0.0, 8000.0, "power", 0.0, -30.0, 5.0, 0.12, 90),
        (16000, 320, 160, 512, 3, 130.0, 150.0, "magnitude", 0.01, -8.0, 5.0, 0.05, 0),
        (16000, 1, 1, 16, 1, 0.0, 8000.0, "magnitude", 0.5, -8.0, 5.0, 100.0, 127),
    )
]


def in_python(samples: np.ndarray, case: Case) -> np.ndarray:
    """Return what the Python front end gives the network: int8 (frames, bands)."""
    return quantize(log_mel(samples.astype(np.float32) / 32768, case.config), case.scale, case.zero)


class Program:
    """A compiled program: samples in, frames out."""

    def __init__(self, path: Path, bands: int, before: Sequence[str] = ()) -> None:
        self.command = [*before, str(path)]
        self.bands = bands

    def __call__(self, samples: np.ndarray, *pieces: int) -> np.ndarray:
        done = subprocess.run(
            [*self.command, *map(str, pieces)],
            input=samples.astype("<i2").tobytes(),
            capture_output=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        assert done.stderr == b""
        return np.frombuffer(done.stdout, np.int8).reshape(-1, self.bands)


@pytest.fixture(scope="module")
def build(gcc: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Program]:
    """Compile a program once for each case and options."""
    made: dict[tuple, Program] = {}

    def compiled(case: Case, *options: str, program: str = DRIVER) -> Program:
        key = (case, options, program)
        if key not in made:
            folder = tmp_path_factory.mktemp("front_end")
            for name, text in front_end_sources(case.config, case.scale, case.zero).items():
                (folder / name).write_text(text)
            (folder / "driver.c").write_text(program)
            files = [folder / "driver.c", folder / TABLES, SOURCES / "kws_front_end.c"]
            command = [gcc, *STRICT, *(options or ["-O2"]), f"-I{folder}", f"-I{SOURCES}"]
            subprocess.run([*command, *files, "-o", folder / "driver"], check=True)
            made[key] = Program(folder / "driver", case.config.bands)
        return made[key]

    return compiled


def agree(program: Program, samples: np.ndarray, case: Case, least: float) -> None:
    """Check that frames come where Python's do, differ by one step at most, and rarely."""
    theirs = in_python(samples, case)
    ours = program(samples)
    assert ours.shape == theirs.shape
    apart = np.abs(ours.astype(int) - theirs)
    assert apart.max(initial=0) <= 1
    assert (apart == 0).mean() >= least, f"{(apart == 0).mean():.4%} of {apart.size} are equal"


def int16(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)


def demo() -> np.ndarray:
    return int16(load_audio(DEMO, 16000))


def sounds() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(6)
    time = np.arange(16000) / 16000
    tone = np.sin(2 * np.pi * 1000 * time)
    return {
        "silence": np.zeros(16000, np.int16),
        "one step of noise": rng.integers(0, 2, 16000).astype(np.int16),
        "full-scale square": np.where(np.sin(2 * np.pi * 437 * time) >= 0, 32767, -32768),
        "full-scale sweep": np.rint(32767 * np.sin(2 * np.pi * (20 * time + 3990 * time**2))),
        "full-scale noise": rng.integers(-32768, 32768, 16000),
        "-60 dBFS tone": np.rint(32.768 * tone),
        "-80 dBFS tone": np.rint(3.2768 * tone),
        "one click": np.where(np.arange(16000) == 7777, -32768, 0),
        "a constant": np.full(16000, -32768),
        "speech after silence": np.where(np.arange(16000) < 4000, 0, demo()[:16000]),
        "speech at -60 dB": np.rint(demo()[:16000] / 1000),
        "speech at -30 dB on an offset": np.rint(demo()[:16000] / 32 + 3277),
        "loud speech on an offset": np.clip(demo()[:16000] - 9830.0, -32768, 32767),
        "an offset that ends": np.where(np.arange(16000) < 9000, 6000, demo()[:16000] // 8),
    }


@pytest.mark.parametrize(
    "case", [WORD_BASE, YAMNETS, FINE, SPEECHES], ids=["words", "yamnet", "fine", "speech"]
)
@pytest.mark.parametrize("sound", sounds())
def test_equals_python(build, case: Case, sound: str) -> None:
    # where all frames are the same, one band on the edge between two steps is 1 of 40
    agree(build(case), sounds()[sound].astype(np.int16), case, 0.97)


@pytest.mark.parametrize(
    "case", [WORD_BASE, YAMNETS, FINE, SPEECHES], ids=["words", "yamnet", "fine", "speech"]
)
def test_equals_python_on_demo(build, case: Case) -> None:
    theirs = in_python(demo(), case)
    assert len(np.unique(theirs)) > 100  # else it would compare little
    agree(build(case), demo(), case, 0.9999)


@pytest.fixture(scope="module")
def recordings(shared: Path) -> np.ndarray:
    """Two seconds each of 120 recordings: words, wake words, noise, sounds, speech, telephones."""
    paths: list[Path] = []
    for name in ("speech_commands", "wake_words", "noise", "sounds", "speech", "telephone"):
        found = recordings_below(shared / "audio" / name)
        paths += found[:: max(1, len(found) // 20)][:20]
    assert len(paths) >= 100
    return int16(np.concatenate([load_audio(path, 16000)[:32000] for path in paths]))


@pytest.mark.data
@pytest.mark.parametrize("case", [WORD_BASE, YAMNETS], ids=["words", "yamnet"])
def test_equals_python_on_recordings(build, recordings: np.ndarray, case: Case) -> None:
    agree(build(case), recordings, case, 0.9999)


@pytest.mark.parametrize("case", OTHERS, ids=lambda case: f"{case.config.fft}")
def test_other_front_ends(build, case: Case) -> None:
    samples = demo()[: max(20000, 20 * case.config.window)]
    agree(build(case), samples, case, 0.999)
    agree(build(case), np.rint(samples / 300).astype(np.int16), case, 0.999)


@pytest.mark.parametrize("case", WITHOUT_DC, ids=lambda case: f"{case.config.fft}")
@pytest.mark.parametrize("offset", [655, -3277, 9830])
def test_removes_an_offset_as_python_does(build, case: Case, offset: int) -> None:
    samples = demo()[: max(20000, 20 * case.config.window)]
    moved = np.clip(np.rint(samples / 32) + offset, -32768, 32767).astype(np.int16)
    # on a large offset float32 rounds Python's windowed samples more than C its integers
    agree(build(case), moved, case, 0.998)


def test_an_offset_hardly_changes_frames(build) -> None:
    program = build(WORD_BASE)
    faint = np.rint(demo()[:48000] / 32)
    before = program(faint).astype(int)
    for offset in (655, 3277, -9830):
        apart = np.abs(program(faint + offset) - before)
        assert (apart <= 1).mean() > 0.9


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    loudness=st.integers(0, 15),
    steps=st.booleans(),
    offset=st.integers(-32768, 32767),
)
def test_equals_python_on_anything(
    build, seed: int, loudness: int, steps: bool, offset: int
) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.integers(-32768, 32768, 4000)
    if steps:  # pieces that are held, jump, and are silent
        samples = np.repeat(samples[:400] * rng.integers(0, 2, 400), 10)
    samples = np.clip((samples >> loudness) + offset, -32768, 32767).astype(np.int16)
    for case in (WORD_BASE, YAMNETS):
        agree(build(case), samples, case, 0.98)


@settings(max_examples=20, deadline=None)
@given(pieces=st.lists(st.integers(0, 3000), min_size=1, max_size=5).filter(any))
def test_pieces_do_not_matter(build, pieces: list[int]) -> None:
    samples = demo()[:24000]
    whole = build(WORD_BASE)(samples, 24000)
    assert len(whole) == WORDS.frames(24000)
    np.testing.assert_array_equal(build(WORD_BASE)(samples, *pieces), whole)


def test_two_streams_and_reset(build) -> None:
    program = build(WORD_BASE, program=TWO_STREAMS)
    done = subprocess.run(
        program.command, input=demo()[:32000].tobytes(), capture_output=True, text=False
    )
    assert done.returncode == 0
    frames, size = map(int, done.stdout.split())
    assert frames == WORDS.frames(32000)
    # as docs/c_export.md says: samples, transform, sums of the latest frames, a level, two counts
    assert size == 2 * WORDS.window + 4 * WORDS.fft + 4 * WORDS.dc_frames + 24


def test_is_what_the_spotter_hears(build) -> None:
    """The frames of a step are those that `KeywordSpotter` feeds the model in the package."""
    spotter = KeywordSpotter(packaged_model())
    name = spotter.metadata.streaming.input
    details = spotter._network._interpreter.get_input_details()
    frames = next(detail for detail in details if detail["name"] == name)
    scale, zero = frames["quantization"]
    index = frames["index"]
    heard: list[np.ndarray] = []
    step = spotter._network.step

    def listen(frames: np.ndarray) -> np.ndarray:
        logits = step(frames)
        heard.append(spotter._network._interpreter.get_tensor(index).copy())
        return logits

    spotter._network.step = listen
    spotter.process(demo())
    theirs = np.concatenate([np.reshape(one, (-1, WORDS.bands)) for one in heard])
    ours = build(Case(spotter.metadata.front_end, scale, zero))(demo())
    assert len(ours) // 8 * 8 == len(theirs)
    apart = np.abs(ours[: len(theirs)].astype(int) - theirs)
    assert apart.max() <= 1
    assert (apart == 0).mean() > 0.9999


# the largest transform, the smallest, and both kinds of spectrum
@pytest.mark.parametrize(
    "case",
    [WORD_BASE, YAMNETS, OTHERS[4], OTHERS[6], *WITHOUT_DC],
    ids=lambda c: f"{c.config.fft}",
)
def test_sanitizers_find_nothing(build, case: Case) -> None:
    options = ["-O1", "-g", "-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
    program = build(case, *options)
    square = sounds()["full-scale square"]
    noise = sounds()["full-scale noise"]
    samples = np.concatenate(
        [np.full(3000, -32768), np.full(3000, 32767), square, noise, np.sign(noise), demo()[:8000]]
    )
    samples = samples[: 20 * case.config.window + 10000].astype(np.int16)
    np.testing.assert_array_equal(program(samples, 0, 1, 700), build(case)(samples))


@pytest.mark.parametrize("case", [WORD_BASE, YAMNETS], ids=["words", "yamnet"])
def test_valgrind_finds_nothing(build, case: Case) -> None:
    valgrind = needs_program("valgrind", "apt-get install valgrind")
    program = build(case, "-O1", "-g")
    checked = Program(
        Path(program.command[0]), program.bands, [valgrind, "-q", "--error-exitcode=9"]
    )
    np.testing.assert_array_equal(checked(demo()[:3000], 999), program(demo()[:3000]))


def test_needs_nothing(gcc: str, tmp_path: Path) -> None:
    """No floating point, no function but those of string.h that compilers bring along."""
    for case in (WORD_BASE, YAMNETS):
        for name, text in front_end_sources(case.config, case.scale, case.zero).items():
            (tmp_path / name).write_text(text)
        options = ["-O2", "-ffreestanding", "-fno-stack-protector", "-Wconversion", "-Wshadow"]
        if platform.machine() in ("x86_64", "aarch64"):
            options.append("-mgeneral-regs-only")  # then gcc refuses floating point
        output = tmp_path / "front_end.o"
        command = [gcc, *STRICT, *options, f"-I{tmp_path}", "-c", SOURCES / "kws_front_end.c"]
        subprocess.run([*command, "-o", output], check=True)
        nm = needs_program("nm", "apt-get install binutils")
        listed = subprocess.run([nm, "-u", output], capture_output=True, text=True, check=True)
        needed = {line.split()[-1] for line in listed.stdout.splitlines()}
        needed = {name for name in needed if not name.startswith("kws_front_end_")}
        assert needed <= {"memcpy", "memmove", "memset", "_GLOBAL_OFFSET_TABLE_"}


@pytest.mark.parametrize(
    "case", [WORD_BASE, YAMNETS, SPEECHES, *OTHERS], ids=lambda c: f"{c.config.fft}"
)
def test_one_weight_per_bin_is_enough(case: Case) -> None:
    first, counts, weights = band_weights(case.config)
    filters = np.zeros((case.config.fft // 2 + 1, case.config.bands + 2))
    edges = np.repeat(np.arange(case.config.bands + 1), counts)
    bins = np.arange(first, first + len(weights))
    filters[bins, edges + 1] += weights
    filters[bins, edges] += 1 - weights
    assert ((weights >= 0) & (weights < 1)).all()
    np.testing.assert_allclose(filters[:, 1:-1], mel_filters(case.config), atol=1e-7)


def test_refuses_what_it_cannot_make() -> None:
    with pytest.raises(ModelError, match="2 are joined"):
        front_end_sources(JoinedConfig((WORDS, YAMNET)), 0.1, 0)
    for fft in (480, 4):
        window = min(fft, 400)
        config = dataclasses.replace(WORDS, window=window, hop=min(window, 160), fft=fft)
        with pytest.raises(ModelError, match=f"fft is {fft}"):
            front_end_sources(config, 0.1, 0)
    for scale in (0.0, -0.1, float("nan"), float("inf"), 1e-5):
        with pytest.raises(ModelError, match="scale"):
            front_end_sources(WORDS, scale, 0)
    for zero in (-129, 128):
        with pytest.raises(ModelError, match="zero point"):
            front_end_sources(WORDS, 0.1, zero)
