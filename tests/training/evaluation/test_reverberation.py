"""Rooms have the reverberation time that is asked for, and begin with the direct sound."""

import numpy as np
import pytest
from pyroomacoustics.experimental import measure_rt60

from kws_training.evaluation import reverberation
from kws_training.evaluation.reverberation import RATE, rooms_of


def test_no_reverberation_is_no_room():
    assert rooms_of(0.0, 0) == []


@pytest.mark.parametrize("seconds", [0.3, 0.6])
def test_reverberation_times(seconds, monkeypatch):
    monkeypatch.setattr(reverberation, "ROOMS", 1)
    (response,) = rooms_of(seconds, 0)
    assert response.dtype == np.float32
    assert response[0] == 1.0
    assert np.abs(response).argmax() == 0
    assert measure_rt60(response, RATE, decay_db=30) == pytest.approx(seconds, rel=0.15)
    assert np.array_equal(response, rooms_of(seconds, 0)[0])
