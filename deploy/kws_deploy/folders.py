"""Exports that are folders: written whole or not at all, and never over what others wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from kws.errors import KwsError
from kws.files import whole_folder


def check_folder(folder: Path, ours: Callable[[str], bool], examples: Mapping[str, bytes]) -> None:
    """Refuse a folder that holds what is not of an earlier export.

    Parameters
    ----------
    folder : Path
        Where to write; it need not exist.
    ours : callable
        Takes the path of a file in the folder, with ``/`` between its parts; returns whether an
        export writes it, or what it is for.
    examples : mapping of str to bytes
        Files that people fill in and change, as they are shipped: refused where they differ.

    Raises
    ------
    KwsError
        If it is no folder, cannot be read, or holds other files or changed ones.
    """
    try:
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise KwsError(f"{folder}: is no folder: name a new one")
        other = next((name for name in _files(folder) if not ours(name)), None)
    except ValueError:
        raise KwsError(f"{str(folder)!r}: is not a path: take out the null byte") from None
    except OSError as error:
        raise KwsError(f"{folder}: cannot be read ({error.strerror})") from None
    if other is not None:
        raise KwsError(f"{folder}: holds {other!r:.100}, which no export wrote: name a new folder")
    for name, text in examples.items():
        there = folder / name
        if there.is_file() and there.read_bytes() != text:
            raise KwsError(
                f"{there}: was changed since it was written: move it, or name a new folder"
            )


def _files(folder: Path) -> Iterator[str]:
    """Yield what is in a folder and its folders, sorted; nothing where there is none."""
    for path in sorted(folder.iterdir()) if folder.exists() else ():
        if path.is_dir() and not path.is_symlink():
            yield from (f"{path.name}/{name}" for name in _files(path))
        else:
            yield path.name


def write_folder(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write files into a new folder beside the wanted one, then put it in its place.

    Parameters
    ----------
    folder : Path
        Made, or replaced: see `check_folder`.
    files : mapping of str to bytes
        Content by path in the folder.

    Returns
    -------
    list of Path
        The files, by name.

    Raises
    ------
    KwsError
        If it cannot be written; then nothing is.
    """
    try:
        with whole_folder(folder) as part:
            for name, content in files.items():
                (part / name).parent.mkdir(parents=True, exist_ok=True)
                (part / name).write_bytes(content)
    except ValueError:
        raise KwsError(f"{str(folder)!r}: is not a path: take out the null byte") from None
    except OSError as error:
        raise KwsError(
            f"{folder}: cannot be written ({error.strerror}): name a folder whose parent is there "
            "and writable"
        ) from None
    return [folder / name for name in sorted(files)]
