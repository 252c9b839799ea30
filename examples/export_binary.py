"""Export the model in the package as one program for this machine, and run it on a recording.

Shows what runs on a board on which neither numpy nor an interpreter installs: a file to copy there.
Its output is read as JSON here. Needs the extra `native` (a compiler).

    python examples/export_binary.py kws-program demo/synthesized_commands.wav
"""

import json
import platform
import subprocess
import sys
from pathlib import Path

from kws.packaged import packaged_model
from kws_deploy.native.binary import export_binary

#: Targets by what Linux calls the machine; for another board name its target.
TARGETS = {
    "x86_64": "x86_64-linux",
    "aarch64": "aarch64-linux",
    "armv7l": "arm-linux",
    "armv6l": "armv6-linux",
    "riscv64": "riscv64-linux",
}


def main(program: str, recording: str) -> None:
    """Write the program, and print what it spots in a recording."""
    path = Path(program).resolve()
    size = export_binary(packaged_model(), TARGETS[platform.machine()], path)
    print(f"{path.name}: {size:,} bytes")
    command = [path, "--json", recording]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for detection in map(json.loads, lines.splitlines()):
        print(f"{detection['start']:6.2f} s  {detection['keyword']}  {detection['score']:.2f}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
