"""The benchmark of several processes: each verb by each number of workers, and their bytes."""

import json
import sys

import numpy as np
import pytest
import soundfile


@pytest.mark.slow
def test_it_compares_times_and_bytes(benchmark_module, tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    for name in ("said", "speech"):
        (tmp_path / name).mkdir()
        for number in range(12):
            path = tmp_path / name / f"s{number}_nohash_0.wav"
            soundfile.write(path, rng.normal(0, 0.1, 24000), 16000)
    arguments = ["--data", tmp_path / "speech", "--positives", tmp_path / "said"]
    arguments += ["--negatives", tmp_path / "speech", "--json", tmp_path / "result.json"]
    arguments += ["--no-pair"]
    monkeypatch.setattr(sys, "argv", ["spreading.py", *map(str, arguments)])
    assert benchmark_module("spreading").main() == 0
    printed = capsys.readouterr().out
    assert printed.count("the same bytes") == 4
    runs = json.loads((tmp_path / "result.json").read_text())["runs"]
    assert [(one["verb"], one["workers"]) for one in runs] == [
        ("features", "1"),
        ("features", "2"),
        ("evaluate", "1"),
        ("evaluate", "2"),
    ]
    assert all(one["cpu"] > 0 and one["wall"] > 0 for one in runs)
