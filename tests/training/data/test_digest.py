"""Digests: the same for the same data, other ones for other data."""

import hashlib

import numpy as np

from kws_training.data.digest import digest_of, digest_of_files


def test_bytes_texts_and_arrays_count_with_their_content():
    content = np.arange(3, dtype=np.int16)
    expected = hashlib.sha256(b"a" + "é".encode() + content.tobytes()).hexdigest()
    assert digest_of(b"a", "é", content) == expected


def test_settings_have_borders():
    assert digest_of(1, 23) != digest_of(12, 3)
    assert digest_of(("a", 1)) != digest_of(("a", 2))


def test_files_count_with_content_and_order_and_what_is_missing_with_its_path(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    whole = digest_of_files("v", [one, two])
    assert len({whole, digest_of_files("w", [one, two]), digest_of_files("v", [two, one])}) == 3
    two.unlink()
    assert digest_of_files("v", [one, two]) != whole
    two.write_bytes(b"2")
    assert digest_of_files("v", [one, two]) == whole
