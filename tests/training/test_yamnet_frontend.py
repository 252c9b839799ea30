"""The front end against the spectrogram that the official YAMNet file computes for itself."""

import warnings

import numpy as np
import pytest

from kws.frontend import YAMNET, log_mel, mel_filters

pytestmark = pytest.mark.data

#: Samples that the official model takes: 96 frames.
WINDOW = 15_600


@pytest.fixture(scope="module")
def interpreter(shared):
    interpreting = pytest.importorskip("ai_edge_litert.interpreter")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # keeping all tensors is meant for debugging: it is
        interpreter = interpreting.Interpreter(
            str(shared / "yamnet" / "yamnet.tflite"), experimental_preserve_all_tensors=True
        )
    interpreter.allocate_tensors()
    return interpreter


@pytest.fixture(scope="module")
def official(interpreter):
    """The official model's log-mel spectrogram of 15,600 samples, float32 (96, 64)."""
    tensors = interpreter.get_tensor_details()
    (spectrogram,) = (t["index"] for t in tensors if t["name"] == "log_mel_spectrogram")
    waveform = interpreter.get_input_details()[0]["index"]

    def run(samples):
        interpreter.set_tensor(waveform, samples)
        interpreter.invoke()
        return interpreter.get_tensor(spectrogram)

    return run


def differences(official, windows):
    """The largest absolute difference in each window."""
    assert len(windows) > 0
    return [np.abs(log_mel(window, YAMNET) - official(window)).max() for window in windows]


def test_recordings(official, shared):
    soundfile = pytest.importorskip("soundfile")
    windows = []
    for folder in ("sounds", "speech_commands"):
        for path in sorted((shared / "audio" / folder).rglob("*.*"))[::101]:
            samples, rate = soundfile.read(path, dtype="float32")
            assert rate == YAMNET.sample_rate
            padded = np.zeros(max(WINDOW, len(samples)), np.float32)
            padded[: len(samples)] = samples
            windows.append(padded[len(padded) - WINDOW :])
    found = differences(official, windows)
    print(f"{len(windows)} windows, largest difference {max(found):.1e}")
    assert max(found) < 1e-3


def test_mel_filters_are_the_same(interpreter):
    shape = (YAMNET.bands, YAMNET.fft // 2 + 1)
    constants = (t for t in interpreter.get_tensor_details() if tuple(t["shape"]) == shape)
    (filters,) = (interpreter.get_tensor(t["index"]) for t in constants)
    np.testing.assert_array_equal(mel_filters(YAMNET), filters.T)


@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [
        ("silence", 1e-6),
        ("noise", 1e-5),
        ("faint noise", 1e-5),
        ("square", 1e-5),
        ("click", 1e-5),
        # Full scale in few bands: in the empty ones, the file's Hann window shows, which is off
        # by up to 2.5e-7 (a float32 cosine). Ours is within 8e-4 of float64 arithmetic there.
        ("constant", 3e-3),
        ("sweep", 3e-3),
    ],
)
def test_extremes(official, kind, tolerance):
    time = np.arange(WINDOW) / YAMNET.sample_rate
    noise = np.random.default_rng(1).uniform(-1, 1, WINDOW)
    samples = {
        "silence": np.zeros(WINDOW),
        "noise": noise,
        "faint noise": 1e-4 * noise,
        "square": np.sign(np.sin(2 * np.pi * 440 * time)),
        "click": np.eye(1, WINDOW, 8000)[0],
        "constant": np.ones(WINDOW),
        "sweep": np.sin(2 * np.pi * (100 + 3900 * time) * time),
    }[kind]
    assert max(differences(official, [samples.astype(np.float32)])) < tolerance
