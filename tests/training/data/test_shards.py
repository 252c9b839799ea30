"""Recordings as shards: each as a whole, the same bytes again, damage refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_training.data.frames import frames_of
from kws_training.data.places import LocalPlace, is_remote, place_of
from kws_training.data.sharding import groups_of, make_shards
from kws_training.data.shards import INDEX, ShardError, is_shards, open_shards, pack, unpack
from kws_training.data.splits import part_of_negative
from kws_training.data.unlabelled import find_speech
from kws_training.spreading.workers import ALONE, Workers


@pytest.fixture(scope="module")
def speech_clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speech")
    rng = np.random.default_rng(0)
    for number in range(40):
        samples = rng.normal(0, 0.1, rng.integers(2000, 9000))
        soundfile.write(folder / f"s{number}_nohash_0.wav", samples, 16000)
    (folder / "bad_nohash_0.wav").write_bytes(b"RIFF")
    rows = [f"s{n}_nohash_0.wav,_unknown_,hello {n}" for n in range(40)]
    (folder / "manifest.csv").write_text("path,label,text\n" + "\n".join(rows) + "\n")
    return find_speech([folder])


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_goes_in_comes_out(speech_clips, tmp_path):
    made = make_shards(speech_clips, tmp_path / "shards", ALONE)
    assert [skip.path.name for skip in made.skipped] == ["bad_nohash_0.wav"]
    assert is_shards(tmp_path / "shards")
    assert not is_shards(tmp_path)
    shards = open_shards(tmp_path / "shards")
    frames = {clip.path: image for clip, image in zip(*read(speech_clips), strict=True)}
    found = [
        (clip, image, shard.part)
        for shard in shards.shards
        for clip, image in zip(*read_shard(shards, shard), strict=True)
    ]
    assert {clip.path for clip, _, _ in found} == set(frames)
    by_path = {clip.path: clip for clip in speech_clips}
    for clip, image, part in found:
        np.testing.assert_array_equal(image, frames[clip.path])
        assert clip.speaker == by_path[clip.path].speaker
        assert clip.columns["text"] == by_path[clip.path].columns["text"]
        assert part == part_of_negative(clip.speaker)
    assert shards.hours("training") == pytest.approx(
        sum(len(i) for _, i, p in found if p == "training") / 360_000, abs=1e-5
    )


def read(clips):
    frames = frames_of(clips)
    return frames.clips, frames.images


def read_shard(shards, shard):
    frames = shards.read(shard)
    return frames.clips, frames.images


def test_the_same_bytes_by_any_number_of_workers(speech_clips, tmp_path, monkeypatch):
    monkeypatch.setattr("kws_training.data.sharding.SHARD_RECORDINGS", 7)
    make_shards(speech_clips, tmp_path / "one", ALONE)
    with Workers(2) as workers:
        make_shards(speech_clips, tmp_path / "two", workers)
    one = files_of(tmp_path / "one")
    assert len(one) > 4
    assert files_of(tmp_path / "two") == one


def test_a_stopped_run_goes_on(speech_clips, tmp_path, monkeypatch):
    monkeypatch.setattr("kws_training.data.sharding.SHARD_RECORDINGS", 7)
    make_shards(speech_clips, tmp_path, ALONE)
    whole = files_of(tmp_path)
    shards = sorted(name for name in whole if name != INDEX)
    (tmp_path / INDEX).unlink()
    (tmp_path / shards[0]).unlink()
    (tmp_path / shards[1]).write_bytes(whole[shards[1]][:-50])  # damaged
    kept = (tmp_path / shards[2]).stat().st_mtime_ns
    with pytest.raises(ShardError, match=r"no shards.json: kws features --output writes one"):
        open_shards(tmp_path)
    made = make_shards(speech_clips, tmp_path, ALONE)
    assert len(made.skipped) == 1  # said again
    assert files_of(tmp_path) == whole
    assert (tmp_path / shards[2]).stat().st_mtime_ns == kept


def test_shards_hold_one_part_each_and_are_drawn_from_all(speech_clips, monkeypatch):
    monkeypatch.setattr("kws_training.data.sharding.SHARD_RECORDINGS", 7)
    groups = groups_of(speech_clips)
    assert sorted(c.path for g in groups for c in g) == sorted(c.path for c in speech_clips)
    for group in groups:
        assert len({part_of_negative(clip.speaker) for clip in group}) == 1
    assert [c.path for c in groups[0]] != sorted(c.path for c in groups[0])
    again = groups_of(speech_clips[::-1])
    assert [[c.path for c in g] for g in again] == [[c.path for c in g] for g in groups]


def test_damage_is_refused(speech_clips, tmp_path):
    make_shards(speech_clips, tmp_path, ALONE)
    shards = open_shards(tmp_path)
    shard = shards.shards[0]
    content = (tmp_path / shard.name).read_bytes()
    (tmp_path / shard.name).write_bytes(content[:-1] + b"?")
    with pytest.raises(ShardError, match=rf"{shard.name}: is damaged: remove it"):
        shards.read(shard)
    (tmp_path / shard.name).unlink()
    with pytest.raises(ShardError, match="is missing"):
        shards.read(shard)
    for wrong in (b"", b"PK\3\4", content[: len(content) // 2]):
        with pytest.raises(ShardError, match="no shard"):
            unpack(wrong, "x")
    index = json.loads((tmp_path / INDEX).read_text())
    for change in (
        {"version": 2},
        {"front_end": "another"},
        {"shards": {}},
        {"shards": [{**index["shards"][0], "name": "../secret.npz"}]},
        {"shards": [{**index["shards"][0], "part": "all"}]},
        {"shards": [{**index["shards"][0], "seconds": -1}]},
    ):
        (tmp_path / INDEX).write_text(json.dumps(index | change))
        with pytest.raises(ShardError, match=r"shards\.json: "):
            open_shards(tmp_path)
    (tmp_path / INDEX).write_text("[1")
    with pytest.raises(ShardError):
        open_shards(tmp_path)


def test_packing_is_exact(speech_clips):
    frames = frames_of(speech_clips[:3])
    content = pack(frames)
    assert pack(frames) == content
    again = unpack(content, "x")
    assert [clip.path for clip in again.clips] == [clip.path for clip in frames.clips]
    for one, other in zip(frames.images, again.images, strict=True):
        np.testing.assert_array_equal(one, other)


def test_addresses():
    assert isinstance(place_of("folder/x"), LocalPlace)
    assert isinstance(place_of(Path("C")), LocalPlace)
    assert not is_remote("hf://anna/words")
    assert is_remote(Path("s3://bucket/x"))  # of two slashes a Path keeps one


def test_storage_elsewhere(speech_clips):
    pytest.importorskip("fsspec", reason="no fsspec: pip install fsspec")
    where = Path("memory://bucket/shards")
    make_shards(speech_clips, where, ALONE)
    assert is_shards(where)
    shards = open_shards(where)
    assert sum(len(shards.read(one).clips) for one in shards.shards) == 40
    assert place_of(where).read("nothing") is None
