"""What is decided about training a word base, and what holds where nothing is said.

Importing it does not load TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..augmentation.spectra import SpectralAugmentation
from ..fitting.loop import Descent
from ..networks.word_base import BaseShape

#: Results per training window.
RESULTS = 2
#: Frames of a window of connected words: two words after what the first output frame has seen.
CONNECTED_FRAMES = 264
#: Frames of a window of speech that a teacher heard: 19 embeddings of it.
TAUGHT_FRAMES = 264
#: Share of the connected words that are synthesized.
SYNTHESIZED_SHARE = 0.55
#: Seconds over which scores are averaged.
SMOOTHING = 0.24
#: Seconds in which a keyword is not detected again.
REFRACTORY = 0.8
#: Seconds of the longest word that the detector expects.
LONGEST_WORD = 1.2
#: Speakers from which on a word is a label of its own.
MIN_SPEAKERS = 20
#: Words that are labels, at most: a model file has 1,000, silence and unknown among them.
MAX_WORDS = 998

#: How the words of most epochs are augmented.
HEAVY = SpectralAugmentation()
#: How the words of the last epochs are augmented, closer to what the base is tested on: less
#: noise, fewer neighbours, smaller changes of the voice.
LIGHT = SpectralAugmentation(
    stretch=0.1,
    warp=0.06,
    equalisation=3.0,
    snr=(5.0, 35.0),
    noise=0.5,
    neighbours=0.1,
    reverberation=0.2,
    masks=0.2,
)


@dataclass(frozen=True)
class FitConfig:
    """How a word base is trained.

    Attributes
    ----------
    epochs : int
        Number of epochs. An epoch is as many windows as there are images of people.
    batch : int
        Windows in a batch, connected words not counted.
    light : float
        Share of the epochs, the last ones, with `LIGHT` augmentation.
    silence : float
        Share of each batch that is windows without any word.
    synthesized : float
        Share of each batch that is synthesized words.
    label_smoothing : float
        Share of the probability that is spread over all labels.
    others : float
        How much the auxiliary loss counts: which of all words it is, synthesized ones included.
    phonemes : float
        How much the loss of the phonemes counts; 0 for none.
    connected : int
        Windows of connected words in a batch, for that loss.
    teacher : float
        How much the loss of the teacher's embeddings counts, where there is a teacher.
    taught : int
        Windows of speech that the teacher heard in a batch, for that loss.
    folded : bool
        Whether the batch norm of a base that is gone on from stays folded into its weights.
    descent : Descent
        How weights are changed.
    """

    epochs: int = 24
    batch: int = 128
    light: float = 0.4
    silence: float = 1 / 16
    synthesized: float = 0.2
    label_smoothing: float = 0.05
    others: float = 0.5
    phonemes: float = 0.5
    connected: int = 56
    teacher: float = 1.0
    taught: int = 64
    folded: bool = False
    descent: Descent = field(default_factory=Descent)


#: How to go on from a word base with all words.
CONTINUED = FitConfig(epochs=8, descent=Descent(learning_rate=2e-3))
#: How to go on with a teacher: most of what is heard is what it heard.
TAUGHT = FitConfig(epochs=8, batch=64, connected=16, taught=96, descent=Descent(learning_rate=2e-3))
#: How to go on from a word base with a few keywords: at a low rate, lightly augmented throughout.
NARROWED = FitConfig(
    epochs=8, light=1.0, phonemes=0.0, folded=True, descent=Descent(learning_rate=1e-3)
)


@dataclass(frozen=True)
class WordBaseOptions:
    """What a user decides about training a word base.

    Attributes
    ----------
    left_out : tuple of str
        Words that are kept out of everything, so that the base can be tested on them.
    validation : float
        Share of the speakers that validate, of those that no data set's list assigns.
    keywords : tuple of str or None
        The labels; every word that enough people say if None.
    shape : BaseShape
        Size of a new base; one that is gone on from keeps its own.
    fit : FitConfig
        How it is trained.
    seed : int
        Seed of all that is drawn.
    """

    left_out: tuple[str, ...] = ()
    validation: float = 0.05
    keywords: tuple[str, ...] | None = None
    shape: BaseShape = field(default_factory=BaseShape)
    fit: FitConfig = field(default_factory=FitConfig)
    seed: int = 0
