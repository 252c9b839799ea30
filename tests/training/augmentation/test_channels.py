"""Telephones and codecs on log-mel frames."""

import numpy as np
import pytest

from kws.activity import LN_PER_DB
from kws.audio import load_audio
from kws.frontend import WORDS, log_mel, mel_axis
from kws_training.augmentation.channels import send
from kws_training.augmentation.effects import transmit


@pytest.fixture(scope="module")
def sent():
    frames = np.zeros((300, 40, WORDS.bands), np.float32)
    return send(np.random.default_rng(0), frames, WORDS)


def test_most_windows_lose_what_a_telephone_leaves_out(sent):
    narrow = sent[:, :, 0].mean(axis=1) < -5
    assert 0.5 < narrow.mean() < 0.7
    assert (sent[narrow][:, :, -1].mean(axis=1) < -1).mean() > 0.8
    assert abs(sent[~narrow][:, :, 0].mean()) < 0.1
    assert abs(sent[:, :, 10:25].mean()) < 0.05  # 467 Hz to 1.6 kHz


def test_codecs_change_the_higher_bands_more(sent):
    deviation = sent.std(axis=(0, 1))
    assert 1.5 * deviation[12] < 2 * deviation[25]
    spread = sent[:, :, 20].std(axis=1)
    assert spread.min() < 0.05 < 0.6 < spread.max()  # from none to 4 dB


def test_the_band_is_that_of_the_telephone_on_waveforms():
    noise = np.random.default_rng(1).normal(0, 0.05, 32000).astype(np.float32)
    plain = log_mel(noise, WORDS).mean(axis=0)
    real = log_mel(transmit(noise, True, None, None), WORDS).mean(axis=0) - plain
    frames = np.broadcast_to(plain, (400, 20, WORDS.bands)).astype(np.float32)
    own = np.percentile(send(np.random.default_rng(0), frames, WORDS).mean(axis=1), 25, axis=0)
    # apart from where edges are drawn: within 1.5, which is 6.5 dB, and gone
    assert np.abs(own - plain - real)[10:34].max() < 1.5
    assert real[:3].max() < -7
    assert (own - plain)[:3].max() < -7


@pytest.mark.data
def test_what_telephones_and_codecs_do_to_spoken_orders(shared):
    """Prints what `STOP` and `SCATTER` were chosen by."""
    paths = sorted((shared / "audio" / "speech" / "orders").rglob("*.ogg"))[:12]
    clips = [load_audio(path, WORDS.sample_rate) for path in paths]
    centres = mel_axis(WORDS)[1][1:-1]
    hertz = 700 * (np.exp(centres / 1127) - 1)
    change = np.median(changes(clips, lambda one: transmit(one, True, None, None)), axis=0)
    for low, high in ((0, 200), (250, 290), (400, 3000), (3800, 4000)):
        bands = (hertz >= low) & (hertz <= high)
        print(f"telephone band, {low} to {high} Hz: {np.round(change[bands], 1)} dB")
    assert change[hertz < 150].max() < -20
    assert np.abs(change[(hertz > 500) & (hertz < 2800)]).max() < 1
    for codec, compression in (("mu-law", None), ("opus", 0.95), ("mp3", 0.9), ("gsm", None)):
        sent = changes(clips, lambda one, *how: transmit(one, False, *how), codec, compression)
        within = (hertz > 400) & (hertz < 3300)
        scatter = sent[:, within].std(axis=0)
        thirds = [part.mean() for part in np.array_split(scatter, 3)]
        print(f"{codec}: {', '.join(f'{one:.1f}' for one in thirds)} dB, low to high bands")
        assert 0.5 < scatter.mean() < 10


def changes(clips, change, *how):
    """Return by how many dB loud frames (n, bands) are louder after a change."""
    found = []
    for samples in clips:
        before, after = (log_mel(one, WORDS) for one in (samples, change(samples, *how)))
        count = min(len(before), len(after))
        loud = before[:count].max(axis=1) > before.max() - 30 * LN_PER_DB
        found.append((after[:count][loud] - before[:count][loud]) / LN_PER_DB)
    return np.concatenate(found)


def test_nothing_leaves_the_range_and_a_seed_is_a_seed():
    frames = np.full((20, 30, WORDS.bands), WORDS.ceiling, np.float32)
    frames[::2] = WORDS.floor
    one, two, other = (send(np.random.default_rng(n), frames, WORDS) for n in (1, 1, 2))
    assert one.dtype == np.float32
    assert one.min() >= np.float32(WORDS.floor)
    assert one.max() <= np.float32(WORDS.ceiling)
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)
    assert send(np.random.default_rng(0), frames[:0], WORDS).shape == (0, 30, WORDS.bands)
