"""Rooms: simulated, kept, recorded."""

from dataclasses import replace

import numpy as np
import pyroomacoustics
import pytest
import soundfile

from kws_training.augmentation import rooms
from kws_training.augmentation.augment import Augmentation
from kws_training.augmentation.rooms import direct_to_reverberant, simulate_room, simulated_rooms

# small and dry, so that they are quick
SMALL = Augmentation(
    rooms=1, room_count=3, room_width=(2.5, 4), room_height=(2.3, 2.5), absorption=(0.5, 0.7)
)


def never(numbers, total, what):
    raise AssertionError(f"{what}: made again")


def quiet(numbers, total, what):
    return numbers


def test_response_begins_with_the_direct_sound():
    for seed in range(5):
        response = simulate_room(np.random.default_rng(seed), SMALL)
        assert response.dtype == np.float32
        assert 160 < len(response) <= rooms.LONGEST
        assert response[0] == 1
        assert np.isfinite(response).all()
        assert abs(response[-1]) < 0.01
        # a sound spreads: whatever was reflected went a longer way
        assert np.abs(response[1:]).max() < 1


def test_same_seed_same_room_whatever_the_threads():
    before = pyroomacoustics.constants.get("num_threads")
    try:
        responses = []
        for threads in (1, 3):
            pyroomacoustics.constants.set("num_threads", threads)
            responses.append(simulate_room(np.random.default_rng(4), SMALL))
            assert pyroomacoustics.constants.get("num_threads") == threads
    finally:
        pyroomacoustics.constants.set("num_threads", before)
    assert np.array_equal(*responses)
    assert not np.array_equal(simulate_room(np.random.default_rng(5), SMALL), responses[0])


def test_far_is_more_reverberant_than_near():
    near, far = (
        np.mean(
            [
                direct_to_reverberant(
                    simulate_room(
                        np.random.default_rng(n), replace(SMALL, distance=(metres, metres))
                    )
                )
                for n in range(6)
            ]
        )
        for metres in (0.3, 2.0)
    )
    assert near > far + 6


def test_hard_walls_ring_longer_than_soft_ones():
    hard, soft = (
        np.mean(
            [
                len(simulate_room(np.random.default_rng(n), replace(SMALL, absorption=(a, a))))
                for n in range(4)
            ]
        )
        for a in (0.2, 0.7)
    )
    assert hard > 1.5 * soft


def test_too_far_for_the_room_is_brought_nearer():
    closet = replace(SMALL, room_width=(1, 1), room_height=(1, 1), distance=(50, 50))
    assert simulate_room(np.random.default_rng(0), closet)[0] == 1


def test_rooms_are_made_once(tmp_path):
    made = simulated_rooms(SMALL, 1, tmp_path, quiet)
    assert len(made) == 3
    kept = simulated_rooms(SMALL, 1, tmp_path, never)
    assert all(np.array_equal(*pair) for pair in zip(made, kept, strict=True))
    # what is no matter of rooms does not make them again
    simulated_rooms(replace(SMALL, gain=(0, 0), rooms=0.5), 1, tmp_path, never)
    assert [path.suffix for path in tmp_path.iterdir()] == [".npy"]
    other = simulated_rooms(SMALL, 2, tmp_path, quiet)
    assert not np.array_equal(made[0], other[0])
    with pytest.raises(AssertionError, match="made again"):
        simulated_rooms(replace(SMALL, absorption=(0.5, 0.6)), 1, tmp_path, never)


def objects(path):
    with path.open("wb") as file:
        np.save(file, np.array([{}] * 3), allow_pickle=True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: path.write_bytes(b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535),
        lambda path: np.save(path, np.zeros((3, 5), np.float32)),
        lambda path: np.save(path, np.full((3, rooms.LONGEST), np.nan, np.float32)),
        lambda path: np.save(path, np.zeros((3, rooms.LONGEST), np.float32)),
        objects,
    ],
)
def test_damaged_file_is_made_again(tmp_path, damage):
    small = replace(SMALL, room_count=3, absorption=(0.7, 0.7))
    made = simulated_rooms(small, 1, tmp_path, quiet)
    (path,) = tmp_path.iterdir()
    damage(path)
    again = simulated_rooms(small, 1, tmp_path, quiet)
    assert all(np.array_equal(*pair) for pair in zip(made, again, strict=True))
    simulated_rooms(small, 1, tmp_path, never)


def test_cache_that_cannot_be_written_is_said_and_no_obstacle(tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    made = simulated_rooms(replace(SMALL, room_count=1), 1, tmp_path / "file", quiet)
    assert len(made) == 1
    assert "not kept for the next time" in capsys.readouterr().err


def record(path, response, rate=16000):
    soundfile.write(path, response, rate, subtype="FLOAT")
    return path


def test_recorded_rooms_begin_with_their_direct_sound(tmp_path):
    response = np.zeros(9000)
    response[700] = -0.4  # upside down and late
    response[900:] = 0.03 * np.exp(-np.arange(8100) / 800)
    paths = [record(tmp_path / "16.wav", response), record(tmp_path / "48.wav", response, 48000)]
    responses, skipped = rooms.read_responses(paths)
    assert skipped == []
    for one in responses:
        assert one.dtype == np.float32
        assert np.abs(one).argmax() == rooms.RISE
        assert one[rooms.RISE] > 0.8
        assert np.square(one[: rooms.RISE + rooms.DIRECT]).sum() == pytest.approx(1, abs=0.01)
        assert direct_to_reverberant(one) < 15
    assert responses[0][rooms.RISE + 200] == pytest.approx(-0.03 / 0.4, abs=1e-3)


def test_unusable_recorded_rooms_are_named(tmp_path):
    (tmp_path / "damaged.wav").write_bytes(b"RIFF")
    paths = [
        tmp_path / "damaged.wav",
        record(tmp_path / "silent.wav", np.zeros(1000)),
        record(tmp_path / "long.wav", np.ones(61 * 4000) * 0.1, 4000),
        record(tmp_path / "click.wav", np.ones(1)),
    ]
    responses, skipped = rooms.read_responses(paths)
    assert len(responses) == 1
    assert [skip.path.name for skip in skipped] == ["damaged.wav", "silent.wav", "long.wav"]
    assert "digital silence" in skipped[1].reason
    assert "60 s" in skipped[2].reason


def test_simulated_then_recorded(tmp_path):
    path = record(tmp_path / "room.wav", np.float32([0, 0, 1, 0.5]))
    responses, skipped = rooms.find_responses(SMALL, [path], 1, tmp_path, quiet)
    assert (len(responses), skipped) == (4, [])
    assert rooms.find_responses(Augmentation(), [path], 1, tmp_path, never) == ([], [])
