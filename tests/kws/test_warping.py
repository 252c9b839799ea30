"""Whole phrases, matched by dynamic time warping; and what of it a model file refuses."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws import KeywordSpotter
from kws.enrolment.enroll import Enrolled, base_model, enroll
from kws.errors import ModelError
from kws.metadata import Metadata, WarpingContract
from kws.modelfile import ModelFile, pack, parse_model, read_model
from kws.prototypes import Projection
from kws.warping import MOST_ADVANCE, Warping, WarpingMatcher, unit_frames

from .conftest import RATE, Demo
from .enrolment.test_enroll import takes_of

CHANNELS, DIMENSIONS = 6, 4
CONTRACT = WarpingContract((5, 3), 10.0, (0.5, 0.25))


def random_units(count: int, dimensions: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return unit_frames(rng.normal(size=(count, dimensions)).astype(np.float32))


def best_path(sequence: np.ndarray, frames: np.ndarray) -> tuple[float, int]:
    """Similarity of the best path that ends with the last frame, and its length, by trying all."""
    cosines = frames @ sequence.T
    paths = [[len(frames) - 1]]
    for _ in sequence[1:]:
        paths = [
            [path[0] - advance, *path]
            for path in paths
            for advance in range(1, MOST_ADVANCE + 1)
            if path[0] >= advance
        ]
    values = [[cosines[frame, point] for point, frame in enumerate(path)] for path in paths]
    best = max(range(len(paths)), key=lambda number: sum(values[number]))
    half = len(sequence) // 2
    lower = min(np.mean(values[best][:half]), np.mean(values[best][half:]))
    return (np.mean(values[best]) + lower) / 2, paths[best][-1] - paths[best][0]


def test_of_all_paths_the_best_counts():
    sequences = [random_units(5, DIMENSIONS, 0), random_units(4, DIMENSIONS, 1)]
    frames = random_units(30, DIMENSIONS, 2)
    warping = Warping(sequences)
    for number, frame in enumerate(frames):
        warping.push(frame)
        if number < 13:  # a path may still begin before the stream
            continue
        for label, sequence in enumerate(sequences):
            similarity, age = best_path(sequence, frames[: number + 1])
            assert warping.similarities[label] == pytest.approx(similarity, abs=1e-5)
            assert warping.ages[label] == age


@pytest.mark.parametrize("tempo", [1, 2, 3])
def test_a_phrase_is_found_at_another_tempo_and_where_it_began(tempo: int):
    sequence = np.eye(8, dtype=np.float32)
    warping = Warping([sequence])
    for frame in np.repeat(sequence, tempo, axis=0):
        warping.push(frame)
    assert warping.similarities[0] == pytest.approx(1)
    assert 7 * tempo - (tempo - 1) <= warping.ages[0] <= 8 * tempo - 1


def test_half_of_a_phrase_is_not_the_phrase():
    sequence = np.eye(8, dtype=np.float32)
    for half in (sequence[:4], sequence[4:]):
        warping = Warping([sequence])
        highest = -1.0
        for frame in np.concatenate(
            [np.zeros((9, 8)), np.repeat(half, 2, axis=0), np.zeros((9, 8))]
        ):
            warping.push(frame.astype(np.float32))
            highest = max(highest, float(warping.similarities[0]))
        assert highest <= 0.25 + 1e-6


# --- the matcher ---


def made_up(model: ModelFile) -> ModelFile:
    """A model file whose sequences are random."""
    rng = np.random.default_rng(0)
    arrays = {
        "projection.npy": rng.normal(size=(1 + CHANNELS, DIMENSIONS)).astype(np.float16),
        "sequences.npy": rng.normal(size=(8, DIMENSIONS)).astype(np.float32),
    }
    metadata = replace(model.metadata, labels=("a", "b"), warping=CONTRACT, arrays=arrays)
    return replace(model, metadata=metadata)


def features_of(count: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, CHANNELS)).astype(np.float32)


def test_logits_are_scaled_similarities(model: ModelFile):
    model = made_up(model)
    arrays = model.metadata.arrays
    frames = unit_frames(Projection(arrays["projection.npy"])(features_of(20)))
    sequences = np.split(unit_frames(arrays["sequences.npy"]), [5])
    matcher = WarpingMatcher(model, CHANNELS)
    logits = matcher.push(features_of(20))
    for label, sequence in enumerate(sequences):
        similarity, age = best_path(sequence, frames)
        assert logits[-1, label] == pytest.approx(
            10 * (similarity - CONTRACT.centres[label]), abs=1e-4
        )
        assert matcher.begun(19, label) == age


def test_the_stream_is_the_whole_whatever_the_chunks(model: ModelFile):
    model = made_up(model)
    whole = WarpingMatcher(model, CHANNELS).push(features_of(20))
    matcher = WarpingMatcher(model, CHANNELS)
    parts = [matcher.push(features_of(20)[at : at + 3]) for at in range(0, 20, 3)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_state_that_is_put_back_goes_on_from_there(model: ModelFile):
    matcher = WarpingMatcher(made_up(model), CHANNELS)
    features = features_of(20)
    for taken in range(1, 8):
        matcher.push(features[:taken])
        state = matcher.state
        kept = state.copy()
        first = matcher.push(features[taken:])
        np.testing.assert_array_equal(state, kept)  # a copy
        matcher.state = state
        np.testing.assert_array_equal(matcher.push(features[taken:]), first)


# --- a whole model ---


@pytest.fixture(scope="module")
def enrolled(demo: Demo) -> Enrolled:
    words = {word.keyword: takes_of(demo, word) for word in demo.words[:2]}
    return enroll(base_model(), words)


@pytest.fixture(scope="module")
def file(enrolled: Enrolled) -> bytes:
    return pack(enrolled.model.network, enrolled.model.metadata)


@pytest.mark.parametrize("keywords", [None, 0, 1])
def test_the_spotter_finds_the_words_and_no_others(
    enrolled: Enrolled, demo: Demo, keywords: int | None
):
    wanted = demo.words[:2] if keywords is None else [demo.words[keywords]]
    spotter = KeywordSpotter(enrolled.model, keywords=[word.keyword for word in wanted])
    found = [*spotter.process(demo.samples), *spotter.flush()]
    assert [one.keyword for one in found] == [word.keyword for word in wanted]
    for one, word in zip(found, wanted, strict=True):
        assert one.start == pytest.approx(word.start, abs=0.2)
        assert one.end == pytest.approx(word.end, abs=0.2)


@pytest.mark.parametrize("size", [1, 160, 777, 16000])
def test_chunks_do_not_matter(enrolled: Enrolled, demo: Demo, size: int):
    samples = demo.samples[: (1 if size == 1 else 4) * RATE]
    spotter = KeywordSpotter(enrolled.model)
    whole = spotter.process_posteriors(samples)
    spotter.reset()
    parts = [
        spotter.process_posteriors(samples[at : at + size]) for at in range(0, len(samples), size)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    spotter.reset()
    np.testing.assert_array_equal(spotter.posteriors(samples), whole)


def test_the_stream_begins_after_silence(enrolled: Enrolled, demo: Demo):
    spotter = KeywordSpotter(enrolled.model)
    silence = np.zeros(4 * RATE, np.float32)
    late = spotter.posteriors(np.concatenate([silence, demo.samples[: 2 * RATE]]))
    soon = spotter.posteriors(demo.samples[: 2 * RATE])
    np.testing.assert_allclose(late[-len(soon) :][: len(soon) - 2], soon[: len(soon) - 2], atol=0.2)
    spotter.process(demo.samples)
    spotter.reset()
    np.testing.assert_array_equal(spotter.process_posteriors(demo.samples[: 2 * RATE]), soon)


def test_the_file_gives_the_model_back(enrolled: Enrolled, file: bytes, tmp_path: Path):
    path = tmp_path / "wake.tflite"
    path.write_bytes(file)
    again = read_model(path)
    assert again.metadata == enrolled.model.metadata
    assert pack(again.network, again.metadata) == file
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["kws.json", "projection.npy", "sequences.npy"]


def refusal(model: ModelFile, **changes: object) -> str:
    metadata = replace(model.metadata, **changes)  # type: ignore[arg-type]
    with pytest.raises(ModelError) as caught:
        KeywordSpotter(parse_model(pack(model.network, metadata), "bad.tflite"))
    assert str(caught.value).startswith("bad.tflite: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def array(name: str, value: np.ndarray) -> Callable[[Metadata], dict[str, object]]:
    return lambda metadata: {"arrays": {**metadata.arrays, name: value}}


def contract(**changes: object) -> Callable[[Metadata], dict[str, object]]:
    return lambda metadata: {"warping": replace(metadata.warping, **changes)}  # type: ignore[type-var, arg-type]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (array("sequences.npy", np.zeros((7, 128), np.float32)), "sequences.npy is (7, 128)"),
        (array("sequences.npy", np.full((7, 9), np.nan, np.float32)), "not finite"),
        (array("sequences.npy", np.zeros((2, 5, 9), np.float32)), "which none is"),
        (array("sequences.npy", np.zeros((9000, 128), np.float32)), "is too large"),
        (array("projection.npy", np.zeros((9, 128), np.float16)), "takes 8 channels"),
        (lambda metadata: {"arrays": {}}, "has enrolled phrases, but no projection.npy"),
        (contract(points=(5,)), "'points' must have one number per label"),
        (contract(points=(5, 6, 7)), "'points' must be a list of at most 2"),
        (contract(points=(1, 6)), "must be 2 to 100"),
        (contract(points=(5, 101)), "must be 2 to 100"),
        (contract(centres=(0.5,)), "'centres' must have one number per label"),
        (contract(slope=-1.0), "'slope' must be 0 to"),
        (lambda metadata: {"task": "commands"}, "is for the task wake-words"),
    ],
)
def test_what_does_not_fit_is_refused(
    enrolled: Enrolled, change: Callable[[Metadata], dict[str, object]], complaint: str
):
    assert complaint in refusal(enrolled.model, **change(enrolled.model.metadata))


def test_a_header_that_promises_more_than_the_entry_holds_is_refused(
    enrolled: Enrolled, file: bytes
):
    stream = io.BytesIO()
    points = enrolled.model.metadata.arrays["sequences.npy"]
    np.save(stream, points)
    shape = f"({points.shape[0]}, {points.shape[1]})".encode()
    huge = stream.getvalue().replace(shape, b"9" * (len(shape) - 6) + b"(9, 9)"[:6])
    written = io.BytesIO(file[: file.index(b"PK\3\4")])
    written.seek(0, io.SEEK_END)
    with zipfile.ZipFile(io.BytesIO(file)) as old, zipfile.ZipFile(written, "a") as new:
        for name in old.namelist():
            new.writestr(name, huge if name == "sequences.npy" else old.read(name))
    with pytest.raises(ModelError, match=r"^bad: sequences\.npy "):
        parse_model(written.getvalue(), "bad")
