"""A stream that is interrupted and restored goes on as if it had not been, to the last bit."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws import Detection, KeywordSpotter, KwsError, ModelFile, SpotterGroup
from kws.enrolment.enroll import base_model, enroll
from kws.frontend import SPEECH, WORDS, YAMNET, JoinedConfig, open_front_end
from kws.micro_frontend import MicroConfig
from kws.packaged import packaged_model
from kws.resample import Resampler, resample
from kws.state import MAGIC, StateReader, pack, unpack

from .conftest import RATE, Demo
from .enrolment.test_enroll import takes_of
from .test_group import sounds

Spotter = KeywordSpotter | SpotterGroup


def rest_of(spotter: Spotter, samples: np.ndarray) -> list[Detection]:
    found = []
    for start in range(0, len(samples), 1777):
        found += spotter.process(samples[start : start + 1777])
    return [*found, *spotter.flush(), *spotter.take_near()]


def check_interrupted(make: Callable[[], Spotter], samples: np.ndarray, cuts: int = 7) -> None:
    """Interrupt a stream in words and between them: each time another spotter goes on."""
    whole = make()
    whole.watch_near(0.3)
    expected = rest_of(whole, samples)
    assert expected
    pieces = np.split(samples, [len(samples) * n // cuts + 311 * n for n in range(1, cuts)])
    state, found = None, []
    for number, piece in enumerate(pieces):
        spotter = make()
        if state is None:
            spotter.watch_near(0.3)
        else:
            spotter.process(samples[:5000])  # is forgotten
            spotter.restore(state)
        if number == cuts - 1:
            found += rest_of(spotter, piece)
        else:
            found += spotter.process(piece)
        state = spotter.state()
        assert spotter.state() == state
    assert sorted(found, key=str) == sorted(expected, key=str)


@pytest.fixture(scope="module")
def phrases(demo: Demo) -> ModelFile:
    some = demo.words[:2]
    return enroll(base_model(), {word.keyword: takes_of(demo, word) for word in some}).model


@pytest.mark.parametrize("model", ["commands", "words", "computer"])
def test_models_of_the_package(model: str, demo: Demo, wake_words_demo: Demo) -> None:
    samples = wake_words_demo.samples if model == "computer" else demo.samples
    check_interrupted(lambda: KeywordSpotter.default(model), samples)


# one whose filter is a matrix, one whose filter is a table
@pytest.mark.parametrize("rate", [44100, 22051])
def test_another_rate(rate: int, demo: Demo) -> None:
    samples = resample(demo.samples, RATE, rate)
    check_interrupted(lambda: KeywordSpotter.default("commands-small", sample_rate=rate), samples)


def test_sounds(demo: Demo) -> None:
    model = sounds("sounds.tflite")
    check_interrupted(lambda: KeywordSpotter(model), demo.samples)


def test_enrolled_phrases(phrases: ModelFile, demo: Demo) -> None:
    check_interrupted(lambda: KeywordSpotter(phrases), demo.samples)


def test_two_stages(two_stages: ModelFile, demo: Demo) -> None:
    check_interrupted(lambda: KeywordSpotter(two_stages), demo.samples)


def test_some_keywords(demo: Demo) -> None:
    options = {"keywords": ["yes", "stop"], "thresholds": {"yes": 0.3}}
    check_interrupted(lambda: KeywordSpotter.default(**options), demo.samples)


def test_a_group(phrases: ModelFile, two_stages: ModelFile, demo: Demo) -> None:
    names = ("commands", "words", "computer", "hey_device")
    models = [*map(packaged_model, names), phrases, two_stages, sounds("sounds.tflite")]
    check_interrupted(lambda: SpotterGroup(models), demo.samples, cuts=4)
    samples = resample(demo.samples, RATE, 48000)
    check_interrupted(lambda: SpotterGroup(models, sample_rate=48000), samples, cuts=3)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 4000), min_size=1, max_size=6), st.integers(1, 12))
@pytest.mark.parametrize(
    "config",
    [MicroConfig(), WORDS, JoinedConfig((YAMNET, WORDS, SPEECH))],
    ids=["micro", "one", "joined"],
)
def test_front_ends(config: object, sizes: list[int], block: int) -> None:
    rng = np.random.default_rng(0)
    samples = (rng.normal(0.1, 0.1, sum(sizes))).astype(np.float32)
    expected = open_front_end(config, block).push(samples)
    found = []
    before = open_front_end(config, block)
    for piece in np.split(samples, np.cumsum(sizes)[:-1]):
        front_end = open_front_end(config, block)
        front_end.push(samples[:3000])
        front_end.restore(StateReader(unpack(pack(before.state(), "this"), "this")))
        found.append(front_end.push(piece))
        before = front_end
    assert np.array_equal(np.concatenate(found), expected)


def test_another_process_goes_on(tmp_path: Path, demo: Demo, demo_path: Path) -> None:
    half = len(demo.samples) // 2
    spotter = KeywordSpotter.default()
    first = spotter.process(demo.samples[:half])
    state = tmp_path / "stream.state"
    state.write_bytes(spotter.state())
    script = (
        "import sys; from pathlib import Path; from kws import KeywordSpotter\n"
        "from kws.audio import load_audio\n"
        "spotter = KeywordSpotter.default()\n"
        "spotter.restore(Path(sys.argv[1]).read_bytes())\n"
        "samples = load_audio(sys.argv[2], 16000)[int(sys.argv[3]):]\n"
        "print([*spotter.process(samples), *spotter.flush()])\n"
    )
    command = [sys.executable, "-c", script, str(state), str(demo_path), str(half)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    second = [*spotter.process(demo.samples[half:]), *spotter.flush()]
    assert first
    assert second
    assert done.stdout.strip() == str(second)


def test_a_state_does_not_grow() -> None:
    spotter = KeywordSpotter.default("commands-small", sample_rate=48000)
    sizes = []
    for _ in range(20):
        spotter.process(np.zeros(48000, np.float32))
        sizes.append(len(spotter.state()))
    assert max(sizes[10:]) <= max(sizes[:10]) < 12_000


# --- what is refused ---


def refusal(spotter: Spotter, state: object) -> str:
    with pytest.raises(KwsError) as caught:
        spotter.restore(state)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_state_of_something_else_is_refused_and_the_stream_goes_on(demo: Demo) -> None:
    spotter = KeywordSpotter.default()
    expected = [*spotter.process(demo.samples), *spotter.flush()]
    spotter.reset()
    found = spotter.process(demo.samples[:100_000])
    for other in (
        KeywordSpotter.default("commands-small"),
        KeywordSpotter.default(sample_rate=48000),
        KeywordSpotter.default(thresholds={"yes": 0.4}),
        KeywordSpotter.default(keywords=["yes", "no"]),
        SpotterGroup([packaged_model("commands"), packaged_model("words")]),
    ):
        assert "of another model, or of other thresholds" in refusal(spotter, other.state())
    model = packaged_model()
    changed = replace(model.metadata, detector=replace(model.metadata.detector, refractory=2.0))
    other = KeywordSpotter(replace(model, metadata=changed))
    assert "of another model" in refusal(spotter, other.state())
    state = spotter.state()
    for content, reason in (
        (b"", "no state of a stream"),
        (b"RIFF" + bytes(100), "no state of a stream"),
        (state[:-1], "damaged or cut short"),
        (state[:2000], "damaged or cut short"),
        (state + b"\0", "damaged or cut short"),
        (state[:500] + bytes([state[500] ^ 1]) + state[501:], "damaged or cut short"),
        (bytes(65 * 2**20), "at most"),
        ("text", "a state is bytes, not str"),
    ):
        assert reason in refusal(spotter, content)
    assert [*found, *spotter.process(demo.samples[100_000:]), *spotter.flush()] == expected


def parts_of(state: bytes) -> tuple[dict, bytes]:
    length = int.from_bytes(state[len(MAGIC) : len(MAGIC) + 4], "little")
    first = len(MAGIC) + 4 + length
    return json.loads(state[len(MAGIC) + 4 : first]), state[first:-32]


def signed(header: object, data: bytes) -> bytes:
    """A state whose digest is right, whatever is in it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    body = MAGIC + len(text).to_bytes(4, "little") + text + data
    return body + hashlib.sha256(body).digest()


