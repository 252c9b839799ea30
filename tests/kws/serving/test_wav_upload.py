import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws.errors import AudioError
from kws.serving.samples import SampleFormat
from kws.serving.wav_upload import read_wav_start
from kws.wav import write_wav


def wav(samples=100):
    file = io.BytesIO()
    write_wav(file, np.zeros(samples, np.int16), 16000)
    return file.getvalue()


def test_the_beginning_of_a_file():
    start = read_wav_start(wav(), whole=False)
    assert (start.format, start.begin, start.size) == (SampleFormat(16000, 2, 1), 44, 200)


def test_a_header_that_has_not_come_whole():
    for size in range(12, 44):
        assert read_wav_start(wav()[:size], whole=False) is None
        with pytest.raises(AudioError):
            read_wav_start(wav()[:size], whole=True)


def test_what_is_not_read():
    law = bytearray(wav())
    law[20:22] = struct.pack("<H", 6)
    many = bytearray(wav())
    many[22:24] = struct.pack("<H", 1000)
    for data, word in ((b"", "no WAV"), (b"fLaC" * 10, "no WAV"), (law, "A-law"), (many, "1000")):
        with pytest.raises(AudioError, match=word):
            read_wav_start(bytes(data), whole=True)


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_do_harm(data, named):
    if named:
        data = b"RIFF\x00\x00\x00\x00WAVEfmt " + data
    try:
        start = read_wav_start(data, whole=True)
    except AudioError as error:
        assert "\n" not in str(error)
    else:
        assert start.begin <= len(data)
