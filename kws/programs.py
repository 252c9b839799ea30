"""Programs that say how texts sound, or say them: a text in, what they write out.

A text is given to them on standard input or as the value of an option, never through a shell and
never where it could be taken for an option or for code.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from .errors import KwsError

#: Seconds that a program may take for one text.
TIMEOUT = 30


def run(name: str, command: Sequence[str], text: str, encoding: str = "utf-8") -> bytes:
    """Run a program with a text on standard input.

    Parameters
    ----------
    name : str
        What messages call the program.
    command : sequence of str
        The program and its arguments.
    text : str
        What is said.
    encoding : str
        Of the text on standard input; letters that it does not have are left out.

    Returns
    -------
    bytes
        What it wrote to standard output.

    Raises
    ------
    KwsError
        If it cannot be run, fails or takes too long.
    """
    said = text.encode(encoding, "ignore")
    try:
        done = subprocess.run(
            command, input=said, capture_output=True, timeout=TIMEOUT, check=False
        )
        if done.returncode == 0:
            return done.stdout
        reason = f"it ended with status {done.returncode}"
    except BrokenPipeError:
        reason = "it did not read the text"
    except OSError as error:
        reason = error.strerror or str(error)
    except subprocess.TimeoutExpired:
        reason = f"it took more than {TIMEOUT} s"
    except ValueError:  # a zero character in an argument
        reason = "the text has a zero character in it"
    raise KwsError(f"{name} cannot say {text!r:.60}: {reason}")
