import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from kws import KwsError
from kws.audio import load_audio
from kws_training.augmentation.snr import noise_power, signal_power

soundfile = pytest.importorskip("soundfile")

ROOT = Path(__file__).resolve().parents[2]
RATE = 16000


@pytest.fixture(scope="module")
def mixture(script):
    return sys.modules["support.mixture"]


@pytest.fixture(scope="module")
def script(benchmark_module):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield benchmark_module("wake_word")


@pytest.fixture(scope="module")
def listeners(script):
    return sys.modules["support.listeners"]


def every(numbers, total, what):
    return numbers


def hum(rng, seconds, pitch):
    samples = np.sin(np.arange(round(seconds * RATE)) * pitch) * rng.uniform(0.1, 0.5)
    return samples * np.hanning(len(samples))


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """The layouts of the three data sets: audio/WORD, speaker/chapter with transcripts, DEMAND."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    demo = load_audio(ROOT / "demo" / "synthesized_commands.wav", RATE)
    for word, start in (("Stop", 15.5), ("smart mirror", 9.3)):
        (folder / "audio" / word).mkdir(parents=True)
        for number in range(6):
            samples = demo[round(start * RATE) : round((start + 1) * RATE)]
            soundfile.write(
                folder / "audio" / word / f"{number}.flac", samples * rng.uniform(0.2, 1), RATE
            )
    for speaker in ("1089", "121"):
        chapter = folder / "test-clean" / speaker / "134686"
        chapter.mkdir(parents=True)
        lines = []
        for number in range(5):
            name = f"{speaker}-134686-{number:04d}"
            soundfile.write(chapter / f"{name}.flac", hum(rng, rng.uniform(2, 6), 0.03), RATE)
            lines.append(f"{name} {'HE WOULD NOT STOP THERE' if number == 4 else 'ON THEY WENT'}")
        (chapter / f"{speaker}-134686.trans.txt").write_text("\n".join(lines) + "\n")
    for place in ("DKITCHEN", "STRAFFIC"):
        (folder / "DEMAND" / place).mkdir(parents=True)
        for channel in range(1, 4):
            noise = rng.normal(0, 0.02 * channel, 7 * RATE)
            soundfile.write(folder / "DEMAND" / place / f"ch{channel:02d}.wav", noise, RATE)
    return folder


def made(mixture, data, **setting):
    setting = mixture.Setting(**{"hours": 0.02, "share": 0.5, **setting})
    return mixture.Mixture(
        mixture.find_phrases([data / "audio"])["stop"],
        mixture.find_background([data / "test-clean"], "stop"),
        mixture.find_noise([data / "DEMAND"]),
        setting,
    )


def test_the_layouts_are_read(mixture, data):
    phrases = mixture.find_phrases([data / "audio"])
    assert {word: len(paths) for word, paths in phrases.items()} == {"stop": 6, "smart mirror": 6}
    # an utterance with the word is left out; "stop" in no other
    speech = mixture.find_background([data / "test-clean"], "stop")
    assert sorted({path.stem[-1] for path in speech}) == ["0", "1", "2", "3"]
    assert len(mixture.find_background([data / "test-clean"], "computer")) == 10
    # a word is no part of another: "on" begins none of THERE, STOP
    assert len(mixture.find_background([data / "test-clean"], "on")) == 2
    noise = mixture.find_noise([data / "DEMAND"])
    assert [path.name for path in noise] == ["ch01.wav", "ch01.wav"]


def test_the_stream_is_the_same_each_time_and_has_every_recording_once(mixture, data):
    one = made(mixture, data)
    with pytest.raises(ValueError, match="measure"):
        next(one.blocks(every, ""))
    measured = one.measure(every)
    audio = np.concatenate(list(one.blocks(every, "")))
    again = made(mixture, data)
    assert again.measure(every) == measured
    np.testing.assert_array_equal(np.concatenate(list(again.blocks(every, ""))), audio)
    assert audio.dtype == np.int16
    assert np.abs(audio).max() == 32767
    assert len(audio) == round(measured.seconds * RATE)
    assert sorted(path.name for path in measured.said) == [f"{n}.flac" for n in range(6)]
    assert 0.02 <= measured.hours < 0.03  # each of seven gaps ends with an utterance
    starts = [start for start, _ in measured.spans]
    assert min(np.diff(starts)) > 0.02 * 3600 / 7
    assert all(end - start == pytest.approx(1.5) for start, end in measured.spans)
    assert 0.2 < measured.speech_seconds / measured.seconds < 0.8
    assert measured.distinct_seconds <= measured.speech_seconds
    assert made(mixture, data, seed=1).measure(every).spans != measured.spans


def test_speech_is_as_far_above_the_noise_as_asked_for(mixture, data):
    """The noise of the same seed, without any speech, is taken off: what is left is the speech."""
    found = {}
    for snr in (10.0, 30.0):
        one = made(mixture, data, snr=snr, share=0.0)
        measured = one.measure(every)
        audio = np.concatenate(list(one.blocks(every, ""))) * (measured.peak / 32767)
        found[snr] = audio, measured
    (low, measured), (high, louder) = found[10.0], found[30.0]
    for start, end in measured.spans:
        span = slice(round(start * RATE), round((end - mixture.LATENESS) * RATE))
        # x = noise + s, y = noise + 10 s
        speech = (high[span] - low[span]) / 9
        noise = low[span] - speech
        ratio = signal_power(speech, "peak") / noise_power(noise, "peak")
        assert 10 * np.log10(ratio) == pytest.approx(10, abs=0.3)
    # between the recordings there is the noise alone, as loud as it comes
    first = slice(0, round(measured.spans[0][0] * RATE))
    np.testing.assert_allclose(low[first], high[first], atol=louder.peak / 32767)


def test_a_long_recording_is_taken_piece_by_piece(mixture, data, tmp_path):
    rng = np.random.default_rng(1)
    (tmp_path / "speech").mkdir()
    soundfile.write(tmp_path / "speech" / "hour.wav", rng.normal(0, 0.1, 95 * RATE), RATE)
    one = mixture.Mixture(
        mixture.find_phrases([data / "audio"])["stop"],
        [tmp_path / "speech" / "hour.wav"],
        mixture.find_noise([data / "DEMAND"]),
        mixture.Setting(hours=0.06, share=1.0),
    )
    measured = one.measure(every)
    assert max(len(block) for block in one.blocks(every, "")) <= mixture.PIECE * RATE
    assert measured.distinct_seconds == pytest.approx(95)  # it goes on after each phrase
    assert measured.most_often >= 3


def test_damage_is_named_and_the_work_goes_on(mixture, data, tmp_path):
    for name in ("phrase", "speech", "noise"):
        (tmp_path / f"{name}.wav").write_bytes(b"RIFF")
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    lists = [
        [*mixture.find_phrases([data / "audio"])["stop"], tmp_path / "phrase.wav"],
        [*mixture.find_background([data / "test-clean"], "stop"), tmp_path / "speech.wav"],
        [*mixture.find_noise([data / "DEMAND"]), tmp_path / "noise.wav", tmp_path / "silent.wav"],
    ]
    one = mixture.Mixture(*lists, mixture.Setting(hours=0.02))
    measured = one.measure(every)
    assert len(measured.said) == 6
    reasons = {skip.path.stem: skip.reason for skip in measured.skipped}
    assert set(reasons) == {"phrase", "speech", "noise", "silent"}
    assert "digital silence" in reasons["silent"]
    samples = sum(len(block) for block in one.blocks(every, ""))
    assert samples == round(measured.seconds * RATE)
    for number, bad in enumerate(("phrase", "speech", "noise")):
        broken = [*lists]
        broken[number] = [tmp_path / f"{bad}.wav"]
        with pytest.raises(KwsError, match=rf"none of the 1 recordings .*{bad}\.wav"):
            mixture.Mixture(*broken, mixture.Setting(hours=0.02)).measure(every)


def given(data, *more):
    return [
        "--positives",
        data / "audio",
        "--speech",
        data / "test-clean",
        "--noise",
        data / "DEMAND",
        *more,
    ]


def test_a_model_as_a_process(benchmark, data, tmp_path):
    """The default model knows "stop"; the demo says it, and hums do not."""
    done = benchmark(
        "wake_word.py",
        *given(data, "--models", "STOP=commands", "--hours", 0.03, "--snr", 30),
        "--json",
        tmp_path / "o.json",
    )
    assert done.returncode == 0, done.stderr
    assert "too short for one false accept at this rate" in done.stdout
    assert "not the benchmark's mean" in done.stdout
    result = json.loads((tmp_path / "o.json").read_text())
    word = result["words"]["stop"]
    own, tenth, *others = word["engines"]["kws"]["operating_points"]
    assert own["target"] is None
    assert tenth["target"] == 0.1
    assert not tenth["supported"]
    rate = pytest.approx(1 / word["hours"])
    (shortest,) = (point for point in others if point["target"] == rate)
    assert shortest["supported"]
    assert [point["target"] for point in others] == sorted(point["target"] for point in others)
    assert word["recordings"] == tenth["recordings"] == 6
    assert tenth["false_accepts"] == 0
    assert tenth["misses"] <= 2  # 30 dB above faint noise
    assert tenth["threshold"] >= shortest["threshold"]
    assert result["means"][0]["miss_rate"] == tenth["miss_rate"]
    assert result["setting"]["snr"] == 30
    assert result["commit"]


def test_events_of_a_threshold_are_those_of_the_detector(listeners, mixture, data):
    """What the sweep counts is what a spotter at that threshold does with the stream."""
    from kws import KeywordSpotter
    from kws.detector import Detector

    one = made(mixture, data, snr=20.0)
    one.measure(every)
    engine = listeners.hear_model("commands", "stop", one)
    spotter = KeywordSpotter.default()
    posteriors = [spotter.process_posteriors(block) for block in one.blocks(every, "")]
    posteriors.append(spotter.process_posteriors(spotter.ending))
    for threshold in (0.3, 0.6, 0.9):
        defaults = spotter.metadata.detector
        trial = type(defaults)(
            **{**vars(defaults), "thresholds": {**defaults.thresholds, "stop": threshold}}
        )
        detector = Detector(spotter.metadata.labels, trial, spotter.column_seconds)
        label = spotter.metadata.labels.index("stop")
        times = [
            event.step * spotter.column_seconds
            for column in np.concatenate(posteriors)
            for event in detector.update(column)
            if event.label == label
        ]
        np.testing.assert_allclose(engine.events(threshold), times)
    assert len(times) > 0


def test_scores_of_an_adapter_are_events_too(listeners, mixture, data):
    """Our own adapter against our own model, which `hear_model` runs."""
    one = made(mixture, data, snr=20.0)
    measured = one.measure(every)
    script = listeners.ADAPTERS / "run_kws.py"
    engine = listeners.hear_scores("kws", Path(sys.executable), script, "stop", one, 100)
    ours = listeners.hear_model("commands", "stop", one)
    assert engine.own == ours.own
    assert engine.about["package"] == "kws"
    for threshold in (0.4, 0.8):
        wanted, found = ours.events(threshold), engine.events(threshold)
        assert len(found) > 0
        # a score there belongs to the chunk that brought its last sample, one later
        assert all(np.abs(wanted - at).min() < 0.081 for at in found)
    points = listeners.points_of(engine, measured, "stop")
    assert points[1].recordings == 6
    with pytest.raises(KwsError, match="no keyword 'jarvis'"):
        listeners.hear_scores("kws", Path(sys.executable), script, "jarvis", one, 100)


def measured_of(mixture, spans, seconds):
    return mixture.Measured(
        seconds,
        tuple(spans),
        tuple(Path(f"{n}.wav") for n in range(len(spans))),
        seconds / 5,
        seconds / 5,
        1,
        1.0,
        (),
    )


class Counted:
    """An engine whose events at a threshold are known; counts how often it is asked."""

    def __init__(self, listeners, cheap):
        self.asked = []
        self.engine = listeners.Engine(
            "made up", np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]), self.events, cheap, None, {}
        )

    def events(self, threshold):
        self.asked.append(threshold)
        alarms = {0.9: 0, 0.8: 0, 0.7: 2, 0.6: 5, 0.5: 24, 0.4: 60}[threshold]
        hits = {0.9: 1, 0.8: 2, 0.7: 3, 0.6: 4, 0.5: 4, 0.4: 4}[threshold]
        found = [100.0 * n + 1 for n in range(hits)] + [50_000.0 + n for n in range(alarms)]
        return np.array(found)


@pytest.mark.parametrize("cheap", [True, False])
def test_thresholds_are_read_off_at_each_rate(listeners, mixture, cheap):
    spans = [(100.0 * n, 100.0 * n + 2) for n in range(5)]
    made_up = Counted(listeners, cheap)
    points = listeners.points_of(made_up.engine, measured_of(mixture, spans, 24 * 3600 + 10), "x")
    # 2.4, 12 and 24 false accepts may come in 24 h
    assert [(p.target, p.threshold, p.false_accepts, p.misses) for p in points] == [
        (0.1, 0.7, 2, 2),
        (0.5, 0.6, 5, 1),
        (1.0, 0.5, 24, 1),
    ]
    assert points[0].hours == pytest.approx(24)
    assert points[0].supported
    assert len(made_up.asked) == len(set(made_up.asked))  # a stream is heard once per threshold
    assert len(made_up.asked) <= 6
    # in 8 h the benchmark's rate cannot be measured, and one false accept is 1/8 per hour
    points = listeners.points_of(made_up.engine, measured_of(mixture, spans, 8 * 3600 + 10), "x")
    assert [(p.target, p.threshold) for p in points[:2]] == [
        (0.1, 0.8),
        (pytest.approx(1 / 8), 0.8),
    ]
    assert not points[0].supported
    assert points[1].supported


def test_a_rate_that_no_threshold_keeps_is_marked(script, listeners, mixture, capsys):
    made_up = Counted(listeners, True)
    loud = listeners.Engine("loud", np.array([0.5, 0.4]), made_up.events, True, None, {})
    spans = [(100.0 * n, 100.0 * n + 2) for n in range(5)]
    measured = measured_of(mixture, spans, 24 * 3600 + 10)
    points = listeners.points_of(loud, measured, "x")
    word = script.Word("x", measured, {"loud": points}, {"loud": {}}, {})
    script.print_word(word)
    said = capsys.readouterr().out
    assert "0.1/h+" in said
    assert "even the strictest threshold gives more" in said
    assert [row["kept"] for row in script.means([word])] == [False, False, True]


def test_means_are_of_words_and_intervals_of_all_recordings(script, listeners):
    words = []
    for name, misses, count in (("a", 1, 10), ("b", 30, 100)):
        points = tuple(
            listeners.Point(name, target, 0.5, 0, 24.0, misses, count) for target in script.TARGETS
        )
        words.append(script.Word(name, None, {"kws": points}, {"kws": {}}, {}))
    first = script.means(words)[0]
    assert first["miss_rate"] == pytest.approx((0.1 + 0.3) / 2)
    assert (first["misses"], first["recordings"]) == (31, 110)
    low, high = first["miss_rate_interval"]
    assert low < 31 / 110 < high


ADAPTER = """
import json, sys
request = json.loads(sys.argv[1])
if request["thresholds"] == [1.0]:
    print("no such word", file=sys.stderr)
    sys.exit(1)
