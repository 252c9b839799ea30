"""Streaming log-mel spectrogram in numpy: the front end of every model.

A front end is data, not code: `LogMelConfig` rides in a model's metadata and one implementation
serves all of them, but for that of microWakeWord, whose arithmetic is its own (`micro_frontend`).
Offline and streaming run the very same blocks of frames through the very same arithmetic, so their
frames are equal bit for bit, whatever the sizes of the chunks pushed.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .arrays import Float32
from .errors import ModelError
from .micro_frontend import MicroConfig, MicroFrontEnd
from .state import Arrays, StateReader, counts, joined

#: Frames computed by one call of the FFT when nothing else asks for another number.
BLOCK = 8


@dataclass(frozen=True)
class LogMelConfig:
    """Parameters of a log-mel front end.

    Attributes
    ----------
    sample_rate : int
        Samples per second of the input.
    window, hop, fft : int
        Length of the periodic Hann window, step between windows and FFT size, in samples.
    bands : int
        Number of mel bands.
    low_hz, high_hz : float
        Range of the bands, in Hz.
    spectrum : {"magnitude", "power"}
        What the mel filters weigh: ``|X|`` or ``|X|**2``.
    offset : float
        Added before the logarithm: ``log(mel + offset)``.
    floor, ceiling : float
        The logarithm is clipped to this range.
    dc_frames : int
        Frames by which a DC offset of the samples is told: the part of the mean that so many frames
        have in common is removed, 0 to 256. With 0 nothing is removed.
    mel_scale : {"htk", "slaney"}
        How the bands are spaced: `mel` with triangles that are linear in mel, as TensorFlow has
        them; or M. Slaney's (Auditory Toolbox, 1998), linear up to 1 kHz and logarithmic above,
        with triangles that are linear in Hz, as librosa has them.
    """

    sample_rate: int
    window: int
    hop: int
    fft: int
    bands: int
    low_hz: float
    high_hz: float
    spectrum: Literal["magnitude", "power"]
    offset: float
    floor: float
    ceiling: float
    dc_frames: int = 0
    mel_scale: Literal["htk", "slaney"] = "htk"

    def __post_init__(self) -> None:
        checks = (
            (8000 <= self.sample_rate <= 48000, "sample_rate must be 8000 to 48000"),
            (1 <= self.hop <= self.window <= self.fft <= 8192, "1 <= hop <= window <= fft <= 8192"),
            (1 <= self.bands <= 256, "bands must be 1 to 256"),
            (
                0 <= self.low_hz < self.high_hz and 2 * self.high_hz <= self.sample_rate,
                "0 <= low_hz < high_hz <= sample_rate / 2",
            ),
            (self.spectrum in ("magnitude", "power"), "spectrum must be magnitude or power"),
            (0 <= self.offset <= 1, "offset must be 0 to 1"),
            (-80 <= self.floor < self.ceiling <= 80, "-80 <= floor < ceiling <= 80"),
            (0 <= self.dc_frames <= 256, "dc_frames must be 0 to 256"),
            (self.mel_scale in ("htk", "slaney"), "mel_scale must be htk or slaney"),
        )
        for holds, rule in checks:
            if not holds:
                raise ModelError(f"front end: {rule}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> LogMelConfig:
        """Read a configuration from metadata.

        Parameters
        ----------
        values : object
            What the JSON of a model file holds.

        Returns
        -------
        LogMelConfig
            The front end, its values checked.

        Raises
        ------
        ModelError
            If a key is missing or unknown, or a value has the wrong type or range.
        """
        known = {field.name: field.type for field in fields(cls)}
        optional = {field.name for field in fields(cls) if field.default is not MISSING}
        for key in known.keys() - values.keys() - optional:
            raise ModelError(f"front end: key {key!r} is missing")
        for key in values.keys() - known.keys():
            raise ModelError(f"front end: unknown key {key!r:.40}")
        for key, kind in known.items():
            if key not in values:
                continue
            wanted: Any = {"int": int, "float": (int, float)}.get(str(kind), str)
            if not isinstance(values[key], wanted) or isinstance(values[key], bool):
                raise ModelError(f"front end: {key!r} has the wrong type: {values[key]!r:.40}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as plain JSON values.

        Returns
        -------
        dict
            What `from_dict` reads, as JSON values. What has its default is left out, so that
            versions of kws which do not know it read the file.
        """
        defaults = {one.name: one.default for one in fields(self)}
        return {key: value for key, value in asdict(self).items() if value != defaults[key]}

    def fits(self, other: FrontEnd) -> bool:
        """Return whether a network that takes the frames of one front end can take the other's.

        Parameters
        ----------
        other : LogMelConfig or JoinedConfig
            The other front end.

        Returns
        -------
        bool
            True if nothing but the removal of a DC offset differs.
        """
        return isinstance(other, LogMelConfig) and replace(other, dc_frames=self.dc_frames) == self

    @property
    def first(self) -> LogMelConfig:
        """The front end whose bands come first: itself, see `JoinedConfig`."""
        return self

    @property
    def hop_seconds(self) -> float:
        """Seconds between frames."""
        return self.hop / self.sample_rate

    @property
    def window_seconds(self) -> float:
        """Seconds of audio under one frame."""
        return self.window / self.sample_rate

    @property
    def silence(self) -> float:
        """Value of every band for digital silence."""
        if self.offset == 0:
            return self.floor
        return float(np.clip(np.log(self.offset), self.floor, self.ceiling))

    @property
    def decibel(self) -> float:
        """How much a sound that is louder by 1 dB raises its bands."""
        return math.log(10) / (10 if self.spectrum == "power" else 20)

    def frames(self, samples: int) -> int:
        """Return the number of whole frames in so many samples.

        Parameters
        ----------
        samples : int
            Number of samples.

        Returns
        -------
        int
            0 where the first window is not full.
        """
        return max(0, (samples - self.window) // self.hop + 1)

    def samples(self, frames: int) -> int:
        """Return the number of samples under so many frames.

        Parameters
        ----------
        frames : int
            Number of frames.

        Returns
        -------
        int
            0 for no frames.
        """
        return (frames - 1) * self.hop + self.window if frames > 0 else 0


#: YAMNet's front end (tensorflow/models, research/audioset/yamnet: params.py and features.py).
#: The range holds every value that samples in -1 .. 1 can give: log(offset) = -6.908 and above.
YAMNET = LogMelConfig(
    sample_rate=16000,
    window=400,
    hop=160,
    fft=512,
    bands=64,
    low_hz=125.0,
    high_hz=7500.0,
    spectrum="magnitude",
    offset=0.001,
    floor=-7.0,
    ceiling=10.0,
)

#: Frames by which the word base and what is made from it tell a DC offset: half a second. In fewer
#: a word's own slow movements look like one, and scores change where there is no offset.
DC_FRAMES = 50

#: The front end of the log-mel images of Speech Commands (grey = 9.95 ln(power of int16) - 60.8,
#: clipped to 0 .. 255), in units of ln(power of samples in -1 .. 1): ln(power) is less by
#: 2 ln(32768), and grey 0 and 255 become the floor and the ceiling.
WORDS = LogMelConfig(
    sample_rate=16000,
    window=480,
    hop=160,
    fft=512,
    bands=40,
    low_hz=0.0,
    high_hz=4000.0,
    spectrum="power",
    offset=0.0,
    floor=-14.6839,
    ceiling=10.9442,
    dc_frames=DC_FRAMES,
)

#: The front end of Google's speech embedding as openWakeWord 0.5.1 computes it (its
#: ``melspectrogram.tflite``: torchlibrosa's STFT with librosa's filters), but for what is the
#: network's to do, the scale of the bands and of the logarithm, and for the floor. The original's
#: is 80 dB below the loudest of the frames that it is given together, so that it differs from call
#: to call; this is that of the word base.
SPEECH = LogMelConfig(
    sample_rate=16000,
    window=400,
    hop=160,
    fft=512,
    bands=32,
    low_hz=60.0,
    high_hz=3800.0,
    spectrum="power",
    offset=0.0,
    floor=WORDS.floor,
    ceiling=WORDS.ceiling,
    mel_scale="slaney",
)


@dataclass(frozen=True)
class JoinedConfig:
    """Several front ends side by side: their bands are one long frame.

    A frame's parts begin at the same sample; it is complete when its longest window is.

    Attributes
    ----------
    parts : tuple of LogMelConfig
        Two to four, of one sample rate and one hop.
    """

    parts: tuple[LogMelConfig, ...]

    def __post_init__(self) -> None:
        if not 2 <= len(self.parts) <= 4:
            raise ModelError("front end: two to four can be joined")
        if len({(part.sample_rate, part.hop) for part in self.parts}) > 1:
            raise ModelError("front end: those that are joined need one sample_rate and one hop")

    def to_dict(self) -> list[dict[str, Any]]:
        """Return the configurations as plain JSON values.

        Returns
        -------
        dict
            What `front_end_from` reads, as JSON values.
        """
        return [part.to_dict() for part in self.parts]

    @property
    def first(self) -> LogMelConfig:
        """The front end whose bands come first."""
        return self.parts[0]

    @property
    def sample_rate(self) -> int:
        """Samples per second of the input."""
        return self.first.sample_rate

    @property
    def hop(self) -> int:
        """Step between windows, in samples."""
        return self.first.hop

    @property
    def hop_seconds(self) -> float:
        """Seconds between frames."""
        return self.first.hop_seconds

    @property
    def window(self) -> int:
        """Length of the longest window, in samples."""
        return max(part.window for part in self.parts)

    @property
    def window_seconds(self) -> float:
        """Seconds of audio under one frame."""
        return self.window / self.sample_rate

    @property
    def bands(self) -> int:
        """Number of bands of all parts."""
        return sum(part.bands for part in self.parts)

    @property
    def silence(self) -> Float32:
        """Value of each band for digital silence: float32 (bands,)."""
        return np.concatenate([np.full(p.bands, p.silence, np.float32) for p in self.parts])

    def frames(self, samples: int) -> int:
        """Return the number of whole frames in so many samples.

        Parameters
        ----------
        samples : int
            Number of samples.

        Returns
        -------
        int
            0 where the first window is not full.
        """
        return max(0, (samples - self.window) // self.hop + 1)

    def samples(self, frames: int) -> int:
        """Return the number of samples under so many frames.

        Parameters
        ----------
        frames : int
            Number of frames.

        Returns
        -------
        int
            0 for no frames.
        """
        return (frames - 1) * self.hop + self.window if frames > 0 else 0


LogMelFrontEnd = LogMelConfig | JoinedConfig
FrontEnd = LogMelFrontEnd | MicroConfig


def parts_of(front_end: FrontEnd) -> tuple[LogMelConfig | MicroConfig, ...]:
    """Return the front ends that are joined in one; of any other itself alone.

    Parameters
    ----------
    front_end : LogMelConfig, JoinedConfig or MicroConfig
        The front end.
    """
    return front_end.parts if isinstance(front_end, JoinedConfig) else (front_end,)


def front_end_from(values: Any) -> FrontEnd:
    """Read one front end, or a list of those that are joined, from metadata.

    An object with a ``kind`` is microWakeWord's; one without, as all were in earlier versions, has
    the parameters of a log-mel front end.

    Parameters
    ----------
    values : object
        What the JSON of a model file holds.

    Returns
    -------
    LogMelConfig, JoinedConfig or MicroConfig
        The front end, its values checked.

    Raises
    ------
    ModelError
        If it is something else, or does not hold together.
    """
    if isinstance(values, list):
        if not all(isinstance(part, dict) for part in values):
            raise ModelError("front end: a list of objects is wanted")
        return JoinedConfig(tuple(LogMelConfig.from_dict(part) for part in values[:5]))
    return part_from(values)


def part_from(values: Any) -> LogMelConfig | MicroConfig:
    """Read one front end from metadata.

    Parameters
    ----------
    values : object
        What the JSON of a model file holds.

    Raises
    ------
    ModelError
        If it is something else, or does not hold together.
    """
    if not isinstance(values, dict):
        raise ModelError("front end: is not an object")
    if "kind" in values:
        return MicroConfig.from_dict(values)
    return LogMelConfig.from_dict(values)


def mel(hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Convert Hz to mel: ``1127 ln(1 + f / 700)`` (HTK; as in YAMNet's features.py).

    Parameters
    ----------
    hz : float or float64 (n,)
        Frequency in hertz.

    Returns
    -------
    float64 (n,)
        The same on the mel scale.
    """
    return 1127.0 * np.log1p(np.asarray(hz, np.float64) / 700.0)


def slaney_hz(slaney: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Convert M. Slaney's mel to Hz (Auditory Toolbox, 1998; the default of librosa).

    Parameters
    ----------
    slaney : float64 (n,)
        Mel: 15 at 1 kHz, below it 3 per 200 Hz, above it 27 per factor of 6.4.

    Returns
    -------
    float64 (n,)
        Frequency in hertz.
    """
    above = 1000.0 * np.exp((slaney - 15.0) * (np.log(6.4) / 27.0))
    return np.where(slaney < 15.0, slaney * (200.0 / 3.0), above)


def _slaney(hz: float) -> float:
    """Convert Hz to M. Slaney's mel."""
    if hz < 1000.0:
        return hz * 3.0 / 200.0
    return 15.0 + math.log(hz / 1000.0) * 27.0 / math.log(6.4)


def mel_axis(
    config: LogMelConfig,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Place bins and the corners of triangles on the axis on which their sides are straight.

    Parameters
    ----------
    config : LogMelConfig
        Bands, range, FFT and mel scale of the front end.

    Returns
    -------
    bins : float64 (fft // 2 + 1,)
        Each bin of the spectrum, in mel, or in Hz for Slaney's.
    edges : float64 (bands + 2,)
        Band n rises from edge n to n + 1 and falls to edge n + 2.
    """
    bins = np.arange(config.fft // 2 + 1, dtype=np.float64) * (config.sample_rate / config.fft)
    if config.mel_scale == "slaney":
        low, high = _slaney(config.low_hz), _slaney(config.high_hz)
        return bins, slaney_hz(np.linspace(low, high, config.bands + 2))
    return mel(bins), np.linspace(mel(config.low_hz), mel(config.high_hz), config.bands + 2)


def mel_filters(config: LogMelConfig) -> Float32:
    """Return the triangular filters with peak 1, as float32 (fft // 2 + 1, bands).

    As TensorFlow's ``linear_to_mel_weight_matrix``: the constant (0 Hz) bin belongs to no filter.

    Parameters
    ----------
    config : LogMelConfig
        Bands, range, FFT and mel scale of the front end.

    Returns
    -------
    float32 (fft // 2 + 1, bands)
        Weight of each bin of the spectrum in each band.
    """
    bins, edges = mel_axis(config)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins[:, None] - lower) / (centre - lower)
    falling = (upper - bins[:, None]) / (upper - centre)
    filters = np.maximum(0.0, np.minimum(rising, falling))
    filters[0] = 0.0
    return np.ascontiguousarray(filters, np.float32)


def hann(length: int) -> Float32:
    """Return the periodic Hann window.

    Parameters
    ----------
    length : int
        Number of samples.

    Returns
    -------
    float32 (length,)
        Weight of each sample, 0 to 1.
    """
    ramp = np.arange(length) / length
    return (0.5 - 0.5 * np.cos(2 * np.pi * ramp)).astype(np.float32)


def constant_spectrum(config: LogMelConfig) -> npt.NDArray[np.complex128]:
    """Return the spectrum of a constant under the window, divided by its 0 Hz bin.

    Parameters
    ----------
    config : LogMelConfig
        Window and FFT of the front end.

    Returns
    -------
    complex128 (fft // 2 + 1,)
        The first is 1; all are 0 for a window of one sample, whose only weight is 0.
    """
    bins = np.fft.rfft(hann(config.window).astype(np.float64), config.fft)
    return bins / (bins[0].real or 1.0)


class SharedMean:
    """The DC offset of a stream: what the means of its latest frames have in common.

    That is the mean nearest to zero, or zero where signs differ. Sound without an offset swings
    around zero, so that nothing is removed and its frames stay as they are, bit for bit. Where a
    stream is muted or the offset ends, the removal ends with the same frame. At the beginning of a
    stream only the frames so far count, so that there a part of low sound is removed too.

    Parameters
    ----------
    frames : int
        Number of frames, at least 1.
    """

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self.reset()

    def reset(self) -> None:
        """Forget all means."""
        self._seen = 0
        self._same_sign: deque[float] = deque(maxlen=self._frames)

    def state(self) -> Arrays:
        """Return what the next offsets depend on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        return {"means": np.array(self._same_sign, np.float64), **counts(seen=self._seen)}

    def restore(self, saved: StateReader) -> None:
        """Go on where a state was taken.

        Parameters
        ----------
        saved : StateReader
            What `state` returned.

        Raises
        ------
        KwsError
            If it cannot be one of this; it has to be reset then.
        """
        means = saved.rows("means", np.float64, self._frames)
        saved.check("means", bool((means > 0).all() or (means < 0).all()))
        self._seen = saved.count("seen")
        self._same_sign = deque(means.tolist(), maxlen=self._frames)

    def push(self, means: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Take the means of frames and return the offset in each.

        Parameters
        ----------
        means : float64 (n,)
            Mean of each frame's samples.

        Returns
        -------
        float64 (n,)
            Between 0 and the frame's mean.
        """
        offsets = np.zeros(len(means))
        same = self._same_sign
        # plain numbers: a few frames at a time take numpy longer
        for index, mean in enumerate(means.tolist()):
            self._seen += 1
            if mean == 0 or (same and (mean > 0) != (same[-1] > 0)):
                same.clear()
            if mean != 0:
                same.append(mean)
            if len(same) == min(self._seen, self._frames):
                offsets[index] = min(same) if mean > 0 else max(same)
        return offsets


class LogMel:
    """Streaming log-mel spectrogram.

    Parameters
    ----------
    config : LogMelConfig
        The front end's parameters.
    block : int
        Frames are computed and returned in multiples of this number.
    """

    def __init__(self, config: LogMelConfig, block: int = BLOCK) -> None:
        self.config = config
        self.block = block
        filters = mel_filters(config)
        heard = np.flatnonzero(filters.any(axis=1))  # bins outside all filters count for nothing
        first, last = (int(heard[0]), int(heard[-1])) if heard.size else (0, -1)
        self._parts = slice(2 * first, 2 * last + 2)  # real and imaginary, in turn
        self._filters = filters[first : last + 1]
        self._window = hann(config.window)
        self._span = config.samples(block)  # samples under one block
        self._advance = block * config.hop  # samples from one block to the next
        self._buffer = np.zeros(self._span, np.float32)
        # float64, since numpy's FFT of float32 computes in float64 too and converts to and fro
        self._padded = np.zeros((block, config.fft), np.float64)
        self._windowed = self._padded[:, : config.window]
        self._spectrum = np.empty((block, len(self._filters)), np.float32)
        self._squares = np.empty((block, 2 * len(self._filters)), np.float32)
        self._real, self._imaginary = self._squares[:, ::2], self._squares[:, 1::2]
        # numpy 1 cannot be told where to write
        kept: Any = {"out": np.empty((block, config.fft // 2 + 1), np.complex128)}
        self._fft_options = kept if np.lib.NumpyVersion(np.__version__) >= "2.0.0b1" else {}
        self._frames = np.lib.stride_tricks.sliding_window_view(self._buffer, config.window)[
            :: config.hop
        ]
        self._low = np.float32(max(np.exp(config.floor), 1e-30))
        self._floor, self._ceiling = np.float32(config.floor), np.float32(config.ceiling)
        self._offset = np.float32(config.offset)
        self._shared = SharedMean(config.dc_frames) if config.dc_frames else None
        self._constant = constant_spectrum(config)
        self._held = 0

    def reset(self) -> None:
        """Forget all samples."""
        self._held = 0
        if self._shared is not None:
            self._shared.reset()

    def state(self) -> Arrays:
        """Return what the next frames depend on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        held = {"held": self._buffer[: self._held].copy()}
        return held if self._shared is None else held | joined(offset=self._shared.state())

    def restore(self, saved: StateReader) -> None:
        """Go on where a state was taken.

        Parameters
        ----------
        saved : StateReader
            What `state` returned.

        Raises
        ------
        KwsError
            If it cannot be one of this; it has to be reset then.
        """
        held = saved.rows("held", np.float32, self._span - 1)
        if self._shared is not None:
            self._shared.restore(saved.part("offset"))
        self._held = len(held)
        self._buffer[: self._held] = held

    def push(self, samples: Float32) -> Float32:
        """Take samples and return the frames that they complete.

        Parameters
        ----------
        samples : float32 (n,)
            Mono audio in -1 .. 1 at the configured rate; any n.

        Returns
        -------
        float32 (m, bands)
            m is a multiple of ``block``, often 0.
        """
        blocks = max(0, (self._held + len(samples) - self._span) // self._advance + 1)
        out = np.empty((blocks * self.block, self.config.bands), np.float32)
        done = 0
        taken = 0
        while taken < len(samples):
            part = min(self._span - self._held, len(samples) - taken)
            self._buffer[self._held : self._held + part] = samples[taken : taken + part]
            self._held += part
            taken += part
            if self._held == self._span:
                self._compute(out[done : done + self.block])
                done += self.block
                self._held = self._span - self._advance
                self._buffer[: self._held] = self._buffer[self._advance :]
        return out

    def _compute(self, out: Float32) -> None:
        """Write the log-mel frames of the full buffer into ``out`` (block, bands)."""
        np.multiply(self._frames, self._window, out=self._windowed)
        bins = np.fft.rfft(self._padded, **self._fft_options)
        if self._shared is not None:
            # the 0 Hz bin is the mean of the samples under the window, up to a factor
            offsets = self._shared.push(bins[:, 0].real)
            if offsets.any():
                bins -= np.multiply.outer(offsets, self._constant)
        parts = bins.view(np.float64)[:, self._parts]
        np.multiply(parts, parts, out=self._squares, casting="same_kind")
        np.add(self._real, self._imaginary, out=self._spectrum)
        if self.config.spectrum == "magnitude":
            np.sqrt(self._spectrum, out=self._spectrum)
        np.dot(self._spectrum, self._filters, out=out)
        if self._offset:
            out += self._offset
        np.maximum(out, self._low, out=out)
        np.log(out, out=out)
        # np.clip takes as long as all that stands from the filters to here
        np.maximum(out, self._floor, out=out)
        np.minimum(out, self._ceiling, out=out)


class JoinedLogMel:
    """Streaming front ends side by side.

    Parameters
    ----------
    config : JoinedConfig
    block : int
        Frames are returned in multiples of this number.
    """

    def __init__(self, config: JoinedConfig, block: int = BLOCK) -> None:
        self.config = config
        self._parts = [LogMel(part, block) for part in config.parts]
        self.reset()

    def reset(self) -> None:
        """Forget all samples."""
        for part in self._parts:
            part.reset()
        self._waiting = [np.empty((0, part.config.bands), np.float32) for part in self._parts]

    def state(self) -> Arrays:
        """Return what the next frames depend on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        parts = enumerate(zip(self._parts, self._waiting, strict=True))
        return joined(**{str(n): {"waiting": w.copy(), **part.state()} for n, (part, w) in parts})

    def restore(self, saved: StateReader) -> None:
        """Go on where a state was taken.

        Parameters
        ----------
        saved : StateReader
            What `state` returned.

        Raises
        ------
        KwsError
            If it cannot be one of this; it has to be reset then.
        """
        for number, part in enumerate(self._parts):
            own = saved.part(number)
            # the parts differ by what their windows do, in whole blocks
            most = self.config.window // self.config.hop + part.block
            self._waiting[number] = own.rows("waiting", np.float32, most, (part.config.bands,))
            part.restore(own)

    def push(self, samples: Float32) -> Float32:
        """Take samples and return the frames that they complete: float32 (m, bands).

        Parameters
        ----------
        samples : float32 (n,)
            Mono audio in -1 .. 1; any n.

        Returns
        -------
        float32 (frames, bands)
            The frames that the samples complete, the bands of all parts side by side.
        """
        waiting = [
            np.concatenate([before, part.push(samples)])
            for before, part in zip(self._waiting, self._parts, strict=True)
        ]
        ready = min(len(frames) for frames in waiting)
        self._waiting = [frames[ready:] for frames in waiting]
        return np.concatenate([frames[:ready] for frames in waiting], axis=1)


def open_front_end(config: FrontEnd, block: int = BLOCK) -> LogMel | JoinedLogMel | MicroFrontEnd:
    """Return the streaming front end of a configuration.

    Parameters
    ----------
    config : LogMelConfig, JoinedConfig or MicroConfig
        What to compute.
    block : int
        Frames are computed and returned in multiples of this number.

    Returns
    -------
    LogMel, JoinedLogMel or MicroFrontEnd
        The front end, at the beginning of a stream.
    """
    if isinstance(config, JoinedConfig):
        return JoinedLogMel(config, block)
    if isinstance(config, MicroConfig):
        return MicroFrontEnd(config, block)
    return LogMel(config, block)


def log_mel(samples: Float32, config: FrontEnd) -> Float32:
    """Return the frames of a whole recording.

    Parameters
    ----------
    samples : float32 (n,)
        Mono audio in -1 .. 1 at the configured rate.
    config : LogMelConfig, JoinedConfig or MicroConfig
        The front end's parameters.

    Returns
    -------
    float32 (config.frames(n), bands)
        The same numbers that `open_front_end` gives for the stream.
    """
    count = config.frames(len(samples))
    blocks = -(-count // BLOCK)
    padded = np.zeros(config.samples(blocks * BLOCK), np.float32)
    padded[: min(len(samples), len(padded))] = samples[: len(padded)]
    return open_front_end(config).push(padded)[:count]
