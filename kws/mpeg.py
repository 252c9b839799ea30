"""Tells MPEG audio (MP3, AAC) from samples, by the headers of its frames."""

from __future__ import annotations

#: Frames in a row that samples do not look like by chance.
FRAMES = 3
#: Bytes of a header that say how long its frame is.
HEADER = 6
#: Kilobits per second by index: layers II and III of MPEG 1, and both of MPEG 2 and 2.5.
_LAYER_2 = (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_LAYER_3 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
#: Samples per second of MPEG 1 by index.
_RATES = (44100, 48000, 32000)
#: Divides the rates, by the bits of the version; 1 is reserved.
_VERSIONS = {3: 1, 2: 2, 0: 4}


def frame_bytes(header: bytes) -> int:
    """Return the length of a frame in bytes.

    Parameters
    ----------
    header : bytes
        The first `HEADER` bytes of a frame.

    Returns
    -------
    int
        At most 8,191; 0 if it is no header of layer II or III, or of AAC.

    Examples
    --------
    >>> frame_bytes(bytes.fromhex("fffb90440000"))
    417
    """
    if len(header) < HEADER or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    if layer == 0:  # reserved there, AAC here
        size = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
        return size if header[1] & 0xF0 == 0xF0 and header[2] >> 2 & 15 < 13 and size > 7 else 0
    bits, rate = header[2] >> 4, header[2] >> 2 & 3
    if layer == 3 or version not in _VERSIONS or not 0 < bits < 15 or rate == 3:
        return 0
    if version == 3:
        kilobits = (_LAYER_2 if layer == 2 else _LAYER_3)[bits - 1]
    else:
        kilobits = _MPEG_2[bits - 1]
    per_frame = 72 if layer == 1 and version != 3 else 144
    return per_frame * kilobits * 1000 * _VERSIONS[version] // _RATES[rate] + (header[2] >> 1 & 1)
