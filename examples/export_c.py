"""Export the model in the package to C, build it, and run it.

Shows what a firmware engineer gets: a folder of C99 that builds with `make` alone, and a program
that reads 16-bit PCM from stdin. Needs the extra `deploy`, make and a C compiler.

    python examples/export_c.py firmware demo/synthesized_commands.wav
"""

import subprocess
import sys
import wave
from pathlib import Path

from kws.packaged import packaged_model
from kws_deploy.c.export import export_c


def main(folder: str, recording: str) -> None:
    """Write the folder, build it, and print what the C program spots in a recording."""
    for path in export_c(packaged_model("commands-small"), Path(folder)):
        print(f"{path.name:24} {path.stat().st_size:9,} bytes")
    subprocess.run(["make", "-C", folder, "--silent"], check=True)
    with wave.open(recording) as file:  # mono, 16 bit, at the model's rate
        samples = file.readframes(file.getnframes())
    # start, end, keyword and score, with tabs between
    subprocess.run([Path(folder) / "kws"], input=samples, check=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
