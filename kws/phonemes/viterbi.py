"""The best path through a graph of phonemes, frame by frame (Viterbi, 1967).

A network gives for each frame how probable the blank and each phoneme are (connectionist temporal
classification, Graves et al., 2006). A phoneme takes one frame or more, then as many blanks as
there are; only where a phoneme follows itself a blank has to be between the two. All scores are
natural logarithms relative to the best output of each frame, so that 0 is what the free loop of
phonemes reaches, which may say anything, and every path costs something or nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import Float32, grown
from .graph import Graph
from .symbols import BLANK_INDEX, VOICE_INDEX

#: Score of a frame's output, at least: no frame alone rules a phoneme out.
LOWEST = -15.0
#: Score of what has not been reached: below that of any path.
UNREACHED = np.float32(-1e9)


def relative(logits: Float32, blank: float = 0.0) -> Float32:
    """Return the scores of the blank and the phonemes, relative to the best of each frame.

    Parameters
    ----------
    logits : float32 (frames, outputs)
        What a phoneme network gives, in the order of `kws.phonemes.symbols.OUTPUTS`.
    blank : float
        Taken off the logits of the blank. A network that is not sure gives blanks, and paths of
        few phonemes win: above 0 the phonemes that it leaves out cost less.

    Returns
    -------
    float32 (frames, outputs - 1)
        Logarithms of ratios of probabilities, `LOWEST` .. 0; the voice is left out.
    """
    phonemes = logits[:, :VOICE_INDEX]
    if blank:
        phonemes = phonemes.copy()
        phonemes[:, BLANK_INDEX] -= np.float32(blank)
    # that of a softmax is the same: what it is divided by falls out
    scores = phonemes - np.maximum.reduce(phonemes, axis=1, keepdims=True)
    # numbers that are none count as the worst
    return np.asarray(np.fmax(scores, np.float32(LOWEST)), np.float32)


def log_posteriors(logits: Float32) -> Float32:
    """Return the logarithms of the posteriors of the blank and the phonemes.

    Parameters
    ----------
    logits : float32 (frames, outputs)
        What a phoneme network gives, in the order of `kws.phonemes.symbols.OUTPUTS`.

    Returns
    -------
    float32 (frames, outputs - 1)
        `LOWEST` .. 0; the voice is left out.
    """
    scores = logits[:, :VOICE_INDEX] - np.maximum.reduce(
        logits[:, :VOICE_INDEX], axis=1, keepdims=True
    )
    scores -= np.log(np.add.reduce(np.exp(scores), axis=1, keepdims=True))
    # numbers that are none count as the worst
    return np.asarray(np.fmax(scores, np.float32(LOWEST)), np.float32)


class Recursion:
    """The scores of the best paths to all nodes of a graph, and how a frame changes them.

    Each node has two: of paths that say its phoneme now, and of those that are in a blank after it.

    Parameters
    ----------
    graph : Graph
        What may be said.
    summed : bool
        Whether scores are those of all paths together, whose probabilities are added (the forward
        algorithm), in place of the best one's. Which path is the best is told in either case by
        where most comes from.

    Attributes
    ----------
    phone, blank : float32 (nodes,)
        The scores.
    leave : float32 (nodes,)
        Both together: the higher one, or their sum.
    entered : bool (nodes,)
        Whether the best path to each phoneme came by an arc with the latest frame.
    winners : int64 (nodes,)
        By which of `origins` it would have come, entered or not.
    to_blank : bool (nodes,)
        Whether the best path to each blank said the phoneme one frame before.
    origins : int64 (arcs,)
        Where each arc begins: at node n after anything, n; at n after a blank, nodes + n; or at
        the beginning of a string, 2 · nodes.
    first_arc : int64 (nodes,)
        The first arc into each node.
    """

    def __init__(self, graph: Graph, summed: bool = False) -> None:
        self._join = np.logaddexp if summed else np.maximum
        self._summed = summed
        count = graph.nodes
        same = graph.labels[graph.sources] == graph.labels[graph.targets]
        origins = np.concatenate(
            [graph.sources + count * same, np.full(len(graph.starts), 2 * count)]
        ).astype(np.int64)
        targets = np.concatenate([graph.targets, graph.starts]).astype(np.int64)
        order = np.argsort(targets, kind="stable")
        self.origins, self._targets = origins[order], targets[order]
        self.first_arc = np.searchsorted(self._targets, np.arange(count))
        self._labels = graph.labels.astype(np.int64)
        # one array, so that all arcs read theirs at once
        self._values = np.full(2 * count + 1, UNREACHED, np.float32)
        self.leave, self.blank = self._values[:count], self._values[count:-1]
        self.phone = np.full(count, UNREACHED, np.float32)
        self.entered = np.zeros(count, np.bool_)
        self.to_blank = np.zeros(count, np.bool_)
        self.winners = np.zeros(count, np.int64)
        self.reset()
        # kept, so that a step allocates next to nothing
        self._arcs = np.empty(len(self.origins), np.float32)
        self._best_of_target = np.empty(len(self.origins), np.float32)
        self._hit = np.empty(len(self.origins), np.bool_)
        self._best = np.empty(count, np.float32)
        self._said = np.empty(count, np.float32)

    def reset(self) -> None:
        """Forget all paths."""
        self._values[:] = UNREACHED
        self.phone[:] = UNREACHED

    def restore(self, phone: Float32, blank: Float32) -> None:
        """Go on with scores that were taken before.

        Parameters
        ----------
        phone, blank : float32 (nodes,)
            The attributes, as they were.
        """
        self.phone[:], self.blank[:] = phone, blank
        self._join(self.phone, self.blank, out=self.leave)

    def step(self, scores: Float32, entry: float) -> None:
        """Take the next frame.

        Parameters
        ----------
        scores : float32 (outputs - 1,)
            Of the frame, as `relative` gives them.
        entry : float
            Score of all before the frame for a string that begins with it.
        """
        values, phone, blank, best = self._values, self.phone, self.blank, self._best
        values[-1] = entry
        arcs = values.take(self.origins, out=self._arcs, mode="clip")
        np.maximum.reduceat(arcs, self.first_arc, out=best)
        np.equal(
            best.take(self._targets, out=self._best_of_target, mode="clip"), arcs, out=self._hit
        )
        hits = self._hit.nonzero()[0]
        self.winners[self._targets[hits]] = hits  # of several the last
        np.greater(best, phone, out=self.entered)
        np.greater(phone, blank, out=self.to_blank)
        if self._summed:
            np.logaddexp.reduceat(arcs, self.first_arc, out=best)
        self._join(blank, phone, out=blank)
        blank += scores[BLANK_INDEX]
        self._join(best, phone, out=phone)
        phone += scores.take(self._labels, out=self._said, mode="clip")
        # a score that stays far behind must not fall for ever
        np.maximum(blank, UNREACHED, out=blank)
        np.maximum(phone, UNREACHED, out=phone)
        self._join(phone, blank, out=self.leave)


@dataclass(frozen=True, eq=False)
class Path:
    """What was said, as the best path through a graph has it.

    Attributes
    ----------
    labels : int16 (phonemes,)
        Indices among `kws.phonemes.symbols.OUTPUTS`.
    nodes : int32 (phonemes,)
        The node of the graph that said each.
    first, last : int32 (phonemes,)
        Frames, from 0 at the last reset, with which each phoneme begins and ends; blanks are no
        part of it.
    scores : float32 (phonemes,)
        What each phoneme and the blanks after it cost against the free loop, at most 0.
    score : float
        What the whole utterance costs, with the frames before and after the phonemes.
    """

    labels: npt.NDArray[np.int16]
    nodes: npt.NDArray[np.int32]
    first: npt.NDArray[np.int32]
    last: npt.NDArray[np.int32]
    scores: Float32
    score: float


class UtteranceDecoder:
    """Finds what was said in an utterance: the best path through a graph, with its times.

    Before the phonemes and after them are blanks, or whatever was said there at a price.

    Parameters
    ----------
    graph : Graph
        What may be said.
    longest : int
        Frames of an utterance, at most: memory for the way back is taken as it is needed, three
        bytes per node and frame (more where thousands of arcs lead to one node).
    outside : float
        What a frame before or after the phonemes costs at most, whatever is said in it: 0 finds
        the graph anywhere in an utterance, infinity wants nothing else in it.

    Attributes
    ----------
    frames : int
        Taken since the last reset.
    """

    def __init__(self, graph: Graph, longest: int = 1500, outside: float = math.inf) -> None:
        self._graph = graph
        self._recursion = Recursion(graph)
        self._longest = longest
        self._outside = -outside
        self._ends = np.flatnonzero(graph.ends)
        self._leads = np.zeros(graph.nodes, np.bool_)
        self._leads[graph.sources] = True
        degrees = np.diff(self._recursion.first_arc, append=len(self._recursion.origins))
        # of each frame and node: by which of its arcs the phoneme was entered, from 1 on; 0 if not
        self._arcs: npt.NDArray[Any] = np.empty(
            (0, graph.nodes), np.uint16 if degrees.max() < 2**16 - 1 else np.uint32
        )
        # bit 0: the blank follows the phoneme at once; bit 1: the phoneme is ahead of the blank
        self._flags = np.empty((0, graph.nodes), np.uint8)
        self._scores = np.empty((0, VOICE_INDEX), np.float32)
        self.reset()

    def reset(self) -> None:
        """Begin the next utterance."""
        self._recursion.reset()
        self.frames = 0
        self._entry = 0.0
        self._tail = float(UNREACHED)
        self._tail_from = (-1, -1)  # frame and node that the best ended path ended with

    @property
    def full(self) -> bool:
        """Whether the utterance has as many frames as it may have."""
        return self.frames >= self._longest

    @property
    def best_score(self) -> float:
        """Score of the best path so far, ended or not: at most 0."""
        return max(float(self._recursion.leave.max()), self._tail)

    @property
    def ended_score(self) -> float:
        """Score of the best path that may end here: at most 0, and very low if there is none."""
        return self._tail

    @property
    def ended(self) -> bool:
        """Whether the best path has ended, and nothing could follow its last phoneme."""
        node = self._tail_from[1]
        return node >= 0 and not self._leads[node] and self._tail >= self.best_score

    def push(self, scores: Float32) -> None:
        """Take the next frames.

        Parameters
        ----------
        scores : float32 (frames, outputs - 1)
            As `relative` gives them.

        Raises
        ------
        ValueError
            If there are more frames than an utterance may have.
        """
        if self.frames + len(scores) > self._longest:
            raise ValueError(f"an utterance has at most {self._longest} frames: reset before")
        wanted = self.frames + len(scores)
        self._arcs, self._flags, self._scores = (
            grown(one, self.frames, wanted, self._longest)
            for one in (self._arcs, self._flags, self._scores)
        )
        self._scores[self.frames : self.frames + len(scores)] = scores
        for frame in scores:
            self._step(frame)

    def _step(self, frame: Float32) -> None:
        recursion, number = self._recursion, self.frames
        recursion.step(frame, self._entry)
        arcs, flags = self._arcs[number], self._flags[number]
        np.subtract(recursion.winners, recursion.first_arc, out=arcs, casting="unsafe")
        arcs += 1
        arcs *= recursion.entered
        np.greater_equal(recursion.phone, recursion.blank, out=flags.view(np.bool_))
        flags <<= 1
        flags |= recursion.to_blank
        nothing = max(float(frame[BLANK_INDEX]), self._outside)
        self._entry += nothing
        self._tail += nothing
        # the end may be said with this frame; what follows it is the tail
        at_ends = recursion.leave[self._ends]
        best = int(at_ends.argmax())
        if at_ends[best] >= self._tail:
            self._tail, self._tail_from = float(at_ends[best]), (number, int(self._ends[best]))
        self.frames += 1

    def best(self) -> Path | None:
        """Return the best path that may end here.

        Returns
        -------
        Path or None
            None while nothing that the graph accepts fits in.
        """
        frame, node = self._tail_from
        if node < 0 or self._tail <= UNREACHED / 2:
            return None
        recursion = self._recursion
        count = self._graph.nodes
        end = frame  # of the phoneme and its blanks
        nodes: list[int] = []
        spans: list[tuple[int, int, int]] = []
        in_blank = not self._flags[frame, node] & 2
        while True:
            while in_blank:
                in_blank = not self._flags[frame, node] & 1
                frame -= 1
            last = frame
            while not self._arcs[frame, node]:
                frame -= 1
            nodes.append(node)
            spans.append((frame, last, end))
            arc = recursion.first_arc[node] + int(self._arcs[frame, node]) - 1
            origin = int(recursion.origins[arc])
            if origin == 2 * count:
                break
            frame -= 1
            node = origin % count
            in_blank = origin >= count or not self._flags[frame, node] & 2
            end = frame
        nodes.reverse()
        spans.reverse()
        labels = self._graph.labels[nodes]
        costs = [
            float(
                self._scores[first : last + 1, label].sum()
                + self._scores[last + 1 : end + 1, BLANK_INDEX].sum()
            )
            for (first, last, end), label in zip(spans, labels, strict=True)
        ]
        return Path(
            labels=labels,
            nodes=np.array(nodes, np.int32),
            first=np.array([first for first, _, _ in spans], np.int32),
            last=np.array([last for _, last, _ in spans], np.int32),
            scores=np.array(costs, np.float32),
            score=self._tail,
        )
