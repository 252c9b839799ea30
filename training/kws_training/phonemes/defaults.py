"""What a phoneme network is trained with unless the user says otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..augmentation.spectra import SpectralAugmentation
from ..fitting.loop import Descent
from ..networks.phoneme_network import PhonemeShape

#: How windows are augmented: less than wake words are, whose networks have fewer things to learn.
AUGMENTATION = SpectralAugmentation(
    stretch=0.15,
    warp=0.1,
    gain=(-30.0, 12.0),
    equalisation=4.0,
    snr=(0.0, 35.0),
    noise=0.55,
    neighbours=0.0,
    reverberation=0.25,
    masks=0.1,
)
#: How windows that validate are augmented: some noise, no other tempo.
VALIDATION = SpectralAugmentation(
    stretch=0.0, warp=0.0, equalisation=3.0, snr=(5.0, 30.0), noise=0.5, neighbours=0.0, masks=0.0
)
#: Share of the windows that a microphone is lent to.
MICROPHONES = 0.5
#: Share of the windows that come by telephone or through a codec.
CHANNELS = 0.15
#: Front-end frames between the sound and the output that says that somebody speaks: 100 ms.
VOICE_DELAY = 10
#: Sentences by text to speech of which `kws pretrain --task phonemes` has one in a thousand by
#: `sentences.SHARES`.
SENTENCES = 15_000


@dataclass(frozen=True)
class FitConfig:
    """How a phoneme network is trained.

    Attributes
    ----------
    epochs : int
        Number of epochs. An epoch is as much audio as there is speech.
    batch : int
        Windows in a batch.
    outputs : int
        Output frames of a window.
    people : float
        Share of the windows' pieces that are words of people, in a row.
    voice : float
        How much the loss of the voice counts.
    descent : Descent
        How weights are changed.
    """

    epochs: int = 17
    batch: int = 16
    outputs: int = 320
    people: float = 0.35
    voice: float = 0.3
    descent: Descent = field(default_factory=lambda: Descent(averaging=0.995))


#: How to go on from a phoneme network: at half the rate.
CONTINUED = FitConfig(descent=Descent(learning_rate=1.5e-3, averaging=0.995))


@dataclass(frozen=True)
class PhonemeOptions:
    """What a user decides about training a phoneme network.

    Attributes
    ----------
    shape : PhonemeShape
        Its size.
    fit : FitConfig
        How it is trained.
    seed : int
        Seed of all that is drawn.
    grammar : str or None
        SHA-256 of the grammar whose orders are among the sentences; None for none.
    """

    shape: PhonemeShape = field(default_factory=PhonemeShape)
    fit: FitConfig = field(default_factory=FitConfig)
    seed: int = 0
    grammar: str | None = None
