"""What a step costs in a browser: the export for the web in Chromium, on this machine.

    python benchmarks/browser.py [--model MODEL] [--chromium PATH] [--json FILE] [RECORDING]

The model is exported (`kws export --to web`), served to Chromium from a folder, and hears the
recording (the demo's, unless another is given) at its own rate and at 48 kHz, 80 ms at a time.
Printed are the median, the 99th percentile and the longest time of such a call. Needs the extras
`native` and `test-reach`, and Chromium.

Exit status 1 if the median at either rate is above 2 ms; 2 if it cannot run.
"""

from __future__ import annotations

import argparse
import base64
import functools
import http.server
import json
import shutil
import sys
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from support.script import check_json, status_of

from kws.audio import load_audio
from kws.bench.machine import read_machine
from kws.errors import KwsError
from kws.packaged import find_model
from kws_deploy.web.export import export_web

DEMO = Path(__file__).resolve().parents[1] / "demo" / "synthesized_commands.wav"
#: Bar of issue 20: milliseconds of a step of 80 ms.
MOST = 2.0
#: Hz; of the model, as most are, and of most sound cards.
RATES = (16000, 48000)
#: Exact clocks need a page that shares nothing with others.
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
#: Times each call over 80 ms, in milliseconds; the first second is for the browser's compiler.
TIME = """async ({ text, sampleRate }) => {
  const { KeywordSpotter } = await import("./kws.js");
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const samples = new Float32Array(bytes.buffer);
  const spotter = await KeywordSpotter.load(undefined, { sampleRate });
  const step = Math.round(sampleRate * 0.08), times = [];
  spotter.process(samples.subarray(0, sampleRate));
  for (let at = 0; at + step <= samples.length; at += step) {
    const began = performance.now();
    spotter.process(samples.subarray(at, at + step));
    times.push(performance.now() - began);
  }
  return times;
}"""


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, quietly."""

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


def measure(folder: Path, recording: Path, chromium: str) -> list[dict[str, float]]:
    """Return the times of a step at each of `RATES`, in milliseconds."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise KwsError("playwright is not installed: pip install 'kws[test-reach]'") from None
    handler = functools.partial(_Handler, directory=str(folder))
    results = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=chromium,
                    args=["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"],
                )
                page = browser.new_page()
                page.goto(f"http://127.0.0.1:{server.server_port}/")
                for rate in RATES:
                    samples = load_audio(recording, rate).astype("<f4").tobytes()
                    given: dict[str, Any] = {
                        "text": base64.b64encode(samples).decode(),
                        "sampleRate": rate,
                    }
                    times = np.array(page.evaluate(TIME, given))
                    results.append(
                        {
                            "rate": rate,
                            "steps": len(times),
                            "median_ms": float(np.median(times)),
                            "p99_ms": float(np.percentile(times, 99)),
                            "most_ms": float(times.max()),
                        }
                    )
                browser.close()
        except Error as error:
            raise KwsError(f"{chromium}: {str(error).splitlines()[0]}") from None
        finally:
            server.shutdown()
    return results


def _run(options: argparse.Namespace) -> int:
    check_json(options.json, KwsError)
    chromium = options.chromium or shutil.which("chromium")
    if chromium is None:
        raise KwsError("no chromium here: apt-get install chromium, or give --chromium")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "site"
        files = export_web(find_model(options.model), folder)
        size = sum(path.stat().st_size for path in files)
        results = measure(folder, options.recording, chromium)
    print(f"{options.model}: {size / 1000:.0f} kB")
    for one in results:
        print(
            f"{one['rate']:6} Hz: a step of 80 ms takes {one['median_ms']:.2f} ms (median), "
            f"{one['p99_ms']:.2f} (99th percentile), {one['most_ms']:.2f} (longest) "
            f"of {one['steps']}"
        )
    if options.json:
        values = {"model": str(options.model), "bytes": size, "steps": results}
        options.json.write_text(
            json.dumps(values | {"machine": asdict(read_machine())}, indent=1) + "\n"
        )
    return int(any(one["median_ms"] > MOST for one in results))


def main() -> int:
    """Export, measure, print; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("recording", type=Path, nargs="?", default=DEMO, help="the demo's unless given")
    add("--model", type=Path, default=Path("commands"), help="a model file, or a name (commands)")
    add("--chromium", metavar="PATH", help="the browser; without it that on the PATH")
    add("--json", type=Path, metavar="FILE", help="the result as JSON")
    options = parser.parse_args()
    return status_of("browser", lambda: _run(options))


if __name__ == "__main__":
    sys.exit(main())
