"""Mixes of negatives: what they take, what they cost, and that they go on where they broke off."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from kws.cli.main import main
from kws_training.data import fetching, mixing, sources
from kws_training.data.fetching import FetchError
from kws_training.data.manifest import Row
from kws_training.data.mixing import (
    MixError,
    fetch_mix,
    is_mixed,
    mixed_kinds,
    parse_mix,
    plan_lines,
    plan_mix,
    take_hours,
)
from kws_training.data.unlabelled import find_speech, without_keywords
from kws_training.evaluation.breakdown import kinds_of

from ...conftest import kws_here as kws
from ..archives import rows_of, site

DEMO = Path(__file__).resolve().parents[3] / "demo" / "synthesized_commands.wav"

__all__ = ["site"]

HOUR = 3600


@pytest.fixture
def offered(site, monkeypatch):
    """The table of data sets, two of them small archives on a server of this machine."""
    small = {name: site.offer(name) for name in ("librispeech-dev-clean", "musan-whole")}
    table = tuple(small.get(source.name, source) for source in sources.SOURCES)
    monkeypatch.setattr(sources, "SOURCES", table)
    return small


def test_a_mix_by_kinds_is_what_training_and_evaluation_take(tmp_path, site, offered):
    # 4 s are 0.0011 hours: two of three recordings of each kind make 0.002
    hours = parse_mix("librispeech-dev-clean=1, musan-speech=0.002,musan-noise=0.002")
    goal = fetch_mix(plan_mix(hours, tmp_path), tmp_path, seed=0)
    assert goal == tmp_path / "negatives"
    rows = rows_of(goal)
    assert {row["kind"]: row["source"] for row in rows} == {
        "read": "librispeech-dev-clean",
        "speech": "musan-whole",
        "noise": "musan-whole",
    }
    assert [sum(row["kind"] == kind for row in rows) for kind in ("read", "speech", "noise")] == [
        2
    ] * 3
    assert {row["licence"] for row in rows} == {
        "CC BY 4.0",
        "CC BY 4.0; each recording's own is in the LICENSE files",
    }
    assert all((goal / row["path"]).is_file() for row in rows)
    clips = find_speech([goal])
    assert len(clips) == 6
    assert {clip.speaker for clip in clips} == {row["speaker"] for row in rows}
    kept, left_out = without_keywords(clips, ["Confused complaint"])
    assert (len(kept), left_out) == (5, 1)
    assert set(kinds_of([goal], None).values()) == {"read", "speech", "noise"}
    assert set(kinds_of([goal], "source").values()) == {"librispeech-dev-clean", "musan-whole"}
    kinds = {one.kind: one for one in mixed_kinds(goal)}
    assert kinds["speech"].hours == pytest.approx(8 / HOUR)
    assert kinds["read"].speakers == 2
    # one archive served both parts of MUSAN
    assert [path for path, _ in site.asked] == ["/dev-clean.tar.gz", "/musan.tar.gz"]


def test_evaluate_judges_a_mix_by_its_kinds(tmp_path, offered):
    goal = fetch_mix(plan_mix({"musan-speech": 1.0, "musan-noise": 1.0}, tmp_path), tmp_path, 0)
    (tmp_path / "said" / "yes").mkdir(parents=True)
    samples, rate = soundfile.read(DEMO)
    soundfile.write(tmp_path / "said" / "yes" / "0.wav", samples[: 2 * rate], rate)
    streams = ("--positives", tmp_path / "said", "--negatives", goal)
    done = kws("evaluate", "commands", "--keywords", "yes", *streams, "--by-kind", "--json")
    assert done.returncode == 0, done.stderr
    kinds = {one["kind"]: one["hours"] for one in json.loads(done.stdout)["kinds"]}
    assert kinds.keys() == {"speech", "noise"}
    assert kinds["noise"] == pytest.approx(12 / HOUR, rel=0.1)


def test_a_mix_takes_no_room_beside_its_data_sets_and_outlives_them(tmp_path, offered):
    goal = fetch_mix(plan_mix({"musan-music": 1.0}, tmp_path), tmp_path, seed=0)
    first = goal / rows_of(goal)[0]["path"]
    assert first.stat().st_nlink == 2
    content = first.read_bytes()
    for path in sorted((tmp_path / "musan-whole").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert first.read_bytes() == content


def test_where_there_are_no_links_recordings_are_copied(tmp_path, offered, monkeypatch):
    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    goal = fetch_mix(plan_mix({"musan-music": 1.0}, tmp_path), tmp_path, seed=0)
    for row in rows_of(goal):
        original = tmp_path / "musan-whole" / row["path"].removeprefix("music/musan-whole/")
        assert (goal / row["path"]).read_bytes() == original.read_bytes()


def test_it_goes_on_where_it_broke_off(tmp_path, site, offered):
    hours = {"librispeech-dev-clean": 1.0, "musan-noise": 0.001}
    plan = plan_mix(hours, tmp_path)
    size = len(site.files["/musan.tar.gz"])
    assert plan.download == len(site.files["/dev-clean.tar.gz"]) + size
    site.stops = [10**9, 100_000, 0, 0]
    with pytest.raises(FetchError, match="broke off"):
        fetch_mix(plan, tmp_path, seed=0)
    assert not (tmp_path / "negatives").exists()
    again = plan_mix(hours, tmp_path)
    assert [source.name for source in again.fetched] == ["musan-whole"]
    held = (tmp_path / "musan.tar.gz.part").stat().st_size
    assert 0 < held <= 100_000
    assert again.download == size - held
    site.stops = []
    goal = fetch_mix(again, tmp_path, seed=0)
    assert site.asked[-1] == ("/musan.tar.gz", f"bytes={held}-")
    assert is_mixed(goal, hours, 0)
    assert not is_mixed(goal, hours, 1)
    with pytest.raises(FetchError, match="is not what would be fetched: move it"):
        fetch_mix(again, tmp_path, seed=1)
    assert plan_mix(hours, tmp_path).download == plan_mix(hours, tmp_path).room == 0
    assert plan_lines(plan_mix(hours, tmp_path), tmp_path)[-1].startswith("nothing is downloaded")


def test_too_little_room_is_said_before_anything_is_downloaded(
    tmp_path, site, offered, monkeypatch
):
    plan = plan_mix({"librispeech-dev-clean": 1.0, "musan-noise": 1.0}, tmp_path)
    monkeypatch.setattr(
        fetching.shutil, "disk_usage", lambda _: type("Usage", (), {"free": plan.room - 1})
    )
    with pytest.raises(FetchError, match="are needed to download and unpack"):
        fetch_mix(plan, tmp_path, seed=0)
    assert site.asked == []


def test_what_is_missing_and_what_cannot_be_read_is_said(tmp_path, site, offered, capsys):
    with pytest.raises(MixError, match="`kws data import common-voice ARCHIVE` makes it"):
        plan_mix({"common-voice": 1.0}, tmp_path)
    (folder,) = [fetching.fetch_data(offered["musan-whole"], tmp_path)]
    for path in (folder / "noise").rglob("*.wav"):
        path.write_bytes(b"RIFF")
    next((folder / "speech").rglob("*0001.wav")).write_bytes(b"")
    with pytest.raises(MixError, match="no recordings of musan-noise"):
        fetch_mix(plan_mix({"musan-noise": 1.0}, tmp_path), tmp_path, seed=0)
    assert not (tmp_path / "negatives").exists()
    goal = fetch_mix(plan_mix({"musan-speech": 1.0}, tmp_path), tmp_path, seed=0)
    assert len(rows_of(goal)) == 2
    error = capsys.readouterr().err
    assert "musan-speech: 1 recordings cannot be read: left out" in error
    assert "musan-speech: 0.0 hours, there are no more" in error


def test_every_speaker_has_a_turn_before_one_has_another():
    rows = [
        Row(0, f"{speaker}/{n}", "", f"{speaker}", {}) for speaker in range(9) for n in range(50)
    ]
    taken = take_hours(rows, 90 / HOUR, 5, lambda row: 5.0)
    assert len(taken) == 18
    speakers = [row.speaker for row, _ in taken]
    assert set(speakers[:9]) == set(speakers[9:]) == set(map(str, range(9)))
    assert taken == take_hours(reversed(rows), 90 / HOUR, 5, lambda row: 5.0)
    assert taken != take_hours(rows, 90 / HOUR, 6, lambda row: 5.0)
    # fewer hours are the first of more
    assert take_hours(rows, 30 / HOUR, 5, lambda row: 5.0) == taken[:6]
    alone = [Row(0, f"{n}", "", "", {}) for n in range(9)]
    assert len(take_hours(alone, 1, 0, lambda row: None if row.path == "3" else 1.0)) == 8


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "'': no such part, there are librispeech-dev-clean, "),
        ("muzan=3", "'muzan': no such part"),
        ("musan-noise", "must be NAME=HOURS"),
        ("musan-noise=", "must be NAME=HOURS"),
        ("musan-noise=x", "must be NAME=HOURS"),
        ("musan-noise=nan", "must be NAME=HOURS"),
        ("musan-noise=-1", "must be NAME=HOURS, of 0 to 1000 hours"),
        ("musan-noise=1e9", "must be NAME=HOURS"),
        ("musan-noise=1,musan-noise=2", "musan-noise: is there twice"),
    ],
)
def test_mixes_that_are_none(text, reason, capsys):
    with pytest.raises(MixError, match=reason):
        parse_mix(text)
    assert main(["data", "fetch", "negatives", "--mix", text]) == 2
    assert capsys.readouterr().err.startswith("kws: --mix ")


def test_the_table_of_parts():
    named = {source.name for source in sources.SOURCES} | {"common-voice"}
    assert {part.source for part in sources.PARTS} == named & {p.source for p in sources.PARTS}
    assert sources.MIX.keys() <= {part.name for part in sources.PARTS}
    for part in sources.PARTS:
        assert part.hours is None or sources.MIX.get(part.name, 0) <= part.hours


# --- the command line ---


def test_the_command_says_what_it_costs_and_what_it_made(tmp_path, offered, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["data", "fetch", "negatives", "--mix", "librispeech-dev-clean=1,musan-noise=0.001"]
    assert main([*command, "--yes"]) == 0
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert lines[0] == "data/negatives: 1.001 hours"
    assert lines[1] == "  librispeech-dev-clean  1 hours of 5.4, kind read. CC BY 4.0"
    assert lines[3].startswith("downloads 1.")
    assert "(librispeech-dev-clean, musan-whole), takes at most " in lines[3]
    assert lines[4].startswith("takes some 1 min at 100 Mbit/s, 1 min at 10 Mbit/s, and 1 min to ")
    assert out.splitlines()[0] == "data/negatives/noise: 0.0 hours, 1 recordings, 1 speakers"
    assert "--negatives data/negatives --noise data/negatives/noise --output" in out
    assert main(command) == 0  # it is there: nobody is asked
    assert capsys.readouterr().out.startswith("data/negatives is there already\n")
    assert main(["data", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["mix"] == sources.MIX
    assert {
        "name": "musan-noise",
        "source": "musan-whole",
        "kind": "noise",
        "hours": 6.0,
    } in listed["parts"]
    assert main(["data", "list"]) == 0
    assert mixing.NEGATIVES in capsys.readouterr().out
    assert main(["data", "fetch", "musan", "--yes"]) == 2
    assert "--yes: goes with `kws data fetch negatives` alone" in capsys.readouterr().err


def test_as_a_process_it_asks_or_refuses_and_downloads_nothing(tmp_path):
    command = [sys.executable, "-m", "kws", "data", "fetch", "negatives"]
    refused = subprocess.run(
        command, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    lines = refused.stderr.splitlines()
    assert lines[0] == "data/negatives: 40 hours"
    assert lines[5].startswith("downloads 11.4 GB (librispeech-dev-clean, musan-whole), takes at ")
    assert lines[6] == (
        "takes some 15 min at 100 Mbit/s, 2.5 hours at 10 Mbit/s, and 5 min to unpack (estimates)"
    )
    assert lines[-1] == "kws: nobody can be asked whether to begin: add --yes"
    person, terminal = pty.openpty()
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=terminal, stderr=subprocess.PIPE, text=True
    ) as process:
        os.write(person, b"n\n")
        _, error = process.communicate(timeout=60)
    os.close(person)
    os.close(terminal)
    assert process.returncode == 1
    assert error.endswith("begin? [y/N] nothing was downloaded\n")
    assert list(tmp_path.iterdir()) == []
