"""A program that is run for each detection; it gets everything in its environment.

Shows what `--on-detect` hands to a command. Without KWS_KEYWORD in the environment it starts
`kws spot` on a recording, with itself as that command.

    python examples/on_detect.py demo/synthesized_commands.wav
    kws listen --on-detect "python examples/on_detect.py"
"""

import os
import subprocess
import sys

#: What a house might do for some of the words; the others are ignored.
ACTIONS = {"on": "light on", "off": "light off", "stop": "music off"}


def react() -> int:
    """Do what the keyword asks for: here, print it."""
    keyword, score = os.environ["KWS_KEYWORD"], float(os.environ["KWS_SCORE"])
    if keyword in ACTIONS and score > 0.6:
        print(f"{ACTIONS[keyword]} ({keyword} at {os.environ['KWS_START']} s)")
    return 0


def main() -> int:
    """React to a detection, or spot in a recording; returns the exit status."""
    if "KWS_KEYWORD" in os.environ:
        return react()
    command = [sys.executable, "-m", "kws", "spot", sys.argv[1]]
    command += ["--on-detect", f"'{sys.executable}' '{__file__}'"]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
