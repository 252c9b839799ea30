"""Google's speech embedding: read strictly, and rebuilt as a stream that gives what it gives."""

import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pooch
import pytest

from kws.audio import load_audio
from kws.errors import KwsError, ModelError
from kws.frontend import SPEECH, log_mel
from kws.network import interpreter_class
from kws.packaged import packaged_model
from kws_deploy.boards.cost import cost
from kws_training.networks import speech_file
from kws_training.networks.convert import convert
from kws_training.networks.speech_embedding import (
    FRAMES,
    RANGE,
    SIZE,
    STRIDE,
    SpeechEmbedding,
    band_offsets,
    original_embeddings,
    prove,
)
from kws_training.networks.speech_file import read_speech_embedding
from kws_training.networks.streaming import step_model, whole_model
from kws_training.networks.weights import SPEECH_VARIABLE, SPEECH_WHEEL, find_speech_embedding

#: openWakeWord's front end, beside the network in its wheel.
FRONT_END = "openwakeword/resources/models/melspectrogram.tflite"


@pytest.fixture(scope="module")
def made(made_speech_embedding):
    return read_speech_embedding(made_speech_embedding)


@pytest.fixture(scope="module")
def wheel():
    """The pinned wheel, where it has been downloaded or is named; nothing is downloaded here."""
    path = Path(os.environ.get(SPEECH_VARIABLE, pooch.os_cache("kws") / SPEECH_WHEEL.name))
    if not path.is_file():
        pytest.skip(
            f"no {SPEECH_WHEEL.name}: kws train --extractor speech downloads it, or set "
            f"{SPEECH_VARIABLE} to it"
        )
    return path


def frames_of(count, rng):
    return rng.uniform(-10, 5, (count, SPEECH.bands)).astype(np.float32)


def embeddings(weights, frames):
    model = whole_model(SpeechEmbedding(weights), len(frames), (SPEECH.bands, 1))
    return np.asarray(model(frames[None, ..., None], training=False))[0, :, 0]


def test_rebuilt_network_gives_what_the_file_gives(made):
    frames = frames_of(FRAMES + 5 * STRIDE, np.random.default_rng(0))
    expected = original_embeddings(made, frames)
    assert expected.shape == (6, SIZE)
    assert np.ptp(expected, axis=0).max() > 0.1
    np.testing.assert_allclose(embeddings(made, frames), expected, atol=1e-4)


