"""Windows of a stream in which words and sentences follow each other, with their phonemes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.activity import LN_PER_DB
from kws.arrays import Float32
from kws.frontend import WORDS

from ..augmentation.channels import send
from ..augmentation.microphones import MicrophoneProfiles
from ..augmentation.spectra import WindowMaker, retime, warp
from ..data.images import to_frames
from ..fitting.ctc import output_frames
from ..networks.phoneme_network import OUTPUT_STRIDE
from .defaults import CHANNELS, MICROPHONES, VOICE_DELAY, FitConfig
from .speech import Speech

#: Frames between the end of the last piece of a window and its end, at least and at most: so late
#: the network may write down what it heard (the look-ahead, 80 to 200 ms).
ROOM = (8, 20)
#: Frames between two pieces, at most; most follow sooner.
LONGEST_GAP = 40
#: Words of people that follow each other in a piece, at most.
MOST_WORDS = 4
#: Frames between two words of one piece, at most.
LONGEST_BREAK = 12
#: Frames of the first piece that the first output frame has seen, at most.
BEGUN = 6
#: Decibels by which one piece of a window is louder or softer than the others, at most.
LEVELS = 8.0
#: Share of the windows that begin with the end of other speech, which is no target.
BEFORE = 0.5
#: Share of the windows in which nobody speaks.
NOBODY = 0.04
#: Pieces that are tried for the rest of a window before it stays quiet.
TRIES = 3

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PhonemeBatch:
    """Windows and what is said in them.

    Attributes
    ----------
    frames : float32 (n, frames, 1, bands)
        ln(power), within the front end's range.
    phonemes : int32 (n, most)
        Indices in `kws.phonemes.symbols.PHONEMES`, filled up with -1.
    voice : float32 (n, output frames)
        1 where somebody speaks.
    """

    frames: Float32
    phonemes: npt.NDArray[np.int32]
    voice: Float32


@dataclass(frozen=True, eq=False)
class _Piece:
    """What is said without a longer break."""

    frames: Float32
    voice: Mask
    phonemes: list[int]


class PhonemeWindows:
    """Makes windows with words and sentences, one after the other.

    Parameters
    ----------
    speech : Speech
        Words of people, and sentences by text to speech.
    maker : WindowMaker
        Augments frames.
    microphones : MicrophoneProfiles or None
        What is lent to a share of the windows; None for none.
    field : int
        Front-end frames that an output frame depends on.
    config : FitConfig
        Output frames of a window, and the share of people.
    """

    def __init__(
        self,
        speech: Speech,
        maker: WindowMaker,
        microphones: MicrophoneProfiles | None,
        field: int,
        config: FitConfig,
    ) -> None:
        self._speech, self._maker, self._microphones = speech, maker, microphones
        self._field, self._outputs = field, config.outputs
        self.frames = field + OUTPUT_STRIDE * (config.outputs - 1)
        has_words, has_sentences = bool(len(speech.words)), bool(speech.sentences.images)
        self._people = config.people if has_words and has_sentences else float(has_words)

    def batch(self, rng: np.random.Generator, count: int) -> PhonemeBatch:
        """Make windows.

        Parameters
        ----------
        rng : numpy.random.Generator
            What is drawn.
        count : int
            Number of windows.

        Returns
        -------
        PhonemeBatch
        """
        maker, length = self._maker, self.frames
        stretch = maker.augmentation.stretch
        tempo = np.exp(rng.uniform(-stretch, stretch, count)).astype(np.float32)
        longest = int(length * np.exp(stretch)) + 2
        raw = np.full((count, longest, WORDS.bands), maker.floor, np.float32)
        voice = np.zeros((count, longest), np.bool_)
        said = [self._fill(rng, raw[n], voice[n], float(tempo[n])) for n in range(count)]
        factor = np.exp(rng.uniform(-maker.augmentation.warp, maker.augmentation.warp, count))
        frames = warp(retime(raw, tempo, length), factor.astype(np.float32))
        lent = rng.random(count) < MICROPHONES
        if self._microphones is not None and lent.any():
            frames[lent] = self._microphones.apply(rng, frames[lent])
        frames = maker.disturb(rng, frames)
        sent = rng.random(count) < CHANNELS
        if sent.any():
            frames[sent] = send(rng, frames[sent], WORDS)
        at = self._field - 1 - VOICE_DELAY + OUTPUT_STRIDE * np.arange(self._outputs)
        places = (at * tempo[:, None]).astype(np.int64)
        phonemes = np.full((count, most_phonemes(self._outputs)), -1, np.int32)
        for row, one in zip(phonemes, said, strict=True):
            row[: len(one)] = one
        heard = np.take_along_axis(voice, places, axis=1).astype(np.float32)
        return PhonemeBatch(frames[:, :, None], phonemes, heard)

    def _fill(
        self, rng: np.random.Generator, frames: Float32, voice: Mask, tempo: float
    ) -> list[int]:
        """Put pieces into a window that is read at a tempo; return their phonemes."""
        if rng.random() < NOBODY:
            return []
        first = round((self._field - BEGUN) * tempo)
        end = int((self.frames - rng.integers(*ROOM)) * tempo)
        if rng.random() < BEFORE:
            before = self._piece(rng)
            size = min(len(before.frames), first - int(rng.integers(5, 40)))
            at = first - int(rng.integers(5, first - size + 1)) if size > 0 else 0
            if size > 0 and at >= size:
                _put(frames, voice, at - size, before.frames[-size:], before.voice[-size:])
        at = first + int(rng.integers(0, LONGEST_GAP))
        said: list[int] = []
        needed = 0
        tries = 0
        while tries < TRIES:
            piece = self._piece(rng)
            wanted = needed + output_frames(piece.phonemes) + 1
            fits = at + len(piece.frames) <= end and wanted <= most_phonemes(self._outputs)
            if not fits or wanted * OUTPUT_STRIDE * tempo > at + len(piece.frames) - first:
                tries += 1
                continue
            _put(frames, voice, at, piece.frames, piece.voice)
            said += piece.phonemes
            needed = wanted
            at += len(piece.frames) + int(LONGEST_GAP * rng.random() ** 2)
        return said

    def _piece(self, rng: np.random.Generator) -> _Piece:
        people = rng.random() < self._people
        piece = self._words(rng) if people else self._sentence(rng)
        level = np.percentile(piece.frames.max(1), 90)
        change = rng.uniform(-LEVELS, LEVELS) * LN_PER_DB - level
        return _Piece(piece.frames + np.float32(change), piece.voice, piece.phonemes)

    def _words(self, rng: np.random.Generator) -> _Piece:
        """Return some words of one person."""
        words = self._speech.words
        rows = words.some_of_one(rng, int(rng.integers(1, MOST_WORDS + 1)))
        parts: list[Float32] = []
        voices: list[Mask] = []
        phonemes: list[int] = []
        for row in rows:
            clip = to_frames(words.clip(row))
            if parts:
                gap = int(rng.integers(0, LONGEST_BREAK))
                quiet = np.minimum(parts[-1][-1:], clip[:1])
                parts.append(np.repeat(quiet, gap, axis=0))
                voices.append(np.ones(gap, np.bool_))
            parts.append(clip)
            voices.append(np.ones(len(clip), np.bool_))
            phonemes += words.phonemes[row]
        return _Piece(np.concatenate(parts), np.concatenate(voices), phonemes)

    def _sentence(self, rng: np.random.Generator) -> _Piece:
        speech = self._speech
        last = len(speech.voices) - 1
        row = min(last, int(np.searchsorted(speech.sentence_shares, rng.random())))
        frames = to_frames(speech.sentences.images[row])
        return _Piece(frames, speech.voices[row], speech.sentences.phonemes[row].tolist())


def _put(frames: Float32, voice: Mask, at: int, piece: Float32, heard: Mask) -> None:
    frames[at : at + len(piece)] = piece
    voice[at : at + len(piece)] = heard


def most_phonemes(outputs: int) -> int:
    """Return how many phonemes a window has at most.

    Parameters
    ----------
    outputs : int
        Its output frames.
    """
    return outputs // 2
