"""`CommandRecognizer`: audio in, intents and slots out."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .grammar.compiling import CompiledGrammar, compile_grammar
from .grammar.expression import Grammar, GrammarError
from .grammar.expression import phrases as phrase_grammar
from .grammar.reading import grammar_text, parse_grammar
from .grammar.recognition import CommandResult, RecognitionConfig, UtteranceRecognizer
from .grammar.saying import pronounce
from .modelfile import ModelFile
from .utterances import UtteranceStream

#: Grammars that stay compiled in memory.
KEPT = 8


class CommandRecognizer(UtteranceStream[CommandResult]):
    """Understands spoken commands in a stream of audio.

    An utterance begins and ends by its voice. Each gives one result when it has ended: the intent
    and the slots of the grammar, or no intent where it was none of the grammar's.

    Parameters
    ----------
    grammar : str or Path or Grammar, optional
        A file, a Rhino context in YAML or JSGF; or a grammar that was read already.
    phrases : sequence of str, optional
        In place of a grammar: what may be said; the intent is the phrase.
    model : ModelFile or str or Path, optional
        A phoneme network, as `kws.packaged.find_model` finds it; that of the package unless said.
    sample_rate : int, optional
        Of the audio that will be pushed, in Hz; the model's own unless said.
    threads : int
        Threads of the interpreter.
    threshold : float, optional
        Confidence from which something is understood, 0 .. 1.
    config : RecognitionConfig, optional
        How utterances are told apart.

    Raises
    ------
    GrammarError
        If the grammar cannot be read or a word of it cannot be pronounced; or if there are both a
        grammar and phrases, or neither.
    ModelError
        If the model is none of phonemes.

    Examples
    --------
    >>> from kws import CommandRecognizer
    >>> recognizer = CommandRecognizer(phrases=["lights on", "lights off"])  # doctest: +SKIP
    >>> for result in recognizer.process(chunk):  # doctest: +SKIP
    ...     print(result.intent, result.slots, result.confidence, result.start, result.end)
    """

    _utterances: UtteranceRecognizer

    def __init__(
        self,
        grammar: str | Path | Grammar | None = None,
        phrases: Sequence[str] | None = None,
        model: ModelFile | str | Path | None = None,
        sample_rate: int | None = None,
        threads: int = 1,
        threshold: float | None = None,
        config: RecognitionConfig | None = None,
    ) -> None:
        if (grammar is None) == (phrases is None):
            raise GrammarError("a CommandRecognizer wants a grammar or phrases: give one of both")
        config = RecognitionConfig() if config is None else config
        if threshold is not None:
            if not 0 <= threshold <= 1:
                raise GrammarError(f"threshold {threshold}: must be 0 to 1")
            config = replace(config, threshold=threshold)
        if phrases is not None:
            self._compiled = compiled(phrase_grammar(list(phrases)))
        elif isinstance(grammar, Grammar):
            self._compiled = compiled(grammar)
        else:
            assert grammar is not None
            self._compiled = _compiled_text(grammar_text(grammar), str(grammar))
        super().__init__(model, sample_rate, threads)
        self._utterances = UtteranceRecognizer(self._compiled, self._stream.frame_seconds, config)

    @property
    def grammar(self) -> Grammar:
        """What may be said."""
        return self._compiled.grammar

    @property
    def intents(self) -> tuple[str, ...]:
        """The names of the intents."""
        return tuple(intent.name for intent in self.grammar.intents)

    @property
    def speaking(self) -> bool:
        """Whether an utterance is under way."""
        return self._utterances.speaking


def compiled(grammar: Grammar) -> CompiledGrammar:
    """Compile a grammar with the pronunciations of the package, or its own.

    Parameters
    ----------
    grammar : Grammar
        What may be said.

    Returns
    -------
    CompiledGrammar

    Raises
    ------
    GrammarError
        If a word cannot be pronounced, with its line.
    KwsError
        If nothing can be said, or it is too large.
    """
    return compile_grammar(grammar, pronounce(grammar))


@functools.lru_cache(KEPT)
def _compiled_text(text: str, source: str) -> CompiledGrammar:
    return compiled(parse_grammar(text, source))
