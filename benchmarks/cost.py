"""What the device pays: import, memory, CPU per second of audio.

    python benchmarks/cost.py [MODEL…]

Needs the device install only (Linux). Each figure comes from processes of its own and is the
median of five; the audio is a minute of noise with the demo's words in it, pushed in chunks of
80 ms as from a microphone. Prints one row per model, the package's if none is named.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

RUNS = 5
DEMO = Path(__file__).resolve().parents[1] / "demo" / "synthesized_commands.wav"

IMPORT = """
import time; start = time.perf_counter()
import kws
print(time.perf_counter() - start)
"""

STREAM = """
import json, resource, sys, time
start = time.perf_counter()
from kws import KeywordSpotter
from kws.audio import load_audio
import numpy as np
spotter = KeywordSpotter.load(sys.argv[1]) if sys.argv[1] else KeywordSpotter.default()
loaded = time.perf_counter() - start
status = open("/proc/self/status").read()
resident = int(status.split("VmRSS:")[1].split()[0]) / 1000
rng = np.random.default_rng(0)
audio = rng.normal(0, 0.003, 60 * 16000).astype(np.float32)
words = load_audio(sys.argv[2], 16000)
audio[16000 : 16000 + len(words)] += words
chunks = [audio[n : n + 1280] for n in range(0, len(audio), 1280)]
spotter.process(audio[:160000]); spotter.reset()
before = time.process_time()
for chunk in chunks:
    spotter.process(chunk)
cpu = (time.process_time() - before) / 60
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
print(json.dumps([loaded, resident, peak, cpu]))
"""


def run(code: str, *arguments: str) -> str:
    """Run code in a process of its own, one thread; returns what it prints."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, check=True, env=environment,
    ).stdout  # fmt: skip


def main() -> None:
    """Measure and print."""
    imports = statistics.median(float(run(IMPORT)) for _ in range(RUNS))
    print(f"{platform.platform()}, {platform.machine()}, Python {platform.python_version()}")
    print(f"import kws: {imports:.2f} s")
    print("model                   load s   MB after load   MB peak   CPU % of a core in real time")
    for model in sys.argv[1:] or [""]:
        rows = [json.loads(run(STREAM, model, str(DEMO))) for _ in range(RUNS)]
        loaded, resident, peak, cpu = (
            statistics.median(column) for column in zip(*rows, strict=True)
        )
        name = Path(model).name if model else "(in the package)"
        print(f"{name:22} {loaded:7.2f} {resident:15.0f} {peak:9.0f} {100 * cpu:30.2f}")


if __name__ == "__main__":
    main()
