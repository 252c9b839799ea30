import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kws import KeywordSpotter, KwsError
from kws.calibration.scores import Trace
from kws_training.evaluation.continuous import PlacedPositive, PlacedRecording, StreamScores
from kws_training.evaluation.positives import Positive

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "demo" / "synthesized_commands.wav"
#: Environments of the engines, if somebody has made them: `--venvs` of the scripts.
VENVS = Path(os.environ.get("KWS_ENGINES", "/tmp/engines"))


@pytest.fixture(scope="module")
def accuracy(benchmark_module):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield benchmark_module("accuracy")


@pytest.fixture(scope="module")
def environments(accuracy):
    return sys.modules["support.environments"]


@pytest.fixture
def here(accuracy, monkeypatch):
    """No environment is made: kws is run by this very Python."""
    pythons = {"kws": Path(sys.executable)}
    monkeypatch.setattr(accuracy, "open_environments", lambda entrants, folder: (pythons, {}))


@pytest.fixture
def words(tmp_path):
    """Recordings of stop and of other words: parts of the demo."""
    import soundfile

    samples, rate = soundfile.read(DEMO, dtype="int16")
    for name, start, end in (("stop/a", 15.2, 17), ("stop/b", 15, 16.8), ("other/c", 0, 12)):
        path = tmp_path / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, samples[round(start * rate) : round(end * rate)], rate)
    return tmp_path


def heard(scores, hop=0.1, said=()):
    """A stream with a score per hop, and when recordings of the phrase are in it."""
    seconds = len(scores) * hop
    trace = Trace(np.array(scores, np.float32)[:, None], hop, seconds, exclusive=False)
    spans = tuple(PlacedPositive(Positive(Path("a.wav"), "x"), a, a, b + 1.0, b) for a, b in said)
    return StreamScores(trace, spans, (PlacedRecording(Path("a.wav"), 0.0),), seconds, ())


def test_misses_and_false_accepts_are_counted_at_the_own_threshold_and_at_rates(accuracy):
    own = np.zeros(600)
    own[[105, 405]] = 0.6, 0.9  # hits of the first and the third; the second is missed
    silent = np.zeros(4 * 36000)  # 4 h
    silent[[1000, 5000, 5004, 9000]] = 0.7, 0.8, 0.8, 0.95  # one within a second of another
    said = [(10.0, 10.5), (25.0, 25.5), (40.0, 40.5)]
    judged = accuracy.judge("x", 0.5, heard(own, said=said), heard(silent))
    file, tenth, half, one = judged.points
    assert (file.threshold, file.misses, file.recordings) == (0.5, 1, 3)
    assert (file.false_accepts, file.hours) == (3, pytest.approx(4.0))
    assert (tenth.misses, tenth.false_accepts, tenth.supported) == (3, 0, False)
    assert (half.misses, half.false_accepts) == (2, 2)  # above 0.7
    assert (one.misses, one.false_accepts) == (1, 3)
    # words end at 10.5 and 40.5, the hops that say so at 10.6 and 40.6
    assert judged.latency == pytest.approx(0.1)


def test_scores_end_with_the_stream(accuracy):
    late, early = np.array([0.5, 0.25]), np.array([0.9, 0.1, 0.5, 0.25])
    np.testing.assert_array_equal(accuracy.aligned(late, 3), [0, 0.5, 0.25])
    np.testing.assert_array_equal(accuracy.aligned(early, 3), [0.1, 0.5, 0.25])
    with pytest.raises(ValueError, match="none"):
        accuracy.aligned(np.zeros(0), 3)
    with pytest.raises(ValueError, match="finite"):
        accuracy.aligned(np.array([0.5, np.nan]), 2)


def test_a_stream_is_written_as_it_would_be_heard(accuracy, tmp_path):
    from kws_training.evaluation.conditions import CLEAN
    from kws_training.evaluation.continuous import score_positives
    from kws_training.evaluation.positives import find_positives
    from kws_training.progress import bar

    (tmp_path / "yes").mkdir()
    shutil.copy(DEMO, tmp_path / "yes")
    found, _ = find_positives([tmp_path / "yes"], ["yes"])
    stream = accuracy.record(tmp_path / "a.raw", score_positives, found, CLEAN)
    spotter = KeywordSpotter.default()
    heard = score_positives(spotter, found, CLEAN, accuracy.SEED, bar)
    assert stream.heard.positives == heard.positives
    assert stream.heard.seconds == heard.seconds
    written = np.fromfile(stream.path, "<i2")
    assert len(written) == round((heard.trace.seconds + accuracy.ENDING) * 16000)
    scores = spotter.posteriors(written)
    # 16 bits, and its own ending, are all that differs
    within = slice(0, int(heard.trace.seconds / spotter.column_seconds))
    assert np.abs(scores[within] - heard.trace.scores[within]).mean() < 0.01


