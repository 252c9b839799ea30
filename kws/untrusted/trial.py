"""Runs a network in a process of its own first, where nothing is lost if the interpreter crashes.

That is for networks with operators that `kws.untrusted.structure` does not know. That a network ran
is remembered by its digest, so that a device tries each once.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelError
from ..files import whole_file

#: Seconds that a trial may take: the slowest board needs some to import NumPy.
LONGEST = 60.0
#: Names the folder for what is remembered; elsewhere in kws that of downloads and features too.
CACHE = "KWS_CACHE"
#: What a child does that is to try a network: this module knows nothing of who opens networks.
_TRY = (
    "from kws.network import interpreter_class\n"
    "from kws.untrusted.trial import run_stored\n"
    "run_stored(interpreter_class())"
)
#: Exit status of a child whose interpreter refused the network in words.
_REFUSED = 3


def try_network(network: bytes) -> None:
    """Load and run a network in a child process, unless that went well before.

    Parameters
    ----------
    network : bytes
        A TFLite flatbuffer.

    Raises
    ------
    ModelError
        If the child ended with it, or took longer than `LONGEST`, or could not be started. The
        message is one line and does not name the file.
    """
    mark = _mark(network)
    if mark is not None and mark.exists():
        return
    command = [sys.executable or "python3", "-c", _TRY]
    try:
        tried = subprocess.run(
            command, input=network, capture_output=True, timeout=LONGEST, check=False
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"a trial of the network took more than {LONGEST:.0f} s") from None
    except OSError as error:
        raise ModelError(
            f"the network cannot be tried in a process of its own ({error.strerror})"
        ) from None
    if tried.returncode == _REFUSED:
        raise ModelError(f"the interpreter refuses it ({tried.stdout.decode()[:200]})")
    if tried.returncode:
        raise ModelError("the interpreter crashed on it: it is damaged, or made to do harm")
    if mark is not None:
        _remember(mark)


def run_stored(interpreter_class: Any) -> None:
    """Load the network that standard input holds, and run it twice on zeros; for `try_network`.

    Parameters
    ----------
    interpreter_class : type
        The TFLite interpreter.
    """
    try:
        interpreter = interpreter_class(model_content=sys.stdin.buffer.read(), num_threads=1)
        interpreter.allocate_tensors()
        for tensor in interpreter.get_input_details():
            interpreter.set_tensor(tensor["index"], np.zeros(tensor["shape"], tensor["dtype"]))
        for _ in range(2):
            interpreter.invoke()
    except (ValueError, RuntimeError) as error:
        sys.stdout.write(" ".join(str(error).split()))
        sys.exit(_REFUSED)


def _mark(network: bytes) -> Path | None:
    """Return the file that says that a network ran; None where no folder is known."""
    try:
        folder = Path(os.environ.get(CACHE) or Path.home() / ".cache" / "kws")
    except RuntimeError:  # nobody's home
        return None
    return folder / "tried" / hashlib.sha256(network).hexdigest()


def _remember(mark: Path) -> None:
    """Write the file; where that cannot be, the network is tried again next time."""
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(mark):
            pass
    except OSError:
        return
