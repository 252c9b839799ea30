"""Wake words from averaged recordings, matched over their whole length by dynamic time warping."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arrays import Float32
from .errors import ModelError
from .modelfile import ModelFile
from .prototypes import read_projection

#: Output frames of the stream from one point of a sequence to the next, at most. The points are
#: two output frames apart in the recordings, so that a phrase takes 0.5 to 1.5 times as long.
MOST_ADVANCE = 3
#: Least length of an output frame of features: digital silence resembles nothing.
_SHORTEST = 1e-6
#: Sum of similarities of a path that does not exist: less than that of any path.
_NO_PATH = -1e4
_HALF = np.float32(0.5)
#: Rows of a cell: sum of the similarities along the best path to a point, ...
_TOTAL = 0
#: ... that part of the sum which falls in the first half of the sequence, ...
_FIRST = 1
#: ... and how many output frames ago the path began.
_AGE = 2


def unit_frames(frames: Float32) -> Float32:
    """Return output frames scaled to length 1 each.

    Parameters
    ----------
    frames : float32 (..., dimensions)
        Projected features.

    Returns
    -------
    float32 (..., dimensions)
        The same, each divided by its length; what is all but silent stays shorter.
    """
    length = np.sqrt(np.sum(np.square(frames), axis=-1, keepdims=True))
    return np.asarray(frames / np.maximum(length, _SHORTEST), np.float32)


class Warping:
    """Finds how well the latest output frames of a stream fit sequences of points.

    A path leads from the first point of a sequence to its last: each point is compared with one
    output frame, 1 to `MOST_ADVANCE` after the one before. Of all paths that end now, the one
    counts whose cosines add up to most. The similarity of a sequence is halfway between the mean
    of all cosines and that of the half with the lower ones, so that half of a phrase is not taken
    for the phrase.

    Parameters
    ----------
    sequences : sequence of float32 (points, dimensions)
        Each with at least 2 points, of length 1.
    products : sequence of int, optional
        Points that are compared by one matrix product each, in turn: with those of several models,
        each model's similarities are then the same to the last bit as without the others. All at
        once unless given.

    Attributes
    ----------
    similarities : float32 (sequences,)
        Similarity of each sequence that ends with the latest output frame, -1 .. 1.
    ages : float32 (sequences,)
        How many output frames before the latest one the best path of each sequence began.
    """

    def __init__(self, sequences: Sequence[Float32], products: Sequence[int] | None = None) -> None:
        points = np.array([len(sequence) for sequence in sequences])
        ends = np.cumsum(points)
        self._starts = ends - points
        self._ends = ends - 1
        firsts = points // 2
        self._per_point = (1 / points).astype(np.float32)
        self._per_first = (1 / firsts).astype(np.float32)
        self._per_second = (1 / (points - firsts)).astype(np.float32)
        within = np.arange(ends[-1]) - np.repeat(self._starts, points)
        self._in_first = (within < np.repeat(firsts, points)).astype(np.float32)
        # cells (3 rows, points) of the newest output frame and of those that a path comes from, in
        # a ring; views of all but the last and all but the first point save slicing in each step
        self._cells = np.zeros((1 + MOST_ADVANCE, 3, ends[-1]), np.float32)
        self._cells[:, _TOTAL] = _NO_PATH
        self._before = [cells[:, :-1] for cells in self._cells]
        self._after = [cells[:, 1:] for cells in self._cells]
        self._newest = 0
        # kept, so that a step allocates nothing
        self._cosines = np.empty(ends[-1], np.float32)
        cuts = np.cumsum(products[:-1]) if products is not None else ()
        matrices = np.split(np.concatenate(list(sequences)).astype(np.float32), cuts)
        self._products = list(zip(matrices, np.split(self._cosines, cuts), strict=True))
        self._better = np.empty(ends[-1] - 1, np.bool_)
        self._at_ends = np.empty((3, len(points)), np.float32)
        self._second = np.empty(len(points), np.float32)
        self.similarities = np.empty(len(points), np.float32)
        self.ages = self._at_ends[_AGE]

    @property
    def state(self) -> Float32:
        """What the next similarities depend on, a copy."""
        return np.roll(self._cells, -self._newest, axis=0)

    @state.setter
    def state(self, cells: Float32) -> None:
        self._cells[:] = cells
        self._newest = 0

    def push(self, frame: Float32) -> None:
        """Take the next output frame, and update `similarities` and `ages`.

        Parameters
        ----------
        frame : float32 (dimensions,)
            Projected features, of length 1.
        """
        count = len(self._cells)
        self._newest = newest = (self._newest + 1) % count
        self._cells[:, _AGE] += 1
        cells, after = self._cells[newest], self._after[newest]
        after[:] = self._before[(newest - 1) % count]
        for advance in range(2, 1 + MOST_ADVANCE):
            before = self._before[(newest - advance) % count]
            np.greater(before[_TOTAL], after[_TOTAL], out=self._better)
            np.copyto(after, before, where=self._better)
        cells[:, self._starts] = 0  # a path may begin with any output frame
        for points, cosines in self._products:
            np.dot(points, frame, out=cosines)
        cells[_TOTAL] += self._cosines
        np.multiply(self._cosines, self._in_first, out=self._cosines)
        cells[_FIRST] += self._cosines
        total, first, _ = np.take(cells, self._ends, axis=1, out=self._at_ends, mode="clip")
        np.subtract(total, first, out=self._second)
        np.multiply(self._second, self._per_second, out=self._second)
        np.multiply(first, self._per_first, out=first)
        np.minimum(first, self._second, out=first)
        np.multiply(total, self._per_point, out=total)
        np.add(first, total, out=self.similarities)
        np.multiply(self.similarities, _HALF, out=self.similarities)


class WarpingMatcher:
    """Compares the latest features of a stream with one sequence for each label.

    The logit of a label is ``slope * (similarity - centre)``, with the similarity of `Warping`.

    Parameters
    ----------
    model : ModelFile
        With a `WarpingContract` and the arrays ``projection.npy`` (1 + channels, dimensions) and
        ``sequences.npy`` (points of all labels, dimensions).
    channels : int
        Of the network's features.

    Raises
    ------
    ModelError
        If contract, arrays and network do not fit each other.
    """

    def __init__(self, model: ModelFile, channels: int) -> None:
        contract = model.metadata.warping
        arrays = model.metadata.arrays
        if contract is None:
            raise ModelError(f"{model.path}: has no sequences to compare with")
        self._projection = read_projection(model, "sequences.npy", channels)
        labels = len(model.metadata.labels)
        for key, count in (("points", len(contract.points)), ("centres", len(contract.centres))):
            if count != labels:
                raise ModelError(
                    f"{model.path}: kws.json: warping: {key!r} must have one number per label"
                )
        points = arrays["sequences.npy"].astype(np.float32)
        wanted = (sum(contract.points), self._projection.dimensions)
        if points.shape != wanted:
            raise ModelError(
                f"{model.path}: sequences.npy is {points.shape}, but kws.json and "
                f"projection.npy say {wanted}"
            )
        self._sequences = np.split(unit_frames(points), np.cumsum(contract.points)[:-1])
        self._warping = Warping(self._sequences)
        self._centres = np.array(contract.centres, np.float32)
        self._slopes = np.full(labels, contract.slope, np.float32)
        self._ages = np.zeros((1, labels), np.float32)

    @classmethod
    def joined(cls, matchers: Sequence[WarpingMatcher]) -> WarpingMatcher:
        """Return one matcher that does what several do, for little more than the price of one.

        Parameters
        ----------
        matchers : sequence of WarpingMatcher
            One or more, which have the same projection; their states go into the new one's.

        Returns
        -------
        WarpingMatcher
            The labels of all, in turn. Its logits are those of each to the last bit.
        """
        found = cls.__new__(cls)
        found._projection = matchers[0]._projection
        found._sequences = [one for matcher in matchers for one in matcher._sequences]
        found._warping = Warping(
            found._sequences, [sum(map(len, matcher._sequences)) for matcher in matchers]
        )
        found._centres = np.concatenate([matcher._centres for matcher in matchers])
        found._slopes = np.concatenate([matcher._slopes for matcher in matchers])
        found._ages = np.zeros((1, len(found._centres)), np.float32)
        found.state = np.concatenate([matcher.state for matcher in matchers], axis=2)
        return found

    def projects_like(self, other: WarpingMatcher) -> bool:
        """Return whether another matcher has the same projection, to the last bit.

        Parameters
        ----------
        other : WarpingMatcher
            Of another model.

        Returns
        -------
        bool
        """
        return self._projection.same(other._projection)

    @property
    def state(self) -> Float32:
        """What the next logits depend on, a copy."""
        return self._warping.state

    @state.setter
    def state(self, cells: Float32) -> None:
        self._warping.state = cells

    def push(self, features: Float32) -> Float32:
        """Take the newest features, and return logits.

        Parameters
        ----------
        features : float32 (output frames, channels)
            The newest features of the network.

        Returns
        -------
        float32 (output frames, labels)
            Logits.
        """
        logits = np.empty((len(features), len(self._centres)), np.float32)
        if len(self._ages) != len(logits):
            self._ages = np.zeros(logits.shape, np.float32)
        warping = self._warping
        for number, frame in enumerate(unit_frames(self._projection(features))):
            warping.push(frame)
            np.subtract(warping.similarities, self._centres, out=logits[number])
            self._ages[number] = warping.ages
        logits *= self._slopes
        return logits

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
