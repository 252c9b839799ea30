"""Archives of Common Voice: which clips are taken, of whom, and what is refused."""

import io
import subprocess
import sys
import tarfile

import numpy as np
import pytest
import soundfile

from kws.cli.main import main
from kws_training.data import common_voice
from kws_training.data.common_voice import CommonVoiceError, import_common_voice
from kws_training.data.fetching import FetchError
from kws_training.data.mixing import fetch_mix, plan_mix
from kws_training.data.unlabelled import find_speech
from kws_training.data.unpack import UnpackError

from .. import archives
from ..archives import rows_of

HOUR = 3600
RELEASE = "cv-corpus-22.0-2025-06-20/en"
HEADER = (
    "client_id\tpath\tsentence_id\tsentence\tup_votes\tdown_votes\tage\tgender\taccents\tlocale"
)


@pytest.fixture(scope="module")
def mp3():
    """Two seconds in MP3, as the clips are."""
    file = io.BytesIO()
    samples = np.random.default_rng(0).normal(0, 0.1, 2 * 32000)
    soundfile.write(file, samples, 32000, format="MP3")
    return file.getvalue()


def members(mp3, speakers=4, clips=5, header=HEADER, release=RELEASE):
    """A release: the first speaker has as many clips again as the others."""
    rows, found = [header], {}
    for speaker in range(speakers):
        for number in range(clips * (2 if speaker == 0 else 1)):
            name = f"common_voice_en_{speaker}{number:03}.mp3"
            client = f"{speaker:x}" * 128
            sentence = 'He said "computer" twice.' if number == 0 else f"Sentence {number}."
            values = {"client_id": client, "path": name, "sentence": sentence, "gender": "female"}
            rows.append("\t".join(values.get(column, "") for column in header.split("\t")))
            found[f"{release}/clips/{name}"] = mp3
    table = "\n".join(rows).encode() + b"\n"
    return {f"{release}/validated.tsv": table, f"{release}/other.tsv": b"x\n", **found}


def pack(path, members, *links):
    path.write_bytes(archives.pack(members, path.name, links))
    return path


def test_hours_of_as_many_speakers_as_there_are(tmp_path, mp3):
    archive = pack(tmp_path / "cv.tar.gz", members(mp3))
    goal = import_common_voice(archive, tmp_path / "data", 16 / HOUR, 0)
    rows = rows_of(goal)
    assert len(rows) == len(list((goal / "clips").iterdir())) == 8
    speakers = [row["speaker"] for row in rows]
    assert sorted(speakers) == sorted([f"{n}" * 16 for n in range(4)] * 2)
    assert {row["licence"] for row in rows} == {"CC0-1.0"}
    assert {row["seconds"][:2] for row in rows} <= {"2.", "1."}
    assert "cv.tar.gz, by seed 0" in (goal / "SOURCE.txt").read_text()
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [
        ".common-voice.lock",
        "common-voice",
    ]
    clips = find_speech([goal])
    assert {clip.speaker for clip in clips} == set(speakers)
    assert {clip.columns["text"] for clip in clips} == {row["text"] for row in rows}
    again = import_common_voice(archive, tmp_path / "again", 16 / HOUR, 0)
    assert rows_of(again) == rows
    other = import_common_voice(archive, tmp_path / "other", 16 / HOUR, 1)
    assert rows_of(other) != rows


def test_folders_and_older_releases(tmp_path, mp3, capsys):
    archive = pack(tmp_path / "cv.tar.gz", members(mp3))
    with tarfile.open(archive) as content:
        # Python 3.11.2, that of Debian 12, has no filters yet
        kinds = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        content.extractall(tmp_path / "unpacked", **kinds)
    folders = [tmp_path / "unpacked", tmp_path / "unpacked" / RELEASE]
    goals = [import_common_voice(one, tmp_path / f"{n}", 1, 0) for n, one in enumerate(folders)]
    assert rows_of(goals[0]) == rows_of(goals[1])
    assert len(rows_of(goals[0])) == 25
    assert "common-voice: 0.01 hours, there are no more" in capsys.readouterr().err
    header = "client_id\tpath\tsentence\tup_votes\tdown_votes\tage\tgender\taccent"
    old = members(mp3, header=header, release="en")
    old["en/validated.tsv"] = old["en/validated.tsv"].replace(b".mp3", b"")
    old["en/clips.tsv"] = old.pop("en/validated.tsv")
    goal = import_common_voice(pack(tmp_path / "old.tar.gz", old), tmp_path / "old", 1, 0)
    assert [row["sex"] for row in rows_of(goal)] == ["female"] * 25


def test_a_mix_takes_it(tmp_path, mp3):
    archive = pack(tmp_path / "cv.tar.gz", members(mp3))
    import_common_voice(archive, tmp_path, 1, 0)
    goal = fetch_mix(plan_mix({"common-voice": 8 / HOUR}, tmp_path), tmp_path, 0)
    rows = rows_of(goal)
    assert {(row["kind"], row["licence"]) for row in rows} == {("community", "CC0-1.0")}
    assert len({row["speaker"] for row in rows}) == 4
    assert rows[0]["path"].startswith("community/common-voice/clips/")


