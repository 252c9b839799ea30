"""The benchmark of shards: links fill up the hours, and the disk holds the data once."""

import numpy as np
import soundfile

from kws_training.data.sharding import make_shards
from kws_training.data.shards import open_shards
from kws_training.data.unlabelled import find_speech
from kws_training.spreading.workers import ALONE


def test_links_fill_up_the_hours(benchmark_module, tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "speech").mkdir()
    for number in range(30):
        samples = rng.normal(0, 0.1, 16000)
        soundfile.write(tmp_path / "speech" / f"s{number}_nohash_0.wav", samples, 16000)
    folder = tmp_path / "shards"
    make_shards(find_speech([tmp_path / "speech"]), folder, ALONE)
    there = open_shards(folder)
    module = benchmark_module("shards")
    module.vary(folder, 0.02)
    there = open_shards(folder)
    images = {i.tobytes() for one in there.shards for i in there.read(one).images}
    assert len(images) == sum(one.recordings for one in there.shards)  # none is another
    filled = module.fill(folder, 0.05)
    assert 0.05 <= filled["hours"] < 0.06
    again = open_shards(folder)
    assert len(again.shards) == filled["shards"] > len(there.shards)
    assert again.shards[: len(there.shards)] == there.shards
    assert all(again.read(one).clips for one in again.shards)
    inodes = {(folder / one.name).stat().st_ino for one in again.shards}
    assert len(inodes) == len(there.shards)
    assert filled["bytes_on_disk"] < filled["bytes"]
