"""`kws bench`: what it writes, says and refuses. No test asserts how long anything takes."""

from __future__ import annotations

import copy
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kws.bench import processes
from kws.bench.measure import measure_model
from kws.bench.processes import install_bytes
from kws.bench.report import (
    compare_lines,
    duration,
    entry_lines,
    machine_lines,
    size,
    write_page,
)
from kws.bench.result import TIMES, BenchError, figure, over_budget, read_result, write_result
from kws.cli.verb import BAD_INPUT, INTERRUPTED
from kws.modelfile import ModelFile, pack

from ...conftest import kws_here

COMMAND = [sys.executable, "-m", "kws", "bench"]


def bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def done(folder: Path, model: ModelFile) -> subprocess.CompletedProcess[str]:
    """Two models, each with its process."""
    other = folder / "other.tflite"
    other.write_bytes(pack(model.network, model.metadata))
    commands = folder / "commands.tflite"
    commands.write_bytes(other.read_bytes())
    return bench(
        commands,
        other,
        "--seconds",
        1,
        "--json",
        folder / "a.json",
        "--report",
        folder / "page",
        "--budget-ms",
        60000,
    )


@pytest.fixture
def result(done: subprocess.CompletedProcess[str], folder: Path) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return read_result(folder / "a.json")


def refusal(*arguments: str | Path) -> str:
    found = kws_here("bench", *arguments)
    assert found.returncode == BAD_INPUT
    assert found.stdout == ""
    (line,) = found.stderr.splitlines()
    assert "Traceback" not in line
    return line


# --- the whole of it, as a process ---


def test_everything_is_measured(result: dict[str, Any], model: ModelFile) -> None:
    assert not result["interrupted"]
    assert [entry["name"] for entry in result["results"]] == ["commands.tflite", "other.tflite"]
    for entry in result["results"]:
        assert "verified_step" not in entry  # these have no verifier
        for part in TIMES:
            if part == "verified_step":
                continue
            times = entry[part]
            assert 0 < times["median"] <= times["p90"] <= times["p99"] <= times["largest"], part
            assert times["steps"] >= 1
            assert len(times["percentiles"]) == 101
            assert times["percentiles"][100] == times["largest"]
        assert entry["threads"] == 1
        assert entry["step_seconds"] == pytest.approx(0.08)
        assert entry["network_bytes"] == len(model.network) < entry["file_bytes"]
        assert entry["real_time_factor"] == pytest.approx(entry["step"]["median"] / 0.08)
        assert 0 < entry["memory"]["loaded"] <= entry["memory"]["peak"]
        assert entry["memory"]["steady"] <= entry["memory"]["peak"]
        assert len(entry["start"]) >= 3
        assert min(entry["start"]) > 0
        assert len(entry["states"]) >= 2


def test_a_verification_is_measured_too(two_stages: ModelFile) -> None:
    found = measure_model(two_stages, 1, 0.2, lambda *_: None)
    assert found["verifier_bytes"] == len(two_stages.metadata.verifier.network)
    times = found["verified_step"]
    assert 0 < times["median"] <= times["p99"]
    assert times["steps"] == found["step"]["steps"]
    lines = "\n".join(entry_lines(found))
    assert re.search(rf"with a verification\s+{re.escape(duration(times['median']))}", lines)
    over = over_budget({**found, "verified_step": {**times, "p99": 9.0}}, 8.0)
    assert over is not None
    assert "with a verification is 9e+03 ms" in over


def test_it_streams_in_real_time(result: dict[str, Any]) -> None:
    """Half a second of audio takes half a second; the share of a core is of that time."""
    for entry in result["results"]:
        real = entry["real_time"]
        assert real["steps"] == round(0.5 / 0.08)
        assert real["seconds"] >= (real["steps"] - 1) * 0.08
        assert real["share_of_core"] > 0


def test_the_table_says_it_all(
    done: subprocess.CompletedProcess[str], result: dict[str, Any]
) -> None:
    for said in (
        "commands.tflite, 1 thread",
        "whole step",
        "network",
        "front end",
        "detector",
        "step in real time",
        "share of a core",
        "memory",
        "start to first posterior",
        "installed:",
        "doubtful:",
    ):
        assert said in done.stdout, said
    assert done.stderr == ""  # no progress in a pipe
    step = duration(result["results"][0]["step"]["median"])
    assert re.search(rf"whole step\s+{re.escape(step)}", done.stdout)


def test_few_steps_are_doubted(result: dict[str, Any]) -> None:
    assert any("6 steps in real time are few" in doubt for doubt in result["doubts"])


