import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODELS = [ROOT / "kws" / "models" / f"{name}.tflite" for name in ("commands", "words")]


@pytest.mark.slow  # it starts a process for each figure
def test_two_models_are_measured_both_ways(benchmark, tmp_path):
    output = tmp_path / "many.json"
    done = benchmark(
        "many.py",
        *MODELS,
        "--recordings",
        ROOT / "demo",
        "--counts",
        "2",
        "--seconds",
        "4",
        "--rounds",
        "1",
        "--json",
        output,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
    apart, group = json.loads(output.read_text())["results"]
    assert (apart["how"], group["how"]) == ("apart", "group")
    assert apart["detections"] == group["detections"]
    assert apart["detections"]["median"] > 0


def test_refusals(benchmark, tmp_path):
    done = benchmark("many.py", *MODELS, "--recordings", tmp_path, "--counts", "3")
    assert done.returncode == 2
    assert "--counts asks for 3" in done.stderr
