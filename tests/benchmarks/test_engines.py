import argparse
import sys
from pathlib import Path

import numpy as np
import pytest

from kws import KwsError

DEMO = Path(__file__).resolve().parents[2] / "demo"


@pytest.fixture(scope="module")
def engines(benchmark_module):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DEMO.parent / "benchmarks"))
        yield benchmark_module("engines")


@pytest.fixture(scope="module")
def environments(engines):
    return sys.modules["support.environments"]


@pytest.fixture
def audio(engines, tmp_path):
    path = tmp_path / "audio.raw"
    engines.mixed(DEMO, [DEMO], 60).tofile(path)
    return path


def test_the_protocol_with_kws_itself(environments, audio):
    script = environments.ADAPTERS / "run_kws.py"
    request = {"audio": str(audio), "warm_up": 2.0, "phrase": "computer"}
    answer = environments.turn(Path(sys.executable), script, request)
    assert answer["package"] == "kws"
    # warm-up and the last part of a chunk do not count
    whole = audio.stat().st_size / 2 / 16000
    assert whole - 2 - 0.08 <= answer["seconds"] <= whole - 2
    assert 0 < answer["cpu_per_second"] < 0.5
    assert 0.02 < answer["start_seconds"] < 60
    assert 10e6 < answer["peak_bytes"] < 500e6
    model = Path(sys.modules["kws"].__file__).parent / "models" / "commands.tflite"
    assert answer["model_bytes"] == model.stat().st_size
    assert answer["detections"] >= 8  # the demo's ten commands, once or more


def test_a_model_file_is_taken_and_measured(environments, audio):
    model = Path(sys.modules["kws"].__file__).parent / "models" / "commands-small.tflite"
    request = {"audio": str(audio), "warm_up": 2.0, "model": str(model)}
    answer = environments.turn(Path(sys.executable), environments.ADAPTERS / "run_kws.py", request)
    assert answer["model_bytes"] == model.stat().st_size


def test_an_adapter_that_fails_is_named_with_its_error(environments, tmp_path):
    script = tmp_path / "broken.py"
    script.write_text("import no_such_engine\n")
    with pytest.raises(KwsError, match=r"broken\.py: ModuleNotFoundError: .*no_such_engine"):
        environments.turn(Path(sys.executable), script, {})
    script.write_text("print('hello')\n")
    with pytest.raises(KwsError, match="gave no answer"):
        environments.turn(Path(sys.executable), script, {})


def test_models_take_part_beside_the_default(engines, environments, tmp_path):
    named = environments.named_model("small=commands-small")
    assert Path(named[1]).name == "commands-small.tflite"
    asked = {
        "engines": ["kws", "yamnet", "pocketsphinx", "openwakeword"],
        "models": [named],
        "phrase": "computer",
        "yamnet": tmp_path / "yamnet.tflite",
    }
    entrants = {one.name: one for one in engines.entrants_of(argparse.Namespace(**asked))}
    assert list(entrants) == ["small", "kws", "yamnet", "pocketsphinx", "openwakeword"]
    assert entrants["small"].request == {"model": named[1]}
    assert "model" not in entrants["kws"].request
    assert entrants["pocketsphinx"].request["phrase"] == "computer"
    assert entrants["openwakeword"].request["phrase"] == "alexa"  # it has none for computer
    for wrong in ("small", "=x", "small=", f"small={tmp_path / 'none.tflite'}", "yamnet=commands"):
        with pytest.raises(argparse.ArgumentTypeError):
            environments.named_model(wrong)


def test_porcupine_wants_a_key(environments, tmp_path, monkeypatch):
    monkeypatch.delenv("PICOVOICE_ACCESS_KEY", raising=False)
    with pytest.raises(KwsError, match=r"^porcupine: needs .* PICOVOICE_ACCESS_KEY$"):
        environments.environment("porcupine", tmp_path)
    assert not list(tmp_path.iterdir())


def test_every_adapter_is_there(environments):
    scripts = {adapter.script for adapter in environments.ENGINES.values()}
    assert scripts == {path.name for path in environments.ADAPTERS.glob("run_*.py")}


def test_the_same_folders_give_the_same_audio(engines):
    one, other = (engines.mixed(DEMO, [DEMO], 20) for _ in range(2))
    assert one.dtype == np.dtype("<i2")
    assert len(one) == 20 * 16000
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("folder", ["missing", "empty"])
def test_a_folder_without_recordings_is_refused(engines, tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(KwsError, match=folder):
        engines.mixed(DEMO, [tmp_path / folder], 20)


def test_a_folder_of_somebody_else_is_not_emptied(environments, tmp_path):
    (tmp_path / "kws").mkdir()
    (tmp_path / "kws" / "thesis.txt").write_text("three years")
    with pytest.raises(KwsError, match="not made by this command"):
        environments.environment("kws", tmp_path)
    assert (tmp_path / "kws" / "thesis.txt").read_text() == "three years"


def test_an_engine_that_cannot_be_installed_is_said(environments, tmp_path, monkeypatch):
    broken = environments.Adapter("run_kws.py", (str(tmp_path / "no-such-wheel.whl"),))
    monkeypatch.setitem(environments.ENGINES, "broken", broken)
    with pytest.raises(KwsError, match=r"broken: cannot be installed: .*no-such-wheel"):
        environments.environment("broken", tmp_path / "venvs")


def test_packages_are_counted_but_not_what_venv_brings(engines, tmp_path):
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    for name, size in (
        ("engine/a.so", 1000),
        ("pip/b.py", 500),
        ("engine/__pycache__/c.pyc", 70),
        ("setuptools-65.dist-info/RECORD", 30),
        ("one.py", 1),
    ):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(bytes(size))
    assert engines.installed_bytes(tmp_path / "bin" / "python") == 1001


def test_figures_are_medians_and_ratios_are_to_kws(engines):
    def turns(*cpu, package):
        return [
            {
                "package": package,
                "version": "1",
                "listens_to": "x",
                "seconds": 10.0,
                "cpu_seconds": 10 * value,
                "cpu_per_second": value,
                "start_seconds": 100 * value,
                "detections": 0,
                "threads": 1,
                "peak_bytes": 10**7,
                "model_bytes": 10**5,
            }
            for value in cpu
        ]

    entries = {
        "other": engines.measured(turns(0.03, 0.9, 0.01, package="other")),
        "kws": engines.measured(turns(0.002, 0.004, 0.9, package="kws")),
    }
    for entry in entries.values():
        entry["installed_bytes"] = 10**8
    assert entries["kws"]["cpu_per_second"] == 0.004
    assert entries["other"]["cpu_per_second_turns"] == [0.03, 0.9, 0.01]
    _, _, ours, other = engines.table(entries)  # cheapest first
    assert ours.startswith("| kws 1 | 0.00400 | 400 ms | 10.0 MB | 100 kB | 100.0 MB | 1 |")
    assert other.startswith("| other 1 | 0.03000 (7.50×) | 3 s (7.50×) | 10.0 MB (1.00×)")


def test_what_cannot_be_run_is_said_in_one_line(benchmark, tmp_path):
    given = ["--positives", DEMO, "--negatives", tmp_path, "--venvs", tmp_path / "venvs"]
    done = benchmark("engines.py", *given)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "no recordings" in done.stderr
    done = benchmark("engines.py", *given, "--engines", "siri")
    assert done.returncode == 2
    assert "siri" in done.stderr
    assert not (tmp_path / "venvs").exists()
