"""Phrases that were typed, found in a stream of phonemes.

A phrase may begin with any frame. Its score is the logarithm of the probability that its phonemes
are said from there to now, summed over all alignments and all beginnings (the forward algorithm of
connectionist temporal classification, Graves et al., 2006). A filler, which could say anything,
needs no graph of its own: the probabilities of all that could have been said add up to one.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Float32
from ..errors import KwsError, ModelError
from ..modelfile import ModelFile
from ..phonemes.contract import Phrase
from ..phonemes.graph import disjoint
from ..phonemes.pronunciations import phrase_graph
from ..phonemes.viterbi import Recursion, log_posteriors
from .scaling import phrase_length


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
        Score of each phrase whose last phoneme is said in the latest frame.
    ages : float32 (phrases,)
        Output frames since it began, by the best alignment, the latest included.
    lengths : float32 (phrases,)
        Phonemes of each phrase, as it is said with care.
    """

    def __init__(self, phrases: tuple[Phrase, ...], path: str) -> None:
        graphs = [phrase_graph(one, f"{number} of {path}") for number, one in enumerate(phrases)]
        graph = disjoint(graphs)
        self._count = graph.nodes
        self._recursion = Recursion(graph, summed=True)
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
        self.lengths = np.array([phrase_length(one) for one in phrases], np.float32)
        # output frames since the best path to each node began: in its phoneme, in a blank after it
        self._phone = np.zeros(self._count, np.float32)
        self._blank = np.zeros(self._count, np.float32)
        # of what an arc may leave: a node after anything, a node after a blank, the beginning
        self._left = np.zeros(2 * self._count + 1, np.float32)
        self.totals = np.empty(len(phrases), np.float32)
        self.ages = np.empty(len(phrases), np.float32)

    @property
    def state(self) -> Float32:
        """What the next scores depend on, a copy."""
        recursion = self._recursion
        return np.stack([recursion.phone, recursion.blank, self._phone, self._blank])

    @state.setter
    def state(self, rows: Float32) -> None:
        self._recursion.restore(rows[0], rows[1])
        self._phone[:], self._blank[:] = rows[2], rows[3]

    def push(self, scores: Float32) -> None:
        """Take the next output frame, and update the attributes.

        Parameters
        ----------
        scores : float32 (outputs - 1,)
            As `kws.phonemes.viterbi.log_posteriors` gives them.
        """
        recursion, count, left = self._recursion, self._count, self._left
        phone, blank = self._phone, self._blank
        phone += 1
        blank += 1
        left[count:-1] = blank
        left[:count] = phone
        np.copyto(left[:count], blank, where=recursion.blank > recursion.phone)
        left[-1] = 1
        recursion.step(scores, 0.0)
        np.copyto(blank, phone, where=recursion.to_blank)
        origins = recursion.origins.take(recursion.winners)
        np.copyto(phone, left.take(origins), where=recursion.entered)
        at_ends = recursion.phone.take(self._ends)
        best = np.take_along_axis(self._ends, at_ends.argmax(axis=1)[:, None], axis=1)[:, 0]
        recursion.phone.take(best, out=self.totals)
        phone.take(best, out=self.ages)


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
        for number, frame in enumerate(log_posteriors(logits)):
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
