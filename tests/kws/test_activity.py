"""Where the sound is, against a search frame by frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws.activity import background_level, find_sound, sound_extent, sound_floor


def made_levels(seed: int, frames: int, kind: str) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind == "noise":
        return rng.normal(-30, 15, frames)
    if kind == "steps":
        return np.repeat(rng.normal(-30, 20, frames), 7)[:frames]
    if kind == "flat":
        return np.full(frames, rng.normal(-30, 10))
    levels = rng.normal(-60, 3, frames)
    for _ in range(3):
        start = rng.integers(frames)
        levels[start : start + rng.integers(1, 60)] += rng.uniform(10, 50)
    return levels


def around_loudest(loud: np.ndarray, peak: int, gap: int) -> tuple[int, int]:
    """Walk from the loudest frame to both sides, over gaps that are short enough."""
    ends = []
    for frames in (range(peak, -1, -1), range(peak, len(loud))):
        end = peak
        for frame in frames:
            if loud[frame]:
                if abs(frame - end) > gap:
                    break
                end = frame
        ends.append(end)
    return ends[0], ends[1]


some_levels = st.builds(
    made_levels,
    st.integers(0, 10**6),
    st.integers(1, 300),
    st.sampled_from(["noise", "steps", "flat", "words"]),
)


@given(levels=some_levels, reach=st.floats(1, 60), gap=st.integers(1, 40))
def test_the_stretch_around_the_loudest_frame(levels: np.ndarray, reach: float, gap: int) -> None:
    top, quiet = levels.max(), np.percentile(levels, 10)
    loud = levels > max(top - reach, quiet + 0.3 * (top - quiet))
    found = find_sound(levels, reach, gap, "loudest")
    assert found == around_loudest(loud, int(levels.argmax()), gap)


@given(levels=some_levels, reach=st.floats(1, 60), gap=st.integers(1, 40))
def test_the_stretch_with_most_sound(levels: np.ndarray, reach: float, gap: int) -> None:
    top, quiet = levels.max(), np.percentile(levels, 10)
    floor = max(top - reach, min(quiet + 0.3 * (top - quiet), top - 6))
    stretches: list[list[int]] = []
    for frame in np.flatnonzero(levels > floor):
        if not stretches or frame - stretches[-1][-1] > gap:
            stretches.append([])
        stretches[-1].append(int(frame))
    sums = {(one[0], one[-1]): (levels[one] - floor).sum() for one in stretches}
    found = find_sound(levels, reach, gap, "most", least=6)
    assert found in sums if sums else found == (0, 0)
    # the last bits of a sum may differ
    assert sums.get(found, 0.0) == pytest.approx(max(sums.values(), default=0.0))


@given(levels=some_levels, reach=st.floats(1, 60))
def test_all_sound_of_many_recordings_at_once(levels: np.ndarray, reach: float) -> None:
    pair = np.stack([levels, levels[::-1]])
    first, last = sound_extent(pair > sound_floor(pair, reach))
    loud = np.flatnonzero(levels > sound_floor(levels, reach))
    ends = (loud[0], loud[-1]) if len(loud) else (0, len(levels) - 1)
    assert (first[0], last[0]) == ends
    assert (first[1], last[1]) == (len(levels) - 1 - ends[1], len(levels) - 1 - ends[0])


def test_the_background_may_be_that_of_more_frames() -> None:
    levels = np.array([-60.0] * 50 + [-20.0] * 20 + [-30.0] * 20)
    assert find_sound(levels[50:], 25, 5, "loudest") == (0, 19)
    background = background_level(levels)
    assert find_sound(levels[50:], 25, 5, "loudest", background=background) == (0, 39)


@given(
    count=st.integers(1, 300), rows=st.integers(0, 3), seed=st.integers(0, 1000), wide=st.booleans()
)
def test_the_quiet_tenth_is_that_of_numpy_to_the_last_bit(count, rows, seed, wide):
    shape = (rows, count) if rows else (count,)
    levels = np.random.default_rng(seed).normal(-30, 20, shape)
    levels = levels.astype(np.float64 if wide else np.float32)
    expected = np.asarray(np.percentile(levels, 10, axis=-1, keepdims=True))
    found = background_level(levels)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert found.tobytes() == expected.tobytes()
