"""The benchmark of training: windows per second of each network on each device."""

import json

import pytest


@pytest.mark.slow
def test_each_network_on_each_device(benchmark, tmp_path):
    result = tmp_path / "training.json"
    done = benchmark("training.py", "--seconds", "0.05", "--json", result)
    assert done.returncode == 0, done.stderr
    speeds = json.loads(result.read_text())["speeds"]
    devices = {one["device"] for one in speeds}
    assert {"one thread", "two threads", "all cores"} <= devices
    assert [one["network"] for one in speeds if one["device"] == "one thread"] == [
        "wake word",
        "word base",
        "windows of wake words",
    ]
    assert all(one["steps"] > 0 and one["seconds"] > 0 for one in speeds)
    assert ("TensorFlow sees no graphics card" in done.stdout) == ("graphics card" not in devices)
