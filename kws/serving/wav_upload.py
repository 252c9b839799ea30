"""The header of a WAV file whose bytes come over a connection."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from ..errors import AudioError
from ..wav import WAV_MAGIC, read_wav_header, sample_width
from .samples import MOST_CHANNELS, SampleFormat

#: The samples of a file must begin within so many bytes: pictures of an album may come before.
HEADER_BYTES = 1 << 20
#: What messages call the file.
_NAME = Path("the file")


@dataclass(frozen=True)
class WavStart:
    """What the beginning of a WAV file says.

    Attributes
    ----------
    format : SampleFormat
        Of the samples.
    begin : int
        Bytes before the first sample.
    size : int or None
        Bytes of all samples; None where the header was written before it was known.
    """

    format: SampleFormat
    begin: int
    size: int | None


def read_wav_start(data: bytes, *, whole: bool) -> WavStart | None:
    """Read the beginning of a WAV file.

    Parameters
    ----------
    data : bytes
        What has come so far, at least 12 bytes unless it is whole.
    whole : bool
        Whether no more will come, or no more is waited for.

    Returns
    -------
    WavStart or None
        None if more is needed, which never is where the data are whole.

    Raises
    ------
    AudioError
        If it is no WAV file, or none that is read here.
    """
    if data[:4] not in WAV_MAGIC or data[8:12] != b"WAVE":
        raise AudioError("the body is no WAV file: send one, such as of 16-bit integers")
    stream = io.BytesIO(data)
    stream.seek(12)
    try:
        header = read_wav_header(stream, _NAME)
    except AudioError:
        if whole:
            raise
        return None
    if header.codec is not None:
        raise AudioError(f"{_NAME} is WAV with {header.codec}: send 16-bit integers")
    if header.channels > MOST_CHANNELS:
        raise AudioError(f"{_NAME} has {header.channels} channels: send {MOST_CHANNELS} or fewer")
    width = sample_width(header, _NAME)
    sample_format = SampleFormat(header.sample_rate, width, header.channels, header.tag)
    return WavStart(sample_format, stream.tell(), header.size if header.size_is_known else None)
