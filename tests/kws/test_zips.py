"""Entries of ZIP archives that would take much memory, whatever their size is said to be."""

import io
import zipfile

import pytest

from kws.errors import ModelError
from kws.modelfile import METADATA_NAME, pack, parse_model
from kws.packaged import packaged_model
from kws.zips import is_bounded


def entry(method: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("a")
    info.compress_type = method
    return info


def test_stored_and_deflated_entries_are_read() -> None:
    assert is_bounded(entry(zipfile.ZIP_STORED))
    assert is_bounded(entry(zipfile.ZIP_DEFLATED))


def test_others_are_not() -> None:
    assert not is_bounded(entry(zipfile.ZIP_BZIP2))
    assert not is_bounded(entry(zipfile.ZIP_LZMA))
    encrypted = entry(zipfile.ZIP_STORED)
    encrypted.flag_bits = 1
    assert not is_bounded(encrypted)


def test_a_contract_in_bzip2_is_refused_however_small_it_says_it_is() -> None:
    model = packaged_model("commands-small")
    content = pack(model.network, model.metadata)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        contract = archive.read(METADATA_NAME)
    stream = io.BytesIO(model.network)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(METADATA_NAME, contract + bytes(10 << 20), zipfile.ZIP_BZIP2)
        archive.infolist()[0].file_size = 100
    with pytest.raises(ModelError, match=r"^bad: kws\.json is too large, encrypted, or not"):
        parse_model(stream.getvalue(), "bad")
