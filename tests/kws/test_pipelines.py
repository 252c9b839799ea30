"""What `kws.pipeline` takes, and what it gives for each."""

import io
import itertools

import numpy as np
import pytest

import kws
from kws.errors import AudioError, KwsError, ModelError
from kws.resample import resample
from kws.wav import write_wav

SPOTTED = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]


@pytest.fixture(scope="module")
def pipe():
    return kws.pipeline("keyword-spotting")


@pytest.fixture(scope="module")
def word(demo):
    """The first word of the demo, with what is around it: one second."""
    middle = (demo.words[0].start + demo.words[0].end) / 2
    start = round((middle - 0.5) * 16000)
    return demo.samples[start : start + 16000]


def test_a_clip_has_labels_the_most_probable_first(pipe, word, demo) -> None:
    found = pipe(word)
    assert len(found) == 5
    assert set(found[0]) == {"label", "score"}
    assert found[0]["label"] == demo.words[0].keyword
    scores = [one["score"] for one in found]
    assert scores == sorted(scores, reverse=True)
    everything = kws.pipeline("keyword-spotting", top_k=None)(word)
    assert len(everything) == 12
    assert sum(one["score"] for one in everything) == pytest.approx(1)


@pytest.mark.parametrize("key", ["raw", "array"])
def test_a_mapping_says_its_rate(pipe, word, key) -> None:
    found = pipe({key: resample(word, 16000, 48000), "sampling_rate": 48000, "path": None})
    assert found[0]["label"] == pipe(word)[0]["label"]
    assert found[0]["score"] == pytest.approx(pipe(word)[0]["score"], abs=0.02)


def test_rows_of_datasets_that_are_not_decoded(pipe, demo_path) -> None:
    whole = pipe(str(demo_path))
    row = {"bytes": demo_path.read_bytes(), "path": "clip.wav"}
    assert pipe(row)[0]["label"] == whole[0]["label"]
    assert pipe({"bytes": None, "path": str(demo_path)}) == whole
    assert [one["label"] for one in pipe(row, return_timestamps=True)] == SPOTTED


def test_a_list_gives_a_list(pipe, word, demo_path) -> None:
    found = pipe([word, {"raw": word, "sampling_rate": 16000}, str(demo_path)])
    assert [len(one) for one in found] == [5, 5, 5]
    assert found[0] == found[1]


def test_time_stamps_of_a_recording(pipe, demo_path, demo) -> None:
    found = pipe(demo_path, return_timestamps=True)
    assert [one["label"] for one in found] == SPOTTED
    assert all(set(one) == {"label", "score", "start", "end"} for one in found)
    assert pipe(demo.samples, return_timestamps=True) == found


def test_a_microphone_is_one_stream(pipe, demo) -> None:
    """Detections come while the stream goes on, and those of two streams are apart."""
    taken = 0

    def chunks():
        nonlocal taken
        for start in range(0, len(demo.samples), 1280):
            taken = start
            yield demo.samples[start : start + 1280]

    stream = pipe(chunks())
    first = next(stream)
    assert first["label"] == "yes"
    assert first["end"] * 16000 < taken < len(demo.samples) / 4
    at_8khz = resample(demo.samples, 16000, 48000).reshape(1, -1)
    other = pipe({"raw": piece, "sampling_rate": 48000} for piece in at_8khz)
    pairs = itertools.zip_longest(stream, itertools.islice(other, 1, None))
    assert [(a["label"], b["label"]) for a, b in pairs] == [(w, w) for w in SPOTTED[1:]]


def test_options_are_the_spotters(demo_path) -> None:
    pipe = kws.pipeline("keyword-spotting", "commands-small", keywords=["stop"], top_k=1)
    assert {one["label"] for one in pipe(demo_path, return_timestamps=True)} == {"stop"}


def test_a_microphone_says_its_rate(pipe, demo) -> None:
    class Microphone:
        sample_rate = 8000

        def __iter__(self):
            yield resample(demo.samples, 16000, 8000)

    found = [one["label"] for one in pipe(Microphone())]
    assert len(set(found) & set(SPOTTED)) >= 7  # half of the band is gone


def test_an_empty_stream_has_no_detections(pipe) -> None:
    assert list(pipe(iter([]))) == []


def empty_wav() -> bytes:
    file = io.BytesIO()
    write_wav(file, np.zeros(0, np.int16), 16000)
    return file.getvalue()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (b"RIFF", "bytes: is no audio: give a path"),
        (3, "int: is no audio: give a path, a numpy array"),
        ({"raw": np.zeros(10, np.float32)}, '"sampling_rate", in Hz'),
        ({"bytes": b"fLaC", "path": "a.flac"}, "are not a WAV file"),
        ({"bytes": b"RIFF\0\0\0\0AVI ", "path": None}, "are not a WAV file"),
        ({"bytes": b"RIFF\0\0\0\0WAVE", "path": None}, "audio stream"),
        ({"bytes": empty_wav()}, "has no samples: record it again"),
        ({"bytes": None, "path": None}, "a mapping of audio needs"),
        ({"sampling_rate": 16000}, "a mapping of audio needs"),
        ({"raw": np.zeros(10, np.float32), "sampling_rate": "16000"}, "needs"),
        ({"raw": np.zeros(10, np.float32), "sampling_rate": -1}, "cannot resample -1 Hz"),
        ({"raw": np.zeros((10, 2), np.float32), "sampling_rate": 16000}, "one channel"),
        ("absent.wav", "absent.wav: no such file"),
    ],
)
def test_what_is_no_audio_is_said(pipe, given, words) -> None:
    with pytest.raises(AudioError, match=words):
        pipe(given)


def test_a_stream_keeps_its_rate(pipe) -> None:
    chunks = [{"raw": np.zeros(800, np.float32), "sampling_rate": r} for r in (16000, 8000)]
    with pytest.raises(AudioError, match="a stream has one rate"):
        list(pipe(iter(chunks)))


def test_other_tasks_are_refused() -> None:
    with pytest.raises(KwsError, match="this pipeline is for 'keyword-spotting'"):
        kws.pipeline("text-generation")


def test_a_revision_is_of_a_model_on_the_hub() -> None:
    for model in (None, "commands"):
        with pytest.raises(ModelError, match="commands@v1"):
            kws.pipeline("keyword-spotting", model=model, revision="v1")
