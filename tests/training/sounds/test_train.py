"""Sounds through the command line; the parts by themselves."""

import json
import zipfile

import numpy as np
import pytest
import soundfile

from kws import KeywordSpotter
from kws.frontend import YAMNET, log_mel
from kws.metadata import SegmenterDefaults
from kws.modelfile import read_model
from kws_training.augmentation.augment import Augmentation
from kws_training.networks.extractor import YamnetTrunk
from kws_training.networks.soundhead import Linear, SoundHead, fit_linear
from kws_training.networks.streaming import step_model
from kws_training.networks.yamnet_file import read_yamnet
from kws_training.sounds.data import read_negatives
from kws_training.sounds.features import NEITHER, FeatureMaker
from kws_training.sounds.thresholds import ClipScores, choose_and_state

from ...conftest import kws_here as kws

RATE = 16000
TAP = 7  # a column has seen 0.6 s: the made-up sounds need no more, and it is quick


def sound(kind, rng, seconds):
    """A made-up sound that fills its clip, or comes and goes in it."""
    time = np.arange(round(seconds * RATE)) / RATE
    samples = {
        "hiss": rng.normal(0, 0.2, len(time)),
        "hum": 0.3 * np.sign(np.sin(2 * np.pi * rng.uniform(90, 130) * time)),
        "beeps": 0.3 * np.sin(2 * np.pi * rng.uniform(2000, 2600) * time) * (time % 1.0 < 0.3),
        "chirp": 0.3 * np.sin(2 * np.pi * 700 * time + 40 * np.sin(2 * np.pi * 6 * time)),
    }[kind]
    return (samples * rng.uniform(0.3, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Folder of three made-up sounds, 1 to 2 s long, in three folds; one file is damaged."""
    folder = tmp_path_factory.mktemp("sounds")
    rng = np.random.default_rng(0)
    rows = ["path,label,fold"]
    for kind in ("hiss", "hum", "beeps"):
        (folder / kind).mkdir()
        for number in range(9):
            path = folder / kind / f"{number}.wav"
            soundfile.write(path, sound(kind, rng, rng.uniform(1, 2)), RATE)
            rows.append(f"{kind}/{number}.wav,{kind},{number % 3 + 1}")
    (folder / "hum" / "damaged.wav").write_bytes(b"RIFF damaged")
    rows.append("hum/damaged.wav,hum,1")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Folder of recordings with none of the sounds."""
    folder = tmp_path_factory.mktemp("others")
    rng = np.random.default_rng(1)
    for number in range(6):
        soundfile.write(folder / f"{number}.wav", sound("chirp", rng, 3), RATE)
    return folder


@pytest.fixture(scope="module")
def trained(sounds, others, made_yamnet, tmp_path_factory):
    output = tmp_path_factory.mktemp("trained") / "sounds.tflite"
    result = kws(
        "train",
        "--task",
        "sounds",
        "--data",
        sounds,
        "--fold-column",
        "fold",
        "--yamnet",
        made_yamnet,
        "--negatives",
        others,
        "--tap",
        TAP,
        "--copies",
        "2",
        "--output",
        output,
    )
    return output, result


def test_train_prints_folds_and_classes(trained):
    output, result = trained
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("fold  accuracy")
    assert [line.split()[0] for line in lines[1:4]] == ["1", "2", "3"]
    assert all(line.endswith(" 9") for line in lines[1:4])
    assert lines[4].startswith("mean over folds")
    accuracy = float(lines[4].split()[3].rstrip("%"))
    assert accuracy > 90
    assert "accuracy" in result.stdout
    assert "of 27 clips (95 % interval" in result.stdout
    assert "taken for:" in result.stdout
    assert "damaged.wav" in result.stderr
    assert "Traceback" not in result.stderr
    assert [path.name for path in output.parent.iterdir()] == ["sounds.tflite"]


def test_model_file_carries_its_contract(trained):
    with zipfile.ZipFile(trained[0]) as archive:
        contract = json.loads(archive.read("kws.json"))
    assert contract["schema"] == 1
    assert contract["task"] == "sounds"
    assert contract["labels"] == ["_silence_", "_unknown_", "beeps", "hiss", "hum"]
    assert set(contract["detector"]) == {"smoothing", "release", "shortest", "gap", "thresholds"}
    assert {point["keyword"] for point in contract["operating_points"]} == {"beeps", "hiss", "hum"}
    assert all(point["recordings"] == 9 for point in contract["operating_points"])
    metadata = read_model(trained[0]).metadata
    assert isinstance(metadata.detector, SegmenterDefaults)


def test_classify_clips_of_any_length(trained):
    spotter = KeywordSpotter.load(trained[0])
    rng = np.random.default_rng(5)
    right = [
        spotter.classify(sound(kind, rng, seconds)).label == kind
        for kind in ("hiss", "hum", "beeps")
        for seconds in (1, 1.7, 5, 10)
    ]
    assert np.mean(right) > 0.9
    assert spotter.classify(np.zeros(RATE, np.float32)).label == "_silence_"
    assert spotter.classify(np.zeros(0, np.float32)).label == "_silence_"


def long_recording(seed):
    rng = np.random.default_rng(seed)
    pieces = [rng.normal(0, 1e-4, 3 * RATE)]
    for kind in ("hum", "hiss"):
        pieces += [sound(kind, rng, 4), rng.normal(0, 1e-4, 4 * RATE)]
    return np.concatenate(pieces).astype(np.float32)


def test_spot_says_where_sounds_begin_and_end(trained, tmp_path):
    soundfile.write(tmp_path / "long.wav", long_recording(3), RATE)
    result = kws("spot", "--model", trained[0], "--json", tmp_path / "long.wav")
    assert result.returncode == 0, result.stderr
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["keyword"] for one in found] == ["hum", "hiss"]
    for one, start in zip(found, (3, 11), strict=True):
        assert one["start"] == pytest.approx(start, abs=0.5)
        assert one["end"] == pytest.approx(start + 4, abs=0.5)
        assert 0.3 <= one["score"] <= 1


def test_chunks_do_not_change_what_is_spotted(trained):
    spotter = KeywordSpotter.load(trained[0])
    samples = long_recording(4)
    found = []
    for size in (len(samples), 1280, 777):
        spotter.reset()
        pieces = [samples[at : at + size] for at in range(0, len(samples), size)]
        found.append([d for piece in pieces for d in spotter.process(piece)] + spotter.flush())
    assert len(found[0]) == 2
    assert found[0] == found[1] == found[2]


def test_a_sound_that_goes_on_ends_with_the_recording(trained):
    spotter = KeywordSpotter.load(trained[0])
    samples = sound("hiss", np.random.default_rng(6), 5)
    assert spotter.process(samples) == []
    (one,) = spotter.flush()
    assert one.keyword == "hiss"
    assert one.start == pytest.approx(0, abs=0.5)
    assert 4.5 < one.end <= 5


def test_the_model_file_is_the_network_in_float(trained, made_yamnet):
    """What training judges in float, and the int8 file in the runtime, are one computation."""
    result = trained[1]
    (line,) = [line for line in result.stdout.splitlines() if "in float" in line]
    same, of = int(line.split(" to ")[1].split()[0]), int(line.split(" of ")[-1].split()[0])
    assert of == 27
    assert same >= 26


@pytest.mark.slow
def test_hold_out_without_folds(sounds, made_yamnet, tmp_path):
    output = tmp_path / "model.tflite"
    result = kws(
        "train",
        "--task",
        "sounds",
        "--data",
        sounds,
        "--yamnet",
        made_yamnet,
        "--tap",
        TAP,
        "--copies",
        "1",
        "--validation",
        "0.4",
        "--hold-out",
        "0.2",
        "--precision",
        "float32",
        "--output",
        output,
    )
    assert result.returncode == 0, result.stderr
    assert "validation clips, by the model file" in result.stdout
    assert "accuracy on held-out speakers" in result.stdout
    metadata = read_model(output).metadata
    assert metadata.labels == ("_silence_", "beeps", "hiss", "hum")
    clips = metadata.provenance["clips"]
    assert sum(clips) == 27
    (line,) = [line for line in result.stdout.splitlines() if "in float" in line]
    assert f"{clips[0]} of {clips[0]} clips" in line  # float is the same to the last clip


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (["--fold-column", "folds"], "gives it no 'folds'"),
        (["--fold-column", "fold", "--split", "fold"], "leave out --split"),
        (["--fold-column", "fold", "--epochs", "3"], "--epochs: is not for --task sounds"),
        (["--fold-column", "fold", "--extractor", "words"], "sounds are heard by yamnet"),
        (["--task", "commands", "--fold-column", "fold"], "is for --task sounds"),
    ],
)
def test_bad_arguments(sounds, made_yamnet, tmp_path, change, reason):
    output = tmp_path / "model.tflite"
    result = kws(
        "train",
        "--task",
        "sounds",
        "--data",
        sounds,
        "--yamnet",
        made_yamnet,
        "--output",
        output,
        *change,
    )
    assert result.returncode == 2
    assert reason in result.stderr
    assert result.stderr.splitlines()[-1].startswith("kws: ")
    assert not output.exists()


