"""Finds the likeliest words in scores of phonemes: a bounded beam over a tree of words."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..arrays import Float32
from ..phonemes.symbols import BLANK_INDEX
from .lexicon import Lexicon
from .ngrams import History, NGrams

#: Words that are remembered of one utterance, at most, those that did not win included.
MOST_TOKENS = 400_000


@dataclass(frozen=True)
class BeamConfig:
    """How the words are searched for.

    Attributes
    ----------
    width : int
        Ways of saying it that are followed, at most.
    beam : float
        Natural logarithm by which one may be behind the best.
    weight : float
        How much the model of words counts against the sounds.
    insertion : float
        Added for each word: below 0 gives fewer words.
    outside : float
        What a frame between words costs at most, whatever is heard in it.
    """

    width: int = 200
    beam: float = 14.0
    weight: float = 1.0
    insertion: float = 0.0
    outside: float = 3.0


@dataclass(frozen=True)
class Token:
    """A word that was said, and the words before it.

    Attributes
    ----------
    word : int
        Its number.
    first, last : int
        Frames of its first and last phoneme.
    score : float
        Natural logarithm of the ratio of its phonemes to a free loop, per phoneme.
    before : Token or None
        The word before it.
    """

    word: int
    first: int
    last: int
    score: float
    before: Token | None = field(repr=False)


@dataclass(eq=False)
class _Ways:
    """Ways of saying it that are followed, side by side: arrays of one length."""

    state: npt.NDArray[np.int64]  # of the model of words
    node: npt.NDArray[np.int64]
    blank: npt.NDArray[np.bool_]  # whether the latest frame is a blank after the node's phoneme
    score: npt.NDArray[np.float64]
    heard: npt.NDArray[np.float64]  # what the sounds alone cost so far
    before: npt.NDArray[np.float64]  # the same where the word begins
    first: npt.NDArray[np.int64]  # frame of the word's first phoneme
    last: npt.NDArray[np.int64]  # frame of its latest
    token: npt.NDArray[np.int64]

    def take(self, chosen: npt.NDArray[np.intp]) -> _Ways:
        return _Ways(**{name: array[chosen] for name, array in vars(self).items()})


class BeamDecoder:
    """Decodes one utterance after another.

    Parameters
    ----------
    model : NGrams
        How likely each word is after others.
    lexicon : Lexicon
        How the words sound.
    config : BeamConfig
        How they are searched for.

    Attributes
    ----------
    frames : int
        Taken since the last reset.
    """

    def __init__(self, model: NGrams, lexicon: Lexicon, config: BeamConfig | None = None) -> None:
        self._model = model
        self._lexicon = lexicon
        self._config = BeamConfig() if config is None else config
        self._ahead = lexicon.ahead.astype(np.float64) * self._config.weight
        self._children = np.diff(lexicon.first_child)
        self._root = np.arange(lexicon.first_child[0], lexicon.first_child[1], dtype=np.int64)
        self._labels = lexicon.labels.astype(np.int64)
        self._histories: list[History] = []
        self._numbers: dict[History, int] = {}
        self._known: dict[tuple[int, int], tuple[int, float]] = {}
        self.reset()

    def reset(self) -> None:
        """Begin the next utterance."""
        self.frames = 0
        self._tokens: list[Token | None] = [None]
        begin = self._number(self._model.follow((), self._model.begin))
        zero = np.zeros(1, np.int64)
        self._ways = _Ways(
            state=np.array([begin]),
            node=zero,
            blank=np.ones(1, np.bool_),
            score=np.zeros(1),
            heard=np.zeros(1),
            before=np.zeros(1),
            first=zero,
            last=zero,
            token=zero,
        )

    def _number(self, history: History) -> int:
        number = self._numbers.get(history)
        if number is None:
            number = self._numbers[history] = len(self._histories)
            self._histories.append(history)
        return number

    def _after(self, state: int, word: int) -> tuple[int, float]:
        """Return the state after a word, and its weighted score."""
        found = self._known.get((state, word))
        if found is None:
            history = self._histories[state]
            score = self._config.weight * self._model.score(history, word)
            found = (self._number(self._model.follow(history, word)), score)
            self._known[state, word] = found
        return found

    @property
    def full(self) -> bool:
        """Whether no more words can be remembered: the utterance has to end."""
        return len(self._tokens) >= MOST_TOKENS

    def push(self, scores: Float32) -> None:
        """Take the next frames.

        Parameters
        ----------
        scores : float32 (frames, outputs - 1)
            As `kws.phonemes.viterbi.relative` gives them.
        """
        for frame in scores.astype(np.float64):
            self._step(frame)
            self.frames += 1

    def _step(self, frame: npt.NDArray[np.float64]) -> None:
        ways = self._ways
        parts = [self._stay(ways, frame), self._rest(ways, frame), self._deeper(ways, frame)]
        parts += self._next_words(ways, frame)
        joined = _Ways(
            **{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(ways)}
        )
        nodes = len(self._labels)
        keys = (joined.state * nodes + joined.node) * 2 + joined.blank
        order = np.lexsort((-joined.score, keys))
        first = np.ones(len(order), np.bool_)
        np.not_equal(keys[order][1:], keys[order][:-1], out=first[1:])
        chosen = order[first]  # of each state the best
        score = joined.score[chosen]
        if len(chosen) > self._config.width:
            best = np.argpartition(-score, self._config.width)[: self._config.width]
            chosen, score = chosen[best], score[best]
        self._ways = joined.take(chosen[score >= score.max() - self._config.beam])

    def _stay(self, ways: _Ways, frame: npt.NDArray[np.float64]) -> _Ways:
        """Go on with the same phoneme, or with the blank after it."""
        between = self._lexicon.ends[ways.node] | (ways.node == 0)
        blank = frame[BLANK_INDEX]
        nothing = np.where(between, max(blank, -self._config.outside), blank)
        cost = np.where(ways.blank, nothing, frame[self._labels[ways.node]])
        last = np.where(ways.blank, ways.last, self.frames)
        return _Ways(
            ways.state,
            ways.node,
            ways.blank,
            ways.score + cost,
            ways.heard + cost,
            ways.before,
            ways.first,
            last,
            ways.token,
        )

    def _rest(self, ways: _Ways, frame: npt.NDArray[np.float64]) -> _Ways:
        """Follow the phoneme by a blank."""
        some = ways.take(np.flatnonzero(~ways.blank))
        cost = frame[BLANK_INDEX]
        some.blank = np.ones(len(some.node), np.bool_)
        some.score += cost
        some.heard += cost
        return some

    def _deeper(self, ways: _Ways, frame: npt.NDArray[np.float64]) -> _Ways:
        """Follow the phoneme by the next of its word."""
        counts = self._children[ways.node]
        parents = np.repeat(np.arange(len(counts)), counts)
        offset = np.arange(len(parents)) - np.repeat(np.cumsum(counts) - counts, counts)
        nodes = self._lexicon.first_child[ways.node[parents]] + offset
        return self._entered(ways.take(parents), nodes.astype(np.int64), frame)

    def _entered(
        self, ways: _Ways, nodes: npt.NDArray[np.int64], frame: npt.NDArray[np.float64]
    ) -> _Ways:
        """Enter other nodes; between two phonemes that are alike there has to be a blank."""
        labels = self._labels[nodes]
        good = np.flatnonzero(ways.blank | (labels != self._labels[ways.node]))
        begins = ways.node[good] == 0
        ways, nodes, labels = ways.take(good), nodes[good], labels[good]
        cost = frame[labels]
        ways.score += cost + self._ahead[nodes] - self._ahead[ways.node]
        ways.before = np.where(begins, ways.heard, ways.before)
        ways.heard = ways.heard + cost
        ways.first = np.where(begins, self.frames, ways.first)
        ways.last = np.full(len(nodes), self.frames)
        ways.node = nodes
        ways.blank = np.zeros(len(nodes), np.bool_)
        return ways

    def _next_words(self, ways: _Ways, frame: npt.NDArray[np.float64]) -> list[_Ways]:
        """End a word, and follow it by the first phoneme of the next."""
        at_ends = np.flatnonzero(self._lexicon.ends[ways.node])
        if not len(at_ends) or self.full:
            return []
        least = float(ways.score.max()) - self._config.beam
        chosen, states, scores, tokens = [], [], [], []
        for way in at_ends.tolist():
            node = int(ways.node[way])
            for word in self._lexicon.words[node]:
                state, likely = self._after(int(ways.state[way]), word)
                score = float(ways.score[way]) + likely - self._ahead[node]
                score += self._config.insertion
                if score < least:
                    continue
                chosen.append(way)
                states.append(state)
                scores.append(score)
                tokens.append(len(self._tokens))
                self._tokens.append(self._token(ways, way, word))
        if not chosen:
            return []
        some = ways.take(np.array(chosen))
        count = len(self._root)
        said = self._labels[some.node]
        some.state, some.score = np.array(states), np.array(scores) + self._ahead[0]
        some.token = np.array(tokens)
        some.node = np.zeros(len(chosen), np.int64)
        many = some.take(np.repeat(np.arange(len(chosen)), count))
        nodes = np.tile(self._root, len(chosen))
        apart = many.blank | (self._labels[nodes] != np.repeat(said, count))
        kept = np.flatnonzero(apart)
        many = many.take(kept)
        many.blank = np.ones(len(kept), np.bool_)  # what is alike is left out already
        return [self._entered(many, nodes[kept], frame)]

    def _token(self, ways: _Ways, way: int, word: int) -> Token:
        depth = int(self._lexicon.depth[ways.node[way]])
        return Token(
            word,
            int(ways.first[way]),
            int(ways.last[way]),
            float(ways.heard[way] - ways.before[way]) / depth,
            self._tokens[int(ways.token[way])],
        )

    def partial(self) -> list[Token]:
        """Return the words so far of what is likeliest now; the latest may still change.

        Returns
        -------
        list of Token
            In their order, without a word that is still being said.
        """
        return _chain(self._tokens[int(self._ways.token[int(self._ways.score.argmax())])])

    def best(self) -> list[Token]:
        """Return the likeliest words, if the utterance ends here.

        Returns
        -------
        list of Token
            In their order; none where nothing was said.
        """
        ways = self._ways
        best, found = -np.inf, self._tokens[0]
        for way in range(len(ways.node)):
            state, node = int(ways.state[way]), int(ways.node[way])
            if node == 0:
                score = float(ways.score[way]) - self._ahead[0]
                score += self._after(state, self._model.end)[1]
                if score > best:
                    best, found = score, None
            for word in self._lexicon.words[node]:
                after, likely = self._after(state, word)
                _, end = self._after(after, self._model.end)
                score = float(ways.score[way]) + likely - self._ahead[node] + end
                score += self._config.insertion
                if score > best:
                    best, found = score, self._token(ways, way, word)
        if best == -np.inf:
            return self.partial()
        return _chain(found)


def _chain(token: Token | None) -> list[Token]:
    """Return a word and those before it, the first one first."""
    found = []
    while token is not None:
        found.append(token)
        token = token.before
    return found[::-1]
