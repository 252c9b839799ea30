"""Two stages: a second network hears again what the first is nearly sure of."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws import KeywordSpotter
from kws.calibration.scores import trace, track
from kws.errors import ModelError
from kws.frontend import log_mel
from kws.group import SpotterGroup
from kws.metadata import Metadata, Verifier
from kws.modelfile import (
    MAX_VERIFIER_BYTES,
    VERIFIER_NAME,
    ModelFile,
    pack,
    parse_model,
    write_model,
)
from kws.network import StepNetwork, StreamingNetwork
from kws.packaged import packaged_model
from kws.posteriors import sigmoid
from kws.verification import FrameRing, VerifiedNetwork, open_network

from ..conftest import kws_here
from ..two_stages import GATE_LOGIT, window_network
from .conftest import Demo, bytes_held


def changed(model: ModelFile, **values: object) -> ModelFile:
    """The model with another verifier."""
    verifier = replace(model.metadata.verifier, **values)
    return replace(model, metadata=replace(model.metadata, verifier=verifier))


def gated(model: ModelFile, logit: float) -> ModelFile:
    """The model whose verifier is asked from this logit on."""
    gate = float(1 / (1 + np.exp(-np.float64(logit))))
    return changed(model, gates=dict.fromkeys(model.metadata.labels, gate))


@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 20))
def test_the_ring_holds_the_latest_frames(chunk: int, chunks: int, pushes: int) -> None:
    ring = FrameRing(chunk * chunks, 2, -3.0)
    heard = np.full((chunk * chunks, 2), -3, np.float32)
    for number in range(pushes):
        frames = np.arange(2 * chunk, dtype=np.float32).reshape(chunk, 2) + 100 * number
        ring.push(frames)
        heard = np.concatenate([heard, frames])
    np.testing.assert_array_equal(ring.latest, heard[-chunk * chunks :])


def test_logits_are_those_of_both_where_the_first_passes(two_stages: ModelFile, demo: Demo) -> None:
    metadata = two_stages.metadata
    verifier = metadata.verifier
    first, both = StreamingNetwork(two_stages), open_network(two_stages)
    second = StepNetwork(
        "second",
        verifier.network,
        verifier.streaming,
        metadata.front_end.bands,
        len(metadata.labels),
        1,
    )
    frames = log_mel(demo.samples, metadata.front_end)
    steps = len(frames) // first.frames
    silence = np.full((160, frames.shape[1]), metadata.front_end.silence, np.float32)
    heard = np.concatenate([silence, frames])
    first.reset()
    both.reset()
    asked, every = 0, first.frames // first.columns
    for number in range(steps):
        step = frames[number * first.frames : (number + 1) * first.frames]
        alone = first.step(step).copy()
        wanted = np.empty_like(alone)
        for output, row in enumerate(alone):
            passed = row >= np.float32(GATE_LOGIT)
            end = 160 + number * first.frames + (output + 1) * every
            logits = np.clip(second.step(heard[end - 160 : end])[0], -5, 5)
            asked += bool(passed.any())
            wanted[output] = 0.6 * row + 0.4 * np.where(passed, logits, -5)
        np.testing.assert_allclose(both.step(step), wanted, rtol=1e-5, atol=1e-5)
    assert isinstance(both, VerifiedNetwork)
    assert 0 < asked == both.second.asked < steps * first.columns


@settings(max_examples=5, deadline=None)
@given(sizes=st.lists(st.sampled_from([1, 7, 160, 333, 1280, 5000, 40000]), max_size=40))
def test_detections_are_the_same_in_any_chunks(
    two_stages: ModelFile, demo: Demo, sizes: list[int]
) -> None:
    whole = KeywordSpotter(two_stages)
    wanted = whole.process(demo.samples) + whole.flush()
    spotter, found, start = KeywordSpotter(two_stages), [], 0
    for size in [*sizes, len(demo.samples)]:
        found += spotter.process(demo.samples[start : start + size])
        start += size
    assert found + spotter.flush() == wanted
    assert wanted


def test_a_second_stream_begins_anew(two_stages: ModelFile, demo: Demo) -> None:
    spotter = KeywordSpotter(two_stages)
    first = spotter.posteriors(demo.samples)
    np.testing.assert_array_equal(spotter.posteriors(demo.samples), first)


def test_every_threshold_is_judged_as_the_runtime_decides(
    two_stages: ModelFile, demo: Demo
) -> None:
    """What calibrates and evaluates reads the scores of both stages."""
    heard = trace(KeywordSpotter(two_stages), demo.samples)
    for threshold in (0.1, 0.3, 0.6):
        metadata = two_stages.metadata
        thresholds = dict.fromkeys(metadata.labels, threshold)
        spotter = KeywordSpotter(two_stages, thresholds=thresholds)
        found = [one.keyword for one in spotter.process(demo.samples) + spotter.flush()]
        for keyword in metadata.labels:
            own = track(heard, metadata.labels, metadata.detector, keyword)
            assert found.count(keyword) == own.count(threshold)


def test_gates_decide_how_often_the_verifier_is_asked(
    two_stages: ModelFile, wake_words: ModelFile, demo: Demo
) -> None:
    alone = open_network(wake_words)
    never, often, always = (
        open_network(gated(two_stages, logit)) for logit in (np.inf, GATE_LOGIT, -np.inf)
    )
    frames = log_mel(demo.samples, two_stages.metadata.front_end)
    for start in range(0, len(frames) - always.frames + 1, always.frames):
        step = frames[start : start + always.frames]
        np.testing.assert_allclose(
            never.step(step), 0.6 * alone.step(step) - 0.4 * 5, rtol=1e-5, atol=1e-5
        )
        always.step(step)
        often.step(step)
    assert never.second.asked == 0
    assert always.second.asked == len(frames) // always.frames * always.columns
    assert 0 < often.second.asked < always.second.asked


def test_what_was_not_asked_about_counts_less_than_what_was(
    two_stages: ModelFile, demo: Demo
) -> None:
    """A lower gate asks more often, and changes no score above what a rejected gate gives."""
    low, high = (
        KeywordSpotter(gated(two_stages, logit)).posteriors(demo.samples) for logit in (9.0, 11.0)
    )
    bound = sigmoid(np.float32(0.6 * 11 - 0.4 * 5))
    above = high > bound
    np.testing.assert_array_equal(high[above], low[above])
    assert above.any()
    assert (low >= high).all()


def test_some_of_the_keywords(two_stages: ModelFile, demo: Demo) -> None:
    every, two = KeywordSpotter(two_stages), KeywordSpotter(two_stages, keywords=["yes", "no"])
    rows = [two_stages.metadata.labels.index(word) for word in two.keywords]
    scores = every.posteriors(demo.samples)
    np.testing.assert_array_equal(two.posteriors(demo.samples), scores[:, rows])


def test_a_group_hears_what_each_model_alone_does(
    two_stages: ModelFile, wake_words: ModelFile, demo: Demo
) -> None:
    other = replace(changed(two_stages, weight=0.9), path="other.tflite")
    models = [two_stages, wake_words, other]
    group = SpotterGroup(models)
    found = group.process(demo.samples) + group.flush()
    for model in models:
        spotter = KeywordSpotter(model)
        wanted = spotter.process(demo.samples) + spotter.flush()
        own = [replace(one, model="") for one in found if one.model == model.path]
        assert own == wanted
    assert len({one.model for one in found}) == 3


def test_verifications_are_counted(
    two_stages: ModelFile, wake_words: ModelFile, demo: Demo
) -> None:
    spotter = KeywordSpotter(two_stages)
    assert spotter.verifications == 0
    spotter.posteriors(demo.samples)
    once = spotter.verifications
    assert once > 0
    spotter.posteriors(demo.samples)
    assert spotter.verifications == 2 * once
    assert KeywordSpotter(wake_words).verifications is None


def test_memory_does_not_grow(two_stages: ModelFile, demo: Demo) -> None:
    spotter = KeywordSpotter(gated(two_stages, -np.inf))
    spotter.process(demo.samples)
    before = bytes_held(spotter)
    for _ in range(3):
        spotter.process(demo.samples)
    assert bytes_held(spotter) < before + 1000  # whole numbers grow as they count


# --- the file ---


def test_the_verifier_rides_in_the_file(two_stages: ModelFile, tmp_path: Path) -> None:
    path = tmp_path / "two.tflite"
    write_model(path, two_stages.network, two_stages.metadata)
    verifier = two_stages.metadata.verifier
    with zipfile.ZipFile(path) as archive:  # another reader
        assert archive.read(VERIFIER_NAME) == verifier.network
        values = json.loads(archive.read("kws.json"))
    assert values["schema"] == 2  # who knows schema 1 alone refuses it
    assert values["verifier"]["sha256"] == hashlib.sha256(verifier.network).hexdigest()
    again = KeywordSpotter.load(path).metadata
    assert again == two_stages.metadata
    assert again.verifier.network == verifier.network
    assert path.read_bytes() == pack(two_stages.network, again)


def test_files_without_a_verifier_are_of_the_first_schema(wake_words: ModelFile) -> None:
    content = pack(wake_words.network, wake_words.metadata)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["kws.json"]
        assert json.loads(archive.read("kws.json"))["schema"] == 1


def with_values(model: ModelFile, change: Callable[[dict], None], network: bytes | None) -> bytes:
    """A file whose kws.json was changed, and whose verifier is this one, or missing."""
    stream = io.BytesIO(model.network)
    stream.seek(0, io.SEEK_END)
    packed = pack(model.network, model.metadata)
    with (
        zipfile.ZipFile(io.BytesIO(packed)) as old,
        zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as new,
    ):
        contract = json.loads(old.read("kws.json"))
        change(contract)
        new.writestr("kws.json", json.dumps(contract))
        if network is not None:
            new.writestr(VERIFIER_NAME, network)
    return stream.getvalue()


def setting(key: str, value: object) -> Callable[[dict], None]:
    return lambda contract: contract["verifier"].update({key: value})


def same(contract: dict) -> None:
    """Change nothing."""


@pytest.mark.parametrize(
    ("change", "network", "complaint"),
    [
        (same, None, "verifier.tflite is missing"),
        (same, b"no network", "no TFLite network"),
        (same, b"\x1c\0\0\0TFL3" + bytes(100), "digest does not match"),
        (same, bytes(MAX_VERIFIER_BYTES + 1), "too large"),
        (lambda one: one.update(schema=1), b"", "schema 1: 'verifier' goes with schema 2"),
        (lambda one: one.pop("verifier"), b"", "'verifier' goes with schema 2 and no other"),
        (lambda one: one.update(task="commands"), b"", "every|wake-words"),
        (setting("gates", {}), b"", "is missing"),
        (setting("weight", 1.5), b"", "'weight' must be 0 to 1"),
        (setting("limit", 1e9), b"", "'limit' must be 0 to"),
        (setting("alone", {"yes": 2}), b"", "alone"),
    ],
)
def test_a_verifier_that_does_not_belong(
    two_stages: ModelFile, change: Callable[[dict], None], network: bytes | None, complaint: str
) -> None:
    with pytest.raises(ModelError, match=complaint) as error:
        parse_model(with_values(two_stages, change, network), "two.tflite")
    assert str(error.value).startswith("two.tflite: ")
    assert "\n" not in str(error.value)


def streams(verifier: Verifier, **values: object) -> Verifier:
    return replace(verifier, streaming=replace(verifier.streaming, **values))


def test_a_verifier_has_no_states(two_stages: ModelFile) -> None:
    metadata = replace(
        two_stages.metadata,
        verifier=streams(two_stages.metadata.verifier, states=(("a", "b"),)),
    )
    with pytest.raises(ModelError, match="no states"):
        parse_model(pack(two_stages.network, metadata), "two.tflite")


def test_a_network_that_does_not_fit_is_said_at_the_start(two_stages: ModelFile) -> None:
    labels = len(two_stages.metadata.labels)
    other = changed(two_stages, network=window_network(160, 40, labels + 1))
    with pytest.raises(ModelError, match=r"verifier\.tflite: the network gives"):
        KeywordSpotter(other)
    verifier = streams(two_stages.metadata.verifier, frames=161, receptive_field=161)
    verifier = replace(verifier, network=window_network(161, 40, labels))
    odd = replace(two_stages, metadata=replace(two_stages.metadata, verifier=verifier))
    with pytest.raises(ModelError, match="hears 161 frames: must be a multiple of"):
        KeywordSpotter(odd)


def test_the_first_stage_alone(two_stages: ModelFile, wake_words: ModelFile, demo: Demo) -> None:
    alone: Metadata = two_stages.metadata.first_stage()
    assert alone.verifier is None
    assert set(alone.detector.thresholds.values()) == {0.7}
    assert wake_words.metadata.first_stage() is wake_words.metadata
    spotter = KeywordSpotter(replace(two_stages, metadata=alone))
    np.testing.assert_array_equal(
        spotter.posteriors(demo.samples), KeywordSpotter(wake_words).posteriors(demo.samples)
    )


def test_a_model_without_a_verifier_runs_as_before(wake_words: ModelFile) -> None:
    assert type(open_network(wake_words)) is StreamingNetwork
    assert packaged_model().metadata.verifier is None


# --- the commands ---


def test_inspect_says_what_the_verifier_is(two_stages: ModelFile, tmp_path: Path) -> None:
    path = tmp_path / "two.tflite"
    write_model(path, two_stages.network, two_stages.metadata)
    shown = kws_here("inspect", path)
    assert "verifier" in shown.stdout
    assert "hears the latest 1.6" in shown.stdout
    values = json.loads(kws_here("inspect", path, "--json").stdout)
    assert values["schema"] == 2
    assert values["verifier"]["weight"] == 0.4
    assert values["verifier"]["frames"] == 160