# --- the parts ---


@pytest.fixture(scope="module")
def maker(made_yamnet):
    trunk = YamnetTrunk(read_yamnet(made_yamnet), TAP)
    return trunk, FeatureMaker(trunk, [], [], Augmentation(), 0)


def test_the_stream_equals_the_columns_of_training(maker):
    """The step model over a stream of frames gives the logits that the head was trained for."""
    trunk, columns = maker
    rng = np.random.default_rng(2)
    linear = Linear(rng.normal(size=(512, 4)).astype(np.float32) / 50, np.zeros(4, np.float32))
    head = SoundHead(linear)
    step = step_model(lambda x, time: head(trunk(x, time), time), trunk.stride, trunk.shape)
    audio = (sound("hum", rng, 1.3) * 32767).astype(np.int16)
    expected = linear(columns.stream(audio))
    margin = np.zeros(columns.margin * columns.stride * YAMNET.hop, np.float32)
    tail = np.zeros(YAMNET.window, np.float32)
    samples = np.concatenate([margin, audio.astype(np.float32) / 32768, margin, tail])
    frames = log_mel(samples, YAMNET)
    silence = np.full((columns.field // step.frames * step.frames, 64), YAMNET.silence, np.float32)
    frames = np.concatenate([silence, frames])
    states = [np.zeros(state.shape, np.float32) for state in step.model.inputs[1:]]
    found = []
    for start in range(0, len(frames) - step.frames + 1, step.frames):
        inputs = frames[None, start : start + step.frames, :, None]
        logits, *states = map(np.asarray, step.model([inputs, *states], training=False))
        found.append(logits[0])
    found = np.concatenate(found)[-len(expected) :]
    assert len(expected) > 20
    assert np.abs(found - expected).max() < 1e-3


def test_columns_of_a_looped_clip_have_seen_nothing_else(maker):
    _, columns = maker
    audio = np.full(RATE, 0, np.int16)
    audio[::40] = 20000
    looped = columns.example(audio, 0, 0).features
    assert len(looped) == 7  # 1 s in columns of 0.16 s
    # the clip repeats every 4 clicks, so that all columns but for the loop's seam are alike
    assert np.abs(looped - looped[0]).max() < 0.05 * np.abs(looped).max()


def test_targets_are_where_the_sound_is(maker):
    _, columns = maker
    audio = np.zeros(6 * RATE, np.int16)
    audio[2 * RATE : 3 * RATE] = 10000 * np.sign(np.sin(np.arange(RATE)))
    targets = columns.example(audio, 0, 0).targets
    middles = (np.arange(len(targets)) * 16 + columns.field // 2) / 100 % 6
    inside, outside = (middles > 2) & (middles < 3), (middles < 1.4) | (middles > 3.6)
    assert (targets[inside] == 1).all()
    assert (targets[outside] == 0).all()
    assert (targets[(middles > 1.6) & (middles < 1.8)] == NEITHER).all()


def test_examples_are_repeatable_and_differ_by_copy(maker):
    _, columns = maker
    audio = (sound("hiss", np.random.default_rng(0), 1.5) * 32767).astype(np.int16)
    for copy in range(3):
        one, again = (columns.example(audio, 3, copy) for _ in range(2))
        assert (one.features == again.features).all()
        assert (one.targets == 1).any()
    assert not np.array_equal(
        columns.example(audio, 3, 1).features, columns.example(audio, 4, 1).features
    )


@pytest.mark.parametrize("labels", [2, 4])
def test_linear_head_tells_classes_apart(labels):
    rng = np.random.default_rng(0)
    targets = np.arange(200) % labels
    features = rng.normal(0, 0.3, (200, 6)).astype(np.float32)
    features[np.arange(200), targets] += 2
    linear = fit_linear(features, targets, np.ones(200, np.float32), labels)
    assert linear.kernel.shape == (6, labels)
    assert (linear(features).argmax(axis=1) == targets).mean() > 0.98


def test_thresholds_are_stated_on_other_groups():
    labels, seconds = ("_silence_", "a", "b"), 0.1
    defaults = SegmenterDefaults(0.1, 0.5, 0.1, 0.1, {"a": 0.5, "b": 0.5})

    def heard(label, group, a):
        posteriors = np.zeros((30, 3), np.float32)
        posteriors[:, 0] = 1
        posteriors[10:20] = [1 - a, a, 0]
        return ClipScores(label, group, posteriors, 10, 20)

    # in each group, a scores 0.9 where it is, and 0.65 where b is
    found = [
        heard(label, group, score) for group in "xyz" for label, score in (("a", 0.92), ("b", 0.65))
    ]
    thresholds, points = choose_and_state(found, labels, defaults, seconds)
    assert thresholds["a"] == 0.8  # 0.7, 0.8 and 0.9 make no mistake
    (a, b) = points
    assert (a.keyword, a.miss_rate, a.false_accepts_per_hour, a.recordings) == ("a", 0, 0, 3)
    assert a.hours == pytest.approx(3 * 30 * seconds / 3600)
    assert b.miss_rate == 1
    # the odd group is stated with the threshold of the others: its a of 0.6 is missed
    found[0] = heard("a", "x", 0.6)
    _, (a, _) = choose_and_state(found, labels, defaults, seconds)
    assert a.miss_rate == pytest.approx(1 / 3)


def test_negatives_are_cut_into_pieces(tmp_path):
    rng = np.random.default_rng(0)
    for name, seconds in (("short", 1), ("long", 12), ("longer", 13)):
        soundfile.write(tmp_path / f"{name}.wav", rng.normal(0, 0.1, seconds * RATE), RATE)
    (tmp_path / "damaged.wav").write_bytes(b"")
    part = read_negatives(sorted(tmp_path.iterdir()))
    assert [len(audio) / RATE for audio in part.audio] == [5, 7, 5, 5, 3, 1]
    assert [skip.path.name for skip in part.skipped] == ["damaged.wav"]


@pytest.mark.data
@pytest.mark.slow
def test_real_sounds(shared, tmp_path):
    """The figure of docs/results.md, by its command."""
    output = tmp_path / "sounds.tflite"
    result = kws(
        "train",
        "--task",
        "sounds",
        "--data",
        shared / "audio" / "sounds",
        "--fold-column",
        "speaker",
        "--yamnet",
        shared / "yamnet" / "yamnet.tflite",
        "--output",
        output,
    )
    assert result.returncode == 0, result.stderr
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("mean over folds")]
    assert float(line.split()[3].rstrip("%")) >= 96.0