def test_the_page_stands_alone(
    done: subprocess.CompletedProcess[str], folder: Path, result: dict[str, Any]
) -> None:
    page = (folder / "page" / "index.html").read_text()
    assert page.count("<polyline") == 4  # back to back and in real time, of two models
    assert "other.tflite, 1 thread" in page
    assert not re.search(r"(src|href)=|https?://(?!www\.w3\.org/2000/svg)", page)


def test_the_model_in_the_package_and_a_budget_that_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "STARTS", 1)
    found = kws_here("bench", "--seconds", "0.3", "--threads", "2,1", "--budget-ms", "0.0001")
    assert found.returncode == 1
    first, second = (found.stdout.index(f"commands.tflite, {n}") for n in ("1 thread", "2 threads"))
    assert first < second
    over = found.stderr.splitlines()
    assert len(over) == 2
    assert all("over the budget of 0.0001 ms" in line for line in over)


def test_ctrl_c_keeps_what_was_measured(tmp_path: Path) -> None:
    output = tmp_path / "b.json"
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "--seconds", "600", "--json", str(output)],
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
        # a shell in the background has its processes ignore it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        os.close(terminal)
        seen = b""
        deadline = time.monotonic() + 60
        while b"streaming in real time" not in seen and time.monotonic() < deadline:
            seen += os.read(controller, 4096)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(signal.SIGINT)
        printed = process.communicate(timeout=30)[0]
    os.close(controller)
    assert b"streaming in real time, " in seen  # progress, on a terminal
    assert process.returncode == INTERRUPTED
    assert "(interrupted)" in printed
    result = read_result(output)
    assert result["interrupted"]
    (entry,) = result["results"]
    assert entry["interrupted"]
    assert entry["real_time"]["steps"] >= 1
    assert "network" not in entry  # it did not come to that
    assert children
    assert not any(Path(f"/proc/{child}").exists() for child in children)


# --- what is refused ---


def test_models_that_cannot_be_read_are_said_first(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(b"no model")
    assert "damaged.tflite" in refusal(damaged)
    assert "absent.tflite" in refusal("absent.tflite")


def test_a_network_that_the_interpreter_refuses(tmp_path: Path, model: ModelFile) -> None:
    broken = tmp_path / "broken.tflite"
    network = model.network[:64] + bytes(len(model.network) - 64)
    broken.write_bytes(pack(network, model.metadata))
    found = kws_here("bench", broken, "--seconds", 1)
    assert found.returncode == BAD_INPUT
    (line,) = found.stderr.splitlines()
    assert "broken.tflite" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ("--threads", "0"),
        ("--threads", "1,x"),
        ("--threads", "1000"),
        ("--seconds", "0"),
        ("--seconds", "nan"),
        ("--budget-ms", "-1"),
    ],
)
def test_numbers_that_make_no_sense(arguments: tuple[str, ...]) -> None:
    assert arguments[0] in refusal(*arguments)


def test_a_folder_that_is_not_there_is_said_before_measuring(tmp_path: Path) -> None:
    assert "make it first" in refusal("--json", tmp_path / "absent" / "a.json")


# --- results ---


def test_compare(folder: Path, result: dict[str, Any]) -> None:
    slower = copy.deepcopy(result)
    for entry in slower["results"]:
        entry["network"]["median"] *= 2
    write_result(folder / "slower.json", slower)
    found = kws_here("bench", "--compare", folder / "a.json", folder / "slower.json")
    assert found.returncode == 0, found.stderr
    assert len(re.findall(r"network, median .* 2\.00$", found.stdout, re.MULTILINE)) == 2
    assert re.search(r"whole step, median .* 1\.00$", found.stdout, re.MULTILINE)


def test_compare_is_alone(folder: Path) -> None:
    assert "give it alone" in refusal("x.tflite", "--compare", "a.json", "b.json")


