"""Negatives drawn from shards: some hours, in an order of a seed, without the phrases."""

from pathlib import Path

import numpy as np
import pytest

from kws_training.data.dataset import Clip
from kws_training.data.frames import FrameSet
from kws_training.data.places import LocalPlace
from kws_training.data.shards import Shard, open_shards, pack, write_index
from kws_training.wake_words.shard_pool import ShardPool


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Twenty shards of 36 s, of which every fifth is for tests; some recordings say "go"."""
    import hashlib

    place = LocalPlace(tmp_path_factory.mktemp("shards"))
    rng = np.random.default_rng(0)
    shards = []
    for number in range(20):
        clips, images = [], []
        for take in range(4):
            text = "go on" if take == 3 else "hello"
            path = Path(f"/far/away/{number}/{take}.wav")
            clips.append(Clip(path, "_unknown_", "_unknown_", f"s{number}", {"text": text}))
            images.append(rng.integers(0, 99, (900, 40), np.uint8))
        content = pack(FrameSet(clips, images, []))
        place.write(f"shard{number}.npz", content)
        part = "test" if number % 5 == 0 else "training"
        digest = hashlib.sha256(content).hexdigest()
        shards.append(Shard(f"shard{number}.npz", digest, part, 4, 36.0))
    write_index(place, shards)
    return [open_shards(Path(str(place)))]


def paths(frames):
    return [str(clip.path) for clip in frames.clips]


def test_some_hours_in_the_order_of_a_seed(sets):
    pool = ShardPool(sets, ("go",))
    drawn = pool.draw("training", 1, 0.02)  # 72 s: three shards, of which a quarter says "go"
    assert len(drawn.clips) == 9
    assert drawn.hours == pytest.approx(0.0225)
    assert paths(pool.draw("training", 1, 0.02)) == paths(drawn)
    assert paths(pool.draw("training", 2, 0.02)) != paths(drawn)
    assert not any(path.endswith("3.wav") for path in paths(drawn))
    assert all(int(Path(one).parent.name) % 5 for one in paths(drawn))


def test_no_more_than_there_is(sets):
    pool = ShardPool(sets, ())
    assert len(pool.draw("test", 0, 100.0).clips) == 16
    assert pool.draw("development", 0).clips == []
    assert pool.hours("training") == pytest.approx(16 * 36 / 3600)
    assert len(pool.images(3)) == 64


def test_some_at_a_time_are_the_same_hours(sets):
    pool = ShardPool(sets, ("go",))
    groups = list(pool.groups("training", 1, 0.06, 0.02))
    assert [len(one.clips) for one in groups] == [9, 9, 6]
    together = [path for one in groups for path in paths(one)]
    assert together == paths(pool.draw("training", 1, 0.06))
    assert list(pool.groups("development", 1, 0.06)) == []
