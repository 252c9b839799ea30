"""The script that counts what becomes of damaged networks."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_no_damaged_network_crashes_the_process(tmp_path: Path) -> None:
    model = ROOT / "kws" / "models" / "commands-small.tflite"
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/fuzz_networks.py", model, "--count", "60", "--seed", "7"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = {line.split(maxsplit=1)[1]: int(line.split()[0]) for line in done.stdout.splitlines()}
    assert sum(counts.values()) == 60
    assert counts["refused"] > 20
    assert counts["run"] > 5
