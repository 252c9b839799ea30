"""Signal-to-noise ratios: each reference by hand, on audio whose parts are known."""

import numpy as np
import pytest

from kws_training.augmentation.augment import Augmentation
from kws_training.augmentation.background import add_noise
from kws_training.augmentation.snr import (
    FRAME,
    SNR_REFERENCES,
    TENTH,
    Ratio,
    loudness,
    noise_power,
    signal_power,
)

#: A second whose power is 1 in its last 512 samples, and 0.01 in the third before them.
LOUD = np.full(30 * FRAME, 0.0, np.float32)
LOUD[-10 * FRAME :] = 0.1
LOUD[-FRAME:] = 1.0


def test_the_parts_of_a_recording():
    assert signal_power(LOUD, "peak") == pytest.approx(1.0)
    assert signal_power(LOUD, "third") == pytest.approx((1.0 + 9 * 0.01) / 10)
    # 9.6 pieces of a tenth of a second: the last one is not whole and does not count
    whole = LOUD[: len(LOUD) // TENTH * TENTH]
    assert signal_power(LOUD, "loudest") == pytest.approx(float(np.square(whole[-TENTH:]).mean()))
    assert loudness(LOUD[:100]) == 0.0
    for reference in SNR_REFERENCES:
        assert signal_power(LOUD[:0], reference) == noise_power(LOUD[:0], reference) == 0.0
        assert signal_power(LOUD[-100:], reference) == pytest.approx(1.0)  # shorter than a frame


def test_the_parts_of_noise():
    mean = float(np.square(LOUD).mean())
    assert noise_power(LOUD, "loudest") == noise_power(LOUD, "third") == pytest.approx(mean)
    assert noise_power(LOUD, "peak") == pytest.approx(1.0)


@pytest.mark.parametrize("reference", SNR_REFERENCES)
@pytest.mark.parametrize("snr", [-5.0, 10.0])
def test_noise_has_the_ratio_asked_for(reference, snr):
    rng = np.random.default_rng(0)
    noise = (rng.standard_normal(len(LOUD)) * np.linspace(0.1, 1, len(LOUD))).astype(np.float32)
    added = add_noise(LOUD, noise, snr, reference) - LOUD
    ratio = signal_power(LOUD, reference) / noise_power(added, reference)
    assert 10 * np.log10(ratio) == pytest.approx(snr, abs=0.05)


def test_the_same_ratio_is_most_noise_by_the_loudest_tenth():
    """On speech, whose level moves, and noise that does not."""
    rng = np.random.default_rng(1)
    speech = rng.standard_normal(3 * 16000).astype(np.float32)
    speech *= np.abs(np.sin(np.arange(len(speech)) * 2 * np.pi * 1.5 / 16000)).astype(np.float32)
    noise = rng.standard_normal(len(speech)).astype(np.float32)
    left = {
        reference: float(np.square(add_noise(speech, noise, 10.0, reference) - speech).mean())
        for reference in SNR_REFERENCES
    }
    assert left["loudest"] > left["third"]


def test_a_ratio_says_what_it_is_measured_by():
    ratio = Ratio(10.0, "peak")
    assert ratio.described.startswith("10 dB (peak: power of a recording's loudest frame")
    assert ratio.to_dict() == {
        "snr": 10.0,
        "snr_reference": "peak",
        "snr_definition": SNR_REFERENCES["peak"],
    }


def test_the_default_leaves_caches_as_they_are():
    """Features of recipes of before there were references are found again."""
    digest = "6217747b04a6ad163235be48fa892555936c3b663be07df3b24446a5cd54bb6f"
    assert Augmentation().digest() == digest
    assert Augmentation(snr_reference="peak").digest() != digest
