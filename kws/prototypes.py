"""Wake words from prototypes of how they end: what earlier versions of `kws enroll` wrote.

What `kws enroll` makes now is in `kws.warping`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .arrays import Float32
from .errors import ModelError
from .modelfile import ModelFile

#: Name of the network's output that prototypes are made of.
FEATURES = "features"
#: Least length of a stretch of features: silence resembles nothing.
_SHORTEST = 1e-6


class Projection:
    """Maps features to a space in which their cosine says how alike they sound.

    Parameters
    ----------
    array : float (1 + channels, dimensions)
        The mean of the features, in the first row, as it is in the space; then the matrix.
    """

    def __init__(self, array: npt.NDArray[np.floating]) -> None:
        self._mean = np.asarray(array[0], np.float32)
        self._matrix = np.asarray(array[1:], np.float32)
        self.channels, self.dimensions = self._matrix.shape

    def same(self, other: Projection) -> bool:
        """Return whether another projection gives the same, to the last bit.

        Parameters
        ----------
        other : Projection
            That of another model.

        Returns
        -------
        bool
        """
        return np.array_equal(self._mean, other._mean) and np.array_equal(
            self._matrix, other._matrix
        )

    def __call__(self, features: Float32) -> Float32:
        """Return output frames (n, dimensions) of features (n, channels)."""
        return np.asarray(features @ self._matrix - self._mean, np.float32)


def unit(stretches: Float32) -> Float32:
    """Return stretches (…, offsets, dimensions) of length 1 each.

    Parameters
    ----------
    stretches : float32 (..., offsets, dimensions)
        Stretches of features.

    Returns
    -------
    float32 (..., offsets, dimensions)
        The same, each divided by its length; what is all but silent stays shorter.
    """
    length = np.sqrt(np.sum(np.square(stretches), axis=(-2, -1), keepdims=True))
    return np.asarray(stretches / np.maximum(length, _SHORTEST), np.float32)


def read_projection(model: ModelFile, compared: str, channels: int) -> Projection:
    """Return the projection of a model of enrolled phrases, and check that it is whole.

    Parameters
    ----------
    model : ModelFile
        Its array ``projection.npy`` is (1 + channels, dimensions).
    compared : str
        Name of the array that the projected features are compared with.
    channels : int
        Of the network's features.

    Returns
    -------
    Projection
        It takes so many channels.

    Raises
    ------
    ModelError
        If one of the two arrays is missing, or the projection takes other features.
    """
    arrays = model.metadata.arrays
    for name in ("projection.npy", compared):
        if name not in arrays:
            raise ModelError(
                f"{model.path}: has enrolled phrases, but no {name}: it is damaged: enroll again"
            )
    projection = Projection(arrays["projection.npy"])
    if projection.channels != channels:
        raise ModelError(
            f"{model.path}: projection.npy takes {projection.channels} channels, but the network "
            f"gives {channels}"
        )
    return projection


class Matcher:
    """Compares the latest features of a stream with prototypes.

    The logit of a label is ``slope * (similarity - centre)``, where the similarity is the highest
    cosine between one of its prototypes and the output frames of the features, projected, that lie
    ``offsets`` back. No state but the latest output frames.

    Parameters
    ----------
    model : ModelFile
        With a `PrototypeContract` and the arrays ``projection.npy`` (1 + channels, dimensions)
        and ``prototypes.npy`` (prototypes, offsets, dimensions).
    channels : int
        Of the network's features.

    Raises
    ------
    ModelError
        If contract, arrays and network do not fit each other.
    """

    def __init__(self, model: ModelFile, channels: int) -> None:
        contract = model.metadata.prototypes
        arrays = model.metadata.arrays
        if contract is None:
            raise ModelError(f"{model.path}: has no prototypes")
        self._projection = read_projection(model, "prototypes.npy", channels)
        prototypes = arrays["prototypes.npy"].astype(np.float32)
        wanted = (len(contract.labels), len(contract.offsets), self._projection.dimensions)
        if prototypes.shape != wanted:
            raise ModelError(
                f"{model.path}: prototypes.npy is {prototypes.shape}, but kws.json and "
                f"projection.npy say {wanted}"
            )
        labels = len(model.metadata.labels)
        if set(contract.labels) != set(range(labels)) or list(contract.labels) != sorted(
            contract.labels
        ):
            raise ModelError(
                f"{model.path}: kws.json: prototypes: 'labels' must name each label, in their order"
            )
        if len(contract.centres) != labels:
            raise ModelError(f"{model.path}: kws.json: prototypes: not one centre per label")
        if (
            not contract.offsets
            or contract.offsets[0] != 0
            or list(contract.offsets) != sorted(set(contract.offsets))
        ):
            raise ModelError(f"{model.path}: kws.json: prototypes: 'offsets' must rise from 0")
        self._weights = unit(prototypes).reshape(len(prototypes), -1).T.copy()
        self._first = np.searchsorted(contract.labels, np.arange(labels))
        self._centres = np.array(contract.centres, np.float32)
        self._slope = np.float32(contract.slope)
        self._offsets = np.array(contract.offsets)
        # the latest output frames, the newest last
        self._columns = np.zeros((1 + contract.offsets[-1], wanted[2]), np.float32)
        self._stretch = np.zeros(wanted[1:], np.float32)

    @property
    def state(self) -> Float32:
        """The output frames that the next logits depend on, a copy."""
        return self._columns.copy()

    @state.setter
    def state(self, frames: Float32) -> None:
        self._columns[:] = frames

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
        newest = len(self._columns) - 1
        for number, column in enumerate(self._projection(features)):
            self._columns[:-1] = self._columns[1:]
            self._columns[-1] = column
            np.take(self._columns, newest - self._offsets, axis=0, out=self._stretch)
            flat = self._stretch.reshape(-1)
            length = max(float(np.sqrt(flat @ flat)), _SHORTEST)
            highest = np.maximum.reduceat(flat @ self._weights, self._first) / length
            logits[number] = self._slope * (highest - self._centres)
        return logits
