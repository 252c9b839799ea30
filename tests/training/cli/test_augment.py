"""The verb augment: examples to listen to, a table, a picture."""

import csv
import resource
import subprocess
import sys
import wave

import matplotlib
import numpy as np
import pytest
import soundfile

from kws.cli.main import main
from kws_training.augmentation import examples

from ...conftest import kws_here

RECIPE = """
pitch = 0.3
rooms = 0.6
room_count = 2
room_width = [2.5, 3]
room_height = [2.3, 2.4]
absorption = [0.6, 0.7]
noise = 0.7
tones = 0.2
filtering = 0.3
clipping = 0.3
telephone = 0.3
codecs = 0.5
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def place(tmp_path, make_word, monkeypatch, cache):
    """A folder with recordings, noise, rooms and a recipe; the cache is not the user's."""
    rng = np.random.default_rng(0)
    # its list of fonts takes seconds to make
    monkeypatch.setenv("MPLCONFIGDIR", matplotlib.get_cachedir())
    monkeypatch.setenv("KWS_CACHE", str(cache))
    monkeypatch.chdir(tmp_path)
    soundfile.write("word.wav", make_word("rise", rng), 16000)
    soundfile.write("$x^ نعم.flac", make_word("fall", rng), 48000)
    (tmp_path / "damaged.wav").write_bytes(b"RIFF")
    (tmp_path / "noise").mkdir()
    soundfile.write("noise/hum.wav", rng.normal(0, 0.1, 40000), 16000)
    (tmp_path / "noise" / "broken.wav").write_bytes(b"")
    (tmp_path / "rooms").mkdir()
    soundfile.write("rooms/hall.wav", np.float32([0, 1, 0, 0.4]), 16000)
    (tmp_path / "own.toml").write_text(RECIPE)
    return tmp_path


def kws(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "kws", "augment", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_examples(place):
    command = (
        "word.wav",
        "damaged.wav",
        "$x^ نعم.flac",
        "--recipe",
        "own.toml",
        "--noise",
        "noise",
        "--rooms",
        "rooms",
        "--count",
        "6",
        "--seed",
        "3",
    )
    result = kws_here("augment", *command, "--output", "one")
    assert result.returncode == 0, result.stderr
    said, ratio = result.stdout.splitlines()
    assert said == "wrote 12 examples, examples.csv and examples.png to one"
    assert ratio.startswith("SNR: loudest: power of a recording's loudest tenth of a second over")
    assert "skipped: damaged.wav: " in result.stderr
    assert "skipped: noise/broken.wav: " in result.stderr
    assert result.stderr.count("\n") == 2
    made = contents(place / "one")
    names = [f"{stem}_{n}.wav" for stem in ("word", "$x^ نعم") for n in range(1, 7)]
    assert set(made) == {*names, "examples.csv", "examples.png"}
    assert made["examples.png"].startswith(b"\x89PNG")
    with (place / "one" / "examples.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == names
    assert {row["source"] for row in rows} == {"word.wav", "$x^ نعم.flac"}
    assert {row["noise"] for row in rows} <= {"", "tones", "coloured", "noise/hum.wav"}
    assert {row["room"] for row in rows} <= {"", "simulated 0", "simulated 1", "rooms/hall.wav"}
    for column in ("snr_db", "room_direct_db", "codec", "gain_db"):
        assert any(row[column] for row in rows), column
    for row in rows:
        assert bool(row["room"]) == bool(row["room_direct_db"])
        assert bool(row["noise"]) == bool(row["snr_db"])
        assert row["snr_reference"] == ("loudest" if row["noise"] else "")
        with wave.open(str(place / "one" / row["file"])) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16000)
            seconds = 1 if row["source"] == "word.wav" else 1 / 3
            length = 16000 * (seconds * np.exp(0.1) + 0.5)
            assert file.getnframes() == pytest.approx(length, abs=2)
    # the same again, in another process, the rooms now from the cache
    assert kws(*command, "--output", "two").returncode == 0
    assert contents(place / "two") == made


def test_each_example_is_another(place, cache):
    before = list(cache.rglob("rooms-*"))
    assert main(["augment", "word.wav", "--recipe", "light", "--output", "out"]) == 0
    examples = [path.read_bytes() for path in sorted((place / "out").glob("word_*.wav"))]
    assert len(set(examples)) == 4
    assert list(cache.rglob("rooms-*")) == before  # light needs none


def test_recordings_of_the_same_name(place, make_word):
    (place / "a").mkdir()
    soundfile.write("a/word.wav", make_word("fall", np.random.default_rng(1)), 16000)
    files = ["word.wav", "a/word.wav"]
    arguments = ["--recipe", "light", "--count", "1", "--output", "out"]
    assert main(["augment", *files, *arguments]) == 0
    assert {"word_1.wav", "word-2_1.wav"} <= set(contents(place / "out"))


def test_a_recording_of_one_sample_and_a_silent_one(place):
    soundfile.write("one.wav", np.ones(1), 16000)
    soundfile.write("silent.wav", np.zeros(8000), 16000)
    arguments = ["--recipe", "own.toml", "--count", "5", "--output", "out"]
    assert main(["augment", "one.wav", "silent.wav", *arguments]) == 0
    assert len(contents(place / "out")) == 12


def test_picture_has_an_end(place, capsys, monkeypatch):
    monkeypatch.setattr(examples, "MOST_PANELS", 3)
    arguments = ["--recipe", "light", "--count", "4", "--output", "out"]
    assert main(["augment", "word.wav", *arguments]) == 0
    assert "shows the first 3 spectrograms" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["word.wav", "--recipe", "loud"], "loud: no such recipe"),
        (["word.wav", "--recipe", "wrong.toml"], "wrong.toml: noise: 2: should be less"),
        (["word.wav", "--count", "0"], "--count 0: must be 1 to 1000"),
        (["word.wav", "--seed", "-1"], "must be 0 to 4294967295"),
        (["word.wav", "--output", "word.wav"], "is a file: name a folder"),
        (["word.wav", "--output", "no/such"], "no such folder"),
        (["damaged.wav", "--recipe", "light"], "none of the 1 recordings could be read: damaged"),
        (["missing.wav", "--recipe", "light"], "missing.wav: no such file"),
        (["word.wav", "--noise", "cache2"], "cache2: "),
        (["word.wav", "--rooms", "cache2"], "cache2: "),
        (["word.wav", "word_1.wav", "--recipe", "light", "--output", "."], "name another --output"),
    ],
)
def test_bad_arguments(place, capsys, arguments, reason):
    (place / "wrong.toml").write_text("noise = 2")
    (place / "word_1.wav").write_bytes((place / "word.wav").read_bytes())
    (place / "cache2").mkdir()
    before = set(place.rglob("*"))
    if "--output" not in arguments:
        arguments = [*arguments, "--output", "out"]
    try:
        status = main(["augment", *arguments])
    except SystemExit as stop:
        status = stop.code
    assert status == 2
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1
    assert set(place.rglob("*")) == before


@pytest.mark.parametrize("there", [False, True])
def test_full_disk_leaves_nothing(place, there):
    if there:
        (place / "out").mkdir()
    result = kws(
        "word.wav",
        "--recipe",
        "light",
        "--output",
        "out",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)),
    )
    assert result.returncode == 2
    assert "File too large" in result.stderr
    assert result.stderr.count("\n") == 1
    assert (place / "out").exists() == there
    assert not list(place.glob(".kws*"))
    assert not list(place.glob("out/*"))