@pytest.mark.parametrize(
    "header",
    [
        b"{",
        b"[" * 100_000,
        b"[]",
        {},
        {"version": 2},
        {"version": 1, "arrays": []},
        {"version": 1, "arrays": [["network/0", "object", [1]]]},
        {"version": 1, "arrays": [["network/0", "float32", [-1]]]},
        {"version": 1, "arrays": [["network/0", "float32", [2**40, 2**40]]]},
        {"version": 1, "arrays": [["network/0", "float32", [1.0]]]},
        {"version": 1, "arrays": [["network/0", "float32", [True]]]},
        {"version": 1, "arrays": [["network/0", "float32", [1] * 40]]},
        {"version": 1, "arrays": [[5, "float32", [1]]]},
        {"version": 1, "arrays": 7},
    ],
    ids=str,
)
def test_headers_that_are_none(header: object) -> None:
    spotter = KeywordSpotter.default("commands-small")
    good, data = parts_of(spotter.state())
    if isinstance(header, dict) and header:
        header = {"of": good["of"], **header}
    refusal(spotter, signed(header, data))


def crafted(state: bytes, rng: np.random.Generator) -> bytes:
    """A state with some numbers, shapes or names changed, and its digest made right again."""
    header, data = parts_of(state)
    table, content = header["arrays"], bytearray(data)
    for _ in range(rng.integers(1, 4)):
        one = table[rng.integers(len(table))]
        match rng.integers(6):
            case 0:
                one[0] = str(rng.choice([other[0] for other in table]))
            case 1:
                one[1] = str(rng.choice(["float32", "float64", "int64", "int16", "int8", "bool"]))
            case 2:
                one[2] = [int(rng.integers(0, 400)) for _ in range(rng.integers(0, 4))]
            case 3:
                table.remove(one) if len(table) > 1 else None
            case _:
                extreme = rng.choice([0, 1, -1, 2**31, 2**62, -(2**62), 2**53])
                raw = rng.choice(
                    [np.int64(extreme).tobytes(), np.float64(extreme).tobytes(), rng.bytes(8)]
                )
                at = rng.integers(max(1, len(content) - 8))
                content[at : at + 8] = raw
    return signed(header, bytes(content))


