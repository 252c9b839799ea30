"""Runs one command of kws in a process of its own, and writes down how it ended.

``python -m kws_studio.running STATUS_FILE VERB ARGUMENT…``: whoever started it may be gone by then.
"""

from __future__ import annotations

import sys
from pathlib import Path

from kws.cli.main import main
from kws.files import whole_file


def run(arguments: list[str]) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : list of str
        The file to write the exit status to, then what follows ``kws``.

    Returns
    -------
    int
        The exit status.
    """
    try:
        status = main(arguments[1:])
    except SystemExit as end:  # of argparse
        status = end.code if isinstance(end.code, int) else 2
    with whole_file(Path(arguments[0])) as stream:
        stream.write(str(status).encode())
    return status


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