data = sys.stdin.buffer.read()
print(json.dumps({"version": "1", "times": [[len(data) / 32000]]}))
"""


def test_an_adapter_hears_all_of_the_stream(listeners, mixture, data, tmp_path):
    path = tmp_path / "adapter.py"
    path.write_text(ADAPTER)
    one = made(mixture, data)
    measured = one.measure(every)
    python = Path(sys.executable)
    answer = listeners.listen(python, path, {"thresholds": [0.5]}, one, "")
    assert answer["times"] == [[pytest.approx(measured.seconds)]]
    with pytest.raises(KwsError, match=r"adapter\.py: no such word"):
        listeners.listen(python, path, {"thresholds": [1.0]}, one, "")
    path.write_text("import sys; sys.stdin.buffer.read(); print('hello')")
    with pytest.raises(KwsError, match="no answer"):
        listeners.listen(python, path, {"thresholds": [0.5]}, one, "")
    with pytest.raises(KwsError, match="cannot be started"):
        listeners.listen(tmp_path / "python", path, {"thresholds": [0.5]}, one, "")


def test_pocketsphinx_for_real(listeners, mixture, data):
    """Where the package is: in this Python, or in the one that KWS_POCKETSPHINX names."""
    python = os.environ.get("KWS_POCKETSPHINX")
    if python is None:
        pytest.importorskip("pocketsphinx")
        python = sys.executable
    one = made(mixture, data, snr=30.0, hours=0.002)
    measured = one.measure(every)
    engine = listeners.hear_pocketsphinx(Path(python), "stop", one)
    loose, strict = engine.events(1e-20), engine.events(1e9)
    assert len(strict) <= len(loose)
    found = sum(any(a <= at <= b for at in loose) for a, b in measured.spans)
    assert found >= 1
    unknown = listeners.hear_pocketsphinx(Path(python), "zzxq", one)
    with pytest.raises(KwsError, match="dictionary has no zzxq"):
        unknown.events(1.0)


def test_what_cannot_be_judged_is_said_in_one_line(script, data, tmp_path, monkeypatch, capsys):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"no model")
    for more, reason in (
        ((), "nothing to judge"),
        (("--models", "jarvis=commands"), "'jarvis': there are"),
        (("--engines", "pyopen-wakeword"), "give --venvs FOLDER"),
        (("--models", "smart mirror=commands"), "no keyword 'smart mirror'"),
        (("--models", f"stop={broken}"), "broken.tflite"),
        (("--models", "stop=commands", "stop=words"), "two models"),
        (("--models", "stop=commands", "--json", tmp_path / "none" / "o.json"), "no such folder"),
    ):
        monkeypatch.setattr("sys.argv", ["w.py", *map(str, given(data, *more))])
        assert script.main() == 2, more
        said = capsys.readouterr().err
        assert len(said.splitlines()) == 1, said
        assert reason in said


def test_a_word_that_fails_does_not_take_the_others_with_it(
    script, data, tmp_path, monkeypatch, capsys
):
    audio = tmp_path / "audio"
    (audio / "go").mkdir(parents=True)
    (audio / "go" / "0.wav").write_bytes(b"RIFF")
    (audio / "stop").symlink_to(data / "audio" / "Stop")
    more = ("--models", "go=commands", "stop=commands", "--hours", 0.02)
    command = ["w.py", *map(str, given(data, *more)), "--json", str(tmp_path / "o.json")]
    command[command.index("--positives") + 1] = str(audio)
    monkeypatch.setattr("sys.argv", command)
    assert script.main() == 2
    said = capsys.readouterr()
    assert "wake_word: go: none of the 1 recordings of the phrase" in said.err
    assert "mean of 1" in said.out
    assert list(json.loads((tmp_path / "o.json").read_text())["words"]) == ["stop"]


def test_ctrl_c_keeps_the_words_that_are_done(script, data, tmp_path, monkeypatch, capsys):
    whole = script.run_word

    def interrupted(word, *rest):
        if word == "go":
            raise KeyboardInterrupt
        return whole(word, *rest)

    monkeypatch.setattr(script, "run_word", interrupted)
    for word in ("stop", "go"):
        (tmp_path / word).symlink_to(data / "audio" / "Stop")
    more = ("--models", "stop=commands", "go=commands", "--hours", 0.02)
    command = ["w.py", *map(str, given(data, *more)), "--json", str(tmp_path / "o.json")]
    command[command.index("--positives") + 1] = str(tmp_path)
    monkeypatch.setattr("sys.argv", command)
    assert script.main() == 130
    said = capsys.readouterr()
    assert "mean of 1" in said.out
    assert "stopped: the words that are done count" in said.err
    result = json.loads((tmp_path / "o.json").read_text())
    assert result["interrupted"]
    assert list(result["words"]) == ["stop"]