@pytest.mark.parametrize("kind", ["commands", "small", "sounds", "two_stages", "group"])
def test_crafted_states_are_refused_or_heard_as_a_stream_is(
    kind: str, demo: Demo, two_stages: ModelFile
) -> None:
    make: dict[str, Callable[[], Spotter]] = {
        "commands": KeywordSpotter.default,
        "small": lambda: KeywordSpotter.default("commands-small", sample_rate=22051),
        "sounds": lambda: KeywordSpotter(sounds("sounds.tflite")),
        "two_stages": lambda: KeywordSpotter(two_stages),
        "group": lambda: SpotterGroup([packaged_model("computer"), packaged_model("hey_device")]),
    }
    spotter = make[kind]()
    spotter.watch_near(0.3)
    spotter.process(demo.samples[:60_000])
    state = spotter.state()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        try:
            spotter.restore(crafted(state, rng))
        except KwsError as error:
            assert "\n" not in str(error)
            refused += 1
            continue
        with np.errstate(all="ignore"):  # scores of states that no network gives
            rest_of(spotter, demo.samples[60_000:75_000])
        spotter.state()
    assert 100 < refused < 400
    spotter.restore(state)
    assert spotter.state() == state


def test_a_resampler_goes_on() -> None:
    rng = np.random.default_rng(1)
    samples = rng.normal(0, 0.1, 50_000).astype(np.float32)
    whole = Resampler(44100, 16000)
    expected = np.concatenate([whole.push(samples), whole.flush()])
    first, second = Resampler(44100, 16000), Resampler(44100, 16000)
    head = first.push(samples[:20_001])
    second.restore(StateReader(first.state()))
    found = np.concatenate([head, second.push(samples[20_001:]), second.flush()])
    assert len(found) == len(expected)
    assert np.allclose(found, expected, atol=1e-6)
