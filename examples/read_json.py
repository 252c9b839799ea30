"""Read detections from the command line, as a program in another language would.

Shows `kws spot --json -` as a process of its own: 16-bit PCM goes into its stdin, and one JSON
object per detection comes out of its stdout, as soon as there is something to say.

    python examples/read_json.py demo/synthesized_commands.wav
"""

import json
import subprocess
import sys
import threading
import wave
from typing import BinaryIO


def feed(path: str, pipe: BinaryIO) -> None:
    """Write the samples of a WAV file into a pipe, 80 ms at a time, and close it."""
    with wave.open(path) as file, pipe:
        while chunk := file.readframes(file.getframerate() * 8 // 100):
            pipe.write(chunk)


def main(path: str) -> int:
    """Print the keywords that another process spots; returns its exit status."""
    with wave.open(path) as file:
        rate = file.getframerate()
    command = [sys.executable, "-m", "kws", "spot", "--json", "--rate", str(rate), "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        # a thread writes, so that neither process waits for the other for ever
        writer = threading.Thread(target=feed, args=(path, process.stdin))
        writer.start()
        for line in process.stdout:
            detection = json.loads(line)
            print(f"{detection['keyword']} at {detection['start']:.2f} s")
        writer.join()
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
