"""Images of words: bytes and back, features files, recordings."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kws.errors import KwsError
from kws.frontend import WORDS, log_mel
from kws.metadata import SILENCE
from kws_training.data import images as module
from kws_training.data.dataset import Clip
from kws_training.data.images import (
    GREY,
    image_of,
    noise_frames,
    read_images,
    recorded_images,
    second_of,
    to_frames,
    to_images,
)
from kws_training.data.recordings import ClipSet


@given(arrays.arrays(np.uint8, (2, 3)))
def test_bytes_are_kept(images):
    assert (to_images(to_frames(images)) == images).all()


@given(arrays.arrays(np.float32, (5,), elements=st.floats(-14.5, 10.75, width=16)))
def test_frames_are_kept_to_half_a_grey_level(frames):
    assert np.abs(to_frames(to_images(frames)) - frames).max() <= GREY * 0.51


def test_beyond_the_range_is_black_or_white():
    assert to_images(np.array([-100, 100], np.float32)).tolist() == [0, 255]


def saved(path, **arrays):
    values = {
        "x": np.arange(2 * 98 * 40, dtype=np.uint32).astype(np.uint8).reshape(2, 98, 40),
        "label": np.array(["yes", "no"]),
        "speaker": np.array(["a", "b"]),
    }
    np.savez(path, **{key: value for key, value in (values | arrays).items() if value is not None})
    return path


def test_features_file(tmp_path):
    found = read_images(saved(tmp_path / "f.npz"))
    assert found.words.tolist() == ["yes", "no"]
    assert found.sets.tolist() == ["", ""]
    assert found.images[0, 0, :3].tolist() == [0, 1, 2]
    told = read_images(saved(tmp_path / "f.npz", set=np.array(["training", "validation"])))
    assert told.sets.tolist() == ["train", "validation"]
    assert read_images(saved(tmp_path / "f.npz", set=np.array(["testing", ""]))).sets.tolist() == [
        "test",
        "",
    ]
    both = found + told.where(np.array([False, True]))
    assert both.words.tolist() == ["yes", "no", "no"]
    assert both.sets.tolist() == ["", "", "validation"]


def refusal(path):
    with pytest.raises(KwsError) as caught:
        read_images(path)
    line = str(caught.value)
    assert line.startswith(str(path))
    assert "\n" not in line
    assert len(line) < 400
    return line


@pytest.mark.parametrize(
    "change",
    [
        {"x": None},
        {"label": None},
        {"speaker": None},
        {"x": np.zeros((2, 98, 41), np.uint8)},
        {"x": np.zeros((2, 98), np.uint8)},
        {"x": np.zeros((2, 98, 40), np.float32)},
        {"x": np.array(3, np.uint8)},
        {"label": np.array(["yes"])},
        {"speaker": np.array([["a", "b"]])},
        {"set": np.array(["training"])},
        {"set": np.array(["mine", ""])},
        {"label": np.array([object(), object()])},
        {"label": np.array([b"\xff", b"b"])},
    ],
)
def test_files_with_something_else(tmp_path, change):
    refusal(saved(tmp_path / "f.npz", **change))


def test_files_of_other_kinds(tmp_path):
    path = tmp_path / "f.npz"
    refusal(path)
    for content in (b"", b"text", b"PK\x03\x04 damaged"):
        path.write_bytes(content)
        refusal(path)
    refusal(tmp_path)
    with path.open("wb") as file:
        np.save(file, np.zeros((2, 98, 40), np.uint8))
    refusal(path)
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("x", "label", "speaker"):
            archive.writestr(f"{name}.npy", b"no array")
    refusal(path)


def test_damage_anywhere_is_one_line(tmp_path):
    saved(tmp_path / "good.npz")
    with np.load(tmp_path / "good.npz") as good:
        stream = io.BytesIO()
        np.savez_compressed(stream, **{name: good[name] for name in good.files})
    content = stream.getvalue()
    path = tmp_path / "damaged.npz"
    refused = 0
    for at in range(0, len(content), 5):
        damaged = bytearray(content)
        damaged[at] ^= 0x55
        path.write_bytes(damaged)
        try:
            read_images(path)
        except KwsError as error:
            refused += 1
            assert str(error).startswith(str(path))
            assert "\n" not in str(error)
    assert refused > 20
    for size in range(0, len(content), 97):
        path.write_bytes(content[:size])
        refusal(path)


def test_headers_that_lie_take_no_memory(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|u1", "fortran_order": False, "shape": (10**12, 98, 40)}
    )
    saved(tmp_path / "f.npz")
    with np.load(tmp_path / "f.npz") as good:
        rest = {name: good[name] for name in ("label", "speaker")}
    np.savez(tmp_path / "f.npz", **rest)
    with zipfile.ZipFile(tmp_path / "f.npz", "a") as archive:
        archive.writestr("x.npy", stream.getvalue() + bytes(1000))
    refusal(tmp_path / "f.npz")


def test_archives_that_unpack_to_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 10**6)
    x = np.zeros((300, 98, 40), np.uint8)
    np.savez_compressed(tmp_path / "f.npz", x=x, label=np.full(300, "a"), speaker=np.full(300, "b"))
    assert (tmp_path / "f.npz").stat().st_size < 10**5
    assert "at most 1000000 are read" in refusal(tmp_path / "f.npz")


def part_of(make_word):
    rng = np.random.default_rng(0)
    clips = [
        Clip("a.wav", "rise", "rise", "anna", {"split": "test"}),
        Clip("b.wav", SILENCE, SILENCE, "b.wav"),
        Clip("c.wav", "_unknown_", "shake", "bert", {"split": "Validation"}),
        Clip("d.wav", "fall", "fall", "cora", {"split": "fold 3"}),
        Clip("e.wav", "fall", "fall", "dora"),
    ]
    audio = [
        (make_word(kind, rng) * 32767).astype(np.int16)
        for kind in ("rise", "shake", "shake", "fall", "fall")
    ]
    return ClipSet(clips, audio, [])


def test_recordings_as_images(make_word):
    part = part_of(make_word)
    found = recorded_images(part)
    assert found.words.tolist() == ["rise", "_unknown_", "fall", "fall"]
    assert found.speakers.tolist() == ["anna", "bert", "cora", "dora"]
    assert found.sets.tolist() == ["test", "validation", "", ""]
    frames = log_mel(part.audio[0].astype(np.float32) / 32768, WORDS)
    assert np.abs(to_frames(found.images[0]) - frames).max() <= GREY * 0.51
    nothing = recorded_images(ClipSet([], [], []))
    assert nothing.images.shape == (0, 98, 40)
    assert len((nothing + found).words) == 4


def test_noise_as_frames(make_word):
    noise = [np.zeros(16000, np.float32), np.zeros(100, np.float32)]
    assert noise_frames(noise, ClipSet([], [], [])).shape == (98, 40)
    assert noise_frames(noise, part_of(make_word)).shape == (2 * 98, 40)


@pytest.mark.parametrize("length", [0, 1, 480, 15999, 16000, 16001, 40000])
def test_an_image_is_always_a_second(length):
    audio = np.random.default_rng(0).integers(-9000, 9000, length).astype(np.int16)
    assert second_of(audio).shape == (16000,)
    assert image_of(second_of(audio)).shape == (98, 40)
