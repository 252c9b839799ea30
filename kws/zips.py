"""Entries of ZIP archives that can be read piece by piece, whatever they hold."""

from __future__ import annotations

import zipfile

#: Ways of compression that are read. Of the others (BZIP2, LZMA) Python decompresses whole blocks
#: at once, so that two hundred bytes take hundreds of megabytes, whatever their size is said to be.
_READ = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: Bit of an entry that is encrypted.
_ENCRYPTED = 1


def is_bounded(entry: zipfile.ZipInfo) -> bool:
    """Tell whether reading so many bytes of an entry takes about as much memory.

    Parameters
    ----------
    entry : ZipInfo
        As the directory of the archive describes it, which may be a lie about its size.

    Returns
    -------
    bool
        False for entries that are encrypted, or compressed in another way than ZIP's usual one.
    """
    return entry.compress_type in _READ and not entry.flag_bits & _ENCRYPTED
