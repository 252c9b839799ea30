"""The rebuilt YAMNet proves itself: the official file's class scores on real sounds."""

from dataclasses import replace

import numpy as np
import pytest

from kws.audio import load_audio
from kws.errors import KwsError
from kws.frontend import YAMNET, log_mel
from kws.network import interpreter_class
from kws_training.networks.extractor import YamnetTrunk, patch_scores, prove
from kws_training.networks.streaming import step_model
from kws_training.networks.yamnet_file import read_yamnet

#: Samples of the official model's window.
WINDOW = 15_600


@pytest.mark.data
def test_class_scores_are_those_of_the_official_file(shared):
    path = shared / "yamnet" / "yamnet.tflite"
    weights = read_yamnet(path)
    interpreter = interpreter_class()(model_path=str(path))
    interpreter.allocate_tensors()
    waveform = interpreter.get_input_details()[0]["index"]
    scores = interpreter.get_output_details()[0]["index"]
    patches, official = [], []
    for folder in sorted((shared / "audio" / "sounds").iterdir()):
        for recording in sorted(folder.iterdir())[:4]:
            samples = load_audio(recording, YAMNET.sample_rate)[16000:][:WINDOW]
            interpreter.set_tensor(waveform, samples)
            interpreter.invoke()
            official.append(interpreter.get_tensor(scores)[0].copy())
            patches.append(log_mel(samples, YAMNET))
    assert len(patches) == 40
    rebuilt = patch_scores(weights, np.stack(patches))
    official = np.stack(official)
    # the official file's activations are int8 and its scores come in steps of 1/256
    assert np.corrcoef(rebuilt.ravel(), official.ravel())[0, 1] > 0.995
    assert np.abs(rebuilt - official).max() < 0.15
    rows = np.arange(len(official))
    near_top = official[rows, rebuilt.argmax(axis=1)] >= official.max(axis=1) - 2 / 256
    assert near_top.mean() > 0.9


@pytest.mark.data
def test_proof_accepts_the_weights_and_refuses_others(shared):
    path = shared / "yamnet" / "yamnet.tflite"
    weights = read_yamnet(path)
    folder = shared / "audio" / "speech_commands" / "yes"
    recordings = [
        (load_audio(one, YAMNET.sample_rate) * 32767).astype(np.int16)
        for one in sorted(folder.iterdir())[:14]
    ]
    assert prove(weights, path, [np.zeros(100, np.int16), *recordings]) > 0.97
    stem = replace(weights.stem, kernel=weights.stem.kernel[:, ::-1])
    with pytest.raises(KwsError, match="other class scores"):
        prove(replace(weights, stem=stem), path, recordings)


def test_no_such_tap(made_yamnet):
    weights = read_yamnet(made_yamnet)
    for tap in (0, 15, -1):
        with pytest.raises(KwsError, match="layers 1 to 14"):
            YamnetTrunk(weights, tap)


def test_weights_up_to_tap_6(made_yamnet):
    trunk = YamnetTrunk(read_yamnet(made_yamnet), 6)
    count = step_model(trunk, 8, trunk.shape).model.count_params()
    assert 125_000 < count < 140_000  # shared/design.md: 0.13 M
