"""Splits: no speaker on two sides, nothing lost, the same for ever."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_training.data.dataset import Clip, DataError, find_parts
from kws_training.data.splits import by_column, by_speaker, check_apart, hold_out, split


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


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
