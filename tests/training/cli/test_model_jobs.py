"""What a model that is made already depends on."""

import os

from kws_training.cli.model_jobs import key_of


def test_a_list_beside_the_recordings_counts(tmp_path):
    for name in ("a.wav", "manifest.csv", "notes.md"):
        (tmp_path / name).write_text(name)
    first = key_of(1, {}, [tmp_path])
    (tmp_path / "notes.md").write_text("other notes")
    assert key_of(1, {}, [tmp_path]) == first
    for name in ("manifest.csv", "a.wav"):
        before = key_of(1, {}, [tmp_path])
        (tmp_path / name).write_text(f"other {name}")
        assert key_of(1, {}, [tmp_path]) != before
    assert key_of(2, {}, [tmp_path]) != key_of(1, {}, [tmp_path])


def test_a_list_that_is_named_counts_with_what_is_beside_it(tmp_path):
    listed, recording = tmp_path / "list.csv", tmp_path / "a.wav"
    listed.write_text("file\na.wav\n")
    recording.write_text("a")
    before = key_of(1, {}, [listed])
    recording.write_text("bb")
    assert key_of(1, {}, [listed]) != before
    before = key_of(1, {}, [listed])
    os.utime(listed, (1, 1))
    assert key_of(1, {}, [listed]) != before
