"""Recordings with labels: words, speakers, splits."""

import os
import re
from collections import Counter
from pathlib import Path

import pytest

from kws_training.data.dataset import Clip, DataError, find_clips, labels_of
from kws_training.data.splits import by_column, hold_out
from kws_training.data.unlabelled import find_background, find_recordings


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def test_folder_names_the_word_at_any_depth(tmp_path):
    make(
        tmp_path,
        "yes/a_nohash_0.wav",
        "training/no/b_nohash_1.FLAC",
        "no/notes.txt",
        "loose.wav",
        "yes/.hidden.wav",
    )
    clips = find_clips([tmp_path])
    found = [(c.path.relative_to(tmp_path).as_posix(), c.label, c.speaker) for c in clips]
    assert sorted(found) == [
        ("training/no/b_nohash_1.FLAC", "no", "b"),
        ("yes/a_nohash_0.wav", "yes", "a"),
    ]


def test_other_words_become_unknown_and_silence_stays(tmp_path):
    make(tmp_path, "yes/1.wav", "bed/2.wav", "_silence_/3.wav", "_unknown_/4.wav")
    labels = Counter(clip.label for clip in find_clips([tmp_path], ["yes"]))
    assert labels == {"yes": 1, "_unknown_": 2, "_silence_": 1}


def test_speaker_rule(tmp_path):
    make(tmp_path, "yes/anna-1.wav", "yes/ben-2.wav", "yes/odd.wav")
    clips = find_clips([tmp_path], speaker_rule=r"^(\w+)-")
    assert [clip.speaker for clip in clips][:2] == ["anna", "ben"]
    assert clips[2].speaker == "yes/odd.wav"  # its own, wherever the folder is


def test_background_noise_is_no_word(tmp_path):
    make(tmp_path, "yes/1.wav", "no/2.wav", "_background_noise_/tap.wav")
    assert {clip.word for clip in find_clips([tmp_path])} == {"yes", "no"}
    assert {clip.word for clip in find_clips([tmp_path], ["yes"])} == {"yes", "no"}
    assert [path.name for path in find_background([tmp_path])] == ["tap.wav"]


def test_a_rule_whose_group_matches_nothing_and_odd_names(tmp_path):
    make(tmp_path, "yes/1.wav", os.fsdecode(b"yes/\xff.wav"))
    clips = find_clips([tmp_path], speaker_rule="(x)?")
    assert len({clip.speaker for clip in clips}) == 2
    hold_out(clips, 0.5)


@pytest.mark.parametrize("rule", ["(", "no group"])
def test_bad_speaker_rule(tmp_path, rule):
    make(tmp_path, "yes/1.wav")
    with pytest.raises(DataError, match="speaker rule"):
        find_clips([tmp_path], speaker_rule=rule)


