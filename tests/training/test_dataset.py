"""Folders of recordings: labels, speakers, splits."""

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_training.dataset import (
    Clip,
    DataError,
    find_background,
    find_clips,
    find_recordings,
    hold_out,
    labels_of,
    split,
)


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def test_folder_names_the_word_at_any_depth(tmp_path):
    make(tmp_path, "yes/a_nohash_0.wav", "training/no/b_nohash_1.FLAC", "no/notes.txt",
         "loose.wav", "yes/.hidden.wav")  # fmt: skip
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
    with pytest.raises(DataError, match="no recordings in this folder"):
        find_recordings([tmp_path / "missing"])


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


clips_of_speakers = st.lists(
    st.tuples(st.sampled_from(["yes", "no", "_unknown_"]), st.integers(0, 40)), min_size=1
).map(
    lambda rows: [Clip(Path(str(n)), word, word, f"s{who}") for n, (word, who) in enumerate(rows)]
)


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