def test_only_what_the_table_names_is_unpacked(tmp_path, mp3, capsys):
    hostile = members(mp3, clips=1)
    table = hostile[f"{RELEASE}/validated.tsv"]
    for path in ("../../evil.mp3", "/etc/passwd.mp3", "a\\b.mp3", ".hidden.mp3", "missing.mp3", ""):
        table += f"{'f' * 128}\t{path}\n".encode()
    damaged = f"{RELEASE}/clips/common_voice_en_1000.mp3"
    link = tarfile.TarInfo(f"{RELEASE}/clips/missing.mp3")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    hostile |= {f"{RELEASE}/validated.tsv": table, f"{RELEASE}/clips/unnamed.mp3": mp3}
    hostile[damaged] = b"no audio"
    archive = pack(tmp_path / "cv.tar.gz", hostile, link)
    goal = import_common_voice(archive, tmp_path / "data", 1, 0)
    assert sorted(row["path"] for row in rows_of(goal)) == [
        f"clips/common_voice_en_{name}.mp3" for name in ("0000", "0001", "2000", "3000")
    ]
    assert len(list((goal / "clips").iterdir())) == 4


def test_what_is_no_archive_is_told_and_leaves_nothing(tmp_path, mp3, monkeypatch):
    data = tmp_path / "data"
    archive = pack(tmp_path / "cv.tar.gz", members(mp3))
    with pytest.raises(CommonVoiceError, match=r"none\.tar\.gz: no such archive or folder"):
        import_common_voice(tmp_path / "none.tar.gz", data, 1, 0)
    for hours in (0, -1, float("nan"), 1e9):
        with pytest.raises(CommonVoiceError, match=r"--hours .*: must be more than 0"):
            import_common_voice(archive, data, hours, 0)
    other = pack(tmp_path / "other.tar.gz", {"musan/noise/1.wav": mp3})
    (tmp_path / "empty").mkdir()
    for given in (other, tmp_path / "empty"):
        with pytest.raises(
            CommonVoiceError, match=r"no validated\.tsv, clips\.tsv, train\.tsv in it"
        ):
            import_common_voice(given, data, 1, 0)
    (tmp_path / "cut.tar.gz").write_bytes(archive.read_bytes()[:5000])
    with pytest.raises(UnpackError, match="damaged"):
        import_common_voice(tmp_path / "cut.tar.gz", data, 1, 0)
    evil = pack(tmp_path / "evil.tar.gz", {**members(mp3), "../evil": b"x"})
    with pytest.raises(UnpackError, match="would lie outside the folder"):
        import_common_voice(evil, data, 1, 0)
    table = pack(tmp_path / "table.tar.gz", {f"{RELEASE}/validated.tsv": b"speaker\tfile\na\tb\n"})
    with pytest.raises(CommonVoiceError, match="no column 'client_id'"):
        import_common_voice(table, data, 1, 0)
    bare = pack(tmp_path / "bare.tar.gz", {f"{RELEASE}/validated.tsv": HEADER.encode() + b"\n"})
    with pytest.raises(CommonVoiceError, match="names no clips"):
        import_common_voice(bare, data, 1, 0)
    monkeypatch.setattr(common_voice, "MOST_CLIP", 100)
    with pytest.raises(UnpackError, match=r"more than \d+ bytes"):
        import_common_voice(archive, data, 1, 0)
    assert [path.name for path in data.iterdir()] == [".common-voice.lock"]
    monkeypatch.undo()
    import_common_voice(archive, data, 1, 0)
    with pytest.raises(FetchError, match="is there already: move it"):
        import_common_voice(archive, data, 1, 0)


def test_from_the_command_line(tmp_path, mp3, capsys):
    archive = pack(tmp_path / "cv.tar.gz", members(mp3))
    command = ["data", "import", "common-voice", str(archive), "--hours", "0.002"]
    made = subprocess.run(
        [sys.executable, "-m", "kws", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    size = archive.stat().st_size / 1e6
    assert made.stderr == (
        f"{archive}: {size:.1f} MB are read twice, in some 1 min (an estimate)\n"
    )
    assert made.stdout.splitlines() == [
        "Common Voice, 0.00 hours of cv.tar.gz, by seed 0",
        "use it:  kws data fetch negatives --mix common-voice=0.002",
        "or:      kws train --wake-word 'hey device' --negatives data/common-voice "
        "--output model.tflite",
    ]
    assert len(rows_of(tmp_path / "data" / "common-voice")) == 4
    assert main(["data", "import", "common-voice", str(tmp_path / "no.zip")]) == 2
    assert "no such archive or folder" in capsys.readouterr().err