def test_stream_equals_whole_window(made, stream):
    step = step_model(SpeechEmbedding(made), STRIDE, (SPEECH.bands, 1))
    assert (step.receptive_field, step.stride) == (FRAMES, STRIDE)
    frames = frames_of(FRAMES + 4 * STRIDE + 4, np.random.default_rng(1))
    frames = frames[: len(frames) // STRIDE * STRIDE]
    expected = embeddings(made, frames[len(frames) % STRIDE + 4 :])
    found = stream(step, frames[..., None])[:, 0]
    np.testing.assert_allclose(found[-len(expected) :], expected, atol=1e-4)


def test_proof_accepts_the_weights_and_refuses_others(made, make_word):
    rng = np.random.default_rng(2)
    recordings = [
        (make_word(kind, rng) * 32767).astype(np.int16) for kind in ("rise", "fall", "shake")
    ]
    assert prove(made, [np.zeros(100, np.int16), *recordings]) < 1e-5
    kernel, bias = made.convolutions[0]
    others = ((kernel[:, ::-1], bias), *made.convolutions[1:])
    with pytest.raises(KwsError, match="gives other numbers"):
        prove(replace(made, convolutions=others), recordings)


def test_reads_the_member_of_a_wheel(made, made_speech_embedding, tmp_path):
    path = tmp_path / "some.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(made_speech_embedding, speech_file.MEMBER)
    assert read_speech_embedding(path).digest == made.digest


def test_refuses_what_it_is_not(made_speech_embedding, tmp_path, monkeypatch):
    content = made_speech_embedding.read_bytes()
    archive = tmp_path / "other.whl"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("x", b"y")
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(content[: len(content) // 2])
    for path, reason in ((archive, "an archive without"), (damaged, "damaged.tflite")):
        with pytest.raises(ModelError, match=reason) as caught:
            read_speech_embedding(path)
        assert "\n" not in str(caught.value)
        assert "--speech-embedding" in str(caught.value)
    monkeypatch.setattr(speech_file, "NETWORK_LIMIT", len(content) - 1)
    with pytest.raises(ModelError, match="a network of more than"):
        read_speech_embedding(made_speech_embedding)


def test_refuses_a_wheel_whose_member_ends_early(tmp_path):
    path = tmp_path / "short.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(speech_file.MEMBER, b"x" * 1000)
    content = bytearray(path.read_bytes())
    sizes = content.rindex(b"PK\x01\x02") + 20  # of the member, in the archive's directory
    content[sizes : sizes + 8] = 2 * (10**6).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"short\.whl: cannot be read"):
        read_speech_embedding(path)


def test_refuses_another_network(tmp_path):
    other = tmp_path / "words.tflite"
    other.write_bytes(packaged_model("words").network)
    with pytest.raises(ModelError, match="its operators are not the 64 of it"):
        read_speech_embedding(other)


def test_file_that_is_not_there(tmp_path, monkeypatch):
    with pytest.raises(ModelError, match=r"--speech-embedding: .* is not a file"):
        find_speech_embedding(tmp_path / "none")
    monkeypatch.setenv("KWS_SPEECH_EMBEDDING", str(tmp_path / "neither"))
    with pytest.raises(ModelError, match=r"KWS_SPEECH_EMBEDDING: .* is not a file"):
        find_speech_embedding()


@pytest.mark.data
def test_embeddings_of_real_audio_are_the_originals(wheel, shared):
    """From the samples on: openWakeWord's two networks, and our front end and network."""
    weights = read_speech_embedding(wheel)
    assert weights.digest == speech_file.NETWORK_SHA256
    with zipfile.ZipFile(wheel) as archive:
        front_end = interpreter_class()(model_content=archive.read(FRONT_END))
    compared = 0
    for folder in ("noise/kitchen", "speech/community", "telephone"):
        for recording in sorted((shared / "audio" / folder).iterdir())[:8]:
            samples = load_audio(recording, SPEECH.sample_rate)[: 3 * SPEECH.sample_rate]
            samples = np.rint(samples * 32768)
            front_end.resize_tensor_input(0, (1, len(samples)))
            front_end.allocate_tensors()
            front_end.set_tensor(
                front_end.get_input_details()[0]["index"], samples[None].astype(np.float32)
            )
            front_end.invoke()
            theirs = front_end.get_tensor(front_end.get_output_details()[0]["index"])
            theirs = theirs.reshape(-1, SPEECH.bands) / 10 + 2
            # their window of 400 samples begins 56 samples after their frame of 512
            ours = log_mel((samples[56:] / 32768).astype(np.float32), SPEECH)[: len(theirs)]
            heard = (ours > SPEECH.floor) & (theirs > theirs.max() - 8 + 1e-4)
            scaled = ours / np.log(10) + band_offsets()
            np.testing.assert_allclose(scaled[heard], theirs[heard], atol=1e-4)
            if heard.all() and len(theirs) >= FRAMES:
                logs = (theirs - band_offsets()) * np.log(10)
                expected = original_embeddings(weights, logs.astype(np.float32))
                frames = FRAMES + STRIDE * (len(expected) - 1)
                found = embeddings(weights, ours[:frames])
                np.testing.assert_allclose(found, expected, atol=2e-3)
                assert found.min() > RANGE[0]
                assert found.max() < RANGE[1]
                compared += len(found)
    assert compared > 100


@pytest.mark.slow
@pytest.mark.data
def test_int8_stream_is_near_the_float_one(wheel, shared, stream):
    """Calibrated on some recordings, compared on others."""
    weights = read_speech_embedding(wheel)
    network = SpeechEmbedding(weights)
    step = step_model(network, STRIDE, (SPEECH.bands, 1))
    audio = shared / "audio"
    paths = [
        *sorted((audio / "speech" / "orders").rglob("*.ogg"))[:48],
        *sorted((audio / "noise" / "kitchen").iterdir())[:8],
    ]
    rng = np.random.default_rng(0)
    rng.shuffle(paths)
    length = SPEECH.samples(600)
    streams = []
    for first in range(0, len(paths) - 3, 4):
        loud = [
            load_audio(one, SPEECH.sample_rate)[: 4 * SPEECH.sample_rate]
            * 10 ** rng.uniform(-1, 0.3)
            for one in paths[first : first + 4]
        ]
        samples = np.resize(np.clip(np.concatenate(loud), -1, 1), length)
        streams.append(log_mel(samples.astype(np.float32), SPEECH))
    converted = convert(step, "int8", np.stack(streams[:9]))
    assert len(converted.network) < 400_000
    words = packaged_model("words")
    counts = [
        cost(*one).multiply_adds
        for one in ((converted.network, "speech"), (words.network, "words"))
    ]
    print(f"multiply-adds of a step: {counts[0]}, word base {counts[1]}")
    assert counts[0] > 5 * counts[1]
    cosines = []
    for frames in streams[9:]:
        found = int8_stream(converted, frames)
        expected = stream(step, frames[..., None])[:, 0]
        settled = slice(FRAMES // STRIDE + 1, None)
        products = (found * expected)[settled].sum(1)
        sizes = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
        cosines.append(products / sizes[settled])
    cosine = np.concatenate(cosines)
    print(f"{len(cosine)} embeddings: cosine {cosine.mean():.3f}, {cosine.min():.3f} at least")
    assert cosine.mean() > 0.98
    assert cosine.min() > 0.9


def int8_stream(converted, frames):
    """Embeddings of a stream by the int8 step."""
    interpreter = interpreter_class()(model_content=converted.network)
    interpreter.allocate_tensors()
    inputs = {tensor["name"]: tensor for tensor in interpreter.get_input_details()}
    outputs = {tensor["name"]: tensor for tensor in interpreter.get_output_details()}
    scale, zero = inputs["frames"]["quantization"]
    states = {
        name: np.full(inputs[name]["shape"], inputs[name]["quantization"][1], np.int8)
        for name, _ in converted.streaming.states
    }
    found = []
    for start in range(0, len(frames), STRIDE):
        levels = np.rint(frames[start : start + STRIDE] / scale + zero)
        values = np.clip(levels, -128, 127).astype(np.int8)[None, ..., None]
        interpreter.set_tensor(inputs["frames"]["index"], values)
        for name, state in states.items():
            interpreter.set_tensor(inputs[name]["index"], state)
        interpreter.invoke()
        steps, middle = outputs["logits"]["quantization"]
        result = interpreter.get_tensor(outputs["logits"]["index"]).astype(np.float32)
        found.append((result.reshape(SIZE) - middle) * steps)
        states = {
            name: interpreter.get_tensor(outputs[after]["index"])
            for name, after in converted.streaming.states
        }
    return np.array(found)
