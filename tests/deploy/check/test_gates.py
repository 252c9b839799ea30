"""Each gate of the release passes a good model, and fails one that is damaged for real."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws.audio import load_audio
from kws.metadata import OperatingPoint
from kws.modelfile import ModelFile
from kws.packaged import packaged_model
from kws.pcm import to_int16
from kws_deploy.check.gates import (
    KEPT_OF_FLOAT,
    KEPT_OF_TEACHER,
    Budget,
    budget_gate,
    check,
    kept_gate,
    streaming_gate,
    thresholds_gate,
)
from kws_deploy.check.judging import Judged, judge_labelled, judge_wake_words
from kws_deploy.check.models import CheckError, float_form, is_quantized
from kws_deploy.quantization.dequantize import to_float
from kws_training.data.clips import read_clips
from kws_training.data.dataset import Clip, Skipped, find_clips
from kws_training.networks.tflite_objects import constant, unpack, write_flatbuffer

ROOT = Path(__file__).resolve().parents[3]
RATE = 16000


def no_bar(numbers, total, what):
    return numbers


@pytest.fixture(scope="module")
def model() -> ModelFile:
    return packaged_model()


@pytest.fixture(scope="module")
def spoken() -> tuple[list[Clip], list[np.ndarray]]:
    """The ten words of the demo, cut out, and three pieces of other sound as no keyword."""
    path = ROOT / "demo" / "synthesized_commands.wav"
    samples = load_audio(path, RATE)
    clips, audio = [], []
    with path.with_suffix(".csv").open(newline="") as file:
        for row in csv.DictReader(file):
            middle = (float(row["start"]) + float(row["end"])) / 2
            first = max(0, int((middle - 0.5) * RATE))
            clips.append(Clip(path, row["keyword"], row["keyword"], "voice"))
            audio.append(to_int16(samples[first : first + RATE]))
    return clips, audio


@pytest.fixture(scope="module")
def read(spoken) -> Callable:
    """Gives the audio of clips that are cut out of a recording already."""
    clips, audio = spoken
    by_word = {clip.word: one for clip, one in zip(clips, audio, strict=True)}
    return lambda found, progress: (list(found), [by_word[clip.word] for clip in found], [])


def noisy(model: ModelFile, level: float) -> ModelFile:
    """The model with noise on its int8 kernels: a share of the largest weight."""
    network = unpack(model.network)
    rng = np.random.default_rng(0)
    for tensor in network.subgraphs[0].tensors:
        stored = constant(network, tensor)
        if stored is not None and stored.dtype == np.int8 and stored.ndim == 4:
            changed = stored + rng.normal(0, 127 * level, stored.shape)
            content = np.clip(np.rint(changed), -127, 127).astype(np.int8).tobytes()
            network.buffers[tensor.buffer].data = np.frombuffer(content, np.uint8)
    return replace(
        model, network=write_flatbuffer(network, len(model.network)), path="noisy.tflite"
    )


def as_float(model: ModelFile) -> ModelFile:
    return replace(model, network=to_float(model.network), path="float.tflite")


def judged(model: list[bool], teacher: list[bool]) -> Judged:
    return Judged("accuracy", model, teacher, None, [], (), ())


# --- accuracy ---


def test_the_bars_are_those_of_the_project():
    assert (KEPT_OF_TEACHER, KEPT_OF_FLOAT) == (0.95, 0.997)


def test_the_bar_itself_passes_and_one_recording_less_does_not():
    teacher = [True] * 100
    on = kept_gate("teacher", judged([True] * 95 + [False] * 5, teacher), teacher, 0.95, "T")
    assert on.passed
    assert on.figures["kept"] == 0.95
    assert (on.figures["lost"], on.figures["won"]) == (5, 0)
    assert any("more recordings would decide" in one for one in on.doubts)
    below = kept_gate("teacher", judged([True] * 94 + [False] * 6, teacher), teacher, 0.95, "T")
    assert not below.passed
    assert "keeps 94.0% of the accuracy of T (95.0% needed" in below.text
    assert "94 of 100 (94.0%, 87.4% to 97.8%), was 100 of 100" in below.text


def test_the_interval_is_that_of_the_difference():
    from kws_training.evaluation.paired import PairedCounts, difference_interval

    rng = np.random.default_rng(1)
    teacher = (rng.random(400) < 0.9).tolist()
    student = (rng.random(400) < 0.88).tolist()
    gate = kept_gate("teacher", judged(student, teacher), teacher, 0.5, "T")
    both = sum(a and b for a, b in zip(teacher, student, strict=True))
    counts = PairedCounts(both, sum(teacher) - both, sum(student) - both, 0)
    counts = replace(counts, neither=400 - counts.clips)
    low, high = difference_interval(counts)
    share = sum(teacher) / 400
    assert gate.figures["kept_interval"] == pytest.approx([1 + low / share, 1 + high / share])
    assert gate.figures["kept"] == pytest.approx(sum(student) / sum(teacher))
    assert gate.doubts == ()


def test_a_teacher_that_knows_nothing_is_no_measure():
    with pytest.raises(CheckError, match="gets none of 3 recordings right"):
        kept_gate("teacher", judged([True] * 3, [False] * 3), [False] * 3, 0.95, "T")


def test_all_gates_pass_the_model_in_the_package(model, spoken, read):
    other, source = float_form(model, None)
    found = judge_labelled(model, model, other, spoken[0], read, no_bar)
    gates = check(model, model, other, source, found, Budget())
    assert [gate.name for gate in gates] == [
        "teacher",
        "float",
        "streaming",
        "budget",
        "thresholds",
    ]
    assert [gate.text for gate in gates if not gate.passed] == []
    assert sum(found.model) >= 9  # the demo was made for it
    assert gates[1].figures["against"] == "its float form"
    assert "dequantized" in gates[1].doubts[0]
    assert gates[2].figures["recordings"] == 10


def test_a_student_with_noise_in_its_weights_fails(model, spoken, read):
    damaged = noisy(model, 0.3)
    found = judge_labelled(damaged, model, as_float(model), spoken[0], read, no_bar)
    gates = check(damaged, model, as_float(model), "float.tflite", found, Budget())
    failed = {gate.name for gate in gates if not gate.passed}
    assert failed == {"teacher", "float"}
    assert gates[1].figures["against"] == "float.tflite"
    assert gates[1].doubts == ()
    for gate in gates[:2]:
        assert gate.figures["lost"] >= 1
        assert "needed" in gate.text


def test_keywords_that_one_model_alone_has_do_not_count(model, spoken, read):
    """The base of 35 words takes a word that the student does not know for unknown."""
    from kws.modelfile import read_model

    words = read_model(ROOT / "kws" / "models" / "words.tflite")
    clips, audio = spoken
    marvin = Clip(Path("marvin.wav"), "marvin", "marvin", "voice")
    found = judge_labelled(
        model,
        words,
        None,
        [*clips, marvin],
        lambda found, progress: (
            list(found),
            [audio[n] if clip.word != "marvin" else audio[0] for n, clip in enumerate(found)],
            [],
        ),
        no_bar,
    )
    assert len(found.model) == len(clips) + 1
    (note,) = (note for note in found.notes if "keywords of both" in note)
    assert "10 keywords of both" in note
    assert "marvin" in note


def test_models_without_a_common_keyword_and_recordings_that_cannot_be_read(model, spoken):
    other = replace(model.metadata, labels=tuple(f"w{n}" for n in range(12)))
    with pytest.raises(CheckError, match="share no keyword: down, go"):
        judge_labelled(model, replace(model, metadata=other), None, [], read_clips, no_bar)
    with pytest.raises(CheckError, match=r"none of the 10 recordings could be read: gone"):
        judge_labelled(
            model,
            model,
            None,
            spoken[0],
            lambda found, progress: ([], [], [Skipped(found[0].path, "gone")]),
            no_bar,
        )


def test_who_may_have_been_trained_on_is_said(model, spoken, read):
    from kws_training.data.splits import hold_out_speakers

    held = replace(
        model, metadata=replace(model.metadata, provenance={"options": {"hold_out": 0.1}})
    )

    def said(share: object, speakers: list[str]) -> str:
        one = replace(
            model, metadata=replace(model.metadata, provenance={"options": {"hold_out": share}})
        )
        clips = [
            replace(clip, speaker=speakers[n % len(speakers)]) for n, clip in enumerate(spoken[0])
        ]
        own, teachers = judge_labelled(one, held, None, clips, read, no_bar).notes[1:]
        assert teachers.startswith("teacher: held out 10% of its speakers")
        assert own.startswith("model: ")
        return own

    people = [f"s{n}" for n in range(10)]
    apart = sorted(hold_out_speakers(people, 0.3))
    assert 0 < len(apart) < 10
    assert f"it may have seen {10 - len(apart)} of 10 of them" in said(0.3, people)
    assert f"it may have seen 0 of {len(apart)} of them" in said(0.3, apart)
    assert "it may have seen 10 of 10 of them" in said(0.0, people)
    for unknown in (None, "0.1", True, 7):
        assert "its file does not tell" in said(unknown, people)


# --- the float form ---


def test_the_float_form(model):
    made, source = float_form(model, None)
    assert is_quantized(model)
    assert not is_quantized(made)
    assert "--float FILE" in source
    assert float_form(made, None) == (None, "")
    named = as_float(model)
    assert float_form(model, named) == (named, "float.tflite")
    with pytest.raises(CheckError, match="is quantized"):
        float_form(model, model)
    labels = (*model.metadata.labels[:-1], "maybe")
    with pytest.raises(CheckError, match="has other labels"):
        float_form(model, replace(named, metadata=replace(named.metadata, labels=labels)))


def test_a_float_model_has_nothing_to_lose(model, spoken, read):
    plain = as_float(model)
    found = judge_labelled(plain, model, None, spoken[0], read, no_bar)
    gate = check(plain, model, None, "", found, Budget())[1]
    assert gate.passed
    assert "not quantized" in gate.text


# --- streaming ---


def test_the_stream_of_float_and_int8_is_the_whole_clip(model, spoken):
    for one in (model, as_float(model)):
        gate = streaming_gate(one, spoken[1])
        assert gate.passed
        assert gate.figures["recordings"] == 10
        assert gate.figures["results"] >= 100
    assert gate.figures["tolerance"] == 1e-4


def test_states_that_are_mixed_up_fail(model, spoken):
    """The contract swaps the successors of two states of one shape: a stream of nonsense."""
    plain = as_float(model)
    streaming = plain.metadata.streaming
    states = list(streaming.states)
    (first, after), (second, then) = states[4], states[5]
    states[4:6] = [(first, then), (second, after)]
    mixed = replace(
        plain,
        metadata=replace(plain.metadata, streaming=replace(streaming, states=tuple(states))),
    )
    gate = streaming_gate(mixed, spoken[1])
    assert not gate.passed
    assert gate.figures["largest"] > 0.01
    assert "differs from the whole clip by" in gate.text


def test_recordings_that_are_too_short_show_nothing(model):
    gate = streaming_gate(model, [np.zeros(100, np.int16)])
    assert not gate.passed
    assert "not shown" in gate.text


# --- budget ---


def test_the_budget_is_measured_here(model):
    gate = budget_gate(model, Budget())
    assert gate.passed
    assert "the step's own length" in gate.text
    figures = gate.figures
    assert figures["budget_ms"] == pytest.approx(80)
    assert 0 < figures["median_ms"] <= figures["p99_ms"] < 80
    gate = budget_gate(model, Budget(1e-4))
    assert not gate.passed
    assert "budget 0.0001 ms" in gate.text


def test_the_budget_on_a_board_is_an_estimate(model):
    pytest.importorskip("kws_deploy.boards.board")
    from kws_deploy.boards.board import board_names

    name = board_names()[0]
    gate = budget_gate(model, Budget(1e6, name))
    assert gate.passed
    figures = gate.figures
    assert figures["low_ms"] <= figures["estimate_ms"] <= figures["high_ms"]
    between = (figures["estimate_ms"] + figures["high_ms"]) / 2
    near = budget_gate(model, Budget(between, name))
    assert not near.passed
    assert any("slowest estimate" in one for one in near.doubts)
    assert not budget_gate(model, Budget(figures["estimate_ms"] * 0.9, name)).passed


# --- thresholds ---


def with_points(model: ModelFile, change: Callable[[OperatingPoint], OperatingPoint | None]):
    points = [change(point) for point in model.metadata.operating_points]
    kept = tuple(point for point in points if point is not None)
    return replace(model, metadata=replace(model.metadata, operating_points=kept))


def test_thresholds_without_a_measurement_fail(model):
    assert thresholds_gate(model).passed
    gone = with_points(model, lambda point: None if point.keyword == "no" else point)
    gate = thresholds_gate(gone)
    assert not gate.passed
    assert "of no (nothing was measured)" in gate.text
    none = with_points(model, lambda point: replace(point, hours=0.0))
    assert "measured on zero hours" in thresholds_gate(none).text
    moved = with_points(
        model, lambda p: replace(p, threshold=0.31) if p.keyword in ("no", "go") else p
    )
    gate = thresholds_gate(moved)
    for keyword in ("go", "no"):
        threshold = model.metadata.detector.thresholds[keyword]
        assert f"{keyword} (measured at 0.31, but the file says {threshold:g})" in gate.text
    assert set(gate.figures["unmeasured"]) == {"go", "no"}


# --- on the recordings ---


@pytest.fixture(scope="module")
def recordings(shared: Path) -> list[Clip]:
    return find_clips([shared / "audio" / "speech_commands"])[::60]


def test_noise_costs_accuracy_on_real_recordings(model, recordings):
    """The more noise in the weights, the fewer recordings are right; the gate stands between."""
    shares = []
    for level in (0.0, 0.02, 0.3):
        found = judge_labelled(noisy(model, level), model, None, recordings, read_clips, no_bar)
        gate = kept_gate("teacher", found, found.teacher, KEPT_OF_TEACHER, "T")
        shares.append(gate.figures["kept"])
        assert gate.passed == (gate.figures["kept"] >= 0.95)
    assert shares[0] == 1.0
    assert shares[2] < 0.9
    assert len(found.audio) == 20


def test_words_in_a_stream_are_compared_at_one_rate(shared: Path, model, tmp_path):
    """Through the detector: misses at one false accept per hour, whatever the thresholds are."""
    audio = shared / "audio"
    for word in ("yes", "stop"):
        (tmp_path / word).mkdir()
        for path in sorted((audio / "speech_commands" / word).iterdir())[:10]:
            (tmp_path / word / path.name).symlink_to(path)
    quiet = sorted((audio / "speech" / "orders").iterdir())[:4]
    defaults = replace(
        model.metadata.detector, thresholds=dict.fromkeys(model.metadata.keywords, 1)
    )
    deaf = replace(model, metadata=replace(model.metadata, detector=defaults))
    positives = [tmp_path / "yes", tmp_path / "stop"]
    found = judge_wake_words(model, deaf, noisy(model, 0.3), positives, quiet, no_bar)
    assert found.what == "detections"
    assert len(found.model) == 20
    assert found.model == found.teacher
    assert sum(found.other) < sum(found.model)
    assert "1 false accept per hour" in found.notes[0]
    assert "too few for one" in found.notes[0]
    assert len(found.audio) == 20
    other = replace(model.metadata, labels=tuple(f"w{n}" for n in range(12)))
    with pytest.raises(CheckError, match="share no keyword"):
        judge_wake_words(model, replace(model, metadata=other), None, positives, quiet, no_bar)