def test_folders_that_hold_nothing(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        find_clips([tmp_path / "missing"])
    make(tmp_path, "loose.wav")
    with pytest.raises(DataError, match="no recordings in sub-folders"):
        find_clips([tmp_path])
    with pytest.raises(DataError, match="no such folder"):
        find_recordings([tmp_path / "missing"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no recordings in this folder"):
        find_recordings([tmp_path / "empty"])


def test_labels():
    def clips(*labels):
        return [Clip(Path(label), label, label, label) for label in labels]

    assert labels_of(clips("no", "yes", "_unknown_")) == ("_silence_", "_unknown_", "no", "yes")
    with pytest.raises(DataError, match="one class only"):
        labels_of(clips("yes", "yes"))
    with pytest.raises(DataError, match="no keyword"):
        labels_of(clips("_silence_", "_unknown_"))
    with pytest.raises(DataError, match="printable"):
        labels_of(clips("yes", "no\x1b[2J"))


def speakers(clips) -> dict[str, str]:
    return {clip.path.name: clip.speaker for clip in clips}


def test_test_set_names_its_unknown_words_by_word_and_speaker(tmp_path):
    make(
        tmp_path,
        "_unknown_/bird_0fa1e7a9_nohash_0.wav.flac",
        "yes/0fa1e7a9_nohash_1.wav",
        "yes/anna_smith_nohash_0.wav",
    )
    assert set(speakers(find_clips([tmp_path])).values()) == {"0fa1e7a9", "anna_smith"}


def test_manifest_says_who_speaks_where_the_file_name_does_not(tmp_path):
    make(
        tmp_path, "words/yes/1.wav", "words/yes/2.wav", "words/yes/a_nohash_0.wav", "words/no/3.wav"
    )
    (tmp_path / "manifest.csv").write_text(
        "path,label,speaker,room\n"
        "words/yes/1.wav,oui,anna,hall\n"
        "words/yes/2.wav,yes,,hall\n"
        "words/yes/a_nohash_0.wav,yes,bird,bath\n"
        "other/x.wav,yes,bird,\n"
    )
    clips = find_clips([tmp_path / "words"])
    assert speakers(clips) == {
        "1.wav": "anna",
        "2.wav": "yes/2.wav",
        "3.wav": "no/3.wav",
        "a_nohash_0.wav": "a",
    }
    assert [clip.alone for clip in clips] == [True, False, True, False]
    columns = {clip.path.name: clip.columns for clip in clips}
    assert columns["1.wav"] == {"speaker": "anna", "room": "hall"}
    assert columns["3.wav"] == {}
    assert {clip.word for clip in clips} == {"yes", "no"}  # the folder names the word


def test_an_explicit_rule_wins_over_the_manifest(tmp_path):
    make(tmp_path, "yes/ben-1.wav", "yes/2.wav")
    (tmp_path / "manifest.csv").write_text("path,speaker\nyes/ben-1.wav,anna\nyes/2.wav,anna\n")
    assert speakers(find_clips([tmp_path])) == {"ben-1.wav": "anna", "2.wav": "anna"}
    clips = find_clips([tmp_path], speaker_rule=r"^(\w+)-")
    assert speakers(clips) == {"ben-1.wav": "ben", "2.wav": "yes/2.wav"}


def test_one_person_has_one_name(tmp_path):
    # a recorder's name for the file says who speaks, the manifest does in other words
    make(tmp_path, "yes/a1_nohash_0.wav", "yes/plain.wav", "no/other.wav")
    (tmp_path / "manifest.csv").write_text(
        "path,speaker\nyes/a1_nohash_0.wav,Anna\nyes/plain.wav,Anna\nno/other.wav,Ben\n"
    )
    assert speakers(find_clips([tmp_path])) == {
        "a1_nohash_0.wav": "a1",
        "plain.wav": "a1",
        "other.wav": "Ben",
    }


def test_a_manifest_given_itself(tmp_path):
    make(tmp_path, "audio/1.wav", "audio/2.wav", "hum.wav")
    listed = tmp_path / "meta.csv"
    listed.write_text(
        "path,label,speaker,fold\n"
        "audio/1.wav,rain,x,1\n"
        "audio/2.wav,sea waves,,2\n"
        "audio/gone.wav,rain,y,3\n"
        "hum.wav,_background_noise_,,\n"
    )
    clips = find_clips([listed], ["rain"])
    assert [(c.label, c.word, c.speaker, c.columns["fold"]) for c in clips] == [
        ("rain", "rain", "x", "1"),
        ("_unknown_", "sea waves", "audio/2.wav", "2"),
        ("rain", "rain", "y", "3"),  # not there: said when it is read
    ]
    assert clips[0].path == tmp_path / "audio" / "1.wav"
    assert find_background([listed]) == [tmp_path / "hum.wav"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("path,label\n", "names no recordings"),
        ("path,label\na.wav,\n", "line 2: no label"),
        ("path\na.wav\n", "line 2: no label"),
        ("path,label\nb.wav,b\nc.wav,c\n", "none of the 2 recordings is there: .*b.wav"),
    ],
)
def test_a_manifest_that_cannot_be_trained_on(tmp_path, text, what):
    (tmp_path / "a.wav").write_bytes(b"x")
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(DataError, match=what):
        find_clips([tmp_path / "list.csv"])
    with pytest.raises(DataError, match="no such folder"):
        find_clips([tmp_path / "missing.csv"])


def test_official_lists(tmp_path):
    make(
        tmp_path,
        "yes/a_nohash_0.wav",
        "yes/b_nohash_0.flac",
        "no/c_nohash_0.wav",
        "_background_noise_/tap.wav",
    )
    (tmp_path / "validation_list.txt").write_text("yes/b_nohash_0.wav\r\n\r\nno/gone.wav\r\n")
    (tmp_path / "testing_list.txt").write_text("no/c_nohash_0.wav\n")
    clips = find_clips([tmp_path])
    split = {clip.path.name: clip.columns["split"] for clip in clips}
    assert split == {
        "a_nohash_0.wav": "train",
        "b_nohash_0.flac": "validation",
        "c_nohash_0.wav": "test",
    }
    assert [[c.speaker for c in part] for part in by_column(clips, "split")] == [
        ["a"],
        ["b"],
        ["c"],
    ]


def test_official_lists_that_contradict_each_other(tmp_path):
    make(tmp_path, "yes/a_nohash_0.wav")
    for name in ("validation_list.txt", "testing_list.txt"):
        (tmp_path / name).write_text("no/x.wav\nyes/a_nohash_0.wav\n")
    with pytest.raises(DataError, match=r"testing_list.txt: line 1: .* validation_list.txt"):
        find_clips([tmp_path])


def test_the_same_people_as_the_file_names_say(shared):
    folder = shared / "audio" / "speech_commands"
    clips = find_clips([folder])
    named = [clip for clip in clips if clip.label != "_silence_"]
    by_name = find_clips([folder], speaker_rule=r"([0-9a-f]{8})_nohash_")
    said = {clip.path: clip.speaker for clip in by_name}
    assert named
    assert all(clip.speaker == said[clip.path] for clip in named)
    assert not any(clip.alone for clip in clips)
    assert {clip.columns["licence"] for clip in clips} == {"CC BY 4.0"}


def test_links_are_followed_once(tmp_path: Path) -> None:
    make(tmp_path, *(f"data/yes/{n}.wav" for n in range(10)), *(f"disk/{n}.wav" for n in range(20)))
    (tmp_path / "data/no").symlink_to("../disk")
    (tmp_path / "data/yes/above").symlink_to("..")
    assert Counter(clip.word for clip in find_clips([tmp_path / "data"])) == {"yes": 10, "no": 20}


@pytest.mark.parametrize(
    "row", ["yes/1.wav;anna", "yes\\1.wav;anna", "yes/1.wav\tanna", "yes/1.wav,anna"]
)
def test_manifests_of_spreadsheets_name_the_speaker(tmp_path, row):
    make(tmp_path, "yes/1.wav", "no/2.wav")
    delimiter = next(one for one in ";\t," if one in row)
    (tmp_path / "manifest.csv").write_text(f"path{delimiter}speaker\n{row}\n")
    assert {clip.speaker for clip in find_clips([tmp_path])} == {"anna", "no/2.wav"}


def test_a_manifest_that_names_none_of_the_recordings_is_mentioned(tmp_path, capsys):
    make(tmp_path, "yes/1.wav", "no/2.wav")
    (tmp_path / "manifest.csv").write_text("path,speaker\ndata/yes/1.wav,anna\n")
    assert all(clip.alone for clip in find_clips([tmp_path]))
    (line,) = capsys.readouterr().err.splitlines()
    assert "names none of the 2 recordings" in line
    assert line.endswith("such as no/2.wav")


def test_a_manifest_spells_a_folder_with_other_code_points(tmp_path):
    make(tmp_path, "Tu\u0308r/1.wav", "yes/2.wav")
    (tmp_path / "manifest.csv").write_text("path,speaker\nT\u00fcr/1.wav,anna\n")
    assert {clip.speaker for clip in find_clips([tmp_path])} == {"anna", "yes/2.wav"}


@pytest.mark.data
@pytest.mark.parametrize("name", ["manifest_semi.csv", "manifest_win.csv"])
def test_manifests_of_the_cases(tmp_path, shared, name):
    table = (shared / "cases" / name).read_text("utf-8-sig").replace("\\", "/").splitlines()
    paths = [re.split("[;,]", line)[0] for line in table[1:]]
    make(tmp_path, *paths)
    (tmp_path / "manifest.csv").write_bytes((shared / "cases" / name).read_bytes())
    assert {clip.speaker for clip in find_clips([tmp_path])} == {"anna", "ben"}


@pytest.mark.parametrize("other", ["Yes", "YES", "yes ", " yes"])
def test_spellings_of_a_word_are_one_label(tmp_path, capsys, other):
    make(tmp_path, "yes/1.wav", "yes/2.wav", f"{other}/3.wav", "no/4.wav")
    assert Counter(clip.label for clip in find_clips([tmp_path])) == {"yes": 3, "no": 1}
    (line,) = capsys.readouterr().err.splitlines()
    assert "are taken for one label, 'yes'" in line
    assert other in line


def test_unicode_forms_of_a_word_are_one_label(tmp_path, capsys):
    make(tmp_path, "Tu\u0308r/1.wav", "T\u00fcr/2.wav", "nein/3.wav")
    assert {clip.label for clip in find_clips([tmp_path])} == {"T\u00fcr", "nein"}
    (line,) = capsys.readouterr().err.splitlines()
    assert "'Tu\\u0308r' and 'T\\xfcr' are taken for one label" in line
    make(tmp_path / "one", "Tu\u0308r/1.wav")  # alone it is composed, and nothing is joined
    assert [clip.label for clip in find_clips([tmp_path / "one"])] == ["T\u00fcr"]
    assert capsys.readouterr().err == ""


def test_words_are_spelled_as_the_keywords(tmp_path, capsys):
    make(tmp_path, "Yes/1.wav", "No/2.wav", "Bed/3.wav", "_Unknown_/4.wav", "Tu\u0308r/5.wav")
    clips = find_clips([tmp_path], ["yes", "no", "T\u00fcr"])
    assert Counter(clip.label for clip in clips) == {
        "yes": 1,
        "no": 1,
        "T\u00fcr": 1,
        "_unknown_": 2,
    }
    said = capsys.readouterr().err
    assert "kws: 'Yes' is taken for the label 'yes'\n" in said
    assert "'Bed'" not in said
    # keywords that differ in capitals only are two
    clips = find_clips([tmp_path], ["yes", "Yes"])
    assert [clip.label for clip in clips if clip.path.stem == "1"] == ["Yes"]


def test_labels_of_a_manifest_are_joined_with_those_of_folders(tmp_path):
    make(tmp_path, "a/yes/1.wav", "b/2.wav")
    (tmp_path / "b" / "list.csv").write_text("path,label\n2.wav,Yes\n")
    clips = find_clips([tmp_path / "a", tmp_path / "b" / "list.csv"])
    assert len({clip.label for clip in clips}) == 1
