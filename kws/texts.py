"""Text files of strangers, read as they are written, and no more of them than there may be."""

from __future__ import annotations

from pathlib import Path

from .errors import KwsError


def read_text(path: str | Path, most: int, advice: str, error: type[KwsError] = KwsError) -> str:
    """Return a text file, which is UTF-8.

    Parameters
    ----------
    path : str or Path
        The file.
    most : int
        Bytes that it may have.
    advice : str
        What is said of a file that has more.
    error : type of KwsError
        What is raised.

    Returns
    -------
    str

    Raises
    ------
    KwsError
        If it cannot be read, is too large, or is no UTF-8.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(most + 1)
    except (OSError, ValueError) as damage:
        reason = getattr(damage, "strerror", None) or damage
        raise error(f"{path}: cannot be read ({reason}): check the path") from None
    if len(content) > most:
        raise error(f"{path}: is larger than {most} bytes: {advice}")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as damage:
        line = content[: damage.start].count(b"\n") + 1
        raise error(f"{path}: line {line}: is no UTF-8: save it as such") from None
