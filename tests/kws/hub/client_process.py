"""A process in which the real client of the Hub runs: a command of kws for each line of JSON.

Its environment names the Hub, which clients read when they are imported. One process for many
commands spares the seconds that imports take.
"""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from kws.cli.main import main


def perform(arguments: list[str]) -> dict[str, Any]:
    """Run one command: how it ends, what it prints, what it says."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in "ab")
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main(arguments)
        except SystemExit as end:  # of argparse
            status = int(end.code or 0)
    printed, said = (stream.buffer.getvalue().decode() for stream in (out, err))
    return {"status": status, "out": printed, "err": said}


for line in sys.stdin:
    asked = json.loads(line)
    if asked["token"] is None:
        os.environ.pop("HF_TOKEN", None)
    else:
        os.environ["HF_TOKEN"] = asked["token"]
    print(json.dumps(perform(asked["arguments"])), flush=True)