def test_one_model_against_another(result: dict[str, Any]) -> None:
    """Results of one model each belong together, whatever they are called."""
    one, other = copy.deepcopy(result), copy.deepcopy(result)
    one["results"], other["results"] = result["results"][:1], copy.deepcopy(result["results"][1:])
    other["results"][0]["sha256"] = "0" * 64
    assert "commands.tflite, 1 thread / other.tflite, 1 thread" in compare_lines(
        one, other, ("a", "b")
    )
    other["results"] = [*other["results"], {**other["results"][0], "threads": 7}]
    with pytest.raises(BenchError, match="in common"):
        compare_lines(one, other, ("a", "b"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": 2}, "schema 2 is not known"),
        ({"format": "other"}, "no result of kws bench"),
        ({"results": []}, "must have 1"),
        ({"results": [3]}, r"results\[0\] is no object"),
        ({"machine": None}, "no machine"),
        ({"date": "x"}, "no date"),
        ({"date": "2026\n"}, "no date"),
        ({"machine": {"model": ["a"]}}, "machine holds more"),
        ({"machine": {"model": "a\x1b[2J"}}, "machine holds more"),
        ({"doubts": 3}, "doubts are no texts"),
        ({"doubts": [[]]}, "doubts are no texts"),
    ],
)
def test_results_that_do_not_hold(
    result: dict[str, Any], tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps({**result, **change}))
    with pytest.raises(BenchError, match=said):
        read_result(path)


@pytest.mark.parametrize("value", [None, "1", -1, True, float("inf"), float("nan"), []])
def test_times_that_are_no_times(result: dict[str, Any], tmp_path: Path, value: Any) -> None:
    result["results"][0]["network"]["median"] = value
    path = tmp_path / "r.json"
    path.write_text(json.dumps(result))
    with pytest.raises(BenchError, match="network holds no times"):
        read_result(path)


def test_files_that_are_no_results(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    with pytest.raises(BenchError, match="no such file"):
        read_result(path)
    path.write_bytes(b"\xff{")
    with pytest.raises(BenchError, match="is not JSON"):
        read_result(path)
    path.write_text("[" * 100_000)
    with pytest.raises(BenchError, match="is not JSON"):
        read_result(path)


def test_hostile_results_are_shown_as_text(result: dict[str, Any], tmp_path: Path) -> None:
    result["results"][0]["name"] = "<script>alert(1)</script>"
    result["results"][0]["step"]["percentiles"] = [-1.0] * 101
    result["results"][0]["real_time"]["percentiles"] = "x" * 101
    result["results"][0]["memory"] = [1]
    page = write_page(tmp_path, result).read_text()
    assert "<script>" not in page
    assert page.count("<polyline") == 2  # of the other model
    assert entry_lines(result["results"][0])


def test_a_result_is_written_whole_or_not(tmp_path: Path, result: dict[str, Any]) -> None:
    path = tmp_path / "r.json"
    write_result(path, result)
    assert read_result(path)["results"][0]["name"] == "commands.tflite"
    with pytest.raises(TypeError):
        write_result(path, {"x": object()})
    assert read_result(path)
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(BenchError, match="cannot be written"):
        write_result(tmp_path / "absent" / "r.json", result)


def test_which_p99_is_over(result: dict[str, Any]) -> None:
    (entry, _) = result["results"]
    entry["step"]["p99"], entry["real_time"]["p99"] = 0.010, 0.030
    assert over_budget(entry, 0.05) is None
    assert "in real time is 30 ms, over the budget of 20 ms" in str(over_budget(entry, 0.02))
    del entry["real_time"]
    assert "back to back is 10 ms" in str(over_budget(entry, 0.005))


def test_units() -> None:
    assert [duration(s) for s in (2.5, 0.0123, 4.2e-5, None)] == ["2.5 s", "12.3 ms", "42 µs", "–"]
    assert [size(n) for n in (142163, 61385563, None)] == ["142 kB", "61.4 MB", "–"]


def test_what_is_installed() -> None:
    found = install_bytes()
    assert found["total"] == sum(n for name, n in found.items() if name != "total")
    assert 300_000 < found["kws"] < 4_000_000  # the models alone are 1.6 MB
    assert found["numpy"] > 1_000_000
    assert "tensorflow" not in found


def test_a_machine_may_be_a_number(result: dict[str, Any]) -> None:
    result["machine"]["model"] = 7
    assert machine_lines(result)[0].startswith("7, ")


def test_numbers_beyond_all_floats_are_not_known() -> None:
    assert figure({"memory": {"peak": 10**400}}, "memory", "peak") is None
    assert figure({"memory": {"peak": 10**9}}, "memory", "peak") == 1e9


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"states": 3}, "states are no list"),
        ({"threads": 10**30}, "no threads"),
        ({"name": "a\nb"}, "is no short text"),
        ({"step_seconds": 1e-300}, "no step_seconds"),
    ],
)
def test_entries_that_do_not_hold(
    result: dict[str, Any], tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    result["results"][0].update(change)
    path = tmp_path / "r.json"
    path.write_text(json.dumps(result))
    with pytest.raises(BenchError, match=said):
        read_result(path)
