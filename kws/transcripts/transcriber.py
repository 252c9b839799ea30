"""`Transcriber`: audio in, words out, as they come."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..arrays import Float32
from ..modelfile import ModelFile
from ..phonemes.symbols import VOICE_INDEX
from ..phonemes.viterbi import relative
from ..phonemes.voice import UtteranceGate, VoiceConfig
from ..posteriors import logistic, sigmoid
from ..utterances import UtteranceStream
from .arpa import read_language
from .beam import BeamConfig, BeamDecoder, Token
from .everyday import everyday_language
from .lexicon import lexicon_of
from .ngrams import NGrams


@dataclass(frozen=True)
class TranscriptConfig:
    """How utterances are told apart, and words found in them.

    Attributes
    ----------
    voice : VoiceConfig
        When speech begins and is quiet.
    beam : BeamConfig
        How words are searched for.
    blank : float
        Taken off the logits of the blank, see `kws.phonemes.viterbi.relative`.
    quiet : float
        Seconds of quiet that end an utterance.
    lead : float
        Seconds before the voice that belong to an utterance.
    longest : float
        Seconds of an utterance, at most.
    partial : float
        Seconds from one partial result to the next, at least.
    slope, centre : float
        The confidence of a word is the logistic of ``slope * (score - centre)``, where the score is
        the logarithm of the ratio to a free loop of phonemes, per phoneme.
    delay : float
        Seconds from the sound to the output frame that tells of it.
    """

    voice: VoiceConfig = field(default_factory=VoiceConfig)
    beam: BeamConfig = field(default_factory=BeamConfig)
    blank: float = 2.0
    quiet: float = 0.6
    lead: float = 0.3
    longest: float = 30.0
    partial: float = 0.4
    slope: float = 2.0
    centre: float = -2.0
    delay: float = 0.1


@dataclass(frozen=True)
class TranscribedWord:
    """A word, and where it is.

    Attributes
    ----------
    word : str
        In lower case.
    start, end : float
        Seconds since the first sample (after the last reset).
    confidence : float
        0 .. 1.
    """

    word: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True)
class Transcript:
    """The words of one utterance.

    Attributes
    ----------
    words : tuple of TranscribedWord
        In their order.
    final : bool
        Whether the utterance has ended; else its words may still change, the latest first of all.
    """

    words: tuple[TranscribedWord, ...]
    final: bool

    @property
    def text(self) -> str:
        """The words, with blanks between them."""
        return " ".join(word.word for word in self.words)


class UtteranceTranscriber:
    """Finds utterances in a stream of logits, and the words in them.

    Parameters
    ----------
    model : NGrams
        How likely each word is after others.
    frame_seconds : float
        From one frame of logits to the next.
    config : TranscriptConfig
        How utterances are told apart, and words found in them.
    source : str
        Where the words come from, for messages.

    Attributes
    ----------
    unknown : tuple of str
        Words that nobody knows how to pronounce: they are never written down.
    """

    def __init__(
        self, model: NGrams, frame_seconds: float, config: TranscriptConfig, source: str
    ) -> None:
        lexicon, self.unknown = lexicon_of(model, source)
        self._words = model.words
        self._seconds = frame_seconds
        self._config = config
        self._decoder = BeamDecoder(model, lexicon, config.beam)
        self._gate = UtteranceGate(frame_seconds, config.lead, config.voice)
        self.reset()

    def reset(self) -> None:
        """Start anew, at time 0."""
        self._gate.reset()
        self._decoder.reset()
        self._told: tuple[str, ...] = ()
        self._told_at = 0

    def push(self, logits: Float32) -> list[Transcript]:
        """Take the next frames.

        Parameters
        ----------
        logits : float32 (frames, outputs)
            In the order of `kws.phonemes.symbols.OUTPUTS`.

        Returns
        -------
        list of Transcript
            What is new: partial results where words were added or have changed, and the final one
            of each utterance that has ended.
        """
        found = []
        voices = sigmoid(logits[:, VOICE_INDEX])
        for frame, voice in zip(relative(logits, self._config.blank), voices, strict=True):
            frames = self._gate.push(frame, float(voice))
            if frames is None:
                continue
            self._decoder.push(frames)
            quiet = self._gate.voice.quiet * self._seconds >= self._config.quiet
            too_long = self._decoder.frames * self._seconds >= self._config.longest
            if quiet or too_long or self._decoder.full:
                found += self.flush()
            elif (self._gate.frames - self._told_at) * self._seconds >= self._config.partial:
                found += self._partial()
        return found

    def flush(self) -> list[Transcript]:
        """End the utterance that is under way.

        Returns
        -------
        list of Transcript
            One, or none where nothing was said.
        """
        if not self._gate.voice.speaking:
            return []
        words = self._transcribed(self._decoder.best())
        self._gate.end()
        self._decoder.reset()
        self._told = ()
        return [Transcript(words, final=True)] if words else []

    def _partial(self) -> list[Transcript]:
        words = self._transcribed(self._decoder.partial())
        told = tuple(word.word for word in words)
        if not told or told == self._told:
            return []
        self._told, self._told_at = told, self._gate.frames
        return [Transcript(words, final=False)]

    def _transcribed(self, tokens: list[Token]) -> tuple[TranscribedWord, ...]:
        return tuple(
            TranscribedWord(
                self._words[token.word],
                self._time(token.first),
                self._time(token.last + 1),
                self._confidence(token.score),
            )
            for token in tokens
        )

    def _time(self, frame: int) -> float:
        return max(0.0, (self._gate.first + frame) * self._seconds - self._config.delay)

    def _confidence(self, score: float) -> float:
        return logistic(self._config.slope * (score - self._config.centre))


class Transcriber(UtteranceStream[Transcript]):
    """Writes down what is said in a stream of audio, in the words of a closed domain.

    Parameters
    ----------
    language : str or Path or NGrams, optional
        What is likely to be said: a file of sentences or an ARPA file, or a model of words. Common
        English words in any order (`everyday_language`) unless said: many will be wrong.
    model : ModelFile or str or Path, optional
        A phoneme network, as `kws.packaged.find_model` finds it; that of the package unless said.
    sample_rate : int, optional
        Of the audio that will be pushed, in Hz; the model's own unless said.
    threads : int
        Threads of the interpreter.
    config : TranscriptConfig, optional
        How utterances are told apart, and words found in them.

    Raises
    ------
    KwsError
        If the language cannot be read, or none of its words can be pronounced.
    ModelError
        If the model is none of phonemes.

    Examples
    --------
    >>> from kws import Transcriber
    >>> transcriber = Transcriber("sentences.txt")  # doctest: +SKIP
    >>> for transcript in transcriber.process(chunk):  # doctest: +SKIP
    ...     print(transcript.text, transcript.final)
    """

    _utterances: UtteranceTranscriber

    def __init__(
        self,
        language: str | Path | NGrams | None = None,
        model: ModelFile | str | Path | None = None,
        sample_rate: int | None = None,
        threads: int = 1,
        config: TranscriptConfig | None = None,
    ) -> None:
        words = everyday_language() if language is None else language
        source = "the language"
        if not isinstance(words, NGrams):
            words, source = read_language(words), str(words)
        super().__init__(model, sample_rate, threads)
        self._utterances = UtteranceTranscriber(
            words,
            self._stream.frame_seconds,
            TranscriptConfig() if config is None else config,
            source,
        )

    @property
    def unknown(self) -> tuple[str, ...]:
        """Words that nobody knows how to pronounce: they are never written down."""
        return self._utterances.unknown
