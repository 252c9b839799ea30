"""Recordings with labels: words, speakers, splits."""

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_training.data.dataset import Clip, DataError, find_clips, find_parts, labels_of
from kws_training.data.splits import by_column, by_speaker, check_apart, hold_out, split
from kws_training.data.unlabelled import find_background, find_recordings, find_speech


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


def test_recordings_that_need_no_label(tmp_path):
    make(tmp_path, "b.wav", "deep/er/a.flac", "._b.wav", "deep/.hidden.wav")
    (tmp_path / "list.csv").write_text("path\nb.wav\n")
    found = [tmp_path / "b.wav", tmp_path / "deep/er/a.flac"]
    assert find_recordings([tmp_path]) == found
    assert find_recordings([tmp_path / "deep", tmp_path / "b.wav"]) == found[::-1]
    with pytest.raises(DataError, match=r"list.csv: no recording, by its suffix"):
        find_recordings([tmp_path / "list.csv"])


def test_a_recording_in_place_of_a_folder_is_speech(tmp_path):
    make(tmp_path, "anna_nohash_0.wav", "b.wav")
    clips = find_speech([tmp_path / "anna_nohash_0.wav", tmp_path / "b.wav"])
    assert [(clip.path.name, clip.columns) for clip in clips] == [
        ("anna_nohash_0.wav", {}),
        ("b.wav", {}),
    ]
    assert clips[0].speaker == "anna"
    assert clips[1].speaker.endswith("b.wav")


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


def test_by_column_takes_the_usual_names(tmp_path):
    said = ["train", "Training", "val", "dev", "validation", "valid", "test", " testing "]
    clips = [
        Clip(Path(str(n)), "yes", "yes", f"s{n}", {"set": name}) for n, name in enumerate(said)
    ]
    assert [len(part) for part in by_column(clips, "set")] == [2, 4, 2]


def test_by_column_says_what_is_wrong():
    def clips(*values, speaker=None):
        return [
            Clip(Path(f"{n}.wav"), "yes", "yes", speaker or f"s{n}", {"fold": value})
            for n, value in enumerate(values)
        ]

    with pytest.raises(DataError, match=r"1\.wav: fold is '3': it must be train"):
        by_column(clips("train", "3"), "fold")
    with pytest.raises(DataError, match=r"0\.wav: nothing says its 'set': the columns are fold"):
        by_column(clips("train"), "set")
    with pytest.raises(DataError, match="there is no manifest"):
        by_column([Clip(Path("a"), "yes", "yes", "s")], "set")
    with pytest.raises(DataError, match=r"1\.wav: its speaker is in train \(0\.wav\) and in test"):
        by_column(clips("train", "test", speaker="anna"), "fold")


def test_parts_are_named_together_and_kept_apart(tmp_path):
    make(tmp_path, "train/yes/1.wav", "val/yes/1.wav", "test/yes/a_nohash_0.wav")
    (tmp_path / "manifest.csv").write_text("path,speaker\ntest/yes/a_nohash_0.wav,Anna\n")
    folders = [[tmp_path / name] for name in ("train", "val", "test")]
    train, val, test = find_parts(folders)
    assert train[0].speaker == val[0].speaker == "yes/1.wav"  # nobody knows: two files, two people
    check_apart({"training": train, "validation": val, "test": test})
    (tmp_path / "manifest.csv").write_text(
        "path,speaker\ntest/yes/a_nohash_0.wav,Anna\nval/yes/1.wav,Anna\n"
    )
    train, val, test = find_parts(folders)
    assert val[0].speaker == test[0].speaker == "a"
    with pytest.raises(DataError, match=r"its speaker is in validation .* and in test"):
        check_apart({"training": train, "validation": val, "test": test})
    with pytest.raises(DataError, match="its speaker is in training"):
        check_apart({"training": train, "validation": train})


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


def test_the_arabic_split(shared):
    folder = shared / "audio" / "arabic_speech_commands"
    parts = find_parts([[folder / name] for name in ("train", "val", "test")])
    check_apart(dict(zip("abc", parts, strict=True)))
    assert sum(len({clip.speaker for clip in part}) for part in parts) == 30


clips_of_speakers = st.lists(
    st.tuples(st.sampled_from(["yes", "no", "_unknown_"]), st.integers(0, 40)), min_size=1
).map(
    lambda rows: [Clip(Path(str(n)), word, word, f"s{who}") for n, (word, who) in enumerate(rows)]
)


@settings(deadline=None)
@given(clips_of_speakers, st.floats(0, 0.9))
def test_splits_never_share_speakers_and_lose_nothing(clips, fraction):
    kept, out = hold_out(clips, fraction)
    assert Counter(kept) + Counter(out) == Counter(clips)
    assert not {c.speaker for c in kept} & {c.speaker for c in out}
    try:
        train, validation = split(kept, fraction)
    except DataError as error:
        assert "too few" in str(error)
        return
    assert Counter(train) + Counter(validation) == Counter(kept)
    assert not {c.speaker for c in train} & {c.speaker for c in validation}
    assert {c.label for c in validation} == {c.label for c in kept}


def test_split_is_stable_when_recordings_are_added():
    clips = [Clip(Path(str(n)), "yes", "yes", f"s{n}") for n in range(300)]
    _, before = split(clips[:200], 0.2)
    _, after = split(clips, 0.2)
    assert set(before) <= set(after)
    assert 0.1 < len(after) / 300 < 0.3


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["train", "val", "test"])), min_size=1)
)
def test_columns_split_speakers_apart_or_are_refused(rows):
    clips = [
        Clip(Path(f"{n}.wav"), "yes", "yes", f"s{who}", {"set": part})
        for n, (who, part) in enumerate(rows)
    ]
    sides = {who: {part for other, part in rows if other == who} for who, _ in rows}
    mixed = any(len(parts) > 1 for parts in sides.values())
    try:
        parts = by_column(clips, "set")
    except DataError:
        assert mixed
        return
    assert not mixed
    assert Counter(clip for part in parts for clip in part) == Counter(clips)
    # what a speaker's side is does not depend on who else is there
    alone = by_column([clips[0]], "set")
    assert [clips[0] in part for part in alone] == [clips[0] in part for part in parts]


@settings(deadline=None)
@given(clips_of_speakers, st.floats(0, 0.5), st.floats(0, 0.5))
def test_by_speaker_is_hold_out_and_split(clips, validation, held_out):
    try:
        parts = by_speaker(clips, validation, held_out)
    except DataError:
        return
    check_apart(dict(zip("abc", parts, strict=True)))
    assert parts[2] == hold_out(clips, held_out)[1]
    assert Counter(clip for part in parts for clip in part) == Counter(clips)
