"""From the logits of a phoneme network to what was said, utterance by utterance."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..arrays import Float32
from ..phonemes.symbols import BLANK_INDEX, VOICE_INDEX
from ..phonemes.viterbi import Path, UtteranceDecoder, relative
from ..phonemes.voice import UtteranceGate, VoiceConfig
from ..posteriors import logistic, sigmoid
from .compiling import CompiledGrammar
from .hearing import Hearing, heard_frames
from .parsing import Parse

#: Bytes that the way back of one utterance may take, at most.
MOST_MEMORY = 32_000_000
#: Bytes of it per node of the graph and frame, about.
BYTES_PER_NODE = 3
#: Frames from one look at what is said to the next, where the one before did not understand it.
LOOK_EVERY = 5


@dataclass(frozen=True)
class RecognitionConfig:
    """How utterances are told apart, and what is understood.

    Attributes
    ----------
    voice : VoiceConfig
        When speech begins and is quiet.
    complete : float
        Seconds of quiet that end an utterance which is understood, and after which nothing else can
        follow.
    quiet : float
        Seconds of quiet that end one which is understood, and may go on.
    pause : float
        Seconds of quiet that end any other: people think.
    settled : float
        Seconds after the last phoneme that end one which is understood, whatever is heard there.
    silent : float
        Seconds without a phoneme that end one which is understood, whatever the voice says: as in
        noise that is taken for a voice.
    unfinished : float
        Natural logarithm by which the best path may be ahead of the best that may end here: where
        it is farther ahead, the utterance is not complete.
    lead : float
        Seconds before the voice that belong to an utterance.
    longest : float
        Seconds of an utterance, at most.
    shortest : float
        Seconds of voice of an utterance that is reported, at least: shorter ones are noises.
    blank : float
        Taken off the logits of the blank, see `kws.phonemes.viterbi.relative`.
    outside : float
        What a frame before and after what the grammar has costs at most, natural logarithm.
    slope, centre : float
        The confidence is the logistic of ``slope * (score - centre)``, where the score is the
        logarithm of the ratio to a free loop of phonemes, per phoneme: how much of what was said
        is the grammar's.
    heard, heard_length, heard_most : float
        The confidence is no higher than the logistic of ``slope * (score - centre)``, where the
        score is the mean of how well its n phonemes were heard (`kws.grammar.hearing`) and the
        centre ``heard + heard_length / n``, at most ``heard_most``: in noise hardly any phoneme is
        heard, but few are found there more easily than many.
    worst : float
        The score is no higher than this share of the worst word's: who says one word otherwise
        says something else.
    threshold : float
        Confidence from which something is understood, 0 .. 1.
    delay : float
        Seconds from the sound to the output frame that tells of it.
    """

    voice: VoiceConfig = field(default_factory=VoiceConfig)
    complete: float = 0.2
    quiet: float = 0.32
    pause: float = 1.0
    settled: float = 1.5
    silent: float = 0.5
    unfinished: float = 5.0
    lead: float = 0.3
    longest: float = 20.0
    shortest: float = 0.2
    blank: float = 2.0
    outside: float = 1000.0
    slope: float = 2.0
    centre: float = -2.7
    heard: float = -2.2
    heard_length: float = 8.0
    heard_most: float = -1.3
    worst: float = 0.3
    threshold: float = 0.5
    delay: float = 0.1

    def heard_centre(self, phonemes: int) -> float:
        """Return the centre of how well an order of so many phonemes has to be heard.

        Parameters
        ----------
        phonemes : int
            One at least.
        """
        return min(self.heard_most, self.heard + self.heard_length / phonemes)


@dataclass(frozen=True)
class RecognizedWord:
    """A word, and where it is.

    Attributes
    ----------
    text : str
        As the grammar writes it.
    start, end : float
        Seconds since the first sample (after the last reset).
    confidence : float
        0 .. 1.
    """

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True)
class CommandResult:
    """What was said in one utterance.

    Attributes
    ----------
    intent : str or None
        Name of the intent; None where it is none of the grammar's.
    slots : dict of str to str
        What was said for each slot; empty where there is no intent.
    confidence : float
        0 .. 1: of the best that the grammar has, be it understood or not.
    start, end : float
        Where the utterance is, in seconds since the first sample (after the last reset).
    words : tuple of RecognizedWord
        Those of the grammar, where it is understood.
    """

    intent: str | None
    slots: dict[str, str]
    confidence: float
    start: float
    end: float
    words: tuple[RecognizedWord, ...] = ()


class UtteranceRecognizer:
    """Finds utterances in a stream of logits, and what they mean by a grammar.

    Parameters
    ----------
    compiled : CompiledGrammar
        What may be said.
    frame_seconds : float
        From one frame of logits to the next.
    config : RecognitionConfig
        How utterances are told apart, and what is understood.
    """

    def __init__(
        self, compiled: CompiledGrammar, frame_seconds: float, config: RecognitionConfig
    ) -> None:
        self._compiled = compiled
        self._seconds = frame_seconds
        self._config = config
        most = MOST_MEMORY // (BYTES_PER_NODE * compiled.graph.nodes)
        longest = min(round(config.longest / frame_seconds), most)
        self._decoder = UtteranceDecoder(compiled.graph, longest, config.outside)
        self._hearing = Hearing(longest)
        self._gate = UtteranceGate(frame_seconds, config.lead, config.voice)
        self._silent = 0  # frames since the latest with a phoneme
        self._next_look = 0  # frame of the utterance

    def reset(self) -> None:
        """Start anew, at time 0."""
        self._gate.reset()
        self._begin()
        self._silent = 0

    def _begin(self) -> None:
        """Wait for the next utterance."""
        self._decoder.reset()
        self._hearing.reset()
        self._next_look = 0

    @property
    def speaking(self) -> bool:
        """Whether an utterance is under way."""
        return self._gate.voice.speaking

    def push(self, logits: Float32) -> list[CommandResult]:
        """Take the next frames.

        Parameters
        ----------
        logits : float32 (frames, outputs)
            In the order of `kws.phonemes.symbols.OUTPUTS`.

        Returns
        -------
        list of CommandResult
            Of the utterances that have ended; most often none.
        """
        found = []
        voices = sigmoid(logits[:, VOICE_INDEX])
        blanks = logits[:, :VOICE_INDEX].argmax(axis=1) == BLANK_INDEX
        heard = heard_frames(logits, voices)
        for frame, voice, blank in zip(heard, voices, blanks, strict=True):
            self._silent = self._silent + 1 if blank else 0
            frames = self._gate.push(frame, float(voice))
            if frames is not None:
                self._hearing.push(frames)
                self._decoder.push(relative(frames, self._config.blank))
                if self._ended():
                    found += self.flush()
        return found

    def flush(self) -> list[CommandResult]:
        """End the utterance that is under way.

        Returns
        -------
        list of CommandResult
            One, or none where nobody spoke.
        """
        if not self.speaking:
            return []
        first, last = self._gate.voiced
        result = self._result(self._time(first), self._time(last))
        self._gate.end()
        self._begin()
        long_enough = (last - first) * self._seconds >= self._config.shortest
        return [result] if result.intent is not None or long_enough else []

    def _ended(self) -> bool:
        """Tell whether the utterance has ended with the latest frame."""
        decoder, config = self._decoder, self._config
        quiet = self._gate.voice.quiet * self._seconds
        if decoder.full or quiet >= config.pause:
            return True
        if decoder.ended_score < decoder.best_score - config.unfinished:
            return False
        silent = self._silent * self._seconds
        if quiet >= (config.complete if decoder.ended else config.quiet) or silent >= config.silent:
            # not with every frame: in noise, hundreds may follow of which nothing is understood
            if decoder.frames < self._next_look:
                return False
            self._next_look = decoder.frames + LOOK_EVERY
            return self._understood(0.0)
        return decoder.frames % LOOK_EVERY == 0 and self._understood(config.settled)

    def _understood(self, settled: float) -> bool:
        """Tell whether something is understood whose last phoneme is so many seconds past."""
        path = self._decoder.best()
        if path is None:
            return False
        if (self._decoder.frames - int(path.last[-1])) * self._seconds < settled:
            return False
        parse = self._compiled.parse(path.labels.tolist())
        if parse is None:
            return False
        return self._sure(path, parse) >= self._config.threshold

    def _sure(self, path: Path, parse: Parse) -> float:
        """Return the confidence of a path."""
        config, count = self._config, len(path.labels)
        worst = min(float(path.scores[word.first : word.end].mean()) for word in parse.words)
        said = min(path.score / count, config.worst * worst)
        heard = float(self._hearing.scores(path).mean()) - config.heard_centre(count)
        return self._confidence(min(said, config.centre + heard))

    def _result(self, start: float, end: float) -> CommandResult:
        """Say what the utterance was whose voice begins and ends there, in seconds."""
        path = self._decoder.best()
        if path is None:
            return CommandResult(None, {}, 0.0, start, end)
        parse = self._compiled.parse(path.labels.tolist())
        if parse is None:
            return CommandResult(None, {}, 0.0, start, end)
        confidence = self._sure(path, parse)
        if confidence < self._config.threshold:
            return CommandResult(None, {}, confidence, start, end)
        words = self._words(parse, path)
        return CommandResult(
            parse.intent, parse.slots, confidence, words[0].start, words[-1].end, words
        )

    def _words(self, parse: Parse, path: Path) -> tuple[RecognizedWord, ...]:
        words = []
        for word in parse.words:
            first, last = path.first[word.first], path.last[word.end - 1]
            mean = float(path.scores[word.first : word.end].mean())
            words.append(
                RecognizedWord(
                    word.text,
                    self._time(self._gate.first + int(first)),
                    self._time(self._gate.first + int(last) + 1),
                    self._confidence(mean),
                )
            )
        return tuple(words)

    def _confidence(self, score: float) -> float:
        return logistic(self._config.slope * (score - self._config.centre))

    def _time(self, frame: int) -> float:
        return max(0.0, frame * self._seconds - self._config.delay)
