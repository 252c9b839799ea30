"""The example page in Chromium, whose microphone plays a recording."""

from __future__ import annotations

import base64
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws.packaged import packaged_model
from kws.resample import resample
from kws.spotter import KeywordSpotter

from ...conftest import needs_program

DEMO = Path(__file__).resolve().parents[3] / "demo" / "synthesized_commands.wav"
WORDS = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]
#: Seconds by which the edge of a word may differ from Python's: resampling differs in the last bit.
PLACE = 0.011
pytestmark = pytest.mark.reach


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def address(web: Path) -> Iterator[str]:
    """Address of the exported folder, behind the plainest of servers."""
    handler = functools.partial(Quiet, directory=str(web))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of a browser whose microphone plays the demo recording once."""
    api = pytest.importorskip("playwright.sync_api", reason="pip install '.[test-reach]'")
    chromium = needs_program("chromium", "apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
                *("--no-first-run", "--disable-background-networking"),
                *("--disable-component-update", "--disable-sync"),
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={DEMO}%noloop",
            ],
        )
        yield browser.new_page()
        browser.close()


#: Spots keywords at some rate, and keeps the very samples that the spotter gets.
LISTEN = """async (options) => {
  const { createSpotterNode } = await import("./kws.js");
  const context = new AudioContext(options);
  const keeper = `registerProcessor("keep", class extends AudioWorkletProcessor {
    process([channels]) {
      if (channels.length) this.port.postMessage(channels.map((one) => one.slice()));
      return true;
    }
  })`;
  await context.audioWorklet.addModule(URL.createObjectURL(
    new Blob([keeper], { type: "text/javascript" })));
  const kept = [], heard = [];
  const keep = new AudioWorkletNode(context, "keep", { numberOfOutputs: 0 });
  keep.port.onmessage = ({ data }) => kept.push(data);
  const node = await createSpotterNode(context, { onDetection: (found) => heard.push(found) });
  const stream = await navigator.mediaDevices.getUserMedia({ audio: {
    echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  const source = context.createMediaStreamSource(stream);
  source.connect(node);
  source.connect(keep);
  await context.resume();
  (globalThis.runs ??= []).push({ context, kept, heard });
}"""
#: Ends these, and gives what was heard and the samples, as base64 of 32-bit floats.
ENDED = """async () => {
  const all = [];
  for (const { context, kept, heard } of globalThis.runs) {
    await context.close();
    const mean = kept.map((block) => block[0].map((_, n) =>
      block.reduce((sum, one) => sum + one[n], 0) / block.length));
    const bytes = new Uint8Array(await new Blob(mean).arrayBuffer());
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768)
      text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    all.push({ rate: context.sampleRate, heard, samples: btoa(text) });
  }
  return all;
}"""


def in_order(words: list[str]) -> bool:
    """Whether words are those of the demo, in its order, none twice."""
    rest = iter(WORDS)
    return all(word in rest for word in words)


def test_the_page_hears_the_words(page: Any, address: str) -> None:
    """All of them, or all but one: the model misses "stop" if a step begins where it may here.

    In the samples that came through the browser, at its rate and at the model's, Python hears the
    same, at the same times.
    """
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    page.wait_for_function("document.getElementById('keywords').textContent.includes('left')")
    page.evaluate(LISTEN, {"sampleRate": 16000})
    page.evaluate(LISTEN, {})
    page.click("#start")
    page.wait_for_function(
        "[...document.querySelectorAll('#heard li')].some(one => one.textContent.includes('go'))",
        timeout=60_000,
    )
    page.wait_for_timeout(500)
    lines = page.eval_on_selector_all("#heard li", "lines => lines.map(one => one.textContent)")
    words = [line.split()[4] for line in reversed(lines)]
    assert len(words) >= 9
    assert in_order(words)
    runs = page.evaluate(ENDED)
    assert [run["rate"] == 16000 for run in runs] == [True, False]
    for run in runs:
        samples = np.frombuffer(base64.b64decode(run["samples"]), "<f4")
        # to the nearest 16-bit samples, as the front end in C takes them
        samples = np.rint(32768 * resample(samples, round(run["rate"]), 16000))
        samples = np.clip(samples, -32768, 32767).astype(np.int16)
        theirs = KeywordSpotter(packaged_model()).process(samples)
        assert len(theirs) >= 9
        assert [one["keyword"] for one in run["heard"]] == [one.keyword for one in theirs]
        for one, other in zip(run["heard"], theirs, strict=True):
            assert abs(one["start"] - other.start) <= PLACE
            assert abs(one["end"] - other.end) <= PLACE
    assert said == []
