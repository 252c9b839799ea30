"""C literals: texts that come from a model file are written so that they cannot end or escape."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

#: Characters of a line of generated C.
WIDTH = 100
#: What stands for itself in a C string. Not ``?``, which may begin a trigraph.
_PLAIN = frozenset(
    b" !#$%&'()*+,-./0123456789:;<=>@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~"
)


def text(value: str) -> str:
    """Return a string literal of a text's UTF-8 bytes; all but plain ASCII as octal escapes.

    Octal escapes have three digits at most, so that a digit behind one is not taken into it.

    Parameters
    ----------
    value : str
        Any text.
    """
    encoded = value.encode("utf-8", "replace")
    return '"' + "".join(chr(b) if b in _PLAIN else f"\\{b:03o}" for b in encoded) + '"'


def comment(value: str) -> str:
    """Return a text that can stand in a comment: one line of ASCII that does not end it.

    Neither ``*/`` nor ``/*`` is left, nor a backslash, which may continue a line.

    Parameters
    ----------
    value : str
        Any text.
    """
    plain = "".join(c if " " <= c <= "~" and c not in "\\?" else "." for c in value)
    return plain.replace("*/", "* ").replace("/*", " *")


def floating(value: float | np.floating) -> str:
    """Return a float32 as a literal that a compiler reads back to the very bit.

    Parameters
    ----------
    value : float
        A finite number.

    Raises
    ------
    ValueError
        If it is not finite.
    """
    number = np.float32(value)
    if not np.isfinite(number):
        raise ValueError(f"{value} has no literal")
    digits = np.format_float_scientific(number, unique=True, trim="0")
    return f"{digits}f"


def array(values: npt.NDArray[np.integer] | Iterable[str], indent: int = 4) -> str:
    """Return the elements of an array initializer, in lines of at most `WIDTH` characters.

    Parameters
    ----------
    values : integer array or iterable of str
        The elements: numbers, or initializers.
    indent : int
        Spaces before each line.
    """
    items = [v if isinstance(v, str) else str(int(v)) for v in np.asarray(values).ravel().tolist()]
    lines: list[str] = []
    line = ""
    for item in items:
        if line and indent + len(line) + len(item) + 2 > WIDTH:
            lines.append(" " * indent + line.rstrip())
            line = ""
        line += f"{item}, "
    lines.append(" " * indent + line.rstrip())
    return "\n".join(lines)
