"""`benchmarks/kinds_left_out.py`: what it judges is what `kws evaluate` would."""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[2]
RATE = 16000


@pytest.fixture(scope="module")
def kinds(benchmark_module):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield benchmark_module("kinds_left_out")


def tone(rng, rising):
    """A tone of 0.5 s that rises or falls, in a second of faint noise."""
    time = np.arange(RATE // 2) / RATE
    slope = 1200 if rising else -500
    pitch = rng.uniform(350, 450) + (0 if rising else 400) + slope * time
    samples = rng.normal(0, 0.001, RATE)
    samples[4000 : 4000 + len(time)] += 0.3 * np.sin(2 * np.pi * np.cumsum(pitch) / RATE)
    return samples.astype(np.float32)


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    """Twelve recordings of "rise", two kinds of speech without it, and noise."""
    folder = tmp_path_factory.mktemp("audio")
    rng = np.random.default_rng(0)
    for name, count, make in (
        ("words/rise", 12, lambda: tone(rng, True)),
        ("falls", 6, lambda: np.concatenate([tone(rng, False) for _ in range(5)])),
        ("hums", 6, lambda: np.concatenate([tone(rng, False)[::-1] for _ in range(5)])),
        ("noise", 2, lambda: rng.normal(0, 0.05, 3 * RATE).astype(np.float32)),
    ):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            soundfile.write(folder / name / f"s{number}_nohash_0.wav", make(), RATE)
    return folder


def test_recordings_are_split_by_speaker(kinds, audio, tmp_path):
    for path in (audio / "words" / "rise").iterdir():
        shutil.copy(path, tmp_path / path.name)
        shutil.copy(path, tmp_path / path.name.replace("_0.wav", "_1.wav"))
    phrase = kinds.split_phrase("rise", [tmp_path], 7)
    assert len(phrase.training) == 6  # of three speakers
    assert not {c.speaker for c in phrase.training} & {c.speaker for c in phrase.judged}
    assert len(phrase.training) + len(phrase.judged) == 24
    with pytest.raises(kinds.KwsError, match="left to judge"):
        kinds.split_phrase("rise", [tmp_path], 24)


def entry(condition, phrase, counts, misses=1, needed=0.9):
    return {
        "condition": condition,
        "phrase": phrase,
        "threshold": 0.5,
        "kinds": {name: {"hours": 0.5, "false_accepts": n} for name, n in counts.items()},
        "recordings": 100,
        "misses": misses,
        "read_off": [
            {"rate": rate, "threshold": needed, "misses": 10 if rate < 5 else 2}
            for rate in (1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
        ],
    }


def test_the_tables_have_the_worst_kind_first(kinds):
    runs = [
        {"left_out": ["calls"], "judged": [entry("clean", "a", {"calls": 1}, needed=0.3)]},
        {"left_out": ["talk"], "judged": [entry("clean", "a", {"talk": 3}, misses=3)]},
    ]
    lines = list(kinds.tables(runs))
    assert [line.split(" | ")[0] for line in lines[2:4]] == ["| talk", "| calls"]
    assert lines[2].startswith("| talk | 0.50 | 6.00 (")
    phrase = next(line for line in lines if line.startswith("| a |"))
    assert "| 4.00 (" in phrase  # four in an hour of two kinds
    assert "| 2.0 % (" in phrase  # 1 and 3 of 100 each
    last = lines[-1]
    assert "| 7.33 % |" in last  # 10, 10 and 2
    assert "| 2.00 % |" in last
    # thresholds of 0.9 and 0.3 where the file has 0.5
    assert "+0.7, +2.2" in last


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"leave_out": [("nothing",)]}, "--leave-out 'nothing'"),
        ({"kinds": [Path("a/x"), Path("b/x")]}, "two folders of one name"),
        ({"test_noise": []}, "--test-noise"),
        ({"json": Path("/nowhere/at/all.json")}, "no such folder"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_work(kinds, change, reason, tmp_path):
    options = argparse.Namespace(
        kinds=[Path("a/x"), Path("a/y")],
        leave_out=[],
        snr=[10.0],
        test_noise=[tmp_path],
        json=None,
        work=tmp_path / "work",
    )
    for name, value in change.items():
        setattr(options, name, value)
    with pytest.raises(kinds.KwsError, match=reason):
        kinds.run(options)
    assert not options.work.exists()


@pytest.mark.slow
def test_a_model_is_judged_as_evaluate_does_and_kept(benchmark, audio, tmp_path, monkeypatch):
    monkeypatch.setenv("KWS_CACHE", str(tmp_path / "cache"))
    arguments = (
        *("--positives", audio / "words", "--phrases", "rise", "--recordings", 6),
        *("--kinds", audio / "falls", audio / "hums", "--leave-out", "hums"),
        *("--noise", audio / "noise", "--test-noise", audio / "noise", "--snr", 10),
        *("--steps", 20, "--synthesize", 0, "--work", tmp_path / "work"),
        *("--json", tmp_path / "result.json"),
    )
    done = benchmark("kinds_left_out.py", *arguments)
    assert done.returncode == 0, done.stderr
    assert "| hums |" in done.stdout
    assert "SNR: loudest: power of a recording" in done.stdout
    (run,) = json.loads((tmp_path / "result.json").read_text())["runs"]
    clean, noisy = run["judged"]
    assert (clean["condition"], noisy["condition"]) == ("clean", "10 dB")
    assert clean["recordings"] == 6
    evaluated = subprocess.run(
        [sys.executable, "-m", "kws", "evaluate", run["model"], "--positives",
         audio / "words", "--negatives", audio / "hums", "--json"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    own = json.loads(evaluated.stdout)["operating_points"][0]
    assert own["threshold"] == clean["threshold"]
    assert own["false_accepts"] == clean["kinds"]["hums"]["false_accepts"]
    assert own["recordings"] == 12  # those that trained too
    # what is done is not done again
    again = benchmark("kinds_left_out.py", *arguments)
    assert again.returncode == 0, again.stderr
    assert "training" not in again.stderr
    assert again.stdout == done.stdout


def test_both_stages_and_the_first_alone_are_judged(kinds, two_stages, wake_words):
    assert list(kinds.stages_of(wake_words)) == [""]
    found = kinds.stages_of(two_stages)
    assert list(found) == ["first stage alone", "both stages"]
    alone = found["first stage alone"].metadata
    assert alone.verifier is None
    assert alone.detector.thresholds == two_stages.metadata.verifier.alone
    assert found["both stages"] is two_stages
