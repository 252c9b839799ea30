"""The verbs evaluate (of streams) and sweep, as processes, on the recording of the demo."""

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ...conftest import kws_here as kws

HERE = Path(__file__).resolve().parents[3]
MODEL = HERE / "kws" / "models" / "commands.tflite"
DEMO = HERE / "demo" / "synthesized_commands.wav"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Words cut from the demo, under their names, and noise."""
    folder = tmp_path_factory.mktemp("data")
    samples, rate = soundfile.read(DEMO)
    with DEMO.with_suffix(".csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["keyword"] not in ("left", "no"):
                continue
            place = folder / "said" / row["keyword"]
            place.mkdir(parents=True, exist_ok=True)
            cut = samples[
                max(0, round((float(row["start"]) - 0.3) * rate)) : round(
                    (float(row["end"]) + 0.3) * rate
                )
            ]
            for take in range(2):
                soundfile.write(place / f"{take}.wav", cut * (1 - 0.2 * take), rate)
    (folder / "said" / "left" / "damaged.wav").write_bytes(b"RIFF")
    rng = np.random.default_rng(0)
    (folder / "quiet").mkdir()
    for number in range(3):
        soundfile.write(folder / "quiet" / f"{number}.wav", rng.normal(0, 0.01, 20 * 16000), 16000)
    return folder


@pytest.fixture(scope="module")
def streams(data):
    return "--positives", data / "said", "--negatives", data / "quiet"


class Links(HTMLParser):
    def __init__(self, content):
        super().__init__()
        self.names = set()
        self.feed(content)

    def handle_starttag(self, tag, attrs):
        self.names |= {value for key, value in attrs if key in ("src", "href", "srcset")}


def test_evaluate_streams_with_a_report(data, streams, tmp_path):
    report = tmp_path / "report"
    done = kws("evaluate", MODEL, *streams, "--json", "--report", report)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["recordings"] == 4
    assert figures["hours"] == pytest.approx(60 / 3600)
    points = [(p["keyword"], p["target"]) for p in figures["operating_points"]]
    assert points == [(k, t) for k in ("left", "no") for t in (None, 0.1, 0.5, 1.0)]
    for point in figures["operating_points"]:
        low, high = point["miss_rate_interval"]
        assert low <= point["miss_rate"] <= high
        low, high = point["false_accepts_per_hour_interval"]
        assert low <= point["false_accepts_per_hour"] <= high
        assert point["miss_rate"] == 0
        assert point["supported"] is (point["target"] is None)
        # its hours are those of the noise and of the other word
        assert point["hours"] > figures["hours"]
    latency = figures["latency_after_word_end"]
    assert -0.5 < latency["median"] <= latency["p95"] < 1.0
    assert [Path(skip["file"]).name for skip in figures["skipped"]] == ["damaged.wav"]
    assert "down" in figures["without_recordings"]
    assert json.loads((report / "report.json").read_text()) == figures
    page = (report / "index.html").read_text()
    for name in Links(page).names:
        assert (report / name).is_file(), name
    assert "det-light.png" in page
    assert "By voice" in page  # nobody says who speaks
    assert sum(one["clips"] for one in figures["groups"]) == 4
    assert figures["group_about"].startswith("voice: how recordings sound")
    # written again, over itself
    again = kws("evaluate", MODEL, *streams, "--report", report)
    assert again.returncode == 0, again.stderr
    assert re.search(r"^left +file +0\.\d+ +0\.0 %", again.stdout, re.M), again.stdout
    assert "too few for a single false accept" in again.stdout


def test_what_went_wrong_is_told_and_played(data, tmp_path):
    """The words as negatives: every one of them is a false accept, at its place in its file."""
    (tmp_path / "said" / "left").mkdir(parents=True)
    for name in ("0.wav", "1.wav"):  # noise that is called a word is missed
        target = tmp_path / "said" / "left" / name
        target.write_bytes((data / "quiet" / name).read_bytes())
    # in a folder that does not say what they are: negatives of a keyword's name are left out
    (tmp_path / "speech").symlink_to(data / "said" / "left")
    done = kws(
        "evaluate",
        MODEL,
        "--positives",
        tmp_path / "said",
        "--negatives",
        tmp_path / "speech",
        "--json",
        "--report",
        tmp_path / "report",
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert {Path(one["file"]).name for one in figures["false_accepts"]} == {"0.wav", "1.wav"}
    assert all(0.2 < one["at"] < 1.6 and one["score"] > 0.7 for one in figures["false_accepts"])
    assert len(figures["misses"]) == 2
    assert figures["latency_after_word_end"] == {"median": None, "p95": None}
    page = (tmp_path / "report" / "index.html").read_text()
    links = Links(page).names
    assert {f"wrong/{n:03}.wav" for n in range(1, 5)} <= links
    for name in links:
        assert (tmp_path / "report" / name).is_file(), name
    played, rate = soundfile.read(tmp_path / "report" / "wrong" / "003.wav")
    assert rate == 16000
    assert np.abs(played).max() > 0.05


def test_negatives_whose_transcript_says_a_keyword_are_left_out(data, tmp_path):
    for name, source in (("said.wav", data / "said" / "left" / "0.wav"), ("q.wav", None)):
        source = source or next(iter(sorted((data / "quiet").iterdir())))
        (tmp_path / name).write_bytes(source.read_bytes())
    (tmp_path / "manifest.csv").write_text("path,label\nsaid.wav,turn left\n")
    arguments = "--positives", data / "said", "--negatives", tmp_path, "--keywords", "left,no"
    done = kws("evaluate", MODEL, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert "1 of 2 recordings of --negatives say a keyword" in done.stderr
    assert json.loads(done.stdout)["false_accepts"] == []
    (tmp_path / "q.wav").unlink()
    done = kws("evaluate", MODEL, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "a keyword is said in every recording of --negatives" in done.stderr


def test_by_kind_of_negatives_and_by_group(data, streams, tmp_path):
    """What was said counts as a kind of its own: each of its words is a false accept."""
    done = kws("evaluate", MODEL, *streams, "--by-kind", "--group-by", "label", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    people, others = tmp_path / "people", tmp_path / "others"
    people.mkdir()
    (people / "no").symlink_to(data / "said" / "no")
    (people / "manifest.csv").write_text("path,room\nno/0.wav,hall\nno/1.wav,hall\n")
    (others / "said").mkdir(parents=True)
    (others / "said" / "words").symlink_to(data / "said" / "no")
    (others / "quiet").symlink_to(data / "quiet")
    arguments = "--positives", people, "--negatives", others, "--keywords", "no,left"
    report = tmp_path / "report"
    done = kws("evaluate", MODEL, *arguments, "--by-kind", "--group-by", "room", "--report", report)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    said, quiet = (next(row for row in rows if row[:1] == [kind]) for kind in ("said", "quiet"))
    assert rows.index(said) < rows.index(quiet)
    assert float(said[2]) > 1000  # two words in a few seconds
    assert quiet[1:3] == ["0.02", "0.00"]
    assert ["hall", "100.0%", "15.8", "to", "100.0", "%", "2", "few"] in rows
    figures = json.loads((report / "report.json").read_text())
    assert [one["kind"] for one in figures["kinds"]] == ["said", "quiet"]
    assert figures["groups"][0]["group"] == "hall"
    page = (report / "index.html").read_text()
    assert "By kind of negatives" in page
    assert "By room" in page
    for name in Links(page).names:
        assert (report / name).is_file(), name


def test_noise_under_everything(data, streams):
    done = kws("evaluate", MODEL, *streams, "--noise", data / "quiet", "--snr=-20", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert all(point["miss_rate"] == 1 for point in figures["operating_points"])
    assert figures["snr"] == -20
    assert figures["snr_reference"] == "loudest"
    assert figures["snr_definition"].startswith("power of a recording's loudest tenth")


def test_a_ratio_is_printed_with_what_it_is_measured_by(data, streams, tmp_path):
    report = tmp_path / "report"
    asked = ("--noise", data / "quiet", "--snr=30", "--snr-reference", "peak")
    done = kws("evaluate", MODEL, *streams, *asked, "--report", report)
    assert done.returncode == 0, done.stderr
    assert "SNR 30 dB (peak: power of a recording's loudest frame" in done.stdout
    assert "SNR 30 dB (peak: " in (report / "index.html").read_text()
    assert json.loads((report / "report.json").read_text())["snr_reference"] == "peak"


def test_errors_are_a_line_and_status_2(data, streams, tmp_path):
    both = ("evaluate", MODEL, *streams)
    for arguments, reason in (
        (("evaluate", MODEL), "give --data DIR"),
        ((*both, "--data", data), "give one"),
        (("evaluate", MODEL, *streams[:2]), "--negatives is missing"),
        ((*both, "--noise", data / "quiet"), "--noise needs --snr"),
        ((*both, "--group-by", "age"), "no recording of --positives has a column 'age'"),
        ((*both, "--by-kind", "age"), "no recording of --negatives has a column 'age'"),
        (
            ("evaluate", MODEL, "--data", data / "said", "--by-kind"),
            "--by-kind goes with --positives",
        ),
        (("evaluate", MODEL, "--data", data / "said", "--snr", "3"), "go with --positives"),
        (("evaluate", MODEL, *streams[:2], "--negatives", tmp_path), "no recordings"),
        (("sweep", MODEL, *streams, "--snr", "loud"), "'loud' is no number"),
        (("sweep", MODEL, *streams, "--rt60", "9"), "9 is not in 0 to 1.5"),
        (("sweep", MODEL, *streams, "--gain", "clean"), "'clean' is no number"),
        (("sweep", MODEL, *streams, "--gain", ",".join(map(str, range(21)))), "at most 20 values"),
        (("sweep", MODEL, *streams, "--minutes", "0"), "must be above 0"),
        (("sweep", MODEL, *streams, "--report", data), "is no report of kws"),
        (("sweep", tmp_path / "no.tflite", *streams), "no.tflite"),
        (("sweep", MODEL), "--positives"),
    ):
        done = kws(*arguments)
        assert done.returncode == 2, (arguments, done.stdout)
        assert reason in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert done.stdout == ""


def test_sweep(data, streams, tmp_path):
    done = kws(
        "sweep",
        MODEL,
        *streams,
        "--noise",
        data / "quiet",
        "--snr=clean,-20",
        "--gain=-70,0",
        "--telephone",
        "--minutes",
        "0.5",
        "--json",
        "--report",
        tmp_path / "sweep",
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["complete"] is True
    assert figures["snr_reference"] == "loudest"
    assert [one["keyword"] for one in figures["thresholds"]] == ["left", "no"]
    conditions = figures["conditions"]
    assert len(conditions) == 2 * 2 * 2 * 2
    by_setting = {
        (c["keyword"], c["snr"], c["gain"], c["telephone"]): c["miss_rate"] for c in conditions
    }
    assert by_setting["left", None, 0, False] == 0
    assert by_setting["left", -20, 0, False] == 1  # nothing is heard in that noise
    assert by_setting["left", None, -70, False] == 1  # nor below the noise of the microphone
    assert all(c["hours"] * 3600 >= 30 for c in conditions)
    page = (tmp_path / "sweep" / "index.html").read_text()
    for name in Links(page).names:
        assert (tmp_path / "sweep" / name).is_file(), name
    assert "sweep1-dark.png" in page
    assert "SNR is power of a recording" in page


def test_sweep_for_people(data, streams):
    noise = ("--noise", data / "quiet", "--snr=clean,-20", "--gain=-70,0", "--minutes", "0.1")
    done = kws("sweep", MODEL, *streams, *noise)
    assert done.returncode == 0, done.stderr
    left, no, snr = done.stdout.strip().split("\n\n")
    assert snr.startswith("SNR: loudest: power of a recording's loudest tenth of a second over")
    assert left.startswith("left: missed, % (false accepts per hour), at threshold ")
    assert no.startswith("no: missed, ")
    _, columns, *rows = left.splitlines()
    assert len(columns.split("dB")) == 2  # without noise, and in noise of -20 dB
    assert len(rows) == 2
    missed = [[float(one) for one in re.findall(r"([\d.]+) \(", row)] for row in rows]
    assert missed[0] == [100.0, 100.0]  # below the noise of the microphone
    assert missed[1] == [0.0, 100.0]


def test_what_a_stopped_sweep_has_measured_is_kept(data, streams, monkeypatch, capsys):
    """Ctrl-C in the second condition."""
    from kws.cli.main import main
    from kws_training.evaluation import sweep

    rooms_of = sweep.rooms_of

    def stop_at_the_second(seconds, seed):
        if seconds:
            raise KeyboardInterrupt
        return rooms_of(seconds, seed)

    monkeypatch.setattr(sweep, "rooms_of", stop_at_the_second)
    command = ["sweep", MODEL, *streams, "--snr", "clean", "--rt60", "0,0.4", "--json"]
    assert main(list(map(str, command))) == 130
    out, err = capsys.readouterr()
    assert "stopped after 1 of 2 conditions" in err
    figures = json.loads(out)
    assert figures["complete"] is False
    assert len(figures["conditions"]) == 2
