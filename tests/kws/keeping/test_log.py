"""The log of what was kept: read whatever a power cut left of it, and bounded."""

import json
from dataclasses import asdict, replace

import pytest

from kws.keeping import log as log_module
from kws.keeping.log import KeepError, KeptRecording, Listened, LogWriter, read_log

RECORDING = KeptRecording(
    "a.wav", "2026-11-30T02:00:00+00:00", "hey", 0.9, 0.8, True, "m", "ab", 0.5, 1.0, "-"
)
LISTENED = Listened(
    "2026-11-30T01", "2026-11-30T02", 600.0, "m", "ab", 0.5, {"hey": 0.8}, {"hey": 2}, {"hey": 1}
)


def test_what_is_written_is_read(tmp_path) -> None:
    writer = LogWriter(tmp_path, LISTENED.since)
    later = replace(LISTENED, until="2026-11-30T03", seconds=1200.0, fired={"hey": 3})
    other = replace(RECORDING, file="b.wav", keyword="größe", source="a\udcffb.wav")
    for one in (LISTENED, RECORDING, later, other):
        writer.add(one)
    found = read_log(tmp_path)
    assert list(found.recordings) == ["a.wav", "b.wav"]
    assert found.recordings["a.wav"] == RECORDING
    assert found.recordings["b.wav"].keyword == "größe"
    assert found.listened == [later]  # of each run the last
    assert found.damaged == 0


def test_a_line_that_was_cut_off_costs_that_line_alone(tmp_path) -> None:
    writer = LogWriter(tmp_path, LISTENED.since)
    writer.add(RECORDING)
    path = tmp_path / "log.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    writer.add(replace(RECORDING, file="b.wav"))
    found = read_log(tmp_path)
    assert list(found.recordings) == ["b.wav"]
    assert found.damaged == 1


@pytest.mark.parametrize(
    "line",
    [
        '{"file": "../a.wav"',
        "[]",
        "[" * 100_000,
        '{"since": "x", "until": "y", "model": "m", "sha256": "ab", "seconds": NaN}',
        json.dumps({**asdict(RECORDING), "keyword": "\ud800"}),  # half a character
        json.dumps({**asdict(RECORDING), "keyword": "\0"}),  # no name of a folder
        json.dumps({**asdict(RECORDING), "file": "a\0.wav"}),
    ],
)
def test_foreign_lines_are_counted(tmp_path, line) -> None:
    (tmp_path / "log.jsonl").write_text(line + "\n")
    assert read_log(tmp_path).damaged == 1


def test_no_line_leads_out_of_the_folder(tmp_path) -> None:
    LogWriter(tmp_path, "").add(replace(RECORDING, file="../secret.wav"))
    assert read_log(tmp_path) == log_module.KeptLog({}, [], 1)


def test_no_log_says_what_to_give(tmp_path) -> None:
    with pytest.raises(KeepError, match="cannot be read"):
        read_log(tmp_path)


def test_a_log_that_is_too_large_is_not_read(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(log_module, "MOST_READ_BYTES", 10)
    LogWriter(tmp_path, "").add(RECORDING)
    with pytest.raises(KeepError, match="is no log"):
        read_log(tmp_path)


def test_a_long_log_drops_what_is_gone_and_keeps_the_hours(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(log_module, "MOST_LOG_BYTES", 20_000)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "kept.wav").touch()
    run = "2026-11-30T09"
    writer = LogWriter(tmp_path, run)
    writer.add(replace(RECORDING, file="kept.wav"))
    for hour in range(200):
        writer.add(replace(LISTENED, since=f"run {hour}"))
        writer.add(replace(RECORDING, file=f"gone{hour}.wav"))
        writer.add(replace(LISTENED, since=run, seconds=100.0 * hour))
    assert (tmp_path / "log.jsonl").stat().st_size < 21_000
    found = read_log(tmp_path)
    assert "kept.wav" in found.recordings
    assert len(found.recordings) < 40
    own = [one for one in found.listened if one.since == run]
    others = [one for one in found.listened if one.since != run]
    assert [one.seconds for one in own] == [19_900.0]
    assert sum(one.seconds for one in others) == pytest.approx(200 * 600)
    assert sum(one.fired["hey"] for one in others) == 400