def test_it_finds_what_kws_evaluate_finds(accuracy, here, words, monkeypatch, capsys):
    monkeypatch.setattr(
        sys,
        "argv",
        [
            "accuracy.py",
            "--phrase",
            "Stop",
            "--positives",
            str(words / "stop"),
            "--negatives",
            str(words / "other"),
            "--venvs",
            str(words / "venvs"),
            "--models",
            "ours=commands",
            "--engines",
            "openwakeword",
            "--json",
            str(words / "out.json"),
        ],
    )
    assert accuracy.main() == 0
    printed = capsys.readouterr()
    assert "left out: openwakeword: no model for 'stop'" in printed.err
    assert "| ours (kws 0.1.0) | 0.0 %" in printed.out
    result = json.loads((words / "out.json").read_text())
    point = result["engines"]["ours"]["operating_points"][0]
    evaluated = subprocess.run(
        [
            sys.executable,
            "-m",
            "kws",
            "evaluate",
            "commands",
            "--json",
            "--positives",
            str(words / "stop"),
            "--negatives",
            str(words / "other"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    expected = json.loads(evaluated.stdout)["operating_points"][0]
    for key in ("threshold", "misses", "recordings", "false_accepts", "hours"):
        assert point[key] == pytest.approx(expected[key]), key
    assert (point["misses"], point["recordings"]) == (0, 2)


def test_what_cannot_be_run_is_said_in_one_line(benchmark, words):
    given = ["--positives", words / "stop", "--negatives", words / "other", "--venvs", words / "v"]
    for more, why in (
        (["--phrase", "stop", "--engines", "openwakeword"], "no engine has a model for it"),
        (["--phrase", "stop", "--json", words / "none" / "a.json"], "no such folder"),
    ):
        done = benchmark("accuracy.py", *given, *more)
        assert done.returncode == 2, done.stderr
        assert why in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
    assert not (words / "v").exists()


def test_an_adapter_without_the_keyword_says_so(environments, words):
    request = {"audio": str(words), "scores": str(words / "s"), "phrase": "computer"}
    script = environments.ADAPTERS / "run_kws.py"
    with pytest.raises(KwsError, match="has no keyword 'computer': it has down, go"):
        environments.run_adapter(Path(sys.executable), script, request)


@pytest.mark.parametrize(
    ("engine", "phrase", "hop"),
    [
        ("pymicro-wakeword", "alexa", 0.03),
        ("openwakeword", "alexa", 0.08),
        ("pyopen-wakeword", "alexa", 0.08),
        ("pocketsphinx", "stop", 0.01),
    ],
)
def test_engines_give_a_score_per_hop(environments, tmp_path, engine, phrase, hop):
    python = VENVS / engine / "bin" / "python"
    if not python.is_file():
        pytest.skip(f"no environment of {engine} in {VENVS}: see docs/benchmarks.md, KWS_ENGINES")
    import soundfile

    samples, _ = soundfile.read(DEMO, dtype="int16")
    samples[: 18 * 16000].tofile(tmp_path / "a.raw")
    request = {"audio": str(tmp_path / "a.raw"), "scores": str(tmp_path / "s"), "phrase": phrase}
    answer = environments.run_adapter(
        python, environments.ADAPTERS / environments.ENGINES[engine].script, request
    )
    scores = np.fromfile(tmp_path / "s", np.float32)
    assert answer["hop"] == pytest.approx(hop)
    assert 18 / hop - 30 < len(scores) < 18 / hop + 100
    assert scores.min() >= 0
    assert scores.max() <= 1
    if engine == "pocketsphinx":  # the demo says it at 15.8 s, and it is not said in the others
        at = np.flatnonzero(scores == scores.max()) * hop
        assert 15.7 < at[0] < 16.6
    else:
        assert scores.max() < answer["threshold"]
