"""Phrases that were typed, found in a stream of phonemes.

A phrase may begin with any frame. Its cost is what the best path through its graph costs against
the free loop of phonemes, which says in each frame what is most probable (`kws.phonemes.viterbi`).
"""

from __future__ import annotations

import numpy as np

from ..arrays import Float32
from ..errors import KwsError, ModelError
from ..modelfile import ModelFile
from .contract import Phrase
from .graph import disjoint
from .pronunciations import phrase_graph
from .viterbi import Recursion, relative

#: Rows of what a path remembers: output frames since it began, ...
_AGE = 0
#: ... its score before the present phoneme, ...
_BEFORE = 1
#: ... and that of the worst phoneme before the present one.
_WORST = 2
_ROWS = 3


class PhraseScores:
    """Follows several phrases through a stream of phonemes.

    Parameters
    ----------
    phrases : sequence of Phrase
        The pronunciations of the words of each.
    path : str
        The model file, for messages.

    Attributes
    ----------
    totals : float32 (phrases,)
        Score of the best path of each phrase whose last phoneme is said in the latest frame: at
        most 0.
    ages : float32 (phrases,)
        Output frames since that path began, the latest included.
    worst : float32 (phrases,)
        Score of its worst phoneme, at most 0.
    lengths : float32 (phrases,)
        Phonemes of each phrase, as it is said with care.
    """

    def __init__(self, phrases: tuple[Phrase, ...], path: str) -> None:
        graphs = [phrase_graph(one, f"{number} of {path}") for number, one in enumerate(phrases)]
        graph = disjoint(graphs)
        self._count = graph.nodes
        self._recursion = Recursion(graph)
        ends = [np.flatnonzero(one.ends) for one in graphs]
        firsts = np.cumsum([0, *(one.nodes for one in graphs)])[:-1]
        most = max(map(len, ends))
        # as many ends for each phrase: the first again where there are fewer
        self._ends = np.array(
            [
                first + np.concatenate([own, np.repeat(own[:1], most - len(own))])
                for first, own in zip(firsts, ends, strict=True)
            ]
        )
        self.lengths = np.array([sum(len(word[0]) for word in one) for one in phrases], np.float32)
        shape = _ROWS, self._count
        self._phone = np.zeros(shape, np.float32)
        self._blank = np.zeros(shape, np.float32)
        # of what an arc may leave: a node after anything, a node after a blank, the beginning
        self._left = np.zeros((_ROWS, 2 * self._count + 1), np.float32)
        self.totals = np.empty(len(phrases), np.float32)
        self.ages = np.empty(len(phrases), np.float32)
        self.worst = np.empty(len(phrases), np.float32)

    @property
    def state(self) -> Float32:
        """What the next scores depend on, a copy."""
        recursion = self._recursion
        return np.concatenate(
            [recursion.phone[None], recursion.blank[None], self._phone, self._blank]
        )

    @state.setter
    def state(self, rows: Float32) -> None:
        recursion = self._recursion
        recursion.phone[:], recursion.blank[:] = rows[0], rows[1]
        np.maximum(recursion.phone, recursion.blank, out=recursion.leave)
        self._phone[:], self._blank[:] = rows[2 : 2 + _ROWS], rows[2 + _ROWS :]

    def push(self, scores: Float32) -> None:
        """Take the next output frame, and update the attributes.

        Parameters
        ----------
        scores : float32 (outputs - 1,)
            As `kws.phonemes.viterbi.relative` gives them.
        """
        recursion, count, left = self._recursion, self._count, self._left
        phone, blank = self._phone, self._blank
        phone[_AGE] += 1
        blank[_AGE] += 1
        # what a path remembers when it leaves a node: the phoneme that it has said has a score now
        behind = recursion.blank > recursion.phone
        left[:, :count] = np.where(behind, blank, phone)
        left[:, count:-1] = blank
        for part, of in ((left[:, :count], recursion.leave), (left[:, count:-1], recursion.blank)):
            np.minimum(part[_WORST], of - part[_BEFORE], out=part[_WORST])
            part[_BEFORE] = of
        left[_AGE, -1] = 1
        recursion.step(scores, 0.0)
        np.copyto(blank, phone, where=recursion.to_blank)
        origins = recursion.origins.take(recursion.winners)
        np.copyto(phone, left.take(origins, axis=1), where=recursion.entered)
        at_ends = recursion.phone.take(self._ends)
        best = np.take_along_axis(self._ends, at_ends.argmax(axis=1)[:, None], axis=1)[:, 0]
        recursion.phone.take(best, out=self.totals)
        phone[_AGE].take(best, out=self.ages)
        np.minimum(phone[_WORST][best], self.totals - phone[_BEFORE][best], out=self.worst)


class PhraseMatcher:
    """Makes logits of phrases of the logits of phonemes.

    The logit of a phrase is ``slope * (score - centre)``, with the score of `PhraseScores` per
    phoneme, so that it means the same for short and long phrases.

    Parameters
    ----------
    model : ModelFile
        With a `kws.phonemes.contract.PhraseContract`.

    Raises
    ------
    ModelError
        If the model has no phrases, or they make too large a graph.
    """

    def __init__(self, model: ModelFile) -> None:
        contract = model.metadata.phrases
        if contract is None:
            raise ModelError(f"{model.path}: has no phrases that were typed")
        try:
            self._scores = PhraseScores(contract.words, model.path)
        except KwsError as error:
            raise ModelError(f"{model.path}: {error}") from None
        self._slope = np.float32(contract.slope)
        self._centres = np.array(contract.centres, np.float32)
        self._ages = np.zeros((1, len(self._centres)), np.float32)

    @property
    def state(self) -> Float32:
        """What the next logits depend on, a copy."""
        return self._scores.state

    @state.setter
    def state(self, rows: Float32) -> None:
        self._scores.state = rows

    def push(self, logits: Float32) -> Float32:
        """Take the newest logits of phonemes, and return those of the phrases.

        Parameters
        ----------
        logits : float32 (output frames, outputs)
            In the order of `kws.phonemes.symbols.OUTPUTS`.

        Returns
        -------
        float32 (output frames, labels)
            Logits.
        """
        found = np.empty((len(logits), len(self._centres)), np.float32)
        if len(self._ages) != len(found):
            self._ages = np.zeros(found.shape, np.float32)
        scores = self._scores
        for number, frame in enumerate(relative(logits)):
            scores.push(frame)
            np.divide(scores.totals, scores.lengths, out=found[number])
            self._ages[number] = scores.ages
        found -= self._centres
        found *= self._slope
        return found

    def begun(self, output_frame: int, label: int) -> int:
        """Return how long ago a phrase began that ends with one of the latest output frames.

        Parameters
        ----------
        output_frame : int
            Number of the output frame among those that the last `push` took.
        label : int
            Number of the phrase.

        Returns
        -------
        int
            Output frames from the phrase's beginning to this one.
        """
        return int(self._ages[output_frame, label])
